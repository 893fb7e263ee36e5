//! Packs that try to reach the machine behind the learner's back: trusted by
//! mistake, and still without effect beyond their boxes.

#![allow(missing_docs)]

mod support;

use std::fs;
use std::path::Path;
use support::{User, glassbox};

/// Runs a pack of one step with this demo, `--trust`ed. What it printed.
fn run(dir: &Path, demo: &str) -> String {
    let lesson = dir.join("01-hostile");
    fs::create_dir_all(&lesson).unwrap();
    let facts = "title = 'T'\nsummary = 'S'\nlock = 'L'\nminutes = 1\n";
    fs::write(lesson.join("lesson.toml"), facts).unwrap();
    let step = format!("+++\nid = 'hostile'\ntitle = 'T'\n+++\n\nText.\n\n```demo\n{demo}\n```\n");
    fs::write(lesson.join("01-hostile.md"), step).unwrap();
    let output = glassbox(User::Me)
        .args(["--lessons", dir.to_str().unwrap()])
        .args(["run", "hostile", "--trust"])
        .output()
        .unwrap();
    assert_ne!(output.status.code(), Some(0), "{demo}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A process keeps its root when something is mounted on it, so the path
/// leads past the tmpfs to the learner's own files.
#[test]
fn a_tmpfs_on_the_root_opens_no_file_of_the_host() {
    for root in ["/", "//", "/.", "/proc/self/root", "/proc/self/cwd"] {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        let demo = format!(
            "box = [{{ name = 'box', namespaces = ['mount'] }}]\n\
             [[action]]\nin = 'box'\ndo.mount = {{ type = 'tmpfs', path = '{root}' }}\nas = 'm'\n\
             [[action]]\nin = 'box'\ndo.write = {{ path = '{}', text = 'x' }}\n\
             [[expect]]\nclaim = 'c'\nwhen = {{ fact = 'box/m', is = 'ok' }}",
            victim.display()
        );
        let said = run(dir.path(), &demo);
        assert!(!victim.exists(), "{root}: written to the host\n{said}");
        let refused = said.contains("is not on a mount that this run made")
            || said.contains("mounted on `/`");
        assert!(refused, "{root}:\n{said}");
    }
}

/// On most machines the mounts are shared: those of a box that stays their
/// peer, its /proc before all, would cover the host's.
#[test]
fn no_box_stays_a_peer_of_the_hosts_mounts() {
    for propagation in ["shared", "unchanged"] {
        let dir = tempfile::tempdir().unwrap();
        let demo = format!(
            "[[box]]\nname = 'box'\nnamespaces = ['mount', 'pid']\npropagation = '{propagation}'\n\
             [[action]]\nin = 'box'\ndo.probe = ['pid']\n\
             [[expect]]\nclaim = 'c'\nwhen = {{ fact = 'box/pid', is = 1 }}"
        );
        let said = run(dir.path(), &demo);
        assert!(said.contains("share its mounts with the host"), "{said}");
    }
}

/// The id of a process that was awaited may be another process's.
#[test]
fn no_signal_goes_to_a_box_that_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let kill = "[[action]]\nin = 'host'\ndo.kill = { signal = 'KILL', to = 'box' }\n";
    let demo = format!(
        "box = [{{ name = 'box', namespaces = ['uts'] }}]\n{kill}\
         [[action]]\nin = 'host'\ndo.await-end = 'box'\nas = 'end'\n{kill}\
         [[expect]]\nclaim = 'c'\nwhen = {{ fact = 'host/end', is = 'SIGKILL' }}"
    );
    let said = run(dir.path(), &demo);
    assert!(said.contains("the box `box` has ended"), "{said}");
}
