//! Readers of one file share its pages, whatever view they read it through: the
//! workload `map`, run in a mount namespace with real overlays. So many readers
//! of one lower layer keep its file in memory once; those of copies keep each.

#![allow(missing_docs)]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use support::pack::public_tempdir;
use support::{Limit, PATIENCE, User, glassbox, is_root, skip, users};

const READERS: u64 = 4;
const SIZE: u64 = 8 << 20;

/// Makes a lower with a file, mounts overlays on it, copies it, runs the rest
/// of the arguments: WORK, MEDIUM, OPTIONS, program …
const SCRIPT: &str = r#"
work=$1 medium=$2 options=$3; shift 3
test "$medium" = disk || mount -t tmpfs -o size=64m none "$work"
cd "$work"
mkdir lower
head -c 8388608 /dev/urandom >lower/file
for n in 1 2 3 4; do
    mkdir upper-$n work-$n view-$n
    mount -t overlay overlay -o "$options,lowerdir=$work/lower,upperdir=$work/upper-$n,workdir=$work/work-$n" view-$n ||
        { echo "no overlay on $medium"; exit 77; }
    cp lower/file copy-$n
done
exec "$@"
"#;

fn write_pack(dir: &Path, work: &Path) {
    let lesson = dir.join("01-cache");
    fs::create_dir(&lesson).unwrap();
    let about = "title = 'T'\nsummary = 'S'\nlock = 'L'\nminutes = 1\n";
    fs::write(lesson.join("lesson.toml"), about).unwrap();
    let spawn = |name: &str, file: &str, count| {
        let file = work.join(file);
        format!(
            "[[action]]\nin = 'host'\nas = '{name}'\n\
             do.spawn = {{ workload = {{ map = '{}' }}, count = {count} }}\n",
            file.display()
        )
    };
    let demo = [
        spawn("views", "view-{}/file", READERS),
        spawn("copies", "copy-{}", READERS),
        spawn("missing", "none-{}", 2),
        spawn("directory", ".", 1),
        "[[expect]]\nclaim = 'There is one.'\nwhen = { fact = 'host/views', is = 'ok' }\n".into(),
    ];
    let demo = demo.concat();
    let step = format!("+++\nid = \"cache\"\ntitle = \"T\"\n+++\n\nText.\n\n```demo\n{demo}```\n");
    fs::write(lesson.join("01-cache.md"), step).unwrap();
}

/// The facts of a run, by name, their values as the wire has them.
fn facts(output: &str) -> BTreeMap<String, Value> {
    let lines = output
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let facts = lines.filter(|line| line["event"] == "fact");
    facts
        .map(|fact| (fact["id"].as_str().unwrap().into(), fact["value"].clone()))
        .collect()
}

#[test]
fn a_file_of_a_shared_lower_is_in_memory_once() {
    for user in users() {
        for medium in ["tmpfs", "disk"] {
            let dir = public_tempdir();
            let work = dir.path().join("work");
            fs::create_dir(&work).unwrap();
            fs::set_permissions(&work, Permissions::from_mode(0o777)).unwrap();
            write_pack(dir.path(), &work);
            let mut unshare = Command::new("unshare");
            unshare.args(["--mount", "--propagation", "private"]);
            let root = is_root() && user == User::Me;
            if !root {
                unshare.arg("--map-root-user");
            }
            if user == User::Ordinary {
                unshare.uid(65534).gid(65534);
            }
            let options = if root { "index=off" } else { "userxattr" };
            unshare
                .args(["sh", "-ec", SCRIPT, "sh"])
                .arg(&work)
                .args([medium, options])
                .arg(glassbox(user).get_program())
                .arg("--lessons")
                .arg(dir.path())
                .args(["run", "--trust", "--json", "cache"]);
            let output = unshare.current_dir("/").within(PATIENCE).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            let error = String::from_utf8_lossy(&output.stderr);
            if output.status.code() == Some(77) {
                skip(format_args!("as {user:?}: {text}{error}"));
                continue;
            }
            assert!(output.status.success(), "{user:?}, {medium}: {text}{error}");
            let facts = facts(&text);
            let number = |name: &str| facts[name]["number"][0].as_u64().unwrap();
            let (views, copies) = (number("host/views.pss"), number("host/copies.pss"));
            eprintln!("{user:?}, {medium}: through views {views}, of copies {copies} bytes");
            // Pss is told in whole kibibytes, rounded down.
            let rounding = READERS * 1024;
            let about = |bytes: u64| bytes.saturating_sub(rounding)..=bytes;
            assert!(about(SIZE).contains(&views), "{text}");
            assert!(about(READERS * SIZE).contains(&copies), "{text}");
            assert!(number("host/views.rss") >= SIZE, "{text}");
            // What can't be mapped is an answer of the kernel's, and no number.
            assert_eq!(facts["host/missing"]["text"], "ENOENT");
            assert_eq!(facts["host/directory"]["text"], "ENODEV");
            assert!(!facts.contains_key("host/missing.pss"), "{text}");
        }
    }
}
