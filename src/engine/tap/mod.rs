//! The tap: stands between a client and an engine, hands every byte on as it came,
//! and tells what was said. It reads along and never answers itself; what it can't
//! read goes on unread.

mod message;
mod sniff;

pub use message::{Message, Side, What};

use crate::engine::error::Error;
use crate::engine::listen::{Bound, listen};
use message::Who;
use sniff::{Exchange, Sniffer};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::spawn_local;

/// How much is handed on at once.
const PIECE: usize = 32 << 10;

/// Between whom.
#[derive(Debug, Clone)]
pub struct TapOptions {
    /// The socket that it listens on.
    pub listen: PathBuf,
    /// The engine's.
    pub to: PathBuf,
}

/// Listens until SIGINT, SIGTERM, or until `hear` answers that nobody wants more.
///
/// # Errors
/// What keeps it from listening.
pub fn tap(options: &TapOptions, hear: &mut dyn FnMut(Message) -> bool) -> Result<(), Error> {
    let _ = nix::sys::prctl::set_name(c"glassbox-tap");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Process(format!("the event loop: {error}")))?;
    tokio::task::LocalSet::new().block_on(&runtime, relay(options, hear))
}

async fn relay(options: &TapOptions, hear: &mut dyn FnMut(Message) -> bool) -> Result<(), Error> {
    let signals = |kind| signal(kind).map_err(|error| Error::Process(format!("signals: {error}")));
    let mut interrupt = signals(SignalKind::interrupt())?;
    let mut terminate = signals(SignalKind::terminate())?;
    let listener = listen(&options.listen).await?;
    let _bound = Bound::of(&options.listen)?;
    let (tell, mut told) = unbounded_channel();
    let mut connection = 0;
    let socket = options.listen.display().to_string();
    if !hear(Message::now(0, Side::Engine, What::Listening(socket))) {
        return Ok(());
    }
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((client, _)) = accepted {
                connection += 1;
                let tell = tell.clone();
                spawn_local(pass(client, options.to.clone(), connection, tell));
            },
            message = told.recv() => if message.is_some_and(|message| !hear(message)) {
                return Ok(());
            },
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        }
    }
}

/// One connection, both ways.
async fn pass(client: UnixStream, to: PathBuf, connection: u64, tell: UnboundedSender<Message>) {
    let who = Who::of(&client);
    let say = |side, what| {
        let _ = tell.send(Message::now(connection, side, what));
    };
    say(Side::Client, What::Connected(who));
    let engine = match connected(&to).await {
        Ok(engine) => engine,
        Err(error) => {
            let why = format!("{}: {error}", to.display());
            say(Side::Engine, What::Unreachable(why));
            return;
        }
    };
    let exchange = Rc::new(RefCell::new(Exchange::default()));
    let (from_client, to_client) = client.into_split();
    let (from_engine, to_engine) = engine.into_split();
    let one_way = |side, from, to| {
        let sniffer = Sniffer::new(side, Rc::clone(&exchange));
        hand_on(from, to, sniffer, connection, tell.clone())
    };
    tokio::join!(
        one_way(Side::Client, from_client, to_engine),
        one_way(Side::Engine, from_engine, to_client),
    );
}

async fn connected(to: &Path) -> std::io::Result<UnixStream> {
    UnixStream::connect(to).await
}

/// One way: what comes goes on first, and is read then.
async fn hand_on(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut sniffer: Sniffer,
    connection: u64,
    tell: UnboundedSender<Message>,
) {
    let mut buffer = vec![0; PIECE];
    let side = sniffer.side();
    let say = |what| {
        let _ = tell.send(Message::now(connection, side, what));
    };
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        // Told before the other side can answer to it: its order is the real one.
        sniffer.feed(&buffer[..count]).into_iter().for_each(say);
        if to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    sniffer.end().into_iter().for_each(say);
    say(What::Closed);
    // A half-closed connection is one on the other side, too.
    let _ = to.shutdown().await;
}
