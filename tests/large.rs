//! Observations that are larger than what is kept of them, through whole runs:
//! each says how much there was, and no run ends in the middle of it.

#![allow(missing_docs)]

mod support;

use serde_json::Value;
use std::fs;
use support::pack::public_tempdir;
use support::{Limit, PATIENCE, User, glassbox, has_programs, may_make_boxes, users};

/// What a run of this demo's facts tells as JSON, and what it prints, with a
/// box that has a tmpfs on /mnt. The names of the facts stand without place.
struct Ran {
    events: Vec<Value>,
    printed: String,
}

impl Ran {
    /// Runs it twice: for a program, and for a person.
    fn new(user: User, demo: &str) -> Ran {
        let dir = public_tempdir();
        let lesson = dir.path().join("01-large");
        fs::create_dir_all(&lesson).unwrap();
        let facts = "title = 'T'\nsummary = 'S'\nlock = 'L'\nminutes = 1\n";
        fs::write(lesson.join("lesson.toml"), facts).unwrap();
        let demo = format!(
            "box = [{{ name = 'box', namespaces = ['mount', 'pid'] }}]\n\
             [[action]]\nin = 'box'\ndo.store = {{ path = '/mnt', on = 'tmpfs' }}\n{demo}"
        );
        let step =
            format!("+++\nid = 'large'\ntitle = 'T'\n+++\n\nText.\n\n```demo\n{demo}\n```\n");
        fs::write(lesson.join("01-large.md"), step).unwrap();
        let run = |form: &[&str]| {
            let output = glassbox(user)
                .args(["--lessons", dir.path().to_str().unwrap()])
                .args(["run", "large", "--trust"])
                .args(form)
                .within(PATIENCE)
                .output()
                .unwrap();
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            String::from_utf8_lossy(&output.stdout).into_owned() + &errors
        };
        let lines = run(&["--json"]);
        let events: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
            .collect();
        let ended = events.iter().any(|event| event["event"] == "cleaned");
        let broken = events.iter().find(|event| event["event"] == "broken");
        assert!(ended && broken.is_none(), "{user:?}: {broken:?}");
        Ran {
            events,
            printed: run(&[]),
        }
    }

    fn fact(&self, id: &str) -> &Value {
        let fact = self.events.iter().find(|event| event["id"] == id);
        &fact.unwrap_or_else(|| panic!("no fact {id}"))["value"]
    }

    /// Each verdict with its reason.
    fn verdicts(&self) -> Vec<String> {
        let verdicts = self.events.iter().filter(|e| e["event"] == "verdict");
        verdicts
            .map(|e| format!("{} {}", e["verdict"].as_str().unwrap_or(""), e["because"]))
            .collect()
    }
}

/// A command of a shell in the box.
fn shell(script: &str) -> String {
    format!("[[action]]\nin = 'box'\ndo.run = ['sh', '-c', '''{script}''']\nas = 'sh'\n")
}

fn probe(probes: &str) -> String {
    format!("[[action]]\nin = 'box'\ndo.probe = [{probes}]\n")
}

fn expect(fact: &str, test: &str) -> String {
    format!("[[expect]]\nclaim = 'c'\nwhen = {{ fact = '{fact}', {test} }}\n")
}

/// Makes 17,000 names of 255 bytes in a directory.
fn names(directory: &str) -> String {
    shell(&format!(
        "mkdir -p {directory} && cd {directory} && seq -f %0255.0f 17000 | xargs touch"
    ))
}

#[test]
fn seventeen_thousand_names_in_a_directory_and_in_a_layer() {
    for user in users() {
        if !may_make_boxes(user) || !has_programs(&["sh", "seq", "xargs", "touch"]) {
            continue;
        }
        let (first, last) = (format!("{:0255}", 1), format!("{:0255}", 17_000));
        let overlay = "[[action]]\nin = 'box'\n\
             do.overlay = { lower = ['/mnt/many', '/mnt/few'], at = '/mnt/view' }\n";
        let demo = names("/mnt/many")
            + "[[action]]\nin = 'box'\ndo.mkdir = '/mnt/few'\n"
            + overlay
            + &probe("'dir:/mnt/many', 'dir:/mnt/view', 'dir:/mnt/few', 'stack:/mnt/view'")
            + "[[show]]\nlabel = 'L'\ninside = 'box/dir:/mnt/many'\n"
            + &expect("box/dir:/mnt/many", &format!("contains = '{first}'"))
            + &expect("box/dir:/mnt/many", &format!("contains = '{last}'"))
            + &expect("box/dir:/mnt/many", &format!("lacks = '{last}'"))
            + &expect("box/dir:/mnt/many", "differs-from = 'box/dir:/mnt/few'")
            + &expect("box/dir:/mnt/many", "same-as = 'box/dir:/mnt/view'");
        let ran = Ran::new(user, &demo);
        for directory in ["many", "view"] {
            let cut = &ran.fact(&format!("box/dir:/mnt/{directory}"))["cut"]["list"];
            assert_eq!(cut["total"], 17_000, "{user:?} {directory}");
            let shown = cut["shown"].as_array().unwrap();
            assert_eq!((shown.len(), &shown[0]), (1000, &first.as_str().into()));
        }
        let stack = &ran.fact("box/stack:/mnt/view")["stack"];
        assert_eq!(stack["cut"], true);
        let because = "unknown \"`box/dir:/mnt/many` was cut: 17,000, the first 1,000 of them\"";
        assert_eq!(
            ran.verdicts(),
            ["holds null", because, because, "holds null", because]
        );
        assert!(ran.printed.contains("17,000, the first 1,000 of them"));
    }
}

#[test]
fn thousands_of_mounts_and_a_flood_of_output() {
    for user in users() {
        if !may_make_boxes(user) || !has_programs(&["sh", "mount", "head", "tr"]) {
            continue;
        }
        // Each of these doubles them.
        let mounts = "mkdir -p /mnt/t && mount -t tmpfs t /mnt/t && cd /mnt/t && \
             for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do \
             mkdir $i && mount --rbind /mnt/t $i || exit; done";
        let demo = shell(mounts)
            + &probe("'mounts', 'mount:/mnt/t/', 'dir:/mnt/t/13', 'controllers'")
            + "[[action]]\nin = 'box'\n\
               do.run = ['sh', '-c', 'head -c 200000 /dev/zero | tr \"\\\\0\" x']\nas = 'flood'\n"
            + &expect("box/mounts", "at-least = 8192")
            + &expect("box/flood.out", "contains = 'y'");
        let ran = Ran::new(user, &demo);
        assert_eq!(ran.fact("box/sh")["text"], "exit 0", "{user:?}");
        assert_eq!(ran.fact("box/mount:/mnt/t")["text"], "tmpfs", "{user:?}");
        let flood = &ran.fact("box/flood.out")["cut"]["text"];
        assert_eq!(flood["total"], 200_000);
        assert_eq!(flood["shown"].as_str().unwrap().len(), 64 << 10);
        let because = "unknown \"`box/flood.out` was cut: the first 65,536 bytes of 200,000\"";
        assert_eq!(ran.verdicts(), ["holds null", because]);
    }
}

/// What flows through an agent is counted, and no process of the run grows by it.
#[test]
fn a_flood_of_64_mib_takes_no_memory() {
    if !has_programs(&["head"]) {
        return;
    }
    for user in users() {
        if !may_make_boxes(user) {
            continue;
        }
        let demo = "[[action]]\nin = 'box'\n\
             do.run = ['head', '-c', '67108864', '/dev/zero']\nas = 'flood'\n"
            .to_string()
            + &expect("box/flood", "is = 'exit 0'");
        let ran = Ran::new(user, &demo);
        let flood = &ran.fact("box/flood.out")["cut"]["text"];
        assert_eq!(flood["total"], 64 << 20, "{user:?}");
        assert_eq!(ran.verdicts(), ["holds null"], "{user:?}");
    }
    // The largest of all that these tests have started and awaited, in KiB: getrusage(2).
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN);
    let largest = usage.unwrap().max_rss();
    assert!(largest < 64 << 10, "one took {largest} KiB");
}

#[test]
fn a_file_of_100_mb() {
    let dir = public_tempdir();
    let file = dir.path().join("file");
    fs::File::create(&file).unwrap().set_len(100 << 20).unwrap();
    for user in users() {
        if !may_make_boxes(user) {
            continue;
        }
        let name = format!("file:{}", file.display());
        let demo = probe(&format!("'{name}'")) + &expect(&format!("box/{name}"), "is = ''");
        let ran = Ran::new(user, &demo);
        let cut = &ran.fact(&format!("box/{name}"))["cut"]["text"];
        assert_eq!(cut["total"], 100 << 20, "{user:?}");
        assert_eq!(cut["shown"].as_str().unwrap().len(), 4096);
        assert!(ran.verdicts()[0].starts_with("fails"), "{user:?}");
    }
}
