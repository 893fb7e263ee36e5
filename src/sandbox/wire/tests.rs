use super::*;
use crate::plan::{Event, Fact, Provenance, Value};
use crate::sandbox::wire::{Asked, Order, Request, Told};
use std::time::Duration;

fn finish() -> Order {
    Order::Finish
}

fn is_finish(received: &Received<Order>) -> bool {
    matches!(received.message, Order::Finish)
}

fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(5))
}

#[test]
fn messages_descriptors_and_credentials_cross() {
    let (mut a, mut b) = Wire::pair().unwrap();
    a.send(&finish(), Vec::new()).unwrap().unwrap();
    assert!(is_finish(&b.receive(soon()).unwrap().unwrap()));
    assert_eq!(b.sender(), None);

    let (mut c, d) = Wire::pair().unwrap();
    let go = |id| Asked {
        id,
        request: Request::Go,
    };
    a.send(&go(1), Vec::new()).unwrap().unwrap();
    a.send(&go(2), vec![d.into()]).unwrap().unwrap();
    a.send(&go(3), Vec::new()).unwrap().unwrap();
    let came: Vec<Received<Asked>> = (0..3)
        .map(|_| b.receive(soon()).unwrap().unwrap())
        .collect();
    let counts = came
        .iter()
        .map(|one| (one.message.id, one.descriptors.len()));
    assert!(counts.eq([(1, 0), (2, 1), (3, 0)]));
    let end = came.into_iter().flat_map(|one| one.descriptors).next();
    let mut received = Wire::from(end.unwrap());
    c.send(&finish(), Vec::new()).unwrap().unwrap();
    assert!(is_finish(&received.receive(soon()).unwrap().unwrap()));

    b.want_credentials().unwrap();
    a.send(&finish(), Vec::new()).unwrap().unwrap();
    assert!(is_finish(&b.receive(soon()).unwrap().unwrap()));
    assert_eq!(b.sender(), Some(std::process::id() as i32));
    drop(a);
    assert_eq!(b.receive::<Order>(soon()).unwrap_err(), Lost::Ended);
}

#[test]
fn a_peer_that_stops_in_the_middle_of_a_frame_is_waited_for_no_longer_than_wanted() {
    let (mut a, mut b) = Wire::pair().unwrap();
    let frame = frame::encode(&finish(), 0).unwrap();
    for (at, byte) in frame.iter().enumerate() {
        nix::unistd::write(&a, &[*byte]).unwrap();
        let deadline = Instant::now() + Duration::from_millis(5);
        let came = b.receive::<Order>(Some(deadline)).unwrap();
        assert_eq!(came.is_some(), at + 1 == frame.len(), "after {at}");
    }
    nix::unistd::write(&a, &frame[..9]).unwrap();
    a.flush().unwrap();
    drop(a);
    assert_eq!(b.receive::<Order>(soon()).unwrap_err(), Lost::EndedAmid);
}

#[test]
fn garbage_ends_a_wire_with_a_reason() {
    for (bytes, reason) in [
        (&[0xff; 64][..], "announced a message of 4294967295 bytes"),
        (&[4, 0, 0, 0, 9, 0, 0, 0], "with 9 descriptors"),
        (b"\x02\0\0\0\0\0\0\0{}", "no message"),
        (b"\x01\0\0\0\x01\0\0\0", "0 descriptors came"),
    ] {
        let (a, mut b) = Wire::pair().unwrap();
        nix::unistd::write(&a, bytes).unwrap();
        let lost = b.receive::<Order>(soon()).unwrap_err();
        assert!(lost.to_string().contains(reason), "{lost}");
    }
}

#[test]
fn a_peer_that_never_reads_fills_a_queue_and_blocks_nobody() {
    let (mut a, b) = Wire::pair().unwrap();
    let order = Order::Enough { action: 1 };
    let mut sent = 0;
    while !a.is_full() {
        a.queue(&order, Vec::new()).unwrap();
        a.flush().unwrap();
        sent += 1;
    }
    assert!(a.interest(true).contains(PollFlags::POLLOUT));
    // All of it comes in order, as soon as somebody reads.
    let mut b = b;
    for _ in 0..sent {
        a.flush().unwrap();
        let received: Received<Order> = b.receive(soon()).unwrap().unwrap();
        assert!(matches!(received.message, Order::Enough { action: 1 }));
    }
    assert!(!a.is_waiting());
    drop(b);
    a.queue(&order, Vec::new()).unwrap();
    assert_eq!(a.flush(), Err(Lost::Ended));
}

#[test]
fn descriptors_that_nobody_announced_end_a_wire() {
    let (a, mut b) = Wire::pair().unwrap();
    let null = std::fs::File::open("/dev/null").unwrap();
    let raw = [null.as_raw_fd(); MOST_AT_ONCE];
    let frame = frame::encode(&finish(), 0).unwrap();
    let rights = [ControlMessage::ScmRights(&raw)];
    let parts = [IoSlice::new(&frame)];
    sendmsg::<()>(
        a.as_fd().as_raw_fd(),
        &parts,
        &rights,
        MsgFlags::empty(),
        None,
    )
    .unwrap();
    let first = b.receive::<Order>(soon());
    // The message itself is whole; what came with it belongs to none.
    assert!(first.is_ok_and(|first| first.is_some_and(|first| is_finish(&first))));
    let lost = b.receive::<Order>(soon()).unwrap_err();
    assert!(matches!(
        lost,
        Lost::Malformed(Malformed::Descriptors { .. })
    ));
}

/// Observations are bounded where they are made, so that none is too large for a
/// frame: not even of what JSON writes six times as long.
#[test]
fn every_observation_has_room_in_a_frame() {
    let worst = |length: usize| "\u{1}".repeat(length);
    for value in [
        Value::List(vec![worst(255); 17_000]),
        Value::List(vec![worst(4095); 5000]),
        Value::List(vec![worst(100 << 20)]),
        Value::Text(worst(100 << 20)),
    ] {
        let mut fact = Fact {
            id: "box/dir:/mnt".parse().unwrap(),
            value: Some(value.bounded()),
            source: worst(4096),
            provenance: Provenance::Observed,
        };
        fact.id.name = format!("dir:/{}", worst(4095));
        let message = Told::Event(Event::Fact(fact));
        let frame = frame::encode(&message, 0).unwrap();
        assert!(frame.len() <= frame::MOST_BYTES / 2, "{}", frame.len());
    }
}
