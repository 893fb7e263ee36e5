//! The registry is killed in the middle of pushes: what it has said that it has, it
//! has; what has begun goes on, or is gone.

use super::client::{IMAGE, Registry, manifest, reply, sha256};
use super::hostile::audit;
use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

const NAME: &str = "pushed/often";
/// How many steps a push has: the one who kills waits for one of them.
const STEPS: usize = 7;

/// What the registry has said that it has.
#[derive(Default)]
struct Said {
    blobs: Vec<String>,
    tags: Vec<(String, String)>,
    /// The last upload that has begun, and what is to be in it.
    upload: Option<(String, Vec<u8>)>,
}

/// Bytes that no other push has.
fn bytes_of(round: usize, length: usize) -> Vec<u8> {
    let seed = format!("round {round} ");
    seed.bytes().cycle().take(length).collect()
}

/// One request, of which an end is no answer.
fn ask(
    address: std::net::SocketAddr,
    line: &str,
    kind: &str,
    body: &[u8],
) -> Option<super::client::Reply> {
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    let length = body.len();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: r\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    )
    .ok()?;
    stream.write_all(body).ok()?;
    stream.set_read_timeout(Some(super::client::ANSWER)).ok()?;
    let found = std::panic::catch_unwind(move || reply(&mut stream, false)).ok()?;
    (found.status != 0).then_some(found)
}

/// Pushes until the registry is gone; tells each step before it is taken.
fn push(
    address: std::net::SocketAddr,
    round: usize,
    said: &Mutex<Said>,
    step: &Sender<()>,
) -> Option<()> {
    let layer = bytes_of(round, 600_000);
    let config = format!("{{\"round\":{round}}}").into_bytes();
    let plain = "application/octet-stream";
    let (first, second) = layer.split_at(400_000);
    let begin = format!("POST /v2/{NAME}/blobs/uploads/");
    step.send(()).ok()?;
    let at = ask(address, &begin, plain, b"")?.location();
    said.lock().unwrap().upload = Some((at.clone(), layer.clone()));
    for part in [first, second] {
        step.send(()).ok()?;
        assert_eq!(
            ask(address, &format!("PATCH {at}"), plain, part)?.status,
            202
        );
    }
    step.send(()).ok()?;
    let digest = sha256(&layer);
    assert_eq!(
        ask(address, &format!("PUT {at}?digest={digest}"), plain, b"")?.status,
        201
    );
    let mut now = said.lock().unwrap();
    (now.upload, _) = (None, now.blobs.push(digest.clone()));
    drop(now);
    step.send(()).ok()?;
    let of_config = sha256(&config);
    assert_eq!(
        ask(
            address,
            &format!("{begin}?digest={of_config}"),
            plain,
            &config
        )?
        .status,
        201
    );
    said.lock().unwrap().blobs.push(of_config);
    let text = manifest(&config, &[(digest, layer.len())], "");
    for tag in [format!("round{round}"), "latest".into()] {
        step.send(()).ok()?;
        let line = format!("PUT /v2/{NAME}/manifests/{tag}");
        assert_eq!(ask(address, &line, IMAGE, text.as_bytes())?.status, 201);
        said.lock()
            .unwrap()
            .tags
            .push((tag, sha256(text.as_bytes())));
    }
    Some(())
}

/// Kills it so often, each time at another step.
fn killed(times: usize) {
    let mut registry = Registry::start();
    let said = Arc::new(Mutex::new(Said::default()));
    let mut resumed = 0;
    for round in 0..times {
        let (to, steps): (Sender<()>, Receiver<()>) = channel();
        let (address, known) = (registry.address(), Arc::clone(&said));
        let pusher = std::thread::spawn(move || {
            // Two, so that the second is cut where the first wasn't.
            for push_of in [round * 2, round * 2 + 1] {
                if push(address, push_of, &known, &to).is_none() {
                    return;
                }
            }
        });
        for _ in 0..=round * 3 % (2 * STEPS) {
            steps.recv().unwrap();
        }
        registry.kill();
        drop(steps);
        pusher.join().unwrap();
        registry.again();
        audit(&registry.root());
        let mut said = said.lock().unwrap();
        for digest in &said.blobs {
            let found = registry.get(&format!("/v2/{NAME}/blobs/{digest}"));
            assert_eq!(
                (found.status, sha256(&found.body)),
                (200, digest.clone()),
                "round {round}"
            );
        }
        for (tag, digest) in said.tags.iter().filter(|(tag, _)| tag != "latest") {
            let found = registry.get(&format!("/v2/{NAME}/manifests/{tag}"));
            assert_eq!(
                (found.status, sha256(&found.body)),
                (200, digest.clone()),
                "round {round}"
            );
        }
        // An upload that had begun has what came of it, in order, and goes on from there.
        if let Some((at, whole)) = said.upload.take() {
            let status = registry.get(&at);
            let digest = sha256(&whole);
            if status.status == 404 {
                // It was whole, and the answer was cut.
                let found = registry.get(&format!("/v2/{NAME}/blobs/{digest}"));
                assert_eq!(sha256(&found.body), digest, "round {round}");
            } else {
                let last: usize = status.header("range").unwrap()[2..].parse().unwrap();
                let from = if last == 0 { 0 } else { last + 1 };
                let to = format!("{at}?digest={digest}");
                let done = registry.ask("PUT", &to, &whole[from..]);
                assert_eq!(done.status, 201, "round {round}: {done:?}");
                assert_eq!(registry.get(&done.location()).body, whole);
                resumed += 1;
            }
            said.blobs.push(digest);
        }
    }
    eprintln!("{times} kills, {resumed} uploads resumed");
    assert!(resumed > 0, "no kill was in the middle of an upload");
}

#[test]
fn ten_kills_in_the_middle_of_pushes() {
    killed(10);
}

#[test]
#[ignore = "long; .ci/full peers"]
fn fifty_kills_in_the_middle_of_pushes() {
    killed(50);
}
