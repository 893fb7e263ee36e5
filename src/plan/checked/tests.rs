use super::*;
use crate::plan::{Action, BoxSpec, CgroupSpec};

#[derive(serde::Deserialize)]
struct Written {
    #[serde(default)]
    cgroup: Vec<CgroupSpec>,
    #[serde(default, rename = "box")]
    boxes: Vec<BoxSpec>,
    #[serde(default)]
    action: Vec<Action>,
}

fn plan(text: &str) -> Plan {
    let written: Written = toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Plan {
        cgroups: written.cgroup,
        boxes: written.boxes,
        actions: written.action,
        attended: false,
        guarded: false,
        one_cpu: false,
        told: false,
    }
}

/// The codes and places of what is wrong with a plan.
fn flaws(text: &str) -> Vec<String> {
    let flaws = plan(text).check().err().unwrap_or_default();
    let shown = |flaw: &Flaw| format!("{} {}", flaw.code, flaw.at.join("."));
    flaws.iter().map(shown).collect()
}

/// An action in a box with every namespace of its own.
fn inside(verb: &str) -> String {
    let all = "['user', 'mount', 'pid', 'net', 'ipc', 'uts', 'time', 'cgroup']";
    format!("box = [{{ name = 'b', namespaces = {all} }}]\naction = [{{ in = 'b', do.{verb} }}]")
}

#[test]
fn limits_are_such_as_the_kernel_takes() {
    for (limit, good) in [
        ("cpu-weight = 0", false),
        ("cpu-weight = 1", true),
        ("cpu-weight = 10000", true),
        ("cpu-weight = 10001", false),
        ("cpu-max = '1%'", true),
        ("cpu-max = 'max'", true),
        ("cpu-max = '819201%'", false),
        ("memory = '0B'", true),
        ("memory = '4KiB'", true),
        ("memory = '4097B'", false),
        ("memory = '9000000000GiB'", false),
        ("pids = 0", true),
        ("pids = 4194304", true),
        ("pids = 4194305", false),
        ("read-rate = '0B'", false),
        ("read-rate = '1B'", true),
    ] {
        let key = limit.split(' ').next().unwrap();
        let told = |at: &str| match good {
            true => Vec::new(),
            false => vec![format!("out-of-range {at}.limits.{key}")],
        };
        let group = format!("cgroup = [{{ name = 'g', limits = {{ {limit} }} }}]");
        assert_eq!(flaws(&group), told("cgroup.0"), "{limit}");
        // The same later on, and where a knob is turned while it runs.
        let all = "['cpu', 'memory', 'pids', 'io']";
        let change = format!(
            "cgroup = [{{ name = 'g', controllers = {all} }}]\naction = [{{ in = 'host', do.set-limits = {{ cgroup = 'g', limits = {{ {limit} }} }} }}]"
        );
        assert_eq!(flaws(&change), told("action.0.do.set-limits"), "{limit}");
        let set: SetLimits =
            toml::from_str(&format!("cgroup = 'g'\nlimits = {{ {limit} }}")).unwrap();
        assert_eq!(set.flaws().is_empty(), good, "{limit}");
    }
}

#[test]
fn what_a_verb_takes_is_such_as_the_kernel_takes() {
    let long = |length: usize| "x".repeat(length);
    let deep = format!("'/{}'", vec![long(255); 16].join("/"));
    let paths = |path: &str| {
        [
            format!("mkdir = {path}"),
            format!("write = {{ path = {path}, text = '' }}"),
            format!("mount = {{ type = 'tmpfs', path = {path} }}"),
            format!(
                "probe = [{}]",
                path.replacen(['\'', '"'], "$dir:", 1)
                    .replace('$', if path.starts_with('"') { "\"" } else { "'" })
            ),
            format!("overlay = {{ lower = [{path}], at = '/v' }}"),
            format!("unpack = {{ layout = '/l', tag = 't', to = {path} }}"),
            format!("spawn = {{ workload.map = {path} }}"),
        ]
    };
    for path in [
        r#""/mnt/a\u0000b""#.to_string(),
        format!("'/{}'", long(256)),
        deep,
    ] {
        for verb in paths(&path) {
            let told = flaws(&inside(&verb));
            assert_eq!(told.len(), 1, "{verb}: {told:?}");
            assert!(told[0].starts_with("bad-path action.0.do."), "{told:?}");
        }
    }
    for verb in paths(&format!("'/{}'", long(255))) {
        assert_eq!(flaws(&inside(&verb)), [""; 0], "{verb}");
    }
    for (verb, expected) in [
        (r#"run = ["a\u0000b"]"#.to_string(), "bad-text"),
        (format!("run = ['a', '{}']", long(131_071)), ""),
        (format!("run = ['a', '{}']", long(131_072)), "bad-text"),
        (
            format!(
                "run = [{}]",
                vec![format!("'{}'", long(120_000)); 9].join(",")
            ),
            "too-much",
        ),
        (format!("set-hostname = '{}'", long(64)), ""),
        (format!("set-hostname = '{}'", long(65)), "bad-text"),
        (r#"set-hostname = "a\u0000""#.into(), "bad-text"),
        ("chown = { path = '/f', uid = 4294967294 }".into(), ""),
        (
            "chown = { path = '/f', uid = 4294967295 }".into(),
            "out-of-range",
        ),
        ("link-up = 'lo'".into(), ""),
        (format!("link-up = '{}'", long(15)), ""),
        (format!("link-up = '{}'", long(16)), "bad-device"),
        ("link-up = 'a b'".into(), "bad-device"),
        ("link-up = 'a/b'".into(), "bad-device"),
        ("link-up = '..'".into(), "bad-device"),
        ("make-queue = 0".into(), "out-of-range"),
        ("find-queue = 0".into(), "out-of-range"),
        ("find-queue = 1".into(), ""),
        (
            "mount = { type = 'ext4', path = '/m' }".into(),
            "unknown-filesystem",
        ),
        ("mount = { type = 'proc', path = '/m' }".into(), ""),
        (
            "store = { path = '/m', size = '0B' }".into(),
            "out-of-range",
        ),
        (
            "store = { path = '/m', size = '257MiB' }".into(),
            "too-much",
        ),
        ("fill = { path = '/m', size = '17MiB' }".into(), "too-much"),
        ("overlay = { lower = ['/l'], at = '/' }".into(), "bad-path"),
        (
            format!(
                "overlay = {{ lower = [{}], at = '/v' }}",
                vec!["'/l'"; 501].join(",")
            ),
            "too-much",
        ),
        (
            format!(
                "overlay = {{ lower = [{}], at = '/v' }}",
                vec![format!("'/{}'", long(250)); 20].join(",")
            ),
            "too-much",
        ),
        ("set-clocks = { boottime = '-53000d' }".into(), ""),
        (
            "set-clocks = { boottime = '-53400d' }".into(),
            "out-of-range",
        ),
        (
            "set-clocks = { monotonic = '53400d' }".into(),
            "out-of-range",
        ),
        (
            "spawn = { workload = 'sleep', count = 0 }".into(),
            "out-of-range",
        ),
        ("spawn = { workload.burn = '-1s' }".into(), "out-of-range"),
        ("spawn = { workload.burn = '121s' }".into(), "out-of-range"),
        (
            "spawn = { workload.direct-read = '17GiB' }".into(),
            "too-much",
        ),
    ] {
        let told = flaws(&inside(&verb));
        let codes: Vec<&str> = told
            .iter()
            .map(|flaw| flaw.split(' ').next().unwrap())
            .collect();
        let expected: Vec<&str> = Some(expected)
            .filter(|code| !code.is_empty())
            .into_iter()
            .collect();
        assert_eq!(codes, expected, "{}", &verb[..verb.len().min(100)]);
    }
    for (time, good) in [
        ("every = '0ns'", false),
        ("every = '999us'", false),
        ("every = '1ms'", true),
        ("every = '-1s'", false),
    ] {
        let text = format!(
            "cgroup = [{{ name = 'g' }}]\naction = [{{ in = 'host', do.watch = {{ groups = ['g'], {time}, time = '1s' }} }}]"
        );
        assert_eq!(flaws(&text).is_empty(), good, "{time}");
    }
}

/// A row of boxes in each other, each with these namespaces.
fn nested(count: usize, namespaces: &str) -> String {
    let row = |index: usize| {
        let parent = match index {
            0 => String::new(),
            _ => format!("in = 'b{}', ", index - 1),
        };
        format!("{{ name = 'b{index}', {parent}namespaces = [{namespaces}] }}")
    };
    let rows: Vec<String> = (0..count).map(row).collect();
    format!("box = [{}]", rows.join(", "))
}

#[test]
fn a_plan_that_no_kernel_can_carry_out_is_told() {
    for (text, expected) in [
        (nested(32, "'pid'"), ""),
        (nested(34, "'pid'"), "too-deep box.32.namespaces"),
        (nested(33, "'user'"), "too-deep box.32.namespaces"),
        (nested(40, "'uts'"), ""),
        // A procfs takes the pid namespace that the user namespace owns.
        ("box = [{ name = 'b', namespaces = ['user', 'mount'], proc = true }]".into(), "needs-namespace box.0.proc"),
        ("box = [{ name = 'b', namespaces = ['user', 'mount', 'pid'], proc = true }]".into(), ""),
        (
            "box = [{ name = 'a', namespaces = ['user', 'pid'] }, { name = 'b', in = 'a', namespaces = ['mount'], proc = true }]".into(),
            "",
        ),
        (
            "box = [{ name = 'a', namespaces = ['user', 'pid'] }, { name = 'b', in = 'a', namespaces = ['mount', 'user'], proc = true }]".into(),
            "needs-namespace box.1.proc",
        ),
        (
            "box = [{ name = 'b', namespaces = ['user', 'mount'] }]\naction = [{ in = 'b', do.mount = { type = 'proc', path = '/m' } }]".into(),
            "needs-namespace action.0.do.mount.type",
        ),
        // Shown on purpose.
        (
            "box = [{ name = 'b', namespaces = ['user', 'mount'] }]\naction = [{ in = 'b', as = 'r', do.mount = { type = 'proc', path = '/m' } }]".into(),
            "",
        ),
        (
            "cgroup = [{ name = 'g', controllers = ['cpu'] }]\naction = [{ in = 'host', do.freeze = 'g' }]".into(),
            "needs-controller action.0.do.freeze",
        ),
        (
            "cgroup = [{ name = 'g' }]\naction = [{ in = 'host', do.set-limits = { cgroup = 'g', limits.pids = 3 } }]".into(),
            "needs-controller action.0.do.set-limits.cgroup",
        ),
        (
            "box = [{ name = 'b' }]\naction = [{ in = 'host', do.await-end = 'b' }, { in = 'b', do.probe = ['pid'] }]".into(),
            "has-ended action.1.in",
        ),
        (
            "box = [{ name = 'b' }]\naction = [{ in = 'b', as = 's', do.spawn.workload = 'sleep' }, { in = 'host', do.wait = 's' }]".into(),
            "other-place action.1.do.wait",
        ),
        // An echo of one mistake is none.
        ("action = [{ in = 'b', do.mount = { type = 'tmpfs', path = '/m' } }]".into(), "undeclared-box action.0.in"),
    ] {
        let expected: Vec<&str> = Some(expected).filter(|flaw| !flaw.is_empty()).into_iter().collect();
        assert_eq!(flaws(&text), expected, "{text}");
    }
}

#[test]
fn all_of_a_plan_together_is_bounded() {
    let many = |count: usize, action: &str| {
        format!(
            "box = [{{ name = 'b', namespaces = ['mount'] }}]\naction = [{}]",
            vec![format!("{{ in = 'b', do.{action} }}"); count].join(", ")
        )
    };
    for (text, expected) in [
        (many(4, "spawn = { workload = 'sleep', count = 64 }"), ""),
        (many(5, "spawn = { workload = 'sleep', count = 64 }"), "too-much action.4.do.spawn.count"),
        (many(3, "spawn = { workload.storm = 200 }"), "too-much action.2.do.spawn.workload"),
        (many(3, "spawn = { workload.hog = '400MiB' }"), "too-much action.2.do.spawn.workload"),
        (many(2, "spawn = { workload.grow = '300MiB', count = 2 }"), "too-much action.1.do.spawn.workload"),
        (many(100, "probe = ['pid']"), ""),
        (many(101, "probe = ['pid']"), "too-many action"),
        (nested(101, ""), "too-many box"),
        (
            "box = [{ name = 'b', namespaces = ['mount'] }]\naction = [{ in = 'b', do.fill = { path = '/m/a/f', size = '15MiB' } }, { in = 'b', do.copy = { from = '/m/a', to = '/m/b', count = 16 } }, { in = 'b', do.copy = { from = '/m/b-1', to = '/m/c', count = 2 } }]".into(),
            "too-much action.2.do.copy.from",
        ),
    ] {
        let expected: Vec<&str> = Some(expected).filter(|flaw| !flaw.is_empty()).into_iter().collect();
        assert_eq!(flaws(&text), expected, "{text}");
    }
}

#[test]
fn a_checked_plan_has_its_paths_as_the_kernel_shows_them() {
    let checked = plan(&inside(
        "overlay = { lower = ['/m//a/', '/m/./b'], upper = '/m/up/', at = '/m/view/.' }",
    ))
    .check()
    .unwrap();
    let Verb::Overlay(overlay) = &checked.actions[0].verb else {
        panic!("{checked:?}");
    };
    assert_eq!(overlay.lower, ["/m/a", "/m/b"]);
    assert_eq!(overlay.upper.as_deref(), Some("/m/up"));
    assert_eq!(overlay.at, "/m/view");
}

#[test]
fn a_flaw_is_one_line_that_says_where_and_what_instead() {
    let flaws = plan(&inside(r#"mkdir = "/mnt/a\u0000\u001bb""#))
        .check()
        .unwrap_err();
    assert_eq!(
        flaws[0].to_string(),
        r"action.0.do.mkdir: `/mnt/a\u{0}\u{1b}b` has a NUL in it, which ends a path; leave it out: a path is every other byte"
    );
}
