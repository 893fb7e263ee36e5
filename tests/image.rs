//! The verbs `root-fs`, `image` and `unpack` end to end, in a box, as root and
//! as an ordinary user; and packs that would have them write elsewhere.

#![allow(missing_docs)]

mod support;

use std::fs;
use std::path::Path;
use support::pack::{public_tempdir, verify};
use support::{User, alone, assert_nothing_left, may_make_boxes, state, users};

/// A tmpfs in a box, and what is done there: each line one verb, with a name
/// for its result behind `=>`.
fn demo(verbs: &str, claims: &str) -> String {
    let head = "[[box]]\nname = 'box'\nnamespaces = ['user', 'mount', 'pid']\n";
    let mut demo = String::from(head);
    let mount = "mount = { type = 'tmpfs', path = '/mnt' }";
    for line in [mount].into_iter().chain(verbs.lines()) {
        let (verb, name) = line.split_once(" => ").unwrap_or((line, ""));
        demo += &format!("[[action]]\nin = 'box'\ndo.{}\n", verb.trim());
        if !name.is_empty() {
            demo += &format!("as = '{name}'\n");
        }
    }
    for claim in claims.lines() {
        demo += &format!("[[expect]]\nclaim = '.'\nwhen = {{ {} }}\n", claim.trim());
    }
    demo
}

/// What `verify` says of a step with this demo.
fn verified(dir: &Path, demo: &str, user: User) -> (Option<i32>, String) {
    let lesson = dir.join("01-image");
    fs::create_dir_all(&lesson).unwrap();
    let facts = "title = 'T'\nsummary = 'S'\nlock = 'L'\nminutes = 1\n";
    fs::write(lesson.join("lesson.toml"), facts).unwrap();
    let step = format!("+++\nid = 'image'\ntitle = 'T'\n+++\n\nText.\n\n```demo\n{demo}\n```\n");
    fs::write(lesson.join("01-image.md"), step).unwrap();
    verify(dir, "image", user)
}

#[test]
fn a_root_filesystem_becomes_an_image_and_a_root_filesystem_again() {
    let _turn = alone();
    let demo = demo(
        "root-fs = { programs = ['sh', 'cat'], to = '/mnt/base' } => base
         run = ['chroot', '/mnt/base', '/bin/sh', '-c', 'cat /etc/os-release'] => first
         mkdir = '/mnt/app'
         write = { path = '/mnt/app/hello', text = 'hi' }
         run = ['mknod', '/mnt/app/gone', 'c', '0', '0']
         image = { layout = '/mnt/image', tag = 'base', layers = ['/mnt/base'] } => one
         image = { layout = '/mnt/image', tag = 'app', layers = ['/mnt/base', '/mnt/app'] } => two
         image = { layout = '/mnt/image', tag = 'app', layers = ['/mnt/base', '/mnt/app'] } => three
         unpack = { layout = '/mnt/image', tag = 'app', to = '/mnt/out' } => out
         run = ['chroot', '/mnt/out/1', '/bin/sh', '-c', 'echo again'] => again
         run = ['stat', '-c', '%F %t:%T', '/mnt/out/2/gone'] => gone
         run = ['cat', '/mnt/out/2/hello'] => hello",
        "fact = 'box/base', is = 'ok'
         fact = 'box/first.out', contains = 'glassbox root filesystem'
         fact = 'box/one.written', is = 1
         fact = 'box/two.written', is = 1
         fact = 'box/two.reused', is = 1
         fact = 'box/three.written', is = 0
         fact = 'box/three.manifest', same-as = 'box/two.manifest'
         fact = 'box/out.layers', is = 2
         fact = 'box/again.out', is = 'again'
         fact = 'box/gone.out', is = 'character special file 0:0'
         fact = 'box/hello.out', is = 'hi'",
    );
    for user in users() {
        let dir = public_tempdir();
        let before = state();
        let (code, text) = verified(dir.path(), &demo, user);
        assert_eq!(code, Some(0), "{user:?}: {text}");
        assert_nothing_left(&before, "images");
    }
}

#[test]
fn a_lack_of_room_is_an_answer_and_leaves_no_half_of_a_blob() {
    let _turn = alone();
    let demo = demo(
        "mkdir = '/mnt/layer'
         run = ['dd', 'if=/dev/urandom', 'of=/mnt/layer/file', 'bs=1M', 'count=9']
         image = { layout = '/mnt/image', tag = 't', layers = ['/mnt/layer'] } => made
         run = ['find', '/mnt/image', '-type', 'f'] => left",
        "fact = 'box/made', is = 'ENOSPC'
         fact = 'box/left.out', is = ''",
    );
    for user in users() {
        let dir = public_tempdir();
        let (code, text) = verified(dir.path(), &demo, user);
        assert_eq!(code, Some(0), "{user:?}: {text}");
    }
}

/// A directory of the learner's must stay as it is, whether it is named or a
/// link leads to it.
#[test]
fn nothing_is_written_but_on_a_mount_of_the_run() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let _turn = alone();
    let victim = public_tempdir();
    let path = victim.path().display();
    let link = |from: &str| format!("run = ['ln', '-s', '{path}', '{from}']\n");
    let image = |layout: &str| {
        format!("image = {{ layout = '{layout}', tag = 't', layers = ['/mnt'] }} => x")
    };
    let layout = "mkdir = '/mnt/image'\n";
    let packed = "root-fs = { programs = ['sh'], to = '/mnt/files' }
        image = { layout = '/mnt/image', tag = 't', layers = ['/mnt/files'] }
        ";
    let packed = packed.to_string();
    let unpack =
        |to: &str| format!("unpack = {{ layout = '/mnt/image', tag = 't', to = '{to}' }} => x");
    for verbs in [
        format!("root-fs = {{ programs = ['sh'], to = '{path}' }} => x"),
        format!("root-fs = {{ programs = ['sh'], to = '{path}/new' }} => x"),
        link("/mnt/to") + "root-fs = { programs = ['sh'], to = '/mnt/to' } => x",
        link("/mnt/to") + "root-fs = { programs = ['sh'], to = '/mnt/to/new' } => x",
        image(&format!("{path}/image")),
        link("/mnt/image") + &image("/mnt/image"),
        layout.to_string() + &link("/mnt/image/blobs") + &image("/mnt/image"),
        packed.clone() + &link("/mnt/to") + &unpack("/mnt/to"),
        packed + &unpack(&format!("{path}/out")),
    ] {
        let dir = public_tempdir();
        let demo = demo(&verbs, "fact = 'box/x', is = 'ok'");
        let (code, text) = verified(dir.path(), &demo, User::Me);
        assert_ne!(code, Some(0), "{verbs}: {text}");
        assert!(
            text.contains("on a mount that this run made"),
            "{verbs}: {text}"
        );
        let left: Vec<_> = fs::read_dir(victim.path()).unwrap().collect();
        assert!(left.is_empty(), "{verbs}: {left:?}");
    }
}

#[test]
fn a_program_that_is_missing_is_named() {
    if !may_make_boxes(User::Me) {
        return;
    }
    let dir = public_tempdir();
    let demo = demo(
        "root-fs = { programs = ['sh', 'no-such-program'], to = '/mnt/base' } => x",
        "fact = 'box/x', is = 'ok'",
    );
    let (_, text) = verified(dir.path(), &demo, User::Me);
    assert!(text.contains("execve(no-such-program): ENOENT"), "{text}");
    assert!(text.contains("install a package"), "{text}");
}
