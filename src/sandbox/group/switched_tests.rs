use super::*;
use crate::sandbox::base::owner::name_for;

fn own(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

/// A group as far as its files go: nobody carries out what is written there.
fn group(on: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(subtree_control(dir.path()), on).unwrap();
    dir
}

/// Another run's marker: that of a process which this one can't know.
fn marker_of_another(dir: &Path, controllers: &str) -> PathBuf {
    let mine = name_for(&format!("{WHAT}.{controllers}")).unwrap();
    let parts: Vec<&str> = mine.splitn(6, '-').collect();
    let name = format!(
        "{}-{}-4294967295-{}-1-{}",
        parts[0], parts[1], parts[3], parts[5]
    );
    let path = dir.join(name);
    fs::create_dir(&path).unwrap();
    path
}

fn quietly(dir: &Path, names: &[&str]) -> Result<Option<PathBuf>, Refusal> {
    let marker = hold(dir, names, &mut |_, _, _, call| call())?;
    Ok(marker.map(|marker| marker.path))
}

#[test]
fn only_what_is_off_or_anothers_is_marked() {
    for (names, on, mine, others, marked, switched) in [
        (
            &["io"][..],
            &[][..],
            &[][..],
            &[][..],
            &["io"][..],
            &["io"][..],
        ),
        // The host's.
        (&["io"], &["io"], &[], &[], &[], &[]),
        (&["io", "cpu"], &["cpu"], &[], &[], &["io"], &["io"]),
        // On for the sake of another run.
        (&["io"], &["io"], &[], &["io"], &["io"], &[]),
        (
            &["io", "pids"],
            &["io"],
            &[],
            &["io"],
            &["io", "pids"],
            &["pids"],
        ),
        // Marked already.
        (&["io"], &["io"], &["io"], &["io"], &[], &[]),
        (&["io", "cpu"], &["io"], &["io"], &[], &["cpu"], &["cpu"]),
        // Taken away from us: no second try.
        (&["io"], &[], &["io"], &[], &[], &[]),
        // Marked by one that was killed before it came to switch.
        (&["io"], &[], &[], &["io"], &["io"], &["io"]),
    ] {
        let found = wanted(names, &own(on), &own(mine), &own(others));
        assert_eq!(
            found,
            (own(marked), own(switched)),
            "{names:?} {on:?} {mine:?} {others:?}"
        );
    }
}

#[test]
fn the_last_switches_off_what_was_not_taken_already() {
    for (mine, others, on, lost, off) in [
        (&["io"][..], &[][..], &["io"][..], &[][..], &["io"][..]),
        (&["io"], &[], &["cpu", "io"], &[], &["io"]),
        (&["io", "cpu"], &["io"], &["cpu", "io"], &[], &["cpu"]),
        (&["io"], &["io"], &["io"], &[], &[]),
        (&["io"], &[], &[], &[], &[]),
        // Somebody took it, and gave it back: theirs.
        (&["io", "cpu"], &[], &["cpu", "io"], &["io"], &["cpu"]),
    ] {
        let found = to_switch_off(&own(mine), &own(others), &own(on), lost);
        assert_eq!(found, own(off), "{mine:?} {others:?} {on:?}");
    }
}

#[test]
fn a_marker_tells_its_controllers() {
    let name = name_for("switched.io.memory").unwrap();
    assert_eq!(controllers_of(&name), Some(vec!["io", "memory"]));
    for what in ["box", "switched", "switched-io", "session.leaf"] {
        assert!(!is_marker(&name_for(what).unwrap()), "{what}");
    }
    assert!(!is_marker("switched.io"));
    assert!(!is_marker("glassbox-1-2-switched.io"));
}

#[test]
fn two_runs_share_what_the_last_takes_back() {
    let dir = group("cpu");
    let path = subtree_control(dir.path());
    let ours = quietly(dir.path(), &["cpu", "io"]).unwrap().unwrap();
    assert!(ours.ends_with(name_for("switched.io").unwrap()));
    assert_eq!(fs::read_to_string(&path).unwrap(), "+io");
    // As the kernel would have it.
    fs::write(&path, "cpu io").unwrap();
    let theirs = marker_of_another(dir.path(), "io");
    assert_eq!(Marker::at(ours.clone()).release(&[]), []);
    assert!(!ours.exists());
    assert_eq!(fs::read_to_string(&path).unwrap(), "cpu io");
    assert_eq!(Marker::at(theirs.clone()).release(&[]), []);
    assert_eq!(fs::read_to_string(&path).unwrap(), "-io");
    assert!(!theirs.exists());
    // Two cleaners at once.
    assert_eq!(Marker::at(theirs.clone()).release(&[]), []);
    assert_eq!(Marker::at("/nowhere/at/all".into()).release(&[]), []);
    // What the host has on needs no marker.
    fs::write(&path, "cpu").unwrap();
    assert_eq!(quietly(dir.path(), &["cpu"]), Ok(None));
    assert_eq!(quietly(dir.path(), &[]), Ok(None));
}

#[test]
fn the_leaf_stays_until_the_last_marker_goes() {
    let dir = group("memory");
    let leaf = dir.path().join(name_for("session.leaf").unwrap());
    fs::create_dir(&leaf).unwrap();
    assert!(is_shared(leaf.file_name().unwrap()));
    let ours = quietly(dir.path(), &["io"]).unwrap().unwrap();
    let theirs = marker_of_another(dir.path(), "io");
    // A sweep may meet the leaf of a dead program while a run lives on.
    assert_eq!(Marker::at(leaf.clone()).release(&[]), []);
    assert_eq!(Marker::at(ours.clone()).release(&[]), []);
    assert!(leaf.exists() && !ours.exists());
    assert_eq!(Marker::at(theirs.clone()).release(&[]), []);
    assert!(!leaf.exists());
    // One that was left without any.
    fs::create_dir(&leaf).unwrap();
    assert_eq!(Marker::at(leaf.clone()).release(&[]), []);
    assert!(!leaf.exists());
}

#[test]
fn a_refused_switch_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // Here nobody can write a file of that name.
    fs::create_dir(subtree_control(dir.path())).unwrap();
    let (stage, errno) = quietly(dir.path(), &["io"]).unwrap_err();
    assert!(
        stage.starts_with("write(") && stage.ends_with("+io)"),
        "{stage}"
    );
    assert_eq!(errno, Some(Errno(libc::EISDIR)));
    assert!(markers(dir.path()).is_empty());
    let gone = quietly(Path::new("/nowhere/at/all"), &["io"]).unwrap_err();
    assert_eq!(
        gone,
        ("flock(/nowhere/at/all)".into(), Some(Errno(libc::ENOENT)))
    );
}

#[test]
fn what_can_not_be_put_back_is_told_and_stays_marked() {
    let dir = group("io");
    let marker = marker_of_another(dir.path(), "io");
    // Somebody's process group in it: rmdir(2) refuses.
    fs::create_dir(marker.join("theirs")).unwrap();
    let left = Marker::at(marker.clone()).release(&[]);
    assert!(
        matches!(&left[..], [Leftover::Cgroup { path, groups, .. }] if *path == marker && groups[..] == ["theirs"]),
        "{left:?}"
    );
    assert!(marker.exists());
}

#[test]
fn the_lock_is_one_for_all_and_awaited() {
    let dir = group("");
    let held = lock(dir.path()).unwrap();
    let (done, ended) = std::sync::mpsc::channel();
    let path = dir.path().to_path_buf();
    let second = std::thread::spawn(move || {
        let taken = lock(&path).is_ok();
        done.send(taken).unwrap();
    });
    let early = ended.recv_timeout(Duration::from_millis(50));
    assert!(early.is_err(), "the lock held nobody up");
    drop(held);
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(true));
    second.join().unwrap();
}
