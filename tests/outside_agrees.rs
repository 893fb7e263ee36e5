//! What Glassbox shows is what others see: `readlink`, `lsns` and `nsenter`,
//! run from outside while a box stands, agree with every inode.

#![allow(missing_docs)]

mod support;

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use support::{Limit, PATIENCE, glassbox, has_programs, is_root, users};

/// The inodes of `box/ns.*` in the events of a held run, and the box's pid.
struct Held {
    pid: i64,
    inodes: Vec<(String, i64)>,
}

fn read_held(stdout: impl std::io::Read) -> (Held, impl BufRead) {
    let mut lines = BufReader::new(stdout);
    let mut held = Held {
        pid: 0,
        inodes: Vec::new(),
    };
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        let event: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
        match event["event"].as_str() {
            Some("box-up") => held.pid = event["pid"].as_i64().unwrap(),
            Some("fact") => {
                let id = event["id"].as_str().unwrap();
                if let Some(kind) = id.strip_prefix("box/ns.") {
                    held.inodes
                        .push((kind.into(), event["value"]["number"][0].as_i64().unwrap()));
                }
            }
            Some("holding") => break,
            _ => {}
        }
        line.clear();
    }
    (held, lines)
}

#[test]
fn others_see_the_same_inodes() {
    if !has_programs(&["lsns", "nsenter"]) {
        return;
    }
    for user in users() {
        let mut child = glassbox(user)
            .args(["run", "--json", "--hold", "table"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .within(PATIENCE)
            .spawn()
            .unwrap();
        let (held, mut rest) = read_held(child.stdout.take().unwrap());
        assert_eq!(held.inodes.len(), 8, "all eight namespaces as {user:?}");

        for (kind, inode) in &held.inodes {
            let link = std::fs::read_link(format!("/proc/{}/ns/{kind}", held.pid)).unwrap();
            assert_eq!(link.to_str().unwrap(), format!("{kind}:[{inode}]"));
        }

        let listed = Command::new("lsns")
            .args([
                "--noheadings",
                "--output",
                "NS",
                "--task",
                &held.pid.to_string(),
            ])
            .within(PATIENCE)
            .output()
            .expect("lsns is part of util-linux");
        let listed = String::from_utf8(listed.stdout).unwrap();
        let listed: Vec<i64> = listed
            .lines()
            .filter_map(|l| l.trim().parse().ok())
            .collect();
        for (kind, inode) in &held.inodes {
            assert!(
                listed.contains(inode),
                "lsns lists {kind}:[{inode}]: {listed:?}"
            );
        }

        if is_root() {
            // Entered one at a time, each through the file that names it. The
            // box's mounts have a /proc that knows only the box's processes,
            // so whoever reads that has to be one.
            for (kind, inode) in &held.inodes {
                let options: &[&str] = match kind.as_str() {
                    "mnt" => &["--mount", "--pid"],
                    "cgroup" => &["--cgroup"],
                    "ipc" => &["--ipc"],
                    "net" => &["--net"],
                    "pid" => &["--pid", "--no-fork"],
                    "time" => &["--time", "--no-fork"],
                    "user" => &["--user"],
                    "uts" => &["--uts"],
                    other => panic!("an unknown kind of namespace: {other}"),
                };
                // Who joins a pid or time namespace stays where it is: its
                // children are inside.
                let link = match kind.as_str() {
                    "pid" | "time" => format!("/proc/self/ns/{kind}_for_children"),
                    kind => format!("/proc/self/ns/{kind}"),
                };
                let entered = Command::new("nsenter")
                    .args(["--target", &held.pid.to_string()])
                    .args(options)
                    .args(["readlink", &link])
                    .within(PATIENCE)
                    .output()
                    .expect("nsenter is part of util-linux");
                let seen = String::from_utf8_lossy(&entered.stdout);
                let number = seen
                    .trim()
                    .split_once('[')
                    .map(|(_, n)| n.trim_end_matches(']').to_string());
                assert_eq!(
                    number,
                    Some(inode.to_string()),
                    "nsenter {options:?}: {entered:?}"
                );
            }
        }

        drop(child.stdin.take());
        let mut tail = String::new();
        std::io::Read::read_to_string(&mut rest, &mut tail).unwrap();
        assert!(child.wait().success(), "as {user:?}: {tail}");
        assert!(!std::path::Path::new(&format!("/proc/{}/ns", held.pid)).exists());
    }
}
