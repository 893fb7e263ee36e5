//! What each verb takes: whether any kernel would, and whether a demo may.

use super::flaw::{Flaw, below, shown};
use super::limits::{
    self, FILESYSTEMS, HOST_NAME_MAX, IFNAMSIZ, LONGEST, LONGEST_ARGUMENT, LONGEST_LIVE,
    MOST_ARGUMENTS, MOST_LAYERS, MOST_LOWERS, MOST_OPTIONS, MOST_PROGRAMS, MOST_READ, MOST_TAG,
    NAME_MAX, OFTENEST, PATH_MAX, out_of_range,
};
use crate::base::{Bytes, Nanos, nearest};
use crate::plan::action::Action;
use crate::plan::cgroup::Watch;
use crate::plan::docker::{Api, METHODS};
use crate::plan::layers::{MOST_FILE, MOST_STORE, MOST_TREES, Overlay};
use crate::plan::verb::{Listen, Spawn, Verb, Workload};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// Judges what an action's verb takes, written at this path.
pub(super) fn check(action: &Action, at: &[String], flaws: &mut Vec<Flaw>) {
    let mut judge = Judge { at, flaws };
    match &action.verb {
        Verb::Probe(probes) => {
            if probes.is_empty() {
                let message = "there is nothing to look at";
                judge.tell(
                    "empty-list",
                    &[],
                    message,
                    "name a probe, such as \"hostname\"",
                );
            }
            for (index, probe) in probes.iter().enumerate() {
                let index = index.to_string();
                if action.of.is_some() && !probe.works_from_outside() {
                    judge.tell(
                        "not-from-outside",
                        &[&index],
                        format!(
                            "the host can't answer {} about a box",
                            shown(&probe.to_string())
                        ),
                        "probe it inside: `in` is the box's name, without `of`",
                    );
                }
                if let Some(path) = probe.path() {
                    judge.length(path, &[&index]);
                }
            }
        }
        Verb::Run(argv) | Verb::Docker(argv) => judge.command(argv),
        Verb::Api(api) => judge.request(api),
        Verb::SetHostname(name) => {
            judge.plain(name, HOST_NAME_MAX, "a host name", &[]);
        }
        Verb::Mount(mount) => {
            if !FILESYSTEMS.contains(&mount.fstype.as_str()) {
                let help = match nearest(&mount.fstype, FILESYSTEMS) {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => format!("expected one of: {}", FILESYSTEMS.join(", ")),
                };
                let message = format!("{} can't be mounted here", shown(&mount.fstype));
                judge.tell("unknown-filesystem", &["type"], message, help);
            }
            judge.mount_point(&mount.path, &["path"]);
        }
        Verb::Propagate { path, .. } => judge.path(path, &["path"]),
        Verb::Chown { path, uid } => {
            judge.path(path, &["path"]);
            if *uid == u32::MAX {
                judge.tell(
                    "out-of-range",
                    &["uid"],
                    format!("`uid` is {uid}, which is -1 and means: leave it, chown(2)"),
                    format!("expected 0 to {}", u32::MAX - 1),
                );
            }
        }
        Verb::Mkdir(path)
        | Verb::Unmount(path)
        | Verb::Remove(path)
        | Verb::DefaultFilesystems(path)
        | Verb::PivotRoot(path) => judge.path(path, &[]),
        Verb::Write(write) => {
            judge.path(&write.path, &["path"]);
            judge.size(Bytes(write.text.len() as u64), Bytes(1 << 20), &["text"]);
        }
        Verb::LinkUp(name) => {
            // dev_valid_name() in net/core/dev.c.
            let valid = |c: char| !c.is_whitespace() && !matches!(c, '/' | ':');
            if name.len() >= IFNAMSIZ
                || matches!(name.as_str(), "" | "." | "..")
                || !name.chars().all(valid)
            {
                judge.tell(
                    "bad-device",
                    &[],
                    format!("{} can't name a network device", shown(name)),
                    format!(
                        "expected one such as `eth0`, of {} bytes at most",
                        IFNAMSIZ - 1
                    ),
                );
            }
        }
        Verb::Veth(veth) => {
            if veth.between[0] == veth.between[1] {
                let message = "both ends of the pair are in the same box";
                judge.tell("same-ends", &["between"], message, "name two boxes");
            }
            for (index, address) in veth.addresses.iter().enumerate() {
                let parts = address.split_once('/');
                let good = parts.is_some_and(|(ip, prefix)| {
                    ip.parse::<Ipv4Addr>().is_ok() && prefix.parse::<u8>().is_ok_and(|n| n <= 32)
                });
                if !good {
                    judge.address(address, "10.0.0.1/24", &["addresses", &index.to_string()]);
                }
            }
        }
        Verb::Ping(address) => {
            if address.parse::<Ipv4Addr>().is_err() {
                judge.address(address, "10.0.0.2", &[]);
            }
        }
        Verb::MakeQueue(key) | Verb::FindQueue(key) => {
            if *key == 0 {
                judge.tell(
                    "out-of-range",
                    &[],
                    "the key 0 is IPC_PRIVATE: each call makes another queue, msgget(2)",
                    format!("expected 1 to {}", u32::MAX),
                );
            }
        }
        Verb::Spawn(spawn) => judge.spawn(spawn),
        Verb::SetClocks(clocks) => limits::clocks(clocks, at, judge.flaws),
        Verb::SetLimits(set) => limits::check(&set.limits, &below(at, &["limits"]), judge.flaws),
        Verb::Watch(watch) => judge.watch(watch),
        Verb::Store(store) => {
            judge.mount_point(&store.path, &["path"]);
            if store.size == Some(Bytes(0)) {
                judge.tell(
                    "out-of-range",
                    &["size"],
                    "a tmpfs of size 0 has no limit, tmpfs(5)",
                    format!("expected {MOST_STORE} at most, or leave it out"),
                );
            }
            judge.size(store.size.unwrap_or(Bytes(0)), MOST_STORE, &["size"]);
        }
        Verb::Overlay(overlay) => judge.overlay(overlay),
        Verb::Fill(fill) => {
            judge.path(&fill.path, &["path"]);
            judge.size(fill.size, MOST_FILE, &["size"]);
        }
        Verb::Overwrite(change) => {
            judge.path(&change.path, &["path"]);
            let end = u64::from(change.at) + change.text.len() as u64;
            judge.size(Bytes(end), MOST_FILE, &["at"]);
        }
        Verb::Copy(copy) => {
            judge.path(&copy.from, &["from"]);
            judge.path(&copy.to, &["to"]);
            judge.trees(copy.count);
        }
        Verb::RootFs(root) => {
            judge.path(&root.to, &["to"]);
            judge.amount(root.programs.len(), MOST_PROGRAMS, "programs");
            for (index, name) in root.programs.iter().enumerate() {
                judge.program(name, &["programs", &index.to_string()]);
            }
        }
        Verb::Image(image) => {
            judge.path(&image.layout, &["layout"]);
            judge.tag(&image.tag);
            judge.amount(image.layers.len(), MOST_LAYERS, "layers");
            for (index, layer) in image.layers.iter().enumerate() {
                judge.path(layer, &["layers", &index.to_string()]);
            }
        }
        Verb::Unpack(unpack) => {
            judge.path(&unpack.layout, &["layout"]);
            judge.tag(&unpack.tag);
            judge.path(&unpack.to, &["to"]);
        }
        // What they name is judged by the names; a port by its type.
        Verb::Listen(Listen::Port(_) | Listen::SamePortAs(_))
        | Verb::Create(_)
        | Verb::Connect(_)
        | Verb::Wait(_)
        | Verb::Kill(_)
        | Verb::AwaitEnd(_)
        | Verb::Join(_)
        | Verb::Freeze(_)
        | Verb::Thaw(_)
        | Verb::Engine(_)
        | Verb::Container(_)
        | Verb::Stage(_) => {}
    }
}

struct Judge<'j> {
    at: &'j [String],
    flaws: &'j mut Vec<Flaw>,
}

impl Judge<'_> {
    fn tell(
        &mut self,
        code: &'static str,
        path: &[&str],
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.flaws
            .push(Flaw::new(code, below(self.at, path), message, help));
    }

    /// A path of the box's: absolute, and such as a kernel takes.
    fn path(&mut self, path: &str, at: &[&str]) {
        if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
            self.tell(
                "bad-path",
                at,
                format!("{} is not an absolute path without `..`", shown(path)),
                "begin it with `/`, such as `/mnt/secret`",
            );
        } else {
            self.length(path, at);
        }
    }

    /// What no path may be, path_resolution(7).
    fn length(&mut self, path: &str, at: &[&str]) {
        if path.contains('\0') {
            self.tell(
                "bad-path",
                at,
                format!("{} has a NUL in it, which ends a path", shown(path)),
                "leave it out: a path is every other byte",
            );
        } else if path.len() >= PATH_MAX {
            self.tell(
                "bad-path",
                at,
                format!("the path is {} bytes long", path.len()),
                format!("{} at most", PATH_MAX - 1),
            );
        } else if let Some(name) = path.split('/').find(|name| name.len() > NAME_MAX) {
            self.tell(
                "bad-path",
                at,
                format!("the name {} is {} bytes long", shown(name), name.len()),
                format!("{NAME_MAX} at most"),
            );
        }
    }

    /// Where something is mounted.
    fn mount_point(&mut self, path: &str, at: &[&str]) {
        self.path(path, at);
        if path.starts_with('/') && path.bytes().all(|b| matches!(b, b'/' | b'.')) {
            self.tell(
                "bad-path",
                at,
                "what is mounted on `/` is never seen",
                "a process keeps the root that it has; mount on a directory, such as `/mnt`",
            );
        }
    }

    /// Text that a system call takes, of so many bytes at most.
    fn plain(&mut self, text: &str, most: usize, what: &str, at: &[&str]) {
        if text.contains('\0') {
            self.tell(
                "bad-text",
                at,
                format!("{} has a NUL in it, which ends it", shown(text)),
                "leave it out",
            );
        } else if text.len() > most {
            self.tell(
                "bad-text",
                at,
                format!("it is {} bytes long", text.len()),
                format!("{what} has {most} at most"),
            );
        }
    }

    fn request(&mut self, api: &Api) {
        if !METHODS.contains(&api.method.as_str()) {
            let message = format!("{} is no method of the Engine API", shown(&api.method));
            let help = format!("expected one of: {}", METHODS.join(", "));
            self.tell("bad-request", &["method"], message, help);
        }
        self.plain(&api.path, PATH_MAX - 1, "a path", &["path"]);
        let sent = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '{' | '}' | '#');
        if !api.path.starts_with('/') || !api.path.chars().all(sent) {
            let message = format!("{} can't be asked for", shown(&api.path));
            let help = "expected an absolute path, with %XX for what isn't ASCII";
            self.tell("bad-request", &["path"], message, help);
        }
        if let Some(body) = &api.body {
            self.size(Bytes(body.len() as u64), Bytes(64 << 10), &["body"]);
            if let Err(error) = serde_json::from_str::<serde_json::Value>(body) {
                let message = format!("the body is no JSON document: {error}");
                self.tell(
                    "bad-request",
                    &["body"],
                    message,
                    "write one: '{\"Image\": \"tools\"}'",
                );
            }
        }
    }

    fn command(&mut self, argv: &[String]) {
        if argv.first().is_none_or(|program| program.trim().is_empty()) {
            let help = "expected the program and its arguments";
            self.tell("empty-list", &[], "there is no program to run", help);
        }
        for (index, argument) in argv.iter().enumerate() {
            let most = LONGEST_ARGUMENT - 1;
            self.plain(argument, most, "an argument", &[&index.to_string()]);
        }
        let all: usize = argv.iter().map(|argument| argument.len() + 1).sum();
        if all > MOST_ARGUMENTS {
            self.size(Bytes(all as u64), Bytes(MOST_ARGUMENTS as u64), &[]);
        }
    }

    /// How much room something takes.
    fn size(&mut self, size: Bytes, most: Bytes, at: &[&str]) {
        if size > most {
            let message = format!("{size} is more than a demo may take here");
            self.tell("too-much", at, message, format!("{most} at most"));
        }
    }

    /// How long something takes.
    fn time(&mut self, time: Nanos, (least, most): (Nanos, Nanos), at: &[&str]) {
        if !(least..=most).contains(&time) {
            let key = at.last().copied().unwrap_or("time");
            let path = below(self.at, at);
            self.flaws.push(out_of_range(path, key, time, least, most));
        }
    }

    fn watch(&mut self, watch: &Watch) {
        self.time(watch.every, (OFTENEST, LONGEST), &["every"]);
        self.time(watch.time, (OFTENEST, LONGEST), &["time"]);
        if let Some(live) = watch.live {
            self.time(live, (OFTENEST, LONGEST_LIVE), &["live"]);
        }
    }

    /// How many trees an action makes.
    fn trees(&mut self, count: Option<u32>) {
        if let Some(count) = count.filter(|count| !(1..=MOST_TREES).contains(count)) {
            let message = format!("`count` is {count}");
            let help = format!("expected 1 to {MOST_TREES}");
            self.tell("too-much", &["count"], message, help);
        }
    }

    fn overlay(&mut self, overlay: &Overlay) {
        for (index, lower) in overlay.lower.iter().enumerate() {
            self.path(lower, &["lower", &index.to_string()]);
        }
        if let Some(upper) = &overlay.upper {
            self.path(upper, &["upper"]);
        }
        self.mount_point(&overlay.at, &["at"]);
        self.trees(overlay.count);
        if overlay.lower.is_empty() {
            let help = "name a directory, such as \"/mnt/base\"";
            self.tell("empty-list", &["lower"], "there is no layer to see", help);
        }
        if overlay.lower.len() > MOST_LOWERS {
            let message = format!("there are {} layers", overlay.lower.len());
            let help = format!("overlayfs stacks {MOST_LOWERS} at most");
            self.tell("too-much", &["lower"], message, help);
        }
        // Each with a `:`; the upper is there twice, with the work directory beside.
        let lowers: usize = overlay.lower.iter().map(|path| path.len() + 1).sum();
        let uppers = overlay.upper.as_ref().map_or(0, |path| 2 * path.len() + 16);
        let taken = |path: &String| path.len() < PATH_MAX;
        if lowers + uppers > MOST_OPTIONS - 128 && overlay.lower.iter().all(taken) {
            let message = "the paths are too long together: mount(2) takes a page of options";
            let help = "shorten the names of the directories";
            self.tell("too-much", &["lower"], message, help);
        }
    }

    /// What a learner's machine bears, whatever else it does just now. What all
    /// of a plan takes together is the budget's.
    fn spawn(&mut self, spawn: &Spawn) {
        if spawn.count == 0 {
            let help = "1 at least; or leave the action out";
            self.tell(
                "out-of-range",
                &["count"],
                "`spawn` starts no process",
                help,
            );
        }
        match &spawn.workload {
            Workload::Burn(time) => {
                self.time(*time, (Nanos(0), LONGEST), &["workload", "burn"]);
            }
            Workload::DirectRead(size) | Workload::CachedRead(size) => {
                let all = Bytes(size.0.saturating_mul(u64::from(spawn.count)));
                self.size(all, MOST_READ, &["workload"]);
            }
            Workload::Map(path) => self.path(path, &["workload", "map"]),
            Workload::Sleep | Workload::Hog(_) | Workload::Grow(_) | Workload::Storm(_) => {}
        }
    }

    /// A list that may be neither empty nor too long.
    fn amount(&mut self, length: usize, most: usize, what: &str) {
        if length == 0 {
            let message = format!("there are no {what}");
            self.tell("empty-list", &[what], message, "name one at least");
        } else if length > most {
            let message = format!("there are {length} {what}");
            self.tell("too-much", &[what], message, format!("{most} at most"));
        }
    }

    /// The name of a program without the directory that it is in.
    fn program(&mut self, name: &str, at: &[&str]) {
        if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) || name.len() > NAME_MAX {
            self.tell(
                "bad-program",
                at,
                format!("{} is not the name of a program", shown(name)),
                "expected one without `/`, such as `sh`: it is looked up on the machine's PATH",
            );
        }
    }

    /// What an image may be called.
    fn tag(&mut self, tag: &str) {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if tag.is_empty() || tag.len() > MOST_TAG || !tag.bytes().all(plain) {
            self.tell(
                "bad-tag",
                &["tag"],
                format!("{} can't name an image", shown(tag)),
                format!("expected letters, digits, `.`, `_` and `-`, {MOST_TAG} at most"),
            );
        }
    }

    fn address(&mut self, address: &str, example: &str, at: &[&str]) {
        let message = format!("{} is not an address", shown(address));
        self.tell(
            "bad-address",
            at,
            message,
            format!("expected IPv4, such as `{example}`"),
        );
    }
}

/// Writes each path of a verb in the one way that the kernel's own tables have
/// it: what a path means doesn't hang on a `/` at its end, or on one too many.
pub(super) fn tidy(verb: &mut Verb) {
    for path in verb.paths_mut() {
        let tidy: PathBuf = Path::new(path.as_str()).components().collect();
        if let Some(text) = tidy.to_str() {
            *path = text.into();
        }
    }
}
