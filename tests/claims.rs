//! A claim that can't fail is worth nothing: each demo is run again with one of
//! its kernel operations left out, and `verify` must then fail.

#![allow(missing_docs)]

mod support;

use std::fs;
use std::path::Path;
use support::pack::{lacks_a_program, list, pack_with, public_tempdir, verify};
use support::{User, users};
use toml::{Table, Value};

const LESSON: &str = "01-namespaces";

/// Takes the effect out of the first action with this verb: its arguments
/// become others that the kernel accepts without doing what the step is about.
fn defuse(demo: &mut Table, verb: &str, instead: &str) -> Option<()> {
    let instead: Table = toml::from_str(&format!("it = {instead}")).unwrap();
    let action = list(demo, "action")?
        .iter_mut()
        .find(|action| action["do"].get(verb).is_some())?;
    action["do"]
        .as_table_mut()?
        .insert(verb.into(), instead["it"].clone());
    Some(())
}

#[test]
fn without_its_kernel_operation_a_step_fails() {
    let operations: [(&str, &str, &str, &str); 5] = [
        ("03-uts.md", "uts", "run", "['hostname']"),
        (
            "06-net.md",
            "net",
            "veth",
            "{ between = ['a', 'b'], addresses = ['192.0.2.1/32', '198.51.100.1/32'] }",
        ),
        ("07-ipc.md", "ipc", "make-queue", "99"),
        ("12-lock.md", "lock", "set-hostname", "'elsewhere'"),
        (
            "11-hungry.md",
            "hungry",
            "spawn",
            "{ workload = { burn = '1ms' } }",
        ),
    ];
    for user in users() {
        for (file, step, verb, instead) in operations {
            let dir = public_tempdir();
            // As it is, the copy passes: the failure below has one cause.
            pack_with(dir.path(), LESSON, file, &|_| Some(())).unwrap();
            let verdict = verify(dir.path(), step, user);
            if lacks_a_program(&verdict) {
                continue;
            }
            let (code, text) = verdict;
            assert_eq!(code, Some(0), "{step} unchanged, as {user:?}: {text}");

            pack_with(dir.path(), LESSON, file, &|demo| {
                defuse(demo, verb, instead)
            })
            .unwrap_or_else(|| panic!("{file} has no `{verb}`"));
            let (code, text) = verify(dir.path(), step, user);
            assert_eq!(code, Some(1), "{step} without {verb}, as {user:?}: {text}");
            assert!(text.contains("FAIL"), "{text}");
        }
    }
}

/// Every namespace of every box is needed by some claim: without it the step
/// fails, or the pack is refused because an action would reach beyond the demo.
#[test]
fn without_one_of_its_namespaces_a_step_fails() {
    let lessons = Path::new(env!("CARGO_MANIFEST_DIR")).join("lessons/01-namespaces");
    let mut files: Vec<String> = fs::read_dir(&lessons)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md"))
        .collect();
    files.sort();
    let users = users();
    let Some(least) = users.last() else { return };
    let mut tried = 0;
    let mut survived = Vec::new();
    for file in &files {
        let text = fs::read_to_string(lessons.join(file)).unwrap();
        let step = text
            .lines()
            .find_map(|l| l.strip_prefix("id = "))
            .unwrap()
            .trim_matches('"');
        for (name, kind) in namespaces_of(&text) {
            // As an ordinary user, because as root a box that lost a namespace
            // would act on the host's. But only root's boxes share the host's
            // user namespace when they ask for none.
            let user = match kind.as_str() {
                "user" if users.len() == 1 => continue,
                "user" => User::Me,
                _ => *least,
            };
            let dir = public_tempdir();
            let remove = |demo: &mut Table| {
                let spec = list(demo, "box")?
                    .iter_mut()
                    .find(|spec| spec["name"].as_str() == Some(&name))?;
                let kinds = spec.get_mut("namespaces")?.as_array_mut()?;
                kinds.retain(|ns| ns.as_str() != Some(&kind));
                Some(())
            };
            pack_with(dir.path(), LESSON, file, &remove).unwrap();
            tried += 1;
            let verdict = verify(dir.path(), step, user);
            if lacks_a_program(&verdict) {
                continue;
            }
            // Where this user may make no groups, nothing is said of a demo that
            // has one: root's can be judged.
            let verdict = match verdict {
                (Some(3), _) if user != User::Me => verify(dir.path(), step, User::Me),
                judged => judged,
            };
            let (code, text) = verdict;
            let refused = code == Some(2) && text.contains("reach beyond");
            let senseless = code == Some(2) && text.contains("namespace");
            if code != Some(1) && !refused && !senseless {
                survived.push(format!("{file} without {name}: {kind}: {code:?}\n{text}"));
            }
        }
    }
    assert!(tried > 20, "only {tried} mutations were found");
    assert!(
        survived.is_empty(),
        "no claim needs these:\n{}",
        survived.join("\n")
    );
}

/// The boxes of a step's demo with each of their namespaces.
fn namespaces_of(text: &str) -> Vec<(String, String)> {
    let (_, rest) = text.split_once("```demo\n").unwrap();
    let (demo, _) = rest.split_once("\n```\n").unwrap();
    let mut demo: Table = toml::from_str(demo).unwrap();
    let mut found = Vec::new();
    for spec in list(&mut demo, "box").unwrap() {
        let name = spec["name"].as_str().unwrap();
        for kind in spec
            .get("namespaces")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            found.push((name.to_string(), kind.as_str().unwrap().to_string()));
        }
    }
    found
}
