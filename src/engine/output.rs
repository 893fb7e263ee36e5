//! What flows between programs and those who are attached to them.

use crate::sandbox::Ends;
use hyper::body::Bytes;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use tokio::net::unix::pipe;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How many pieces may wait for one who is attached: then the program waits.
const PIECES: usize = 64;
/// How much is read at once.
pub(super) const PIECE: usize = 32 << 10;

/// Which of a program's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout = 1,
    Stderr = 2,
}

/// What came from a program.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) stream: Stream,
    pub(super) bytes: Bytes,
}

impl Chunk {
    /// As it travels: from a terminal it is what it is, else behind a header of
    /// eight bytes, the stream and the length.
    pub(super) fn framed(&self, tty: bool) -> Bytes {
        if tty {
            return self.bytes.clone();
        }
        let mut framed = vec![self.stream as u8, 0, 0, 0];
        framed.extend((self.bytes.len() as u32).to_be_bytes());
        framed.extend(&self.bytes);
        framed.into()
    }
}

/// Those who are attached to a program's output.
#[derive(Default)]
pub(super) struct Output {
    attached: RefCell<Vec<Sender<Chunk>>>,
}

impl Output {
    /// What comes from now on, until the program has ended.
    pub(super) fn attach(&self) -> Receiver<Chunk> {
        let (to, from) = channel(PIECES);
        self.attached.borrow_mut().push(to);
        from
    }

    /// Hands something on to all; waits for those who don't read.
    pub(super) async fn send(&self, chunk: Chunk) {
        let all = self.attached.borrow().clone();
        let mut gone = false;
        for one in &all {
            gone |= one.send(chunk.clone()).await.is_err();
        }
        if gone {
            self.attached.borrow_mut().retain(|one| !one.is_closed());
        }
    }

    /// Nothing comes any more.
    pub(super) fn close(&self) {
        self.attached.borrow_mut().clear();
    }
}

/// What goes to a program's input.
#[derive(Debug)]
pub(super) enum Typed {
    Bytes(Bytes),
    /// It is all.
    End,
}

/// The way to a program's input: may be written to before it is started.
pub(super) struct Input {
    to: Sender<Typed>,
    from: RefCell<Option<Receiver<Typed>>>,
}

impl Input {
    pub(super) fn new() -> Input {
        let (to, from) = channel(PIECES);
        Input {
            to,
            from: RefCell::new(Some(from)),
        }
    }

    pub(super) fn sender(&self) -> Sender<Typed> {
        self.to.clone()
    }

    /// The other end; there is one.
    pub(super) fn take(&self) -> Option<Receiver<Typed>> {
        self.from.borrow_mut().take()
    }
}

/// The end of a pipe, or a pty's master, to read from.
pub(super) struct Reader(pipe::Receiver);

impl Reader {
    pub(super) fn new(fd: OwnedFd) -> io::Result<Reader> {
        without_waiting(&fd)?;
        Ok(Reader(pipe::Receiver::from_owned_fd_unchecked(fd)?))
    }

    /// Reads; 0 is the end, as is EIO of a master that nobody has open any more.
    pub(super) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.0.readable().await?;
            match self.0.try_read(buffer) {
                Err(error) if error.raw_os_error() == Some(libc::EIO) => return Ok(0),
                Err(error) if is_nothing(&error) => {}
                done => return done,
            }
        }
    }
}

/// The same, to write to.
pub(super) struct Writer(pipe::Sender);

impl Writer {
    pub(super) fn new(fd: OwnedFd) -> io::Result<Writer> {
        without_waiting(&fd)?;
        Ok(Writer(pipe::Sender::from_owned_fd_unchecked(fd)?))
    }

    /// Writes all of it.
    async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.0.writable().await?;
            match self.0.try_write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if is_nothing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
    )
}

fn without_waiting(fd: &OwnedFd) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// A program's ends on this side, as they flow.
pub(super) struct Flow {
    pub(super) input: io::Result<Writer>,
    pub(super) outputs: Vec<(io::Result<Reader>, Stream)>,
}

impl Flow {
    pub(super) fn new(ends: Ends) -> Flow {
        match ends {
            Ends::Pipes {
                stdin,
                stdout,
                stderr,
            } => Flow {
                input: Writer::new(stdin),
                outputs: vec![
                    (Reader::new(stdout), Stream::Stdout),
                    (Reader::new(stderr), Stream::Stderr),
                ],
            },
            Ends::Pty(master) => Flow {
                input: master.try_clone().and_then(Writer::new),
                outputs: vec![(Reader::new(master), Stream::Stdout)],
            },
        }
    }
}

/// Writes what is typed to a program, until it is all or the program is gone.
pub(super) async fn type_in(end: Writer, mut from: Receiver<Typed>) {
    while let Some(Typed::Bytes(bytes)) = from.recv().await {
        if end.write_all(&bytes).await.is_err() {
            // Read on: who types must not wait for a program that is gone.
            while from.recv().await.is_some() {}
        }
    }
}
