//! Two engines and a registry: what one pushes the other pulls, and runs.

#![allow(missing_docs, unreachable_pub)]

#[path = "engine/client.rs"]
mod client;
#[path = "registry/client.rs"]
mod registry;
mod support;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use client::Engine;
use registry::{IMAGE, INDEX, Registry, sha256};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::{Arc, Mutex};
use support::{Limit, User, has_programs, may_make_boxes};

const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// An engine that has no image, with more options.
fn empty(more: &[&str]) -> Engine {
    let engine = Engine::start_as(User::Me, more);
    for name in ["hello", "tools", "base"] {
        engine.done("DELETE", &format!("/images/{name}?force=1"));
    }
    engine
}

/// The documents of a stream.
fn lines(reply: &client::Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{reply:?}");
    let lines = reply.body.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn pull(engine: &Engine, name: &str, tag: &str) -> Vec<Value> {
    let path = format!("/images/create?fromImage={name}&tag={tag}");
    lines(&engine.ask("POST", &path, ""))
}

fn statuses(lines: &[Value]) -> Vec<String> {
    let said = lines.iter().filter_map(|line| line["status"].as_str());
    said.map(ToString::to_string).collect()
}

/// What a stream ends with, if that is an error.
fn error(lines: &[Value]) -> String {
    let last = lines.last().unwrap();
    assert_eq!(last["error"], last["errorDetail"]["message"]);
    last["error"]
        .as_str()
        .unwrap_or_else(|| panic!("{lines:?}"))
        .to_string()
}

/// The digest that a stream tells.
fn digest(lines: &[Value]) -> String {
    let said = statuses(lines);
    let found = said.iter().find_map(|line| {
        let from = line.find("sha256:")?;
        Some(line[from..].chars().take(71).collect::<String>())
    });
    found.unwrap_or_else(|| panic!("{said:?}"))
}

#[test]
fn docker_pushes_from_one_engine_and_runs_in_another() {
    if !may_make_boxes(User::Me) || !has_programs(&["docker"]) {
        return;
    }
    let registry = Registry::start();
    let at = registry.address();
    let mirror = format!("--mirror=docker.io=http://{at}");
    let (one, two) = (Engine::start_as(User::Me, &[&mirror]), empty(&[&mirror]));
    let cli = |engine: &Engine, words: &[&str]| {
        let (code, out, err) = engine.cli(words);
        assert_eq!(code, 0, "{words:?}: {out}{err}");
        format!("{out}{err}")
    };
    let name = format!("{at}/hello:1");
    cli(&one, &["tag", "hello", &name]);
    let pushed = cli(&one, &["push", &name]);
    assert!(
        pushed.contains(&format!("The push refers to repository [{at}/hello]")),
        "{pushed}"
    );
    assert!(pushed.contains(": Pushed"), "{pushed}");
    let from = pushed.find("1: digest: sha256:").unwrap() + 11;
    let digest = &pushed[from..from + 71];
    let again = cli(&one, &["push", &name]);
    assert!(
        again.contains("Layer already exists") && again.contains(digest),
        "{again}"
    );
    let pulled = cli(&two, &["pull", &name]);
    for part in [
        "1: Pulling from hello\n",
        ": Pull complete\n",
        &format!("Digest: {digest}\n"),
        &format!("Status: Downloaded newer image for {name}\n"),
    ] {
        assert!(pulled.contains(part), "{pulled}");
    }
    let up_to_date = cli(&two, &["pull", &name]);
    assert!(
        up_to_date.contains("Status: Image is up to date"),
        "{up_to_date}"
    );
    let said = cli(&two, &["run", "--rm", &name]);
    assert_eq!(said, "Hello from a container.\n");
    for engine in [&one, &two] {
        let digests = cli(engine, &["inspect", "-f", "{{json .RepoDigests}}", &name]);
        assert_eq!(digests, format!("[\"{at}/hello@{digest}\"]\n"));
    }
    // A bare name is Docker Hub's, which the mirror stands for.
    let pushed = cli(&one, &["push", "tools"]);
    let says =
        format!("tools means docker.io/library/tools:latest; here, docker.io is http://{at}");
    assert!(pushed.contains(&says), "{pushed}");
    assert!(
        pushed.contains("The push refers to repository [docker.io/library/tools]"),
        "{pushed}"
    );
    assert_eq!(registry.tags("library/tools"), ["latest"]);
    let ran = cli(&two, &["run", "--rm", "tools", "seq", "2"]);
    assert!(
        ran.contains("Unable to find image 'tools:latest' locally"),
        "{ran}"
    );
    // The layer that both have was there.
    assert!(
        ran.contains("latest: Pulling from library/tools\n"),
        "{ran}"
    );
    assert!(
        ran.contains(": Already exists\n") && ran.contains(": Pull complete\n"),
        "{ran}"
    );
    assert!(
        ran.contains("\n1\n2\n") || ran.starts_with("1\n2\n"),
        "{ran}"
    );
    // What was pulled goes on under the same digest, from one repository to another.
    let elsewhere = format!("{at}/else/where:2");
    cli(&two, &["tag", &name, &elsewhere]);
    let pushed = cli(&two, &["push", &elsewhere]);
    assert!(pushed.contains("Mounted from "), "{pushed}");
    assert!(pushed.contains(&format!("2: digest: {digest}")), "{pushed}");
    // By its digest, when nothing else is known of it.
    let three = empty(&[]);
    let exact = format!("{at}/hello@{digest}");
    cli(&three, &["pull", &exact]);
    assert_eq!(
        cli(&three, &["run", "--rm", &exact]),
        "Hello from a container.\n"
    );
    cli(&three, &["rmi", &exact]);
    assert_eq!(cli(&three, &["images", "-q"]), "");
}

/// A layer's archive with one file, and its archive compressed.
fn layer(text: &str) -> (Vec<u8>, Vec<u8>) {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "file", text.as_bytes())
        .unwrap();
    let plain = tar.into_inner().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    (plain, gzip.finish().unwrap())
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Pushes an image of compressed layers; tells its manifest.
fn push_gzip(
    registry: &Registry,
    name: &str,
    tag: &str,
    texts: &[&str],
    change: &dyn Fn(&mut Value, &mut Value),
) -> String {
    let layers: Vec<_> = texts.iter().map(|text| layer(text)).collect();
    let ids: Vec<String> = layers.iter().map(|(plain, _)| sha256(plain)).collect();
    let mut config = json!({
        "architecture": architecture(), "os": "linux", "created": "2026-01-02T03:04:05Z",
        "rootfs": { "type": "layers", "diff_ids": ids },
    });
    let of_layers: Vec<Value> = layers
        .iter()
        .map(|(_, gzip)| {
            registry.push_blob(name, gzip);
            json!({ "mediaType": GZIP, "digest": sha256(gzip), "size": gzip.len() })
        })
        .collect();
    let mut manifest = json!({ "schemaVersion": 2, "mediaType": IMAGE, "layers": of_layers });
    change(&mut config, &mut manifest);
    let config = config.to_string();
    registry.push_blob(name, config.as_bytes());
    manifest["config"] = json!({
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": sha256(config.as_bytes()), "size": config.len(),
    });
    let text = manifest.to_string();
    let done = registry.put_manifest(name, tag, IMAGE, &text);
    assert_eq!(done.status, 201, "{done:?}");
    text
}

#[test]
fn compressed_layers_and_lists_of_platforms_keep_their_digests() {
    let registry = Registry::start();
    let at = registry.address();
    let own = push_gzip(
        &registry,
        "many",
        "own",
        &["one", "two", "three", "four"],
        &|_, _| {},
    );
    let other = push_gzip(&registry, "many", "other", &["five"], &|_, _| {});
    let entry = |text: &str, architecture: &str| {
        json!({
            "mediaType": IMAGE, "digest": sha256(text.as_bytes()), "size": text.len(),
            "platform": { "os": "linux", "architecture": architecture },
        })
    };
    let list = json!({
        "schemaVersion": 2, "mediaType": INDEX,
        "manifests": [entry(&other, "s390x"), entry(&own, architecture())],
    });
    let list = list.to_string();
    assert_eq!(
        registry.put_manifest("many", "all", INDEX, &list).status,
        201
    );
    let engine = empty(&[]);
    let name = format!("{at}/many");
    let told = pull(&engine, &name, "all");
    // The name's digest is that of the list.
    assert_eq!(digest(&told), sha256(list.as_bytes()));
    let said = statuses(&told);
    for (status, times) in [
        ("Pulling fs layer", 4),
        ("Download complete", 4),
        ("Pull complete", 4),
    ] {
        assert_eq!(
            said.iter().filter(|line| *line == status).count(),
            times,
            "{said:?}"
        );
    }
    let downloading = told
        .iter()
        .find(|line| line["status"] == "Downloading")
        .unwrap();
    assert!(downloading["progressDetail"]["total"].as_u64().unwrap() > 0);
    let shown = engine.document("GET", &format!("/images/{name}:all/json"), "");
    assert_eq!(
        shown["RepoDigests"],
        json!([format!("{name}@{}", sha256(list.as_bytes()))])
    );
    assert_eq!(shown["RootFS"]["Layers"].as_array().unwrap().len(), 4);
    // It goes on as it came: compressed, and with the manifest's own digest.
    engine.done(
        "POST",
        &format!("/images/{name}:all/tag?repo={at}/copy&tag=1"),
    );
    let told = lines(&engine.ask("POST", &format!("/images/{at}/copy/push?tag=1"), ""));
    assert_eq!(digest(&told), sha256(own.as_bytes()));
    let back = registry.get("/v2/copy/manifests/1");
    assert_eq!(String::from_utf8(back.body).unwrap(), own);
    // A layer that is there isn't fetched again.
    push_gzip(&registry, "many", "more", &["one", "six"], &|_, _| {});
    let said = statuses(&pull(&engine, &name, "more"));
    for (status, times) in [
        ("Already exists", 1),
        ("Pulling fs layer", 1),
        ("Pull complete", 1),
    ] {
        assert_eq!(
            said.iter().filter(|line| *line == status).count(),
            times,
            "{said:?}"
        );
    }
    // With its last name all of it goes.
    for name in [
        format!("{name}:all"),
        format!("{name}:more"),
        format!("{at}/copy:1"),
    ] {
        engine.done("DELETE", &format!("/images/{name}"));
    }
    let images = engine.document("GET", "/images/json", "");
    assert_eq!(images, json!([]));
}

#[test]
fn what_a_registry_sends_is_checked_and_nothing_half_is_kept() {
    let registry = Registry::start();
    let at = registry.address();
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("store").display().to_string();
    let mut engine = empty(&["--root", &directory]);
    let tampered = |path: &str, of: &[u8]| {
        let file = registry.root().join("blobs").join(path.replace(':', "/"));
        assert_eq!(fs::read(&file).unwrap(), of);
        let mut other = of.to_vec();
        let last = other.len() - 1;
        other[last] ^= 1;
        fs::write(file, other).unwrap();
    };
    let (plain, gzip) = layer("honest");
    push_gzip(&registry, "x", "layer", &["honest"], &|_, _| {});
    tampered(&sha256(&gzip), &gzip);
    let manifest = push_gzip(&registry, "x", "config", &["other"], &|_, _| {});
    let read: Value = serde_json::from_str(&manifest).unwrap();
    let config = read["config"]["digest"].as_str().unwrap();
    let bytes = registry.get(&format!("/v2/x/blobs/{config}")).body;
    tampered(config, &bytes);
    let manifest = push_gzip(&registry, "x", "manifest", &["third"], &|_, _| {});
    tampered(&sha256(manifest.as_bytes()), manifest.as_bytes());
    push_gzip(&registry, "x", "id", &["fourth"], &|config, _| {
        config["rootfs"]["diff_ids"] = json!([sha256(&plain)]);
    });
    push_gzip(&registry, "x", "zstd", &["fifth"], &|_, manifest| {
        manifest["layers"][0]["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar+zstd");
    });
    push_gzip(&registry, "x", "count", &["sixth"], &|config, _| {
        config["rootfs"]["diff_ids"] = json!([]);
    });
    push_gzip(&registry, "x", "machine", &["seventh"], &|config, _| {
        config["architecture"] = json!("s390x");
    });
    let name = format!("{at}/x");
    for (tag, why) in [
        ("layer", "the registry has sent something else for sha256:"),
        ("config", "the registry has sent something else for sha256:"),
        (
            "id",
            "once it is unpacked, and the configuration says sha256:",
        ),
        (
            "zstd",
            "is compressed with zstd; this engine unpacks gzip and plain archives",
        ),
        (
            "count",
            "the configuration names 0 layers and the manifest 1",
        ),
        ("machine", "the image is for s390x"),
    ] {
        let said = error(&pull(&engine, &name, tag));
        assert!(said.contains(why), "{tag}: {said}");
    }
    let by_digest = format!(
        "/images/create?fromImage={name}&tag={}",
        sha256(manifest.as_bytes())
    );
    let found = engine.ask("POST", &by_digest, "");
    assert_eq!(found.status, 500, "{found:?}");
    assert!(
        found
            .body
            .contains("the registry has sent something else for"),
        "{found:?}"
    );
    let missing = engine.ask(
        "POST",
        &format!("/images/create?fromImage={name}&tag=none"),
        "",
    );
    let expected = format!("manifest for {name}:none not found: manifest unknown: ");
    assert!(
        missing.status == 404 && missing.body.contains(&expected),
        "{missing:?}"
    );
    let foreign = engine.ask(
        "POST",
        &format!("/images/create?fromImage={name}&tag=id&platform=linux/s390x"),
        "",
    );
    assert_eq!(foreign.status, 501, "{foreign:?}");
    assert_eq!(engine.document("GET", "/images/json", ""), json!([]));
    let left = |name: &str| {
        let entries = fs::read_dir(root.path().join("store").join(name)).unwrap();
        entries.count()
    };
    assert_eq!((left("tmp"), left("images"), left("blobs")), (0, 0, 0));
    // The layer of `id` is whole, but no image's: it goes when the engine starts again,
    // which makes the three layers of its own images.
    assert_eq!(left("layers"), 1);
    assert_eq!(engine.end(), Some(0));
    engine.again(&["--root", &directory]);
    assert_eq!((left("tmp"), left("images"), left("layers")), (0, 3, 3));
}

#[test]
fn without_a_way_there_is_a_sentence() {
    let engine = Engine::start();
    let found = engine.ask("POST", "/images/create?fromImage=nginx&tag=1", "");
    assert_eq!(found.status, 404);
    for part in [
        "nginx can't be pulled: nginx means docker.io/library/nginx:1",
        "--mirror docker.io=http://ADDRESS",
        "docker load",
    ] {
        assert!(found.body.contains(part), "{found:?}");
    }
    let pushed = engine.ask("POST", "/images/base/push?tag=latest", "");
    assert!(
        pushed.body.contains("base can't be pushed: base means"),
        "{pushed:?}"
    );
    let (free, _) = (
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap(),
        (),
    );
    let nobody = engine.ask(
        "POST",
        &format!("/images/create?fromImage={free}/x&tag=1"),
        "",
    );
    assert_eq!(nobody.status, 500);
    assert!(nobody.body.contains("Connection refused"), "{nobody:?}");
}

/// A door before a registry that lets in who says the right thing, and notes what was
/// said: `Basic` or `Bearer`.
fn door(registry: SocketAddr, scheme: &'static str) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let notes = Arc::clone(&notes);
            std::thread::spawn(move || attend(stream.unwrap(), own, registry, scheme, &notes));
        }
    });
    (own, heard)
}

fn attend(
    mut stream: TcpStream,
    own: SocketAddr,
    registry: SocketAddr,
    scheme: &str,
    notes: &Mutex<Vec<String>>,
) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let text = String::from_utf8(head.clone()).unwrap();
    let said = text.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization")
            .then(|| value.to_string())
    });
    let basic = format!("Basic {}", STANDARD.encode("me:secret"));
    let line = text.lines().next().unwrap().to_string();
    notes.lock().unwrap().push(line.clone());
    let answer = |mut stream: TcpStream, status: &str, headers: &str, body: &str| {
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    };
    if line.starts_with("GET /token?") {
        return match said == Some(basic) {
            true => answer(stream, "200 OK", "", "{\"token\":\"a-token\"}"),
            false => answer(
                stream,
                "401 Unauthorized",
                "",
                "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"who?\"}]}",
            ),
        };
    }
    let right = if scheme == "Basic" {
        basic
    } else {
        "Bearer a-token".into()
    };
    if said != Some(right) {
        let asks = match scheme {
            "Basic" => "Basic realm=\"here\"".to_string(),
            _ => format!("Bearer realm=\"http://{own}/token\",service=\"the door\""),
        };
        return answer(
            stream,
            "401 Unauthorized",
            &format!("WWW-Authenticate: {asks}\r\n"),
            "",
        );
    }
    let mut to = TcpStream::connect(registry).unwrap();
    to.write_all(&head).unwrap();
    let (mut from_client, mut to_registry) = (stream.try_clone().unwrap(), to.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_registry));
    let _ = std::io::copy(&mut to, &mut stream);
}

#[test]
fn a_registry_that_asks_is_told_who_asks() {
    let registry = Registry::start();
    push_gzip(&registry, "kept", "1", &["a secret"], &|_, _| {});
    let auth = |text: &str| format!("X-Registry-Auth: {}\r\n", URL_SAFE.encode(text));
    let right = auth(r#"{"username":"me","password":"secret"}"#);
    for scheme in ["Basic", "Bearer"] {
        let (at, heard) = door(registry.address(), scheme);
        let engine = empty(&[]);
        let path = format!("/images/create?fromImage={at}/kept&tag=1");
        for wrong in [
            "",
            &auth("{}"),
            &auth(r#"{"username":"me","password":"x"}"#),
        ] {
            let found = engine.ask_with("POST", &path, wrong, "");
            assert_eq!(found.status, 404, "{found:?}");
            let expected = format!("pull access denied for {at}/kept");
            assert!(found.body.contains(&expected), "{found:?}");
        }
        let told = lines(&engine.ask_with("POST", &path, &right, ""));
        assert!(
            statuses(&told).iter().any(|line| line == "Pull complete"),
            "{told:?}"
        );
        engine.done(
            "POST",
            &format!("/images/{at}/kept:1/tag?repo={at}/pushed&tag=2"),
        );
        let push = format!("/images/{at}/pushed/push?tag=2");
        let told = lines(&engine.ask_with("POST", &push, &right, ""));
        assert!(
            statuses(&told)
                .iter()
                .any(|line| line.starts_with("2: digest: ")),
            "{told:?}"
        );
        let heard = heard.lock().unwrap();
        if scheme == "Bearer" {
            for scope in [
                "repository%3Akept%3Apull&",
                "repository%3Apushed%3Apull%2Cpush&",
            ] {
                let asked = format!("GET /token?scope={scope}service=the%20door");
                assert!(
                    heard.iter().any(|line| line.starts_with(&asked)),
                    "{heard:?}"
                );
            }
        }
        assert!(
            !heard.iter().any(|line| line.contains("secret")),
            "{heard:?}"
        );
    }
}

#[test]
fn docker_logs_in_by_a_credential_helper() {
    if !may_make_boxes(User::Me) || !has_programs(&["docker"]) {
        return;
    }
    let registry = Registry::start();
    push_gzip(&registry, "kept", "1", &["a secret"], &|_, _| {});
    let (at, _) = door(registry.address(), "Bearer");
    let engine = empty(&[]);
    let [config, bin, run] = ["config", "bin", "run"].map(|name| engine.dir().join(name));
    for directory in [&config, &bin, &run] {
        fs::create_dir(directory).unwrap();
    }
    fs::write(config.join("config.json"), r#"{"credsStore":"glassbox"}"#).unwrap();
    let helper = bin.join("docker-credential-glassbox");
    std::os::unix::fs::symlink(support::program(), &helper).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let says = |command: &Command, input: &str| {
        let typed = engine.dir().join("typed");
        fs::write(&typed, input).unwrap();
        // Who is started within a time has nothing to read, so a shell hands it on.
        let mut shell = Command::new("sh");
        shell.args(["-c", "input=$1; shift; exec \"$@\" <\"$input\"", "sh"]);
        shell.arg(typed).arg(command.get_program());
        shell.args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.env("PATH", &path).env("XDG_RUNTIME_DIR", &run);
        let output = shell.within(client::ANSWER).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let docker = |words: &[&str], input: &str| says(&engine.docker(words), input);
    let ask = |action: &str, input: &str| says(Command::new(&helper).arg(action), input);
    let (host, name) = (at.to_string(), format!("{at}/kept:1"));
    let none = (
        Some(1),
        "credentials not found in native keychain".to_string(),
    );
    assert_eq!(ask("get", &host), none);
    let (code, said) = docker(&["pull", &name], "");
    assert!(
        code == Some(1) && said.contains("pull access denied"),
        "{said}"
    );
    let login = ["login", "-u", "me", "--password-stdin", &host];
    let (code, said) = docker(&login, "wrong");
    assert!(
        code == Some(1) && said.contains("login to") && said.contains("who?"),
        "{said}"
    );
    assert_eq!(ask("list", ""), (Some(0), "{}".into()));
    let (code, said) = docker(&login, "secret");
    assert!(
        code == Some(0) && said.contains("Login Succeeded"),
        "{said}"
    );
    // It is in the helper's file, and nowhere else.
    let list = format!("{{\"{host}\":\"me\"}}");
    assert_eq!(ask("list", ""), (Some(0), list));
    let kept = run.join("glassbox/credentials.json");
    assert_eq!(
        fs::metadata(&kept).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let own = fs::read_to_string(config.join("config.json")).unwrap();
    assert!(
        !own.contains(&STANDARD.encode("me:secret")) && !own.contains("secret"),
        "{own}"
    );
    let (code, said) = docker(&["pull", &name], "");
    assert!(
        code == Some(0) && said.contains("Downloaded newer image"),
        "{said}"
    );
    assert_eq!(docker(&["logout", &host], "").0, Some(0));
    assert_eq!(ask("get", &host), none);
    // What is no document of the protocol.
    for (action, input, expected) in [
        (
            "store",
            r#"{"ServerURL":"","Username":"a","Secret":"b"}"#,
            "no credentials server URL",
        ),
        (
            "store",
            r#"{"ServerURL":"a","Username":"","Secret":"b"}"#,
            "no credentials username",
        ),
        ("store", "{", "what to store: "),
        ("get", "", "no credentials server URL"),
        (
            "frob",
            "",
            "usage: docker-credential-glassbox get|store|erase|list|version",
        ),
    ] {
        let (code, said) = ask(action, input);
        assert!(
            code == Some(1) && said.starts_with(expected),
            "{action} {input}: {said}"
        );
    }
}
