use super::*;
use crate::base::{Bytes, Errno};
use crate::plan::{
    Controller, Count, Cut, Ending, Entry, EntryKind, Fact, Layer, Limit, Limits, Member, Message,
    Namespace, Observer, Output, Percent, Provenance, Retuned, Said, Sample, Seen, SetLimits, Side,
    Stack, Syscall, Unit, Value,
};

/// Every kind of event, and in them every kind of value.
fn events() -> Vec<Event> {
    let fact = |id: &str, value, provenance| {
        Event::Fact(Fact {
            id: id.parse().unwrap(),
            value,
            source: "/proc/7/ns/uts".into(),
            provenance,
        })
    };
    let name = || "box".parse().unwrap();
    let output = |ending| {
        Event::Output(Output {
            place: "host".parse().unwrap(),
            argv: vec!["ls".into(), "-l".into()],
            ending,
            stdout: "total 0\n".into(),
            stderr: String::new(),
        })
    };
    let call = |result| {
        Event::Syscall(Syscall {
            place: "box".parse().unwrap(),
            name: "sethostname".into(),
            args: "\"urn\", 3".into(),
            result,
            nanos: 1200,
            why: "the box's name".into(),
        })
    };
    let refused = |need, errno| {
        Event::Refused(Refusal {
            need,
            stage: "unshare(CLONE_NEWUTS)".into(),
            errno,
            cause: "a cause".into(),
            remedy: vec!["a remedy".into()],
        })
    };
    let retuned = |limits, refused: Option<&str>| {
        Event::Retuned(Retuned {
            set: SetLimits {
                cgroup: "small".parse().unwrap(),
                limits,
            },
            refused: refused.map(String::from),
        })
    };
    let said = |said| {
        Event::Message(Message {
            at: 1_000_000,
            connection: 1,
            said,
        })
    };
    let member = || Member {
        pid: 7,
        name: "sh".into(),
    };
    let values = [
        Value::Flag(true),
        Value::Number(-1, Unit::Count),
        Value::Number(1, Unit::Bytes),
        Value::Number(1, Unit::Nanos),
        Value::Number(1, Unit::Inode),
        Value::Number(1, Unit::Id),
        Value::Number(1, Unit::Percent),
        Value::Text("text".into()),
        Value::List(vec!["a".into(), "b".into()]),
        Value::Cut(Cut::List {
            shown: vec!["a".into()],
            total: 17_000,
        }),
        Value::Cut(Cut::Text {
            shown: "a".into(),
            total: Some(5000),
        }),
        Value::Cut(Cut::Text {
            shown: "a".into(),
            total: None,
        }),
        Value::Digest("ab".repeat(32)),
        stack(),
    ];
    let mut events = vec![
        Event::Started(Observer {
            kernel: "6.1.0".into(),
            uid: 1000,
            supervisor: 42,
            scope: Some("run-1.scope".into()),
        }),
        Event::Doing { action: 3 },
        call(Ok(0)),
        call(Err(Errno(libc::EPERM))),
        output(Ending::Exit(0)),
        output(Ending::Signal("SIGKILL".into())),
        output(Ending::NotRun(Errno(libc::ENOENT))),
        Event::BoxUp {
            name: name(),
            pid: 7,
        },
        Event::BoxDown {
            name: name(),
            ending: Ending::Exit(1),
        },
    ];
    events.extend(values.map(|value| fact("host:box/x@before", Some(value), Provenance::Observed)));
    events.extend([
        fact(
            "box/x",
            Some(Value::Flag(false)),
            Provenance::Recorded {
                kernel: "6.1.0".into(),
            },
        ),
        fact(
            "box/x",
            None,
            Provenance::Unavailable {
                because: "there is none".into(),
            },
        ),
        Event::Sample(Sample {
            at: 1_000_000,
            values: vec![(
                "host/small.pids.current".parse().unwrap(),
                Value::Number(3, Unit::Count),
            )],
        }),
        said(Said::Command {
            argv: vec!["docker".into(), "ps".into()],
            ours: true,
        }),
        said(Said::Connected {
            pid: Some(7),
            program: None,
        }),
        said(Said::Request {
            method: "HEAD".into(),
            path: "/_ping".into(),
            headers: [("user-agent".into(), "x".into())].into(),
            body: None,
        }),
        said(Said::Response {
            status: 200,
            headers: Default::default(),
            body: Some(serde_json::json!({"Id": "1f"})),
        }),
        said(Said::Body {
            side: Side::Engine,
            content: "text".into(),
        }),
        said(Said::Stream {
            side: Side::Client,
            bytes: 3,
            text: "ls\n".into(),
        }),
        said(Said::Closed { side: Side::Client }),
        said(Said::Began {
            container: "1a".into(),
            image: "tools".into(),
            pid: None,
        }),
        said(Said::Ended {
            container: "1a".into(),
            image: "tools".into(),
            status: 137,
        }),
        retuned(
            Limits {
                cpu_weight: Some(100),
                cpu_max: Some(Limit::At(Percent(20))),
                memory: Some(Limit::At(Bytes(1 << 20))),
                oom_group: Some(true),
                pids: Some(Limit::At(Count(10))),
                read_rate: Some(Limit::Max),
            },
            None,
        ),
        retuned(Limits::default(), Some("EBUSY")),
        Event::Paused,
    ]);
    let needs = [Need::Proc, Need::Veth, Need::ChildCgroup, Need::Overlay];
    events.extend(needs.map(|need| refused(need, None)));
    events.push(refused(
        Need::Program("ip".into()),
        Some(Errno(libc::ENOENT)),
    ));
    events.extend(Namespace::ALL.map(|ns| refused(Need::Namespace(ns), None)));
    events.extend(Controller::ALL.map(|controller| refused(Need::Cgroup(controller), None)));
    events.extend([
        Event::Broken {
            message: "a message".into(),
        },
        Event::Holding,
        Event::Cleaned,
        Event::Left {
            left: vec![
                Leftover::Cgroup {
                    path: "/sys/fs/cgroup/g".into(),
                    errno: Some(Errno(libc::EBUSY)),
                    members: vec![member()],
                    groups: vec!["inner".into()],
                },
                Leftover::Directory {
                    path: "/var/tmp/g".into(),
                    at: "/var/tmp/g/file".into(),
                    errno: Errno(libc::EPERM),
                },
                Leftover::Moved {
                    path: "/var/tmp/h".into(),
                    from: "/var/tmp/g".into(),
                },
                Leftover::Others {
                    path: "/var/tmp/g".into(),
                    uid: 1000,
                },
                Leftover::Process {
                    process: member(),
                    errno: None,
                },
                Leftover::Controllers {
                    path: "/sys/fs/cgroup/cgroup.subtree_control".into(),
                    line: "-io".into(),
                    errno: Errno(libc::EBUSY),
                    groups: vec!["other".into()],
                },
            ],
        },
        Event::Forced {
            message: "a message".into(),
        },
    ]);
    events
}

fn stack() -> Value {
    let kinds = [
        EntryKind::File,
        EntryKind::Directory,
        EntryKind::Opaque,
        EntryKind::Symlink,
        EntryKind::Whiteout,
        EntryKind::Special,
    ];
    let entry = |(kind, text): (EntryKind, Option<&str>)| Entry {
        path: "name".into(),
        kind,
        text: text.map(String::from),
    };
    Value::Stack(Box::new(Stack {
        at: "/mnt".into(),
        layers: vec![Layer {
            name: "upper".into(),
            path: "/s/upper".into(),
            writable: true,
            entries: kinds
                .into_iter()
                .zip([Some("text"), None, None, None, None, None])
                .map(entry)
                .collect(),
        }],
        view: vec![Seen {
            path: "name".into(),
            kind: EntryKind::File,
            from: vec![0],
            text: Some("text".into()),
        }],
        cut: false,
    }))
}

/// Records that were written must stay readable. If this fails because the form
/// was meant to change: a new version, and what reads the old one.
#[test]
fn the_form_is_the_one_that_is_written_down() {
    let written = include_str!("events.jsonl");
    let events = events();
    let now: Vec<String> = events
        .iter()
        .map(|one| serde_json::to_string(&event(one)).unwrap())
        .collect();
    assert_eq!(now.join("\n") + "\n", written);
    for (line, event) in written.lines().zip(&events) {
        assert_eq!(read(line).unwrap().as_ref(), Some(event), "{line}");
    }
    for kind in form::Event::KINDS {
        let told = events
            .iter()
            .any(|event| format!("{event:?}").starts_with(kind));
        assert!(told, "no {kind} is among them");
    }
}

#[test]
fn each_version_is_read_or_refused_by_its_number() {
    let line = |version: &str| {
        format!(
            "{{\"event\":\"started\",{version}\"kernel\":\"6.1.0\",\"uid\":0,\"supervisor\":1}}"
        )
    };
    for version in ["", "\"version\":1,", "\"version\":2,", "\"version\":3,"] {
        assert!(read(&line(version)).unwrap().is_some(), "{version}");
    }
    let told = read(&line("\"version\":4,")).unwrap_err().to_string();
    assert!(told.starts_with("this record has version 4"), "{told}");
    // Whatever else a later one holds.
    let later = r#"{"event":"started","version":5,"machine":{}}"#;
    assert!(matches!(read(later), Err(ReadError::Newer(5))));
    for judged in [r#"{"event":"verdict"}"#, r#"{"event":"outcome"}"#] {
        assert!(read(judged).unwrap().is_none());
    }
    assert!(matches!(read("dance"), Err(ReadError::Json(_))));
    assert!(matches!(
        read(r#"{"event":"dance"}"#),
        Err(ReadError::Event(_))
    ));
}

#[test]
fn a_verdict_stands_with_its_claim() {
    let fails = Verdict::Fails {
        expected: "1".into(),
        actual: "2".into(),
    };
    let line = serde_json::to_string(&verdict("c", &fails)).unwrap();
    let expected =
        r#"{"event":"verdict","claim":"c","verdict":"fails","expected":"1","actual":"2"}"#;
    assert_eq!(line, expected);
}
