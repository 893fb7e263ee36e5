//! What this host lets the tests do, found by doing it with other programs than
//! the one under test: where unshare(1) is refused as well, a test is skipped;
//! where only Glassbox is, it fails.

use super::skip::{has_programs, skip};
use super::{Limit, ORDINARY, PATIENCE, User, is_root};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// Those users that the tests can play here and that may make boxes: for root
/// itself and an ordinary one. Skips for each of them that can't.
#[track_caller]
pub fn users() -> Vec<User> {
    let mut users = vec![User::Me];
    if is_root() {
        users.push(User::Ordinary);
    }
    users.retain(|user| may_make_boxes(*user));
    users
}

/// Whether root can play an ordinary user, which it can't in a user namespace
/// that has no such id.
#[track_caller]
pub fn can_be_ordinary() -> bool {
    static TRIAL: OnceLock<Option<String>> = OnceLock::new();
    let refusal = TRIAL.get_or_init(|| trial(Command::new("true").uid(ORDINARY).gid(ORDINARY)));
    if let Some(why) = refusal {
        skip(format_args!("root can't be an ordinary user here: {why}"));
    }
    refusal.is_none()
}

/// Whether that user may make every namespace that boxes have nearly everywhere.
#[track_caller]
pub fn may_make_boxes(user: User) -> bool {
    static TRIALS: [OnceLock<Option<String>>; 2] = [OnceLock::new(), OnceLock::new()];
    if user == User::Ordinary && !can_be_ordinary() || !has_programs(&["unshare"]) {
        return false;
    }
    let refusal = TRIALS[usize::from(user == User::Ordinary)].get_or_init(|| {
        let by_root: &[&str] = &[];
        let kinds: [&[&str]; 2] = [by_root, &["--map-root-user"]];
        // Root makes its boxes with and without one.
        let least = usize::from(!(is_root() && user == User::Me));
        kinds[least..].iter().find_map(|user_namespace| {
            let mut unshare = Command::new("unshare");
            unshare.args(*user_namespace).current_dir("/");
            unshare.args(["--uts", "--ipc", "--net", "--cgroup", "--pid", "--fork"]);
            unshare.args(["--mount-proc", "true"]);
            if user == User::Ordinary {
                unshare.uid(ORDINARY).gid(ORDINARY);
            }
            trial(&mut unshare)
        })
    });
    if let Some(why) = refusal {
        skip(format_args!(
            "as {user:?}, this host refuses namespaces: {why}"
        ));
    }
    refusal.is_none()
}

/// Whether the tests can make groups with limits here, which takes root in
/// version 1.
#[track_caller]
pub fn can_make_groups() -> bool {
    static TRIAL: OnceLock<Option<String>> = OnceLock::new();
    let refusal = TRIAL.get_or_init(|| {
        if !is_root() {
            return Some("the groups are made as root".into());
        }
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        ["cpu", "memory", "pids", "freezer"]
            .iter()
            .find_map(|controller| no_group(&mounts, controller))
    });
    if let Some(why) = refusal {
        skip(why);
    }
    refusal.is_none()
}

/// Why no group with that controller can be made.
fn no_group(mounts: &str, controller: &str) -> Option<String> {
    let mut mounts = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>());
    let hierarchy = mounts.find(|words| match words[2] {
        "cgroup" => words[3].split(',').any(|option| option == controller),
        // The freezer of version 2 is in every group.
        "cgroup2" => {
            let all = Path::new(words[1]).join("cgroup.controllers");
            let all = fs::read_to_string(all).unwrap_or_default();
            let has = |name| all.split_whitespace().any(|one| one == name);
            has(controller) || controller == "freezer" && has("memory")
        }
        _ => false,
    });
    let Some(words) = hierarchy else {
        return Some(format!("no hierarchy of `{controller}` is mounted here"));
    };
    let group = Path::new(words[1]).join(format!("gbtest-trial-{}", std::process::id()));
    let made = fs::create_dir(&group).and_then(|()| fs::remove_dir(&group));
    made.err()
        .map(|error| format!("no group can be made: {}: {error}", group.display()))
}

/// Why a command doesn't end well.
fn trial(command: &mut Command) -> Option<String> {
    match command.within(PATIENCE).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_string()),
        Err(error) => Some(error.to_string()),
    }
}
