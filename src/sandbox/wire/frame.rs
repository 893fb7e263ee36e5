//! Frames: bytes on a stream become messages, and messages bytes. Pure: knows
//! no socket, so that every way in which a stream may arrive can be tried.
//!
//! ```text
//! length of the body, 32 bits | number of descriptors, 32 bits | body: JSON
//! ```
//! Both numbers are little-endian. The descriptors of a frame travel with its
//! first byte (unix(7), SCM_RIGHTS), and their number tells which are whose.

use serde::Serialize;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use thiserror::Error;

/// The largest body: a plan or an output, with room to spare.
pub(in crate::sandbox) const MOST_BYTES: usize = 4 << 20;
/// How many descriptors a frame may have: the three of a program, and one of
/// whoever holds it.
const MOST_DESCRIPTORS: usize = 4;
/// The length of what stands before the body.
const HEADER: usize = 8;

/// What isn't a frame.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(in crate::sandbox) enum Malformed {
    /// Longer than any.
    #[error("it announced a message of {0} bytes")]
    TooLong(u32),
    /// More descriptors than any has.
    #[error("it announced a message with {0} descriptors")]
    TooMany(u32),
    /// Not as many descriptors as it said.
    #[error("{came} descriptors came with a message that was to have {announced}")]
    Descriptors {
        /// How many it said.
        announced: usize,
        /// How many there are.
        came: usize,
    },
    /// The body isn't a message of the kind that is expected here.
    #[error("it sent what is no message: {0}")]
    NoMessage(String),
}

/// A message that no frame holds, found by who would have sent it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind} has {bytes} bytes, more than the {MOST_BYTES} of a message")]
pub(in crate::sandbox) struct TooLarge {
    /// What kind of message it is.
    pub(in crate::sandbox) kind: String,
    /// Its size as JSON.
    pub(in crate::sandbox) bytes: usize,
}

/// Something that travels in a frame.
pub(in crate::sandbox) trait Message: Serialize {
    /// What it is, for a person.
    fn kind(&self) -> String;
}

/// A message as a frame that is to have so many descriptors.
pub(super) fn encode<T: Message>(message: &T, descriptors: usize) -> Result<Vec<u8>, TooLarge> {
    let mut frame = vec![0; HEADER];
    let written = serde_json::to_writer(&mut frame, message);
    let bytes = frame.len() - HEADER;
    // A map whose keys are no strings is the one thing that JSON can't hold;
    // no message has one.
    if written.is_err() || bytes > MOST_BYTES || descriptors > MOST_DESCRIPTORS {
        let kind = message.kind();
        return Err(TooLarge { kind, bytes });
    }
    frame[..4].copy_from_slice(&(bytes as u32).to_le_bytes());
    frame[4..HEADER].copy_from_slice(&(descriptors as u32).to_le_bytes());
    Ok(frame)
}

/// A whole frame.
#[derive(Debug)]
pub(super) struct Frame {
    /// The JSON.
    pub(super) body: Vec<u8>,
    /// What came with it.
    pub(super) descriptors: Vec<OwnedFd>,
}

/// What has arrived from a peer and isn't a whole frame yet: at most one, and
/// what one read brings.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    buffer: Vec<u8>,
    /// What of the buffer has been taken out.
    taken: usize,
    descriptors: VecDeque<OwnedFd>,
}

impl Decoder {
    /// Adds what a read brought.
    pub(super) fn push(&mut self, bytes: &[u8], descriptors: Vec<OwnedFd>) {
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.extend_from_slice(bytes);
        self.descriptors.extend(descriptors);
    }

    /// Whether something arrived of a frame that isn't whole.
    pub(super) fn is_amid(&self) -> bool {
        self.taken < self.buffer.len()
    }

    /// Takes out the next frame, if all of it is there.
    ///
    /// # Errors
    /// The peer doesn't speak this language; nothing more is to be read from it.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, Malformed> {
        let rest = &self.buffer[self.taken..];
        let Some((header, body)) = rest.split_at_checked(HEADER) else {
            // Of a frame of which not even this much came, the descriptors
            // may have.
            let most = if rest.is_empty() { 0 } else { MOST_DESCRIPTORS };
            return match self.descriptors.len() {
                came if came > most => Err(Malformed::Descriptors { announced: 0, came }),
                _ => Ok(None),
            };
        };
        let number = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let (length, announced) = (number(0), number(4));
        if length as usize > MOST_BYTES {
            return Err(Malformed::TooLong(length));
        }
        if announced as usize > MOST_DESCRIPTORS {
            return Err(Malformed::TooMany(announced));
        }
        let (length, announced) = (length as usize, announced as usize);
        let came = self.descriptors.len();
        let whole = body.len() >= length;
        // Those of the next frame come after the end of this one.
        if came < announced || !whole && came > announced {
            return Err(Malformed::Descriptors { announced, came });
        }
        if !whole {
            return Ok(None);
        }
        let body = body[..length].to_vec();
        self.taken += HEADER + length;
        let descriptors = self.descriptors.drain(..announced).collect();
        Ok(Some(Frame { body, descriptors }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    impl Message for Value {
        fn kind(&self) -> String {
            "a value".into()
        }
    }

    fn stream(messages: &[Value]) -> Vec<u8> {
        let frames = messages.iter().map(|message| encode(message, 0).unwrap());
        frames.flatten().collect()
    }

    /// All that comes out, and why no more does.
    fn drain(decoder: &mut Decoder) -> (Vec<Value>, Option<Malformed>) {
        let mut found = Vec::new();
        loop {
            match decoder.next() {
                Ok(Some(frame)) => found.push(serde_json::from_slice(&frame.body).unwrap()),
                Ok(None) => return (found, None),
                Err(malformed) => return (found, Some(malformed)),
            }
        }
    }

    fn descriptor() -> OwnedFd {
        std::fs::File::open("/dev/null").unwrap().into()
    }

    #[test]
    fn every_split_of_a_stream_gives_the_same_messages() {
        let messages = [Value::from("a"), Value::from(7), Value::from(vec![1, 2, 3])];
        let bytes = stream(&messages);
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let mut decoder = Decoder::default();
                let mut found = Vec::new();
                for part in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                    decoder.push(part, Vec::new());
                    let (more, malformed) = drain(&mut decoder);
                    assert_eq!(malformed, None);
                    found.extend(more);
                }
                assert_eq!(found, messages, "split at {first} and {second}");
                assert!(!decoder.is_amid());
            }
        }
    }

    #[test]
    fn a_frame_that_is_too_large_is_its_senders_error() {
        let large = Value::from("x".repeat(MOST_BYTES));
        let refused = encode(&large, 0).unwrap_err();
        assert_eq!(refused.bytes, MOST_BYTES + 2);
        assert!(refused.to_string().starts_with("a value has 4194306 bytes"));
        let fits = Value::from("x".repeat(MOST_BYTES - 2));
        let mut decoder = Decoder::default();
        decoder.push(&encode(&fits, 0).unwrap(), Vec::new());
        assert_eq!(drain(&mut decoder), (vec![fits], None));
    }

    #[test]
    fn descriptors_belong_to_the_frame_that_announced_them() {
        let with = |count| encode(&Value::Null, count).unwrap();
        let some = |count| -> Vec<OwnedFd> { (0..count).map(|_| descriptor()).collect() };
        // Those of two frames, and a byte of the second with its own.
        let mut decoder = Decoder::default();
        let (one, two) = (with(1), with(2));
        decoder.push(&one[..3], some(1));
        assert!(decoder.next().unwrap().is_none());
        decoder.push(&[&one[3..], &two[..1]].concat(), some(2));
        assert_eq!(decoder.next().unwrap().unwrap().descriptors.len(), 1);
        assert!(decoder.next().unwrap().is_none());
        decoder.push(&two[1..], Vec::new());
        assert_eq!(decoder.next().unwrap().unwrap().descriptors.len(), 2);

        for (bytes, came) in [
            (&with(1)[..], 0),
            (&with(0)[..5], 5),
            (&[][..], 1),
            (&with(1)[..9], 2),
        ] {
            let mut decoder = Decoder::default();
            decoder.push(bytes, some(came));
            assert!(decoder.next().is_err(), "{came} with {bytes:?}");
        }
    }

    proptest! {
        /// Whatever comes: no panic, and no more kept than a frame and a read.
        #[test]
        fn garbage_is_refused_or_waited_for(parts in prop::collection::vec(
            prop::collection::vec(any::<u8>(), 0..64), 0..32,
        )) {
            let mut decoder = Decoder::default();
            for part in parts {
                decoder.push(&part, Vec::new());
                while let Ok(Some(_)) = decoder.next() {}
                prop_assert!(decoder.buffer.len() <= MOST_BYTES + HEADER + 64);
            }
        }

        #[test]
        fn any_messages_in_any_parts(
            texts in prop::collection::vec(".{0,40}", 0..8),
            cuts in prop::collection::vec(1usize..50, 1..40),
        ) {
            let messages: Vec<Value> = texts.into_iter().map(Value::from).collect();
            let bytes = stream(&messages);
            let (mut decoder, mut found, mut at) = (Decoder::default(), Vec::new(), 0);
            for cut in cuts.into_iter().chain([bytes.len()]) {
                let end = (at + cut).min(bytes.len());
                decoder.push(&bytes[at..end], Vec::new());
                at = end;
                let (more, malformed) = drain(&mut decoder);
                prop_assert_eq!(malformed, None);
                found.extend(more);
            }
            prop_assert_eq!(found, messages);
        }
    }
}
