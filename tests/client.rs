//! The course's own small client, beside Docker's: the same lines, by both, give the
//! same outputs, exit codes and requests; what differs stands in the table.

#![allow(missing_docs, unreachable_pub)]

#[path = "engine/client.rs"]
mod client;
#[path = "client/lines.rs"]
mod lines;
mod support;
#[path = "client/tapped.rs"]
mod tapped;

use client::ANSWER;
use glassbox::plan::{Event, History, Message, Said};
use glassbox::record::Beat;
use glassbox::render::{plain as plain_text, sequence};
use lines::{Differs, LINES, plain};
use nix::sys::signal::Signal;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use support::deadline::Watch;
use support::{Limit, User, can_make_groups, has_programs, may_make_boxes, skip};
use tapped::{Tapped, Whose};

#[test]
fn both_clients_say_and_ask_the_same() {
    if !may_make_boxes(User::Me) || !can_make_groups() || !has_programs(&["docker"]) {
        return;
    }
    // Words and requests are those of this one; others say some things differently.
    let known = Command::new("docker")
        .arg("--version")
        .within(ANSWER)
        .output()
        .unwrap();
    let known = String::from_utf8_lossy(&known.stdout).into_owned();
    if !known.starts_with("Docker version 28.") {
        skip(format!(
            "it compares with CLI 28, and here is {}",
            known.trim()
        ));
        return;
    }
    let sides = [Whose::Theirs, Whose::Ours].map(|whose| (whose, Tapped::start()));
    let mut wrong = Vec::new();
    for (line, differs) in LINES {
        let [theirs, ours] = [0, 1].map(|side| {
            let (whose, tapped) = &sides[side];
            tapped.says(*whose, line)
        });
        let shown = |said: &tapped::Said| format!("{} {:?} {:?}", said.code, said.out, said.err);
        let output = (theirs.code, plain(&theirs.out), plain(&theirs.err))
            == (ours.code, plain(&ours.out), plain(&ours.err));
        let requests = theirs.requests == ours.requests;
        let expected = match differs {
            Differs::No => (true, true),
            Differs::Output(_) => (false, true),
            Differs::Requests(_) => (true, false),
            Differs::Both(_) => (false, false),
        };
        if (output, requests) != expected {
            wrong.push(format!(
                "{line}: expected {differs:?}\n  theirs {}\n  ours   {}\n  theirs {:?}\n  ours   {:?}",
                shown(&theirs),
                shown(&ours),
                theirs.requests,
                ours.requests
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What needs no other client to be judged.
#[test]
fn it_drives_the_engine() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let tapped = Tapped::start();
    let says = |line: &str, code: i32, out: &str, err: &str| {
        let said = tapped.says(Whose::Ours, line);
        assert_eq!(
            (said.code, said.out.as_str()),
            (code, out),
            "{line}: {}",
            said.err
        );
        assert!(said.err.contains(err), "{line}: {}", said.err);
        said.requests
    };
    let asked = says("run --rm hello", 0, "Hello from a container.\n", "");
    assert_eq!(
        asked,
        [
            "HEAD /_ping",
            "POST /containers/create",
            "POST /containers/ID/attach?stderr=1&stdout=1&stream=1",
            "POST /containers/ID/wait?condition=removed",
            "POST /containers/ID/start",
        ]
    );
    says(
        "run --rm base sh -c 'echo o; echo e >&2; exit 3'",
        3,
        "o\n",
        "e\n",
    );
    says(
        "run --rm base nosuch",
        127,
        "",
        "executable file not found in $PATH",
    );
    says("run --rm base /etc/passwd", 126, "", "permission denied");
    says(
        "run --rm nosuch",
        125,
        "",
        "Unable to find image 'nosuch:latest' locally",
    );
    let made = tapped.says(Whose::Ours, "create --name c1 base true").out;
    says("ps -aq --no-trunc", 0, &made, "");
    says("rm c1", 0, "c1\n", "");
    let version = tapped.says(Whose::Ours, "version").out;
    assert!(
        version.starts_with("Client: the course's own small client, not Docker's\n"),
        "{version}"
    );
}

/// What is typed arrives, its end is the end, and much of it stops nobody.
#[test]
fn what_is_written_to_it_comes_back() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let tapped = Tapped::start();
    let mut cat = tapped.command(Whose::Ours, "run --rm -i base cat");
    let mut cat = cat
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .within(ANSWER)
        .spawn()
        .unwrap();
    let text = "much to say\n".repeat(200_000);
    let mut stdin = cat.stdin.take().unwrap();
    let all = text.clone();
    let writer = std::thread::spawn(move || stdin.write_all(all.as_bytes()));
    let output = support::deadline::Bounded::output(cat);
    writer.join().unwrap().unwrap();
    assert_eq!(output.stdout.len(), text.len());
    assert!(output.stdout == text.as_bytes());
}

#[test]
fn without_an_engine_it_says_so_as_docker_does() {
    let dir = tempfile::tempdir().unwrap();
    let host = format!("unix://{}", dir.path().join("none").display());
    let said =
        format!("Cannot connect to the Docker daemon at {host}. Is the docker daemon running?\n");
    for (line, code, expected) in [
        ("ps", 1, said.clone()),
        ("rm a b", 1, said.repeat(2)),
        (
            "run base",
            125,
            format!("docker: {said}\nRun 'docker run --help' for more information\n"),
        ),
    ] {
        let mut command = support::glassbox(User::Me);
        command
            .arg("docker")
            .args(["-H", &host])
            .args(line.split(' '));
        let output = command.within(ANSWER).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            (output.status.code(), err),
            (Some(code), expected),
            "{line}"
        );
    }
}

/// The terminal is raw while a program inside has it, its size is handed on, and it
/// is as before after an end: of the program, or of the client by a signal.
#[test]
fn a_terminal_is_handed_on_and_given_back() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let tapped = Tapped::start();
    let size = |rows, cols| PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    };
    for signal in [None, Some(Signal::SIGTERM), Some(Signal::SIGHUP)] {
        let pair = native_pty_system().openpty(size(30, 90)).unwrap();
        let modes = || pair.master.get_termios().unwrap().local_flags.bits();
        let before = modes();
        let cooked = libc::ICANON | libc::ECHO;
        assert_eq!(before & cooked, cooked);
        let script = "run --rm -it base sh -c 'stty size; read a; stty size; exit 7'";
        let line = tapped.command(Whose::Ours, script);
        let mut command = CommandBuilder::new(line.get_program());
        command.args(line.get_args());
        for (name, value) in line.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            }
        }
        let mut child = pair.slave.spawn_command(command).unwrap();
        let pid = child.process_id().unwrap();
        let mut watch = Watch::on(pid, ANSWER);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 1024];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let heard = |wanted: &str| {
            let mut said = Vec::new();
            while !String::from_utf8_lossy(&said).contains(wanted) {
                let bytes = output.recv_timeout(ANSWER);
                let bytes = bytes.unwrap_or_else(|error| {
                    panic!(
                        "{error} without {wanted}: {}",
                        String::from_utf8_lossy(&said)
                    )
                });
                said.extend_from_slice(&bytes);
            }
        };
        heard("30 90");
        assert_eq!(modes() & cooked, 0);
        let code = match signal {
            None => {
                pair.master.resize(size(40, 100)).unwrap();
                tapped.until_answered("resize?h=40&w=100");
                pair.master
                    .take_writer()
                    .unwrap()
                    .write_all(b"x\r")
                    .unwrap();
                heard("40 100");
                Some(7)
            }
            Some(signal) => {
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), signal).unwrap();
                None
            }
        };
        let status = child.wait().unwrap();
        assert!(!watch.expired());
        assert!(
            code.is_none_or(|code| code == status.exit_code()),
            "{status:?}"
        );
        assert_eq!(modes(), before, "{signal:?}");
    }
}

/// A real conversation, as the tap told it, drawn: each message once, in its order.
#[test]
fn each_message_of_a_conversation_is_drawn_once() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let tapped = Tapped::start();
    for line in ["run --rm tools echo said", "ps -a", "inspect nosuch"] {
        tapped.says(Whose::Ours, line);
    }
    let messages = tapped.messages();
    let silent = |one: &&Message| matches!(one.said, Said::Connected { .. } | Said::Closed { .. });
    let said = messages.len() - messages.iter().filter(silent).count();
    assert!(said > 20, "{said}");
    let events: Vec<Event> = messages.into_iter().map(Event::Message).collect();
    let beat = Beat {
        actions: 0..0,
        events: 0..events.len(),
    };
    let history = History::from(events);
    for width in [76, 116] {
        let drawn = plain_text(&sequence(&history, &beat, usize::MAX, width));
        let rows = drawn
            .lines()
            .filter(|line| line.contains("▸│") || line.contains("│◂"));
        // Pieces of one stream share a row, which says how many.
        let arrows: usize = rows
            .map(|row| {
                let pieces = row.split(" bytes in ").nth(1);
                pieces.map_or(1, |rest| rest.split(' ').next().unwrap().parse().unwrap())
            })
            .sum();
        assert_eq!(arrows, said, "{drawn}");
        assert!(drawn.contains("13 bytes: said"), "{drawn}");
        let mut rest = drawn.as_str();
        for part in [
            "course's client",
            "engine (Glassbox)",
            "HEAD /_ping",
            "200 1.51",
            "POST create",
            "201 ",
            "POST attach",
            "POST wait",
            "POST start",
            "status 0",
            "GET containers",
            "GET container nosuch",
            "404 No such",
        ] {
            let at = rest
                .find(part)
                .unwrap_or_else(|| panic!("{part}:\n{drawn}"));
            rest = &rest[at + part.len()..];
        }
    }
}
