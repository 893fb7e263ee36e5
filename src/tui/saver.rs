//! Keeps what the learner does: a thread of its own, because a disk may take its
//! time, and the screen may not.

use super::msg::Msg;
use crate::base::chain;
use crate::progress::{Progress, Store};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel};
use std::thread;
use std::time::Duration;

/// How long the last write may take when the learner leaves.
const LAST: Duration = Duration::from_secs(3);

/// The way to the thread; without a place to keep anything there is none.
pub(super) struct Saver {
    thread: Option<(Sender<Progress>, Receiver<Option<String>>)>,
    /// What was handed over last.
    last: Option<Progress>,
}

impl Saver {
    pub(super) fn start(store: Option<Store>, tell: SyncSender<Msg>) -> Saver {
        let thread = store.map(|store| {
            let (sender, progress) = channel();
            let (ended, end) = channel();
            thread::spawn(move || {
                // Nobody waits any more for what can't be told.
                let _ = ended.send(work(&store, &progress, &tell));
            });
            (sender, end)
        });
        Saver { thread, last: None }
    }

    /// Keeps it, if it is anything new.
    pub(super) fn keep(&mut self, progress: Progress) {
        let Some((sender, _)) = &self.thread else {
            return;
        };
        if self.last.as_ref() == Some(&progress) {
            return;
        }
        self.last = Some(progress.clone());
        // A thread that has ended has told why.
        let _ = sender.send(progress);
    }

    /// Waits until all is kept; says why it is not.
    pub(super) fn end(self) -> Option<String> {
        let (sender, end) = self.thread?;
        drop(sender);
        match end.recv_timeout(LAST) {
            Ok(failed) => failed,
            Err(RecvTimeoutError::Timeout) => Some("the disk takes too long".into()),
            Err(RecvTimeoutError::Disconnected) => Some("its thread has crashed".into()),
        }
    }
}

/// Writes what comes, until no more does; of several the last. Returns why that
/// failed. What hinders it is told once, and again when it is something else.
fn work(store: &Store, progress: &Receiver<Progress>, tell: &SyncSender<Msg>) -> Option<String> {
    let mut failed = None;
    while let Ok(first) = progress.recv() {
        let newest = progress.try_iter().last().unwrap_or(first);
        let now = store.save(&newest).err().map(|error| chain(&error));
        if let Some(why) = now.clone().filter(|_| now != failed) {
            // Nobody hears it after the end of the loop; the end says it.
            let _ = tell.try_send(Msg::NotKept(why));
        }
        failed = now;
    }
    failed
}
