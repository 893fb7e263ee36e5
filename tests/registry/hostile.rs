//! Clients that mean harm, or are broken. Each gets the specification's code, and
//! nothing that is half-written is ever served.

use super::client::{IMAGE, INDEX, Registry, manifest, reply, sha256};
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::time::{Duration, Instant};

const NAME: &str = "a/b";

/// Every blob is what its name says, and is somebody's; nothing is left half-way.
pub fn audit(root: &Path) {
    let mut seen = 0;
    for algorithm in ["sha256", "sha512"] {
        for entry in fs::read_dir(root.join("blobs").join(algorithm)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let digest = match algorithm {
                "sha256" => sha256(&bytes),
                _ => super::client::sha512(&bytes),
            };
            let named = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(digest, format!("{algorithm}:{named}"), "{}", path.display());
            seen += 1;
        }
    }
    for repository in fs::read_dir(root.join("repositories")).unwrap() {
        let layout = repository.unwrap().path();
        let index = fs::read(layout.join("index.json")).unwrap();
        let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
        for one in index["manifests"].as_array().unwrap() {
            let digest = one["digest"].as_str().unwrap().replace(':', "/");
            assert!(layout.join("blobs").join(&digest).is_file(), "{digest}");
        }
    }
    let left = fs::read_dir(root.join("tmp")).unwrap().count();
    assert_eq!(left, 0, "of {seen} blobs");
}

fn refused(registry: &Registry, method: &str, path: &str, body: &[u8], expected: (u16, &str)) {
    let found = registry.ask(method, path, body);
    let said = (found.status, found.code());
    assert_eq!((said.0, said.1.as_str()), expected, "{method} {path}");
}

#[test]
fn a_digest_that_is_wrong_or_none() {
    let registry = Registry::start();
    let digest = sha256(b"what was promised");
    let at = registry.begin(NAME);
    for query in ["", "?digest=", "?digest=sha256:00", "?digest=md5:00"] {
        refused(
            &registry,
            "PUT",
            &format!("{at}{query}"),
            b"",
            (400, "DIGEST_INVALID"),
        );
    }
    let put = format!("{at}?digest={digest}");
    refused(
        &registry,
        "PUT",
        &put,
        b"what came",
        (400, "DIGEST_INVALID"),
    );
    refused(&registry, "GET", &at, b"", (404, "BLOB_UPLOAD_UNKNOWN"));
    let once = format!("/v2/{NAME}/blobs/uploads/?digest={digest}");
    refused(
        &registry,
        "POST",
        &once,
        b"what came",
        (400, "DIGEST_INVALID"),
    );
    let blob = format!("/v2/{NAME}/blobs/{digest}");
    refused(&registry, "GET", &blob, b"", (404, "BLOB_UNKNOWN"));
    audit(&registry.root());
    let uploads = fs::read_dir(registry.root().join("uploads")).unwrap();
    assert_eq!(uploads.count(), 0);
}

#[test]
fn a_chunk_that_is_cut_too_long_or_of_another_range() {
    let registry = Registry::start();
    let whole = vec![7; 1000];
    let digest = sha256(&whole);
    let at = registry.begin(NAME);
    // It says a thousand, and is gone after ten.
    let mut stream = registry.connect();
    write!(
        stream,
        "PATCH {at} HTTP/1.1\r\nHost: r\r\nContent-Length: 1000\r\n\r\n"
    )
    .unwrap();
    stream.write_all(&whole[..10]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let found = reply(&mut stream, false);
    assert!([0, 400].contains(&found.status), "{found:?}");
    refused(
        &registry,
        "GET",
        &format!("/v2/{NAME}/blobs/{digest}"),
        b"",
        (404, "BLOB_UNKNOWN"),
    );
    // What came is kept, and can be gone on with.
    let status = registry.get(&at);
    assert_eq!((status.status, status.header("range")), (204, Some("0-9")));
    let patch = |range: &str, headers: &[(&str, &str)], body: &[u8]| {
        let headers = [&[("Content-Range", range)], headers].concat();
        registry.ask_with("PATCH", &at, &headers, body)
    };
    for range in [
        "",
        "bytes 10-19",
        "a-b",
        "19-10",
        "-5",
        "10-",
        "10",
        "0-9",
        "11-20",
        "10-19,20-29",
        "10-99999999999999999999999",
        "99999999999999999999-99999999999999999999",
    ] {
        let found = patch(range, &[], &whole[..10]);
        assert_eq!(
            (found.status, found.header("range")),
            (416, Some("0-9")),
            "{range}"
        );
    }
    let short = patch("10-999", &[], &whole[..10]);
    assert_eq!((short.status, short.code().as_str()), (400, "SIZE_INVALID"));
    let divided = [("Transfer-Encoding", "chunked")];
    for body in [
        "5\r\n01234\r\n0\r\n\r\n",
        "f\r\n0123456789abcde\r\n0\r\n\r\n",
    ] {
        let found = patch("10-19", &divided, body.as_bytes());
        assert_eq!(
            (found.status, found.code().as_str()),
            (400, "SIZE_INVALID"),
            "{body}"
        );
        assert_eq!(registry.get(&at).header("range"), Some("0-9"));
    }
    let found = registry.ask("PUT", &format!("{at}?digest={digest}"), &whole[10..]);
    assert_eq!(found.status, 201);
    assert_eq!(registry.get(&found.location()).body, whole);
    audit(&registry.root());
}

#[test]
fn names_that_lead_elsewhere() {
    let registry = Registry::start();
    let secret = registry.dir().join("secret");
    fs::write(&secret, "not for the world").unwrap();
    let long = "a/".repeat(127) + "aa";
    for name in [
        "..",
        "../..",
        "a/..",
        "a/../../secret",
        "%2e%2e",
        "%2E%2E%2Fa",
        "a/%2e%2e/b",
        "..%2fa",
        "%252e%252e",
        "a%00",
        "%00",
        "A",
        "a//b",
        "/a",
        "a/",
        "-",
        "a+b",
        "a%2Bb",
        "a%20b",
        ".a",
        "a%ff",
        "a;b",
        "a\\b",
        "~",
        long.as_str(),
    ] {
        for (method, rest) in [
            ("GET", "tags/list"),
            ("POST", "blobs/uploads/"),
            ("PUT", "manifests/x"),
            ("GET", &format!("blobs/{}", sha256(b""))),
        ] {
            refused(
                &registry,
                method,
                &format!("/v2/{name}/{rest}"),
                b"",
                (400, "NAME_INVALID"),
            );
        }
    }
    for id in [
        "..",
        "%2e%2e",
        ".",
        "%00",
        "x",
        &"0".repeat(32),
        &"0".repeat(33),
    ] {
        for method in ["GET", "PATCH", "DELETE"] {
            let path = format!("/v2/{NAME}/blobs/uploads/{id}");
            refused(&registry, method, &path, b"", (404, "BLOB_UPLOAD_UNKNOWN"));
        }
    }
    for digest in [
        "..",
        "sha256:..%2f..%2f..%2fsecret",
        "sha256:%00",
        "sha256:",
        "sha256:ABC",
    ] {
        let found = registry.get(&format!("/v2/{NAME}/blobs/{digest}"));
        assert!([400, 404].contains(&found.status), "{digest}: {found:?}");
    }
    for tag in [".x", "-x", "%2e%2e", "x%00", "a%20b", &"t".repeat(129)] {
        let path = format!("/v2/{NAME}/manifests/{tag}");
        refused(&registry, "PUT", &path, b"{}", (400, "MANIFEST_INVALID"));
        refused(&registry, "GET", &path, b"", (404, "MANIFEST_UNKNOWN"));
    }
    let names: Vec<_> = fs::read_dir(registry.root().join("repositories"))
        .unwrap()
        .collect();
    assert!(names.is_empty(), "{names:?}");
    assert_eq!(fs::read_to_string(secret).unwrap(), "not for the world");
    audit(&registry.root());
}

#[test]
fn an_upload_is_of_one_repository_and_one_writer() {
    let registry = Registry::start();
    let at = registry.begin(NAME);
    let elsewhere = at.replace(NAME, "other");
    refused(
        &registry,
        "PATCH",
        &elsewhere,
        b"x",
        (404, "BLOB_UPLOAD_UNKNOWN"),
    );
    let mut stream = registry.connect();
    write!(
        stream,
        "PATCH {at} HTTP/1.1\r\nHost: r\r\nContent-Length: 20\r\nExpect: 100-continue\r\n\r\n"
    )
    .unwrap();
    // It writes from now on.
    let mut bytes = [0; 25];
    stream.read_exact(&mut bytes).unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 100 "));
    for method in ["PATCH", "DELETE"] {
        refused(
            &registry,
            method,
            &at,
            b"second",
            (409, "BLOB_UPLOAD_INVALID"),
        );
    }
    stream.write_all(b"the first writer's..").unwrap();
    assert_eq!(reply(&mut stream, false).status, 202);
    let digest = sha256(b"the first writer's..");
    let done = registry.ask("PUT", &format!("{at}?digest={digest}"), b"");
    assert_eq!(done.status, 201);
}

#[test]
fn two_uploads_of_one_blob_at_once() {
    let registry = Registry::start();
    let bytes = vec![3; 3 << 20];
    let digest = sha256(&bytes);
    std::thread::scope(|scope| {
        for name in ["one", "one", "two", "two"] {
            scope.spawn(|| {
                let at = registry.begin(name);
                assert_eq!(registry.ask("PATCH", &at, &bytes).status, 202);
                let done = registry.ask("PUT", &format!("{at}?digest={digest}"), b"");
                assert_eq!(done.status, 201, "{done:?}");
            });
        }
    });
    for name in ["one", "two"] {
        assert_eq!(
            registry.get(&format!("/v2/{name}/blobs/{digest}")).body,
            bytes
        );
    }
    audit(&registry.root());
}

#[test]
fn manifests_that_are_giant_deep_or_something_else() {
    let registry = Registry::start();
    let layer = b"a layer".as_slice();
    let good = registry.push_image(NAME, "good", layer);
    let config = format!("{{\"made\":\"{}\"}}", sha256(layer));
    let path = format!("/v2/{NAME}/manifests/bad");
    let most = 4 << 20;
    let fill = |length: usize| {
        let empty = manifest(config.as_bytes(), &[], r#","annotations":{"x":""}"#).len();
        let filled = "x".repeat(length - empty);
        manifest(
            config.as_bytes(),
            &[],
            &format!(r#","annotations":{{"x":"{filled}"}}"#),
        )
    };
    let largest = registry.put_manifest(NAME, "largest", IMAGE, &fill(most));
    assert_eq!(largest.status, 201);
    let giant = fill(most + 1);
    let found = registry.put_manifest(NAME, "bad", IMAGE, &giant);
    assert_eq!(
        (found.status, found.code().as_str()),
        (413, "MANIFEST_INVALID")
    );
    // Without saying before how long it is.
    let divided = format!("{:x}\r\n{giant}\r\n0\r\n\r\n", giant.len());
    let headers = [("Transfer-Encoding", "chunked"), ("Content-Type", IMAGE)];
    let found = registry.ask_with("PUT", &path, &headers, divided.as_bytes());
    assert_eq!(
        (found.status, found.code().as_str()),
        (413, "MANIFEST_INVALID")
    );
    let invalid = |kind: &str, text: &str| {
        let found = registry.put_manifest(NAME, "bad", kind, text);
        assert_eq!(
            (found.status, found.code().as_str()),
            (400, "MANIFEST_INVALID"),
            "{text}"
        );
    };
    let deep = "[".repeat(100_000);
    for text in [
        "",
        "null",
        "[]",
        "{",
        "\0",
        &deep,
        r#"{"schemaVersion":1}"#,
        "{\"schemaVersion\":2}",
    ] {
        invalid(IMAGE, text);
        invalid(INDEX, text);
    }
    invalid(INDEX, &good);
    invalid("text/plain", &good);
    invalid(
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        &good,
    );
    invalid(
        IMAGE,
        &good.replace(r#""layers":"#, r#""manifests":[],"layers":"#),
    );
    invalid(IMAGE, &good.replace(r#""size":7"#, r#""size":8"#));
    invalid(
        IMAGE,
        &good.replace(&sha256(layer), "sha256:../../../secret"),
    );
    let subject = r#","subject":{"digest":"sha256:..","size":1}"#;
    invalid(IMAGE, &manifest(config.as_bytes(), &[], subject));
    let absent = sha256(b"never pushed");
    let found = registry.put_manifest(NAME, "bad", IMAGE, &good.replace(&sha256(layer), &absent));
    assert_eq!(
        (found.status, found.code().as_str()),
        (404, "MANIFEST_BLOB_UNKNOWN")
    );
    assert_eq!(found.json()["errors"][0]["detail"]["digest"], absent);
    // The blob is in another repository: that is no way to learn of it, or to have it.
    let found = registry.put_manifest("other", "bad", IMAGE, &good);
    assert_eq!(
        (found.status, found.code().as_str()),
        (404, "MANIFEST_BLOB_UNKNOWN")
    );
    let found = registry.put_manifest(NAME, &absent, IMAGE, &good);
    assert_eq!(
        (found.status, found.code().as_str()),
        (400, "DIGEST_INVALID")
    );
    refused(&registry, "GET", &path, b"", (404, "MANIFEST_UNKNOWN"));
    assert_eq!(registry.tags(NAME), ["good", "largest"]);
    audit(&registry.root());
}

#[test]
fn requests_that_are_no_http_or_two_at_once() {
    let registry = Registry::start();
    let at = registry.begin(NAME);
    let smuggled = format!(
        "PATCH {at} HTTP/1.1\r\nHost: r\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v2/ HTTP/1.1\r\n\r\n"
    );
    let long = format!("GET /v2/ HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    for (text, most) in [
        ("\0\0\0\0\r\n\r\n", 400),
        ("GET /v2/ HTTP/9.9\r\n\r\n", 505),
        ("GET /v2/\0 HTTP/1.1\r\n\r\n", 400),
        ("GET /v2/ HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (&long, 431),
    ] {
        let mut stream = registry.connect();
        let _ = stream.write_all(text.as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
        let found = reply(&mut stream, false);
        let head = &text[..text.len().min(40)];
        assert!((400..=most).contains(&found.status), "{head:?}: {found:?}");
    }
    // Of two lengths one counts, and nothing that follows is a request (RFC 9112, 6.3).
    let mut stream = registry.connect();
    stream.write_all(smuggled.as_bytes()).unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert_eq!(all.matches("HTTP/1.1 ").count(), 1, "{all}");
    assert_eq!(registry.get(&at).header("range"), Some("0-0"));
    assert_eq!(registry.get("/v2/").status, 200);
}

/// Reads until the other end closes.
fn closed(mut stream: &std::net::TcpStream) -> u64 {
    let mut bytes = vec![0; 1 << 20];
    let mut length = 0;
    loop {
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => return length,
            Ok(count) => length += count as u64,
        }
    }
}

#[test]
fn slow_clients_are_given_up() {
    let registry = Registry::start_with(&["--patience", "1s"]);
    let began = Instant::now();
    let at = registry.begin(NAME);
    // No head, half a head, no body; and a byte now and then is no body either.
    let silent = registry.connect();
    let mut half = registry.connect();
    write!(half, "GET /v2/ HTTP/1.1\r\nHo").unwrap();
    let mut empty = registry.connect();
    write!(
        empty,
        "PATCH {at} HTTP/1.1\r\nHost: r\r\nContent-Length: 9\r\n\r\nabc"
    )
    .unwrap();
    let found = reply(&mut empty, false);
    assert_eq!(
        (found.status, found.code().as_str()),
        (408, "BLOB_UPLOAD_INVALID")
    );
    assert_eq!(registry.get(&at).header("range"), Some("0-2"));
    let drips = registry.begin(NAME);
    let mut slow = registry.connect();
    write!(
        slow,
        "PATCH {drips} HTTP/1.1\r\nHost: r\r\nContent-Length: 999\r\n\r\n"
    )
    .unwrap();
    slow.set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut bytes = [0; 12];
    while slow.read_exact(&mut bytes).is_err() {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "it takes what drips"
        );
        let _ = slow.write_all(b"x");
    }
    assert_eq!(&bytes, b"HTTP/1.1 408");
    // One that asks for much, and takes nothing.
    let large = vec![5; 32 << 20];
    let digest = registry.push_blob(NAME, &large);
    let mut taker = registry.connect();
    write!(
        taker,
        "GET /v2/{NAME}/blobs/{digest} HTTP/1.1\r\nHost: r\r\n\r\n"
    )
    .unwrap();
    let mut bytes = [0; 12];
    taker.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"HTTP/1.1 200");
    for stream in [&silent, &half] {
        closed(stream);
    }
    // Its place is free again when the registry has closed it, which is seen in its table.
    let end = Instant::now() + Duration::from_secs(30);
    let port = taker.local_addr().unwrap().port();
    while has_connection(registry.pid(), registry.address().port(), port) {
        assert!(Instant::now() < end, "it waits for ever");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(closed(&taker) < large.len() as u64);
}

/// Whether a process holds a connection between these ports, by /proc/PID/net/tcp and
/// its descriptors.
fn has_connection(pid: u32, own: u16, other: u16) -> bool {
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap();
    let inode = table.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ends = words[1].ends_with(&format!(":{own:04X}"))
            && words[2].ends_with(&format!(":{other:04X}"));
        ends.then(|| words[9].to_string())
    });
    let Some(inode) = inode else { return false };
    let held = format!("socket:[{inode}]");
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    fds.flatten()
        .filter_map(|fd| fs::read_link(fd.path()).ok())
        .any(|link| link.to_string_lossy() == held)
}

#[test]
fn connections_and_uploads_are_bounded() {
    let registry = Registry::start_with(&["--patience", "1s"]);
    let idle: Vec<_> = (0..300).map(|_| registry.connect()).collect();
    assert_eq!(registry.get("/v2/").status, 200);
    drop(idle);
    let mut begun = 0;
    let refused = loop {
        let found = registry.ask("POST", "/v2/a/blobs/uploads/", b"");
        match found.status {
            202 => begun += 1,
            _ => break found,
        }
        assert!(begun < 2_000);
    };
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "TOOMANYREQUESTS")
    );
    assert_eq!(begun, 1_024);
}

#[test]
fn an_address_that_others_reach_is_warned_of() {
    use super::support::{Limit, PATIENCE, User, glassbox};
    use std::io::{BufRead, BufReader};
    for (address, expected) in [
        ("0.0.0.0:0", true),
        ("127.0.0.1:0", false),
        ("[::1]:0", false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = glassbox(User::Me);
        command
            .args(["registry", "--listen", address, "--root"])
            .arg(dir.path());
        command
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped());
        let mut child = command.within(PATIENCE).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said: Vec<String> = lines.map_while(Result::ok).take(5).collect();
        let said = said.join("\n");
        let warned =
            said.contains("Warning: ") && said.contains("no passwords, and it is plain HTTP");
        assert_eq!(warned, expected, "{said}");
    }
}
