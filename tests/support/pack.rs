//! Copies of a lesson's step with something changed in its demo.

use super::{Limit, PATIENCE, User, glassbox, has_programs};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use toml::{Table, Value};

/// Changes something in a demo; `None` when it isn't there.
pub type Mutation<'a> = &'a dyn Fn(&mut Table) -> Option<()>;

/// Writes a pack with this one step of a lesson, its demo changed.
pub fn pack_with(dir: &Path, lesson: &str, file: &str, mutate: Mutation<'_>) -> Option<()> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("lessons")
        .join(lesson);
    let target = dir.join(lesson);
    fs::create_dir_all(&target).unwrap();
    fs::copy(source.join("lesson.toml"), target.join("lesson.toml")).unwrap();
    let text = fs::read_to_string(source.join(file)).unwrap();
    // Where to look again would be in a step that this pack doesn't have.
    let kept = text.lines().filter(|line| !line.starts_with("see = "));
    let text = kept.fold(String::new(), |text, line| text + line + "\n");
    let (head, rest) = text.split_once("```demo\n").unwrap();
    let (demo, tail) = rest.split_once("\n```\n").unwrap();
    let mut table: Table = toml::from_str(demo).unwrap();
    mutate(&mut table)?;
    let demo = toml::to_string(&table).unwrap();
    fs::write(
        target.join(file),
        format!("{head}```demo\n{demo}\n```\n{tail}"),
    )
    .unwrap();
    Some(())
}

/// The list of that key: `box`, `action`, `cgroup` …
pub fn list<'a>(demo: &'a mut Table, key: &str) -> Option<&'a mut Vec<Value>> {
    demo.get_mut(key)?.as_array_mut()
}

/// The exit code of `verify` for a step of a pack, and what it printed.
pub fn verify(dir: &Path, step: &str, user: User) -> (Option<i32>, String) {
    let pack = dir.to_str().unwrap();
    let output = glassbox(user)
        .args(["--lessons", pack, "verify", "--trust", step])
        .within(PATIENCE)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

/// Whether the verdict of `verify` or `run` is no more than that a program isn't
/// here, which is looked up again; then the step named so is skipped.
#[track_caller]
pub fn lacks_a_program((code, text): &(Option<i32>, String)) -> bool {
    const NOT_HERE: i32 = 3;
    let told = ["missing: the program `", "refused: the program `"];
    let name = told
        .iter()
        .find_map(|words| text.split_once(words)?.1.split('`').next());
    *code == Some(NOT_HERE) && name.is_some_and(|name| !has_programs(&[name]))
}

/// A directory that every user can read, removed at the end.
pub fn public_tempdir() -> tempfile::TempDir {
    let dir = tempfile::Builder::new()
        .prefix("gbtest-")
        .tempdir()
        .unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    dir
}
