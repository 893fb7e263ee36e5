//! Other people's clients and registries, with the registry and the engine: every
//! digest is kept, both ways. `tests/peers/run` fetches them.

#![allow(missing_docs, unreachable_pub)]

#[path = "engine/client.rs"]
mod client;
#[path = "registry/client.rs"]
mod registry;
mod support;

use client::Engine;
use registry::{Registry, manifest, sha256};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Bounded, Limit, User, has_programs, may_make_boxes};

/// How long a client may take.
const CLIENT: Duration = Duration::from_secs(600);

/// Runs a client; tells what it says.
fn run(words: &[&str]) -> String {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    let output = command.within(CLIENT).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{words:?}: {out}{err}");
    out
}

/// The digest by which a registry has a tag.
fn digest_at(at: SocketAddr, name: &str, tag: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    let accept = "application/vnd.oci.image.manifest.v1+json, \
                  application/vnd.docker.distribution.manifest.v2+json, \
                  application/vnd.oci.image.index.v1+json";
    write!(
        stream,
        "HEAD /v2/{name}/manifests/{tag} HTTP/1.1\r\nHost: {at}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let found = registry::reply(&mut stream, true);
    assert_eq!(found.status, 200, "{name}:{tag}: {found:?}");
    found.header("docker-content-digest").unwrap().to_string()
}

/// A registry with an image that an engine pushed, and the image's digest.
fn with_image() -> Option<(Registry, Engine, String)> {
    if !may_make_boxes(User::Me) || !has_programs(&["docker"]) {
        return None;
    }
    let (registry, engine) = (Registry::start(), Engine::start());
    let name = format!("{}/hello:1", registry.address());
    for words in [&["tag", "hello", &name][..], &["push", &name]] {
        let (code, out, err) = engine.cli(words);
        assert_eq!(code, 0, "{out}{err}");
    }
    let digest = digest_at(registry.address(), "hello", "1");
    Some((registry, engine, digest))
}

/// Another engine pulls it, and it runs there.
fn runs(name: &str, digest: &str) {
    let engine = Engine::start();
    for own in ["hello", "tools", "base"] {
        engine.done("DELETE", &format!("/images/{own}?force=1"));
    }
    let (code, out, err) = engine.cli(&["pull", name]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(
        out.contains(&format!("Digest: {digest}")),
        "{digest}: {out}"
    );
    let (code, out, err) = engine.cli(&["run", "--rm", name]);
    assert_eq!(
        (code, out.as_str()),
        (0, "Hello from a container.\n"),
        "{err}"
    );
}

#[test]
#[ignore = "other people's programs; tests/peers/run"]
fn skopeo_keeps_every_digest() {
    let Some((registry, _engine, digest)) = with_image() else {
        return;
    };
    if !has_programs(&["skopeo"]) {
        return;
    }
    let (at, dir) = (registry.address(), registry.dir().display().to_string());
    let layout = format!("oci:{dir}/layout:hello");
    let from = format!("docker://{at}/hello:1");
    run(&[
        "skopeo",
        "--insecure-policy",
        "copy",
        "--src-tls-verify=false",
        "--preserve-digests",
        &from,
        &layout,
    ]);
    let index = fs::read_to_string(registry.dir().join("layout/index.json")).unwrap();
    assert!(index.contains(&digest), "{index}");
    let back = format!("docker://{at}/from/skopeo:2");
    run(&[
        "skopeo",
        "--insecure-policy",
        "copy",
        "--dest-tls-verify=false",
        "--preserve-digests",
        &layout,
        &back,
    ]);
    assert_eq!(digest_at(at, "from/skopeo", "2"), digest);
    let listed = run(&[
        "skopeo",
        "list-tags",
        "--tls-verify=false",
        &format!("docker://{at}/from/skopeo"),
    ]);
    assert!(listed.contains("\"2\""), "{listed}");
    runs(&format!("{at}/from/skopeo:2"), &digest);
    run(&["skopeo", "delete", "--tls-verify=false", &back]);
    assert!(registry.tags("from/skopeo").is_empty());
}

/// Debian's registry, on a port that is free.
fn docker_registry(dir: &std::path::Path) -> (Bounded, SocketAddr) {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let config = dir.join("registry.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\nhttp: {{addr: \"{free}\"}}\n",
        dir.join("theirs").display()
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new("docker-registry");
    command.arg("serve").arg(&config).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.within(CLIENT).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(free).is_err() {
        assert!(Instant::now() < end, "docker-registry doesn't listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    (child, free)
}

#[test]
#[ignore = "other people's programs; tests/peers/run"]
fn docker_registry_and_ours_exchange_images() {
    let Some((registry, engine, digest)) = with_image() else {
        return;
    };
    if !has_programs(&["skopeo", "docker-registry"]) {
        return;
    }
    let (_theirs, there) = docker_registry(registry.dir());
    let at = registry.address();
    let copy = |from: &str, to: &str| {
        run(&[
            "skopeo",
            "--insecure-policy",
            "copy",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            "--preserve-digests",
            &format!("docker://{from}"),
            &format!("docker://{to}"),
        ]);
    };
    copy(&format!("{at}/hello:1"), &format!("{there}/hello:1"));
    assert_eq!(digest_at(there, "hello", "1"), digest);
    copy(&format!("{there}/hello:1"), &format!("{at}/back:1"));
    assert_eq!(digest_at(at, "back", "1"), digest);
    // The engine with it, both ways.
    let name = format!("{there}/from/engine:1");
    for words in [&["tag", "hello", &name][..], &["push", &name]] {
        let (code, out, err) = engine.cli(words);
        assert_eq!(code, 0, "{out}{err}");
    }
    assert_eq!(digest_at(there, "from/engine", "1"), digest);
    runs(&name, &digest);
}

#[test]
#[ignore = "other people's programs; tests/peers/run"]
fn crane_keeps_every_digest() {
    let Some((registry, _engine, digest)) = with_image() else {
        return;
    };
    if !has_programs(&["crane"]) {
        return;
    }
    let (at, dir) = (registry.address(), registry.dir().display().to_string());
    let name = format!("{at}/hello:1");
    assert_eq!(
        run(&["crane", "digest", "--insecure", &name]).trim(),
        digest
    );
    // Without `--fast` it takes every layer for gzip, whatever its type says.
    run(&[
        "crane",
        "validate",
        "--insecure",
        "--fast",
        "--remote",
        &name,
    ]);
    run(&[
        "crane",
        "copy",
        "--insecure",
        &name,
        &format!("{at}/from/crane:2"),
    ]);
    assert_eq!(digest_at(at, "from/crane", "2"), digest);
    let layout = format!("{dir}/crane");
    run(&[
        "crane",
        "pull",
        "--insecure",
        "--format=oci",
        &name,
        &layout,
    ]);
    run(&[
        "crane",
        "push",
        "--insecure",
        &layout,
        &format!("{at}/from/layout:3"),
    ]);
    let found = digest_at(at, "from/layout", "3");
    // It pushes the layout's image, or its index of that one.
    let index = registry.get(&format!("/v2/from/layout/manifests/{found}"));
    assert!(found == digest || String::from_utf8_lossy(&index.body).contains(&digest));
    assert_eq!(
        run(&["crane", "ls", "--insecure", &format!("{at}/from/crane")]),
        "2\n"
    );
    run(&[
        "crane",
        "tag",
        "--insecure",
        &format!("{at}/from/crane:2"),
        "latest",
    ]);
    assert_eq!(digest_at(at, "from/crane", "latest"), digest);
    runs(&format!("{at}/from/crane:2"), &digest);
    run(&[
        "crane",
        "delete",
        "--insecure",
        &format!("{at}/from/crane@{digest}"),
    ]);
    assert!(registry.tags("from/crane").is_empty());
}

#[test]
#[ignore = "other people's programs; tests/peers/run"]
fn oras_attaches_and_finds_artifacts() {
    let Some((registry, _engine, digest)) = with_image() else {
        return;
    };
    if !has_programs(&["oras"]) {
        return;
    }
    let (at, dir) = (registry.address(), registry.dir());
    fs::write(dir.join("note.txt"), "a note\n").unwrap();
    let name = format!("{at}/hello:1");
    let note = dir.join("note.txt").display().to_string();
    let text = format!("{note}:text/plain");
    run(&[
        "oras",
        "attach",
        "--plain-http",
        "--disable-path-validation",
        "--artifact-type",
        "a/note",
        &name,
        &text,
    ]);
    let found = registry
        .get(&format!("/v2/hello/referrers/{digest}?artifactType=a/note"))
        .json();
    assert_eq!(found["manifests"].as_array().unwrap().len(), 1, "{found}");
    let listed = run(&[
        "oras",
        "discover",
        "--plain-http",
        "--format",
        "json",
        &name,
    ]);
    assert!(listed.contains("a/note"), "{listed}");
    run(&[
        "oras",
        "push",
        "--plain-http",
        "--disable-path-validation",
        &format!("{at}/files:1"),
        &text,
    ]);
    let pushed = digest_at(at, "files", "1");
    run(&[
        "oras",
        "cp",
        "-r",
        "--from-plain-http",
        "--to-plain-http",
        &name,
        &format!("{at}/copied:1"),
    ]);
    assert_eq!(digest_at(at, "copied", "1"), digest);
    let found = registry
        .get(&format!("/v2/copied/referrers/{digest}"))
        .json();
    assert_eq!(found["manifests"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(
        run(&["oras", "resolve", "--plain-http", &format!("{at}/files:1")]).trim(),
        pushed
    );
    assert_eq!(
        run(&[
            "oras",
            "repo",
            "tags",
            "--plain-http",
            &format!("{at}/files")
        ])
        .trim(),
        "1"
    );
    runs(&format!("{at}/copied:1"), &digest);
}

#[test]
#[ignore = "other people's programs; tests/peers/run"]
fn umoci_reads_a_repository_as_the_layout_that_it_is() {
    let Some((registry, _engine, digest)) = with_image() else {
        return;
    };
    if !has_programs(&["umoci", "skopeo"]) {
        return;
    }
    let layout = registry
        .root()
        .join("repositories/hello")
        .display()
        .to_string();
    assert_eq!(run(&["umoci", "ls", "--layout", &layout]), "1\n");
    let image = format!("{layout}:1");
    assert!(run(&["umoci", "stat", "--image", &image]).contains("glassbox"));
    let bundle = registry.dir().join("bundle").display().to_string();
    run(&["umoci", "unpack", "--rootless", "--image", &image, &bundle]);
    let hello = fs::read_to_string(registry.dir().join("bundle/rootfs/hello")).unwrap();
    assert_eq!(hello, "Hello from a container.\n");
    // What it makes of a copy comes back by skopeo, and runs.
    let at = registry.address();
    let own = registry.dir().join("own").display().to_string();
    let from = format!("docker://{at}/hello@{digest}");
    run(&[
        "skopeo",
        "--insecure-policy",
        "copy",
        "--src-tls-verify=false",
        "--preserve-digests",
        &from,
        &format!("oci:{own}:1"),
    ]);
    run(&[
        "umoci",
        "config",
        "--image",
        &format!("{own}:1"),
        "--tag",
        "2",
        "--config.label",
        "a=b",
    ]);
    let to = format!("docker://{at}/from/umoci:2");
    run(&[
        "skopeo",
        "--insecure-policy",
        "copy",
        "--dest-tls-verify=false",
        "--preserve-digests",
        &format!("oci:{own}:2"),
        &to,
    ]);
    let changed = digest_at(at, "from/umoci", "2");
    assert_ne!(changed, digest);
    runs(&format!("{at}/from/umoci:2"), &changed);
}

/// The most memory that a process had, in bytes: VmHWM of proc_pid_status(5).
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Bytes that don't repeat, a piece at a time.
fn pieces(length: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..length >> 20).map(move |_| {
        let mut piece = Vec::with_capacity(1 << 20);
        while piece.len() < 1 << 20 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            piece.extend_from_slice(&state.to_le_bytes());
        }
        piece
    })
}

#[test]
#[ignore = "long; tests/peers/run"]
fn a_layer_of_a_gigabyte_and_two_thousand_tags() {
    let registry = Registry::start_with(&["--patience", "300s"]);
    let at = registry.address();
    let length = 1 << 30;
    let location = registry.begin("big");
    let mut stream = TcpStream::connect(at).unwrap();
    write!(
        stream,
        "PATCH {location} HTTP/1.1\r\nHost: r\r\nContent-Length: {length}\r\n\r\n"
    )
    .unwrap();
    let mut sha = Sha256::new();
    for piece in pieces(length) {
        sha.update(&piece);
        stream.write_all(&piece).unwrap();
    }
    assert_eq!(registry::reply(&mut stream, false).status, 202);
    let hex: String = sha
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let digest = format!("sha256:{hex}");
    let mut stream = TcpStream::connect(at).unwrap();
    write!(
        stream,
        "PUT {location}?digest={digest} HTTP/1.1\r\nHost: r\r\nContent-Length: 0\r\n\r\n"
    )
    .unwrap();
    assert_eq!(registry::reply(&mut stream, false).status, 201);
    // And back.
    let mut stream = TcpStream::connect(at).unwrap();
    write!(
        stream,
        "GET /v2/big/blobs/{digest} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let (mut sha, mut bytes, mut head) = (Sha256::new(), vec![0; 1 << 20], Vec::new());
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    loop {
        match stream.read(&mut bytes).unwrap() {
            0 => break,
            count => sha.update(&bytes[..count]),
        }
    }
    let back: String = sha
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(back, hex);
    registry.push_blob("big", b"{}");
    let text = manifest(b"{}", &[(digest, length)], "");
    let kind = registry::IMAGE;
    let tags: Vec<String> = (0..2_000).map(|number| format!("tag{number:04}")).collect();
    for tag in &tags {
        assert_eq!(registry.put_manifest("big", tag, kind, &text).status, 201);
    }
    assert_eq!(registry.tags("big"), tags);
    let expected = sha256(text.as_bytes());
    if has_programs(&["docker-registry", "crane"]) {
        let (_theirs, there) = docker_registry(registry.dir());
        let name = format!("{at}/big:tag1999");
        run(&[
            "crane",
            "copy",
            "--insecure",
            &name,
            &format!("{there}/big:1"),
        ]);
        assert_eq!(digest_at(there, "big", "1"), expected);
        run(&[
            "crane",
            "copy",
            "--insecure",
            &format!("{there}/big:1"),
            &format!("{at}/back:1"),
        ]);
        assert_eq!(digest_at(at, "back", "1"), expected);
        assert_eq!(
            run(&["crane", "ls", "--insecure", &format!("{at}/big")])
                .lines()
                .count(),
            2_000
        );
    }
    let peak = peak(registry.pid());
    eprintln!("the registry had {} MiB at most", peak >> 20);
    assert!(peak <= 64 << 20, "{peak} bytes");
}
