//! Packs that try to reach the machine behind the learner's back: trusted by
//! mistake, and still without effect beyond their boxes. What lint refuses is
//! sent to the sandbox without it as well, which must refuse it by itself.

#![allow(missing_docs)]

mod support;

use glassbox::plan::Event;
use std::fs;
use std::path::Path;
use support::{Limit, PATIENCE, User, glassbox, may_make_boxes, skip, wire};

/// Runs a pack of one step with this demo, `--trust`ed. What it printed.
fn run(dir: &Path, demo: &str) -> String {
    run_as(User::Me, dir, demo)
}

fn run_as(user: User, dir: &Path, demo: &str) -> String {
    let lesson = dir.join("01-hostile");
    fs::create_dir_all(&lesson).unwrap();
    let facts = "title = 'T'\nsummary = 'S'\nlock = 'L'\nminutes = 1\n";
    fs::write(lesson.join("lesson.toml"), facts).unwrap();
    let step = format!("+++\nid = 'hostile'\ntitle = 'T'\n+++\n\nText.\n\n```demo\n{demo}\n```\n");
    fs::write(lesson.join("01-hostile.md"), step).unwrap();
    let output = glassbox(user)
        .args(["--lessons", dir.to_str().unwrap()])
        .args(["run", "hostile", "--trust"])
        .within(PATIENCE)
        .output()
        .unwrap();
    assert_ne!(output.status.code(), Some(0), "{demo}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The words of lint about a pack that it refuses to run.
const FLAW: &str = "the lesson pack in ";

/// What the sandbox says of a demo that lint never saw, and that it must refuse
/// and leave nothing of.
fn without_lint(demo: &str) -> String {
    let events = wire::carry(demo);
    let mut said = String::new();
    for event in &events {
        match event {
            Event::Broken { message } => said += message,
            Event::Refused(refusal) => said += &format!("{refusal:?}"),
            _ => {}
        }
    }
    assert!(!said.is_empty(), "{demo}: {events:#?}");
    assert_eq!(events.last(), Some(&Event::Cleaned), "{demo}: {events:#?}");
    said
}

/// A process keeps its root when something is mounted on it, so the path
/// leads past the tmpfs to the learner's own files.
#[test]
fn a_tmpfs_on_the_root_opens_no_file_of_the_host() {
    if !may_make_boxes(User::Me) {
        return;
    }
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
        for said in [run(dir.path(), &demo), without_lint(&demo)] {
            assert!(!victim.exists(), "{root}: written to the host\n{said}");
            let refused = said.contains("is not on a mount that this run made")
                || said.contains("mounted on `/`");
            assert!(refused, "{root}:\n{said}");
        }
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
        for said in [run(dir.path(), &demo), without_lint(&demo)] {
            assert!(said.contains("share its mounts with the host"), "{said}");
        }
    }
}

/// The id of a process that was awaited may be another process's.
#[test]
fn no_signal_goes_to_a_box_that_has_ended() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let kill = "[[action]]\nin = 'host'\ndo.kill = { signal = 'KILL', to = 'box' }\n";
    let demo = format!(
        "box = [{{ name = 'box', namespaces = ['uts'] }}]\n{kill}\
         [[action]]\nin = 'host'\ndo.await-end = 'box'\nas = 'end'\n{kill}\
         [[expect]]\nclaim = 'c'\nwhen = {{ fact = 'host/end', is = 'SIGKILL' }}"
    );
    let said = run(dir.path(), &demo);
    let flaw = "the end of the box `box` was awaited by an earlier action";
    assert!(said.contains(FLAW) && said.contains(flaw), "{said}");
    let said = without_lint(&demo);
    let refusal = "the box `box` has ended";
    assert!(said.contains(refusal) || said.contains(flaw), "{said}");
}

/// The actions in one box of these namespaces that has a store with a directory
/// on /mnt, and the claim that all went well, which must not hold; with each
/// medium.
fn demos(namespaces: &str, actions: &str) -> [String; 2] {
    let demo = format!(
        "box = [{{ name = 'box', namespaces = [{namespaces}] }}]\n\
         [[action]]\nin = 'box'\ndo.store = {{ path = '/mnt', on = '{{ON}}' }}\nas = 'store'\n\
         [[action]]\nin = 'box'\ndo.mkdir = '/mnt/base'\n\
         {actions}\n\
         [[expect]]\nclaim = 'c'\nwhen = {{ fact = 'box/end', is = 'ok' }}"
    );
    ["tmpfs", "disk"].map(|medium| demo.replace("{ON}", medium))
}

/// What was said of each, in lines of any width.
fn layers(namespaces: &str, actions: &str) -> [String; 2] {
    let dir = support::pack::public_tempdir();
    demos(namespaces, actions).map(|demo| {
        let said = run(dir.path(), &demo);
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    })
}

fn action(verb: &str) -> String {
    format!("[[action]]\nin = 'box'\n{verb}\nas = 'end'\n")
}

/// Everything that a lesson could name as a layer, a copy's source or a place
/// to write to, and that is the learner's own.
#[test]
fn layers_reach_no_directory_of_the_host() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let secret = std::env::temp_dir().join(format!("containment-{}", std::process::id()));
    fs::create_dir_all(&secret).unwrap();
    fs::write(secret.join("file"), "the host's").unwrap();
    let host = secret.display();
    let not_own = "is not on a mount that this run made";
    let up =
        "do.overlay = { lower = ['/mnt/base/../../etc'], upper = '/mnt/up', at = '/mnt/view' }";
    let on_root = "do.store = { path = '/' }";
    // What lint tells from the text alone.
    let flaws = [(up, "without `..`"), (on_root, "is never seen")];
    for (verb, refusal) in [
        (
            format!("do.overlay = {{ lower = ['{host}'], upper = '/mnt/up', at = '/mnt/view' }}"),
            not_own,
        ),
        (
            format!("do.overlay = {{ lower = ['/mnt/base', '{host}'], at = '/mnt/view' }}"),
            not_own,
        ),
        (
            "do.overlay = { lower = ['/etc'], upper = '/mnt/up', at = '/mnt/view' }".into(),
            not_own,
        ),
        (up.into(), not_own),
        (
            "do.overlay = { lower = ['/proc/self/root/etc'], upper = '/mnt/up', at = '/mnt/view' }"
                .into(),
            not_own,
        ),
        (
            format!(
                "do.overlay = {{ lower = ['/mnt/base'], upper = '{host}/up', at = '/mnt/view' }}"
            ),
            not_own,
        ),
        (
            format!("do.overlay = {{ lower = ['/mnt/base'], upper = '{host}', at = '/mnt/view' }}"),
            not_own,
        ),
        (
            format!(
                "do.overlay = {{ lower = ['/mnt/base'], upper = '/mnt/up', at = '{host}/view' }}"
            ),
            not_own,
        ),
        (
            format!("do.copy = {{ from = '{host}', to = '/mnt/copy' }}"),
            not_own,
        ),
        (
            format!("do.copy = {{ from = '/mnt/base', to = '{host}/copy' }}"),
            not_own,
        ),
        (
            "do.copy = { from = '/mnt/base', to = '/mnt/base/in' }".into(),
            "lies in",
        ),
        (format!("do.remove = '{host}/file'"), not_own),
        (format!("do.remove = '{host}'"), not_own),
        ("do.remove = '/mnt'".into(), not_own),
        ("do.remove = '/etc/hostname'".into(), not_own),
        (
            "do.copy = { from = '/etc/shadow', to = '/mnt/copy' }".into(),
            not_own,
        ),
        (
            format!("do.fill = {{ path = '{host}/file', size = '1KiB' }}"),
            not_own,
        ),
        (
            format!("do.overwrite = {{ path = '{host}/file', text = 'x' }}"),
            not_own,
        ),
        (
            format!("do.write = {{ path = '{host}/file', text = 'x' }}"),
            not_own,
        ),
        (format!("do.default-filesystems = '{host}'"), not_own),
        ("do.default-filesystems = '/'".into(), not_own),
        ("do.pivot-root = '/'".into(), not_own),
        (format!("do.pivot-root = '{host}'"), not_own),
        (
            "do.pivot-root = '/mnt/base'".into(),
            "no mount point of this run",
        ),
        ("do.unmount = '/proc'".into(), "has mounted nothing on"),
        ("do.unmount = '/'".into(), "has mounted nothing on"),
        ("do.unmount = '/mnt/base'".into(), "has mounted nothing on"),
        (on_root.into(), "not `/`"),
        ("do.store = { path = '/proc/self/root' }".into(), "not `/`"),
    ] {
        let flaw = flaws.iter().find(|(of, _)| *of == verb);
        let flaw = flaw.map(|(_, flaw)| *flaw);
        let actions = action(&verb);
        for said in layers("'mount', 'pid'", &actions) {
            match flaw {
                Some(flaw) => assert!(said.contains(FLAW) && said.contains(flaw), "{said}"),
                None => assert!(said.contains(refusal), "{verb}:\n{said}"),
            }
        }
        for demo in demos("'mount', 'pid'", &actions) {
            let said = without_lint(&demo);
            let refused = said.contains(refusal) || flaw.is_some_and(|flaw| said.contains(flaw));
            assert!(refused, "{verb}:\n{said}");
        }
        let kept = fs::read_to_string(secret.join("file")).unwrap();
        let names: Vec<_> = fs::read_dir(&secret).unwrap().collect();
        assert_eq!((kept.as_str(), names.len()), ("the host's", 1), "{verb}");
    }
    fs::remove_dir_all(&secret).unwrap();
}

/// A box in a box gets copies of its parent's mounts, and of no others does it
/// take itself for the owner.
#[test]
fn a_nested_box_has_what_its_parent_made_and_no_more() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let secret = std::env::temp_dir().join(format!("containment-nested-{}", std::process::id()));
    fs::create_dir_all(&secret).unwrap();
    let host = secret.display();
    let nested = |verb: &str| {
        let dir = support::pack::public_tempdir();
        let demo = format!(
            "box = [{{ name = 'outer', namespaces = ['mount'] }},\n\
             {{ name = 'inner', in = 'outer', namespaces = ['mount', 'pid'] }}]\n\
             [[action]]\nin = 'outer'\ndo.store = {{ path = '/mnt' }}\nas = 'store'\n\
             [[action]]\nin = 'outer'\ndo.mkdir = '/mnt/base'\n\
             [[action]]\nin = 'outer'\ndo.create = 'inner'\n\
             [[action]]\nin = 'inner'\n{verb}\nas = 'end'\n\
             [[action]]\nin = 'inner'\ndo.unmount = '/proc'\nas = 'stop'\n\
             [[expect]]\nclaim = 'c'\nwhen = {{ fact = 'inner/end', is = 'ok' }}"
        );
        let said = run(dir.path(), &demo);
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let good = "do.overlay = { lower = ['/mnt/base'], upper = '/mnt/up', at = '/mnt/view' }";
    let said = nested(good);
    assert!(said.contains("has mounted nothing on `/proc`"), "{said}");
    for verb in [
        format!("do.overlay = {{ lower = ['{host}'], upper = '/mnt/up', at = '/mnt/view' }}"),
        format!("do.write = {{ path = '{host}/file', text = 'x' }}"),
        format!("do.pivot-root = '{host}'"),
    ] {
        let said = nested(&verb);
        assert!(
            said.contains("is not on a mount that this run made"),
            "{said}"
        );
        assert_eq!(fs::read_dir(&secret).unwrap().count(), 0, "{verb}");
    }
    fs::remove_dir_all(&secret).unwrap();
}

/// A link in a store of the run's own that leads out of it.
#[test]
fn links_in_a_store_lead_nowhere() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let secret = std::env::temp_dir().join(format!("containment-links-{}", std::process::id()));
    fs::create_dir_all(&secret).unwrap();
    fs::write(secret.join("file"), "the host's").unwrap();
    let link = format!(
        "[[action]]\nin = 'box'\ndo.run = ['ln', '-s', '{}', '/mnt/base/link']\n",
        secret.display()
    );
    for verb in [
        "do.write = { path = '/mnt/base/link/file', text = 'x' }",
        "do.write = { path = '/mnt/base/link', text = 'x' }",
        "do.fill = { path = '/mnt/base/link/file', size = '1KiB' }",
        "do.overwrite = { path = '/mnt/base/link/file', text = 'x' }",
        "do.mkdir = '/mnt/base/link/new'",
        "do.chown = { path = '/mnt/base/link', uid = 0 }",
        "do.remove = '/mnt/base/link/file'",
        "do.copy = { from = '/mnt/base/link', to = '/mnt/copy' }",
        "do.copy = { from = '/mnt/base', to = '/mnt/base/link/copy' }",
        "do.overlay = { lower = ['/mnt/base/link'], upper = '/mnt/up', at = '/mnt/view' }",
        "do.overlay = { lower = ['/mnt/base'], upper = '/mnt/base/link', at = '/mnt/view' }",
        "do.default-filesystems = '/mnt/base/link'",
        "do.pivot-root = '/mnt/base/link'",
    ] {
        let said = layers("'mount', 'pid'", &(link.clone() + &action(verb)));
        for said in &said {
            let refused = said.contains("is not on a mount that this run made");
            assert!(refused, "{verb}:\n{said}");
        }
        let kept = fs::read_to_string(secret.join("file")).unwrap();
        let names: Vec<_> = fs::read_dir(&secret).unwrap().collect();
        assert_eq!((kept.as_str(), names.len()), ("the host's", 1), "{verb}");
    }
    // Removing and copying what holds the link do not go through it. The last
    // action fails, so that the run does.
    let inside = action("do.copy = { from = '/mnt/base', to = '/mnt/copy' }")
        + &action("do.remove = '/mnt/base'")
        + &action("do.run = ['readlink', '/mnt/copy/link']")
        + &action("do.remove = '/mnt/none'");
    let said = layers("'mount', 'pid'", &(link + &inside));
    for said in said {
        let target = secret.display().to_string();
        assert!(said.contains(&format!("symlink(\"{target}\"")), "{said}");
        let removed =
            said.contains("\"link\", 0) = 0") && said.contains("\"base\", AT_REMOVEDIR) = 0");
        assert!(removed, "{said}");
    }
    assert!(secret.join("file").exists());
    fs::remove_dir_all(&secret).unwrap();
}

/// Root of a box can't change the machine's settings once it has a root of its
/// own: what no namespace holds is read-only, and the capabilities are those of
/// a container.
#[test]
fn a_root_of_its_own_is_no_way_to_the_machine() {
    if !support::is_root() {
        skip("root of a box is the ordinary user's own");
        return;
    }
    if !may_make_boxes(User::Me) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut demo = String::from(
        "box = [{ name = 'box', namespaces = ['mount', 'pid'] }]\n\
         [[action]]\nin = 'box'\ndo.store = { path = '/mnt', on = 'tmpfs' }\nas = 'store'\n\
         [[action]]\nin = 'box'\ndo.root-fs = { programs = ['sh'], to = '/mnt/base' }\nas = 'files'\n\
         [[action]]\nin = 'box'\ndo.overlay = { lower = ['/mnt/base'], upper = '/mnt/up', at = '/mnt/view' }\nas = 'o'\n",
    );
    demo += &action("do.default-filesystems = '/mnt/view'");
    demo += &action("do.pivot-root = '/mnt/view'");
    let sysctl = "/proc/sys/kernel/domainname";
    let script = format!(
        "echo changed >{sysctl}; echo status $?; while read -r line; do case $line in Cap[EB]*) echo $line;; esac; done </proc/self/status"
    );
    demo += &format!(
        "[[action]]\nin = 'box'\ndo.run = ['sh', '-c', '{script}']\nas = 'sh'\n\
         [[expect]]\nclaim = 'c'\nwhen = {{ fact = 'box/end', is = 'no' }}"
    );
    let before = fs::read_to_string(sysctl).unwrap();
    let said = run(dir.path(), &demo);
    assert_eq!(fs::read_to_string(sysctl).unwrap(), before);
    assert!(said.contains("Read-only file system"), "{said}");
    // The default set of runtimes without CAP_MKNOD, in both sets.
    assert_eq!(
        said.matches("00000000a00425fb").count() >= 2,
        said.contains("CapEff"),
        "{said}"
    );
    assert!(said.contains("00000000a00425fb"), "{said}");
}

/// A demo that runs a script of sh in a box of these namespaces, or on the host
/// for none. The last claim never holds, so that the run fails.
fn script(namespaces: &str, script: &str) -> String {
    let place = if namespaces.is_empty() { "host" } else { "box" };
    let boxes = match place {
        "box" => format!("box = [{{ name = 'box', namespaces = [{namespaces}] }}]\n"),
        _ => String::new(),
    };
    format!(
        "{boxes}[[action]]\nin = '{place}'\ndo.run = ['sh', '-c', \"\"\"{script}\"\"\"]\nas = 'sh'\n\
         [[expect]]\nclaim = 'c'\nwhen = {{ fact = '{place}/sh', is = 'never' }}"
    )
}

/// Places whose mounts are the host's: the host, and boxes with nothing that
/// holds mounts.
const WITHOUT_MOUNTS: [&str; 4] = ["", "'uts'", "'net', 'ipc'", "'time'"];

/// Neither what a program mounts nor what it writes stays, wherever no mount
/// namespace of a box's holds it.
#[test]
fn a_program_outside_of_a_boxs_mounts_changes_none_and_no_file() {
    if !support::is_root() || !may_make_boxes(User::Me) {
        skip("an ordinary user can mount nothing on the host");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (at, victim) = (dir.path().join("at"), dir.path().join("victim"));
    fs::create_dir(&at).unwrap();
    fs::write(&victim, "the host's").unwrap();
    for namespaces in WITHOUT_MOUNTS {
        let tries = format!(
            "mount -t tmpfs tried-it {at}; mount --bind / {at}; echo x >{victim}; echo x >{at}/new; \
             echo 1 >/proc/sys/kernel/domainname; echo end",
            at = at.display(),
            victim = victim.display()
        );
        let domain = fs::read_to_string("/proc/sys/kernel/domainname").unwrap();
        let said = run(dir.path(), &script(namespaces, &tries));
        assert!(said.contains("  end"), "{namespaces}:\n{said}");
        assert!(said.contains("unshare(CLONE_NEWNS) = 0"), "{said}");
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains("tried-it"), "{namespaces}:\n{mounts}");
        assert!(!mounts.contains(at.to_str().unwrap()), "{namespaces}");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "the host's");
        assert_eq!(fs::read_dir(&at).unwrap().count(), 0, "{namespaces}");
        let now = fs::read_to_string("/proc/sys/kernel/domainname").unwrap();
        assert_eq!(now, domain, "{namespaces}");
    }
}

/// Somebody's terminal: nothing arrives there, neither written nor typed for it.
#[test]
fn a_program_writes_to_no_terminal() {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use std::io::{Read, Write};
    if !support::is_root() || !may_make_boxes(User::Me) {
        skip("an ordinary user's terminal on the host is their own program's as well");
        return;
    }
    let pty = nix::pty::openpty(None, None).unwrap();
    let slave = nix::unistd::ttyname(&pty.slave).unwrap();
    let (slave, mine) = (slave.display(), std::process::id());
    fcntl(&pty.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    let (mut master, mut own_end) = (fs::File::from(pty.master), fs::File::from(pty.slave));
    let mut heard = [0; 4096];
    // That it would be heard.
    own_end.write_all(b"test").unwrap();
    assert_eq!(master.read(&mut heard).unwrap(), 4);
    for namespaces in WITHOUT_MOUNTS {
        let dir = tempfile::tempdir().unwrap();
        let tries = format!(
            "for at in {slave} /dev/tty /dev/console /dev/tty1 /proc/{mine}/fd/*; do \
             test -c $at && case $(readlink $at) in /dev/null) ;; *) echo intruder >$at; esac; done; \
             python3 -c 'import fcntl,termios; fcntl.ioctl(0, termios.TIOCSTI, b\"x\")'; tty; echo end"
        );
        let said = run(dir.path(), &script(namespaces, &tries));
        assert!(said.contains("not a tty"), "{namespaces}:\n{said}");
        assert!(said.contains("  end"), "{namespaces}:\n{said}");
        let nothing = master.read(&mut heard).map_err(|error| error.kind());
        assert_eq!(nothing, Err(std::io::ErrorKind::WouldBlock), "{namespaces}");
    }
}

/// What looks at itself in a box sees what it would in a container: no filter, and
/// the flag only if whoever tests has it.
#[test]
fn a_program_in_a_box_has_no_filter_and_may_gain_privileges() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let lines = |text: &str| -> Vec<String> {
        let words = text.lines().map(str::trim);
        let kept =
            words.filter(|line| line.starts_with("Seccomp:") || line.starts_with("NoNewPrivs:"));
        kept.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    let own = lines(&fs::read_to_string("/proc/self/status").unwrap());
    for namespaces in ["'uts'", "'mount'", "'mount', 'pid'", "'user'"] {
        let dir = tempfile::tempdir().unwrap();
        let said = run(dir.path(), &script(namespaces, "cat /proc/self/status"));
        assert_eq!(lines(&said), own, "{namespaces}:\n{said}");
    }
}

/// They end by what limits them, and what they met is told.
#[test]
fn a_fork_bomb_and_a_hog_meet_their_limits() {
    if !support::is_root() || !may_make_boxes(User::Me) {
        skip("an ordinary user may have no group to make others in");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let said = run(dir.path(), &script("'uts'", "cat /proc/self/cgroup"));
    if !said.contains("run.programs") {
        skip("no group of this host hands pids and memory down");
        return;
    }
    let storm = "i=0; while test $i -lt 400; do sleep 5 & i=$((i+1)); done; echo all of them";
    let said = run(dir.path(), &script("'uts'", storm));
    assert!(said.contains("annot fork"), "{said}");
    assert!(!said.contains("  all of them"), "{said}");
    let said = run(
        dir.path(),
        &script("'uts'", "head -c 3G /dev/zero | tail -c 3G | wc -c"),
    );
    let told = said.contains("memory exhausted") || said.contains("Killed");
    assert!(told && !said.contains("3221225472"), "{said}");
}

/// A program of root's with the set-user-ID bit is worth no more than its reader.
#[test]
fn a_set_user_id_program_gains_nothing() {
    use std::os::unix::fs::PermissionsExt;
    if !support::is_root() {
        skip("only root can make a set-user-ID program of root's");
        return;
    }
    let dir = support::pack::public_tempdir();
    let (program, secret) = (dir.path().join("cat"), dir.path().join("secret"));
    fs::copy("/bin/cat", &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    fs::write(&secret, "a secret").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let read = format!("{} {}", program.display(), secret.display());
    // That the bit has its effect where nothing prevents it.
    let shell = support::shell(User::Ordinary, &read);
    if shell.stdout != b"a secret" {
        skip("the temporary directory takes no set-user-ID bits");
        return;
    }
    let mut places = vec![(User::Ordinary, ""), (User::Me, "'user'")];
    if may_make_boxes(User::Ordinary) {
        places.extend([
            (User::Ordinary, "'uts'"),
            (User::Ordinary, "'mount', 'pid'"),
        ]);
    }
    for (user, namespaces) in places {
        let said = run_as(user, dir.path(), &script(namespaces, &read));
        assert!(said.contains("Permission denied"), "{namespaces}:\n{said}");
        assert!(!said.contains("a secret"), "{namespaces}:\n{said}");
    }
}

/// A demo in which the course's engine is asked for a container of this, which
/// begins; its claim is that it does.
fn asks(body: &str) -> String {
    let post = |path: &str, rest: &str| {
        format!("[[action]]\nin = 'host'\ndo.api = {{ method = 'POST', path = '{path}'{rest} }}\n")
    };
    let create = post(
        "/containers/create?name=one",
        &format!(", body = '''{body}'''"),
    );
    let (start, wait) = (
        post("/containers/one/start", ""),
        post("/containers/one/wait", ""),
    );
    format!(
        "[[action]]\nin = 'host'\ndo.engine = 'engine'\n\
         {create}as = 'create'\n{start}as = 'start'\n{wait}as = 'wait'\n\
         [[action]]\nin = 'host'\n\
         do.api = {{ method = 'GET', path = '/containers/one/logs?stdout=1&stderr=1' }}\n\
         as = 'logs'\n\
         [[show]]\nlabel = 'create'\noutside = 'host/create.body'\n\
         [[show]]\nlabel = 'start'\noutside = 'host/start.body'\n\
         [[show]]\nlabel = 'logs'\noutside = 'host/logs.body'\n\
         [[expect]]\nclaim = 'c'\nwhen = {{ fact = 'host/start', is = 0 }}"
    )
}

/// Neither a file of the machine's, nor its network, its processes or its root.
#[test]
fn a_lessons_engine_gives_no_container_the_machine() {
    if !may_make_boxes(User::Me) {
        return;
    }
    for (wanted, refused) in [
        (r#""Binds": ["/:/host"]"#, "below a directory"),
        (r#""Binds": ["/etc:/host"]"#, "below a directory"),
        (
            r#""Mounts": [{"Type": "bind", "Source": "/etc", "Target": "/host"}]"#,
            "below a directory",
        ),
        (r#""NetworkMode": "host""#, "the machine's network"),
        (r#""Privileged": true"#, "Privileged"),
        (r#""PidMode": "host""#, "PidMode"),
        (r#""CapAdd": ["SYS_ADMIN"]"#, "CapAdd"),
    ] {
        let dir = support::pack::public_tempdir();
        let body = format!(
            r#"{{"Image": "base", "Cmd": ["echo", "it", "ran"], "HostConfig": {{{wanted}}}}}"#
        );
        let said = run(dir.path(), &asks(&body));
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(refused), "{wanted}:\n{said}");
        assert!(!words.contains("it ran"), "{wanted}:\n{said}");
    }
}

/// Nobody asked for limits, and there are some.
#[test]
fn a_storm_in_a_container_of_a_lessons_engine_meets_its_limit() {
    if !may_make_boxes(User::Me) || !support::can_make_groups() {
        return;
    }
    let dir = support::pack::public_tempdir();
    let storm = "n=0; while [ $n -lt 400 ]; do sleep 9 & n=$((n+1)); done; echo all of them";
    let body = serde_json::json!({"Image": "base", "Cmd": ["sh", "-c", storm]});
    let said = run(dir.path(), &asks(&body.to_string()));
    assert!(said.contains("fork"), "{said}");
    assert!(!said.contains("all of them"), "{said}");
}
