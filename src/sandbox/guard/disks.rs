//! The directories on a disk that runs have left whose guardian was killed.

use super::disk::{NAME, is_of_an_earlier_boot, made_at, places, places_moved_to, remove};
use super::unseen::Unseen;
use crate::base::Errno;
use crate::plan::Leftover;
use crate::sandbox::base::owner::{Owner, what_of};
use nix::unistd::Uid;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// What became of the guardian of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It may still come to remove what it owns.
    Lives,
    /// It won't.
    Gone,
    /// It is of another boot: of this machine's last one, or of a machine or a
    /// container that runs now.
    Unknown,
}

/// What was found.
#[derive(Default)]
pub(super) struct Disks {
    /// What is removed, or would be.
    pub(super) swept: Vec<PathBuf>,
    /// What could not be.
    pub(super) left: Vec<Leftover>,
    /// What can't be judged.
    pub(super) unseen: Vec<Unseen>,
}

/// Finds directories of runs by what became of the guardian, and removes those
/// that nobody will, unless `dry_run`. Only this user's own: anybody may make names in
/// a directory for temporary files. Root is told those of others.
pub(super) fn sweep_disks(dry_run: bool, fate: &dyn Fn(&Owner) -> Fate) -> Disks {
    sweep_in(&places(), dry_run, fate)
}

/// Those that somebody has moved: what they want with it, they know.
pub(super) fn moved_disks(fate: &dyn Fn(&Owner) -> Fate) -> Disks {
    moved_in(&places_moved_to(), fate)
}

fn moved_in(places: &BTreeSet<PathBuf>, fate: &dyn Fn(&Owner) -> Fate) -> Disks {
    let mut found = Disks::default();
    let entries = places.iter().flat_map(fs::read_dir).flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let Some(from) = made_at(&path).filter(|from| *from != path) else {
            continue;
        };
        match owner_of(from.file_name()).map(|owner| fate(&owner)) {
            Some(Fate::Gone) => found.left.push(Leftover::Moved { path, from }),
            Some(Fate::Unknown) => found.unseen.push(Unseen::Elsewhere { path }),
            Some(Fate::Lives) | None => {}
        }
    }
    found
}

/// Whose a directory of that name is, if it is a run's.
fn owner_of(name: Option<&OsStr>) -> Option<Owner> {
    let name = name?.to_str().filter(|name| what_of(name) == Some(NAME))?;
    Owner::parse(name)
}

fn sweep_in(places: &[PathBuf], dry_run: bool, fate: &dyn Fn(&Owner) -> Fate) -> Disks {
    let mut found = Disks::default();
    for place in places {
        match fs::read_dir(place) {
            Ok(entries) => entries
                .flatten()
                .for_each(|entry| found.judge(&entry, dry_run, fate)),
            Err(error) => found.unseen.push(Unseen::Directory {
                path: place.clone(),
                errno: Errno::from(error),
            }),
        }
    }
    found
}

impl Disks {
    fn judge(&mut self, entry: &DirEntry, dry_run: bool, fate: &dyn Fn(&Owner) -> Fate) {
        let Some(owner) = owner_of(Some(&entry.file_name())) else {
            return;
        };
        // Of the entry itself: a link of that name is nothing of ours.
        let Some(meta) = entry.metadata().ok().filter(|meta| meta.is_dir()) else {
            return;
        };
        let (path, me) = (entry.path(), Uid::effective());
        let mine = meta.uid() == me.as_raw();
        match fate(&owner) {
            Fate::Lives => {}
            Fate::Gone if !mine => {
                let uid = meta.uid();
                self.left
                    .extend(me.is_root().then_some(Leftover::Others { path, uid }));
            }
            Fate::Unknown if !mine && !me.is_root() => {}
            Fate::Unknown if !mine || !is_of_an_earlier_boot(&path) => {
                self.unseen.push(Unseen::Elsewhere { path });
            }
            Fate::Gone | Fate::Unknown if dry_run => self.swept.push(path),
            Fate::Gone | Fate::Unknown => match remove(path.clone()) {
                Ok(()) => self.swept.push(path),
                Err(one) => self.left.push(one),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::base::owner::name_for;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    #[test]
    fn only_what_is_left_behind_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        let live = name_for(NAME).unwrap();
        // The start of an owner that is gone: this process's, and one more.
        let (stem, _) = live.rsplit_once('-').unwrap();
        let (before, start) = stem.rsplit_once('-').unwrap();
        let gone = format!("{before}-{}-{NAME}", start.parse::<u64>().unwrap() + 1);
        let other = gone.replace(NAME, "other");
        for name in [&live, &gone, &other] {
            fs::create_dir_all(dir.path().join(name).join("box-0/work")).unwrap();
        }
        fs::set_permissions(
            dir.path().join(&gone).join("box-0/work"),
            Permissions::from_mode(0o000),
        )
        .unwrap();
        let (boot, rest) = gone["glassbox-".len()..].split_once('-').unwrap();
        let elsewhere = if boot == "0123abcd" {
            "0123abce"
        } else {
            "0123abcd"
        };
        let elsewhere = dir.path().join(format!("glassbox-{elsewhere}-{rest}"));
        fs::create_dir(&elsewhere).unwrap();
        let link = dir.path().join(gone.replace("glassbox-", "glassbox-0"));
        std::os::unix::fs::symlink("/", &link).unwrap();

        let places = [dir.path().to_path_buf()];
        let expected = vec![dir.path().join(&gone)];
        let me = Owner::of(std::process::id() as i32).unwrap();
        let judge = |owner: &Owner| match owner {
            owner if !owner.is_of_boot(&me) => Fate::Unknown,
            owner if owner.is_gone(&me) => Fate::Gone,
            _ => Fate::Lives,
        };
        let sweep = |dry_run| sweep_in(&places, dry_run, &judge);
        assert_eq!(sweep(true).swept, expected);
        assert!(expected[0].exists());
        let found = sweep(false);
        assert_eq!((found.swept, found.left), (expected.clone(), Vec::new()));
        assert_eq!(
            found.unseen,
            [Unseen::Elsewhere {
                path: elsewhere.clone()
            }]
        );
        assert!(elsewhere.exists());
        assert!(!expected[0].exists());

        let tell = |path: &Path, from: &Path| {
            fs::create_dir_all(path).unwrap();
            fs::write(path.join("made-at"), from.to_str().unwrap()).unwrap();
        };
        // Moved ones: of a dead run, of a living one, of another boot; what isn't
        // told by a file; and one that is where it was made.
        let inside = dir.path().join("inside");
        let wherever = elsewhere.display().to_string();
        let moved = [&gone, &live, &wherever, &other].map(|from| {
            let path = inside.join(format!("moved-{}", from.replace('/', "_")));
            tell(&path, &dir.path().join(from));
            path
        });
        tell(&dir.path().join(&live), &dir.path().join(&live));
        nix::unistd::mkfifo(
            &dir.path().join(&other).join("made-at"),
            nix::sys::stat::Mode::S_IRWXU,
        )
        .unwrap();
        let places = [dir.path().to_path_buf(), inside].into();
        let found = moved_in(&places, &judge);
        let told = Leftover::Moved {
            path: moved[0].clone(),
            from: expected[0].clone(),
        };
        assert_eq!((found.swept, found.left), (Vec::new(), vec![told]));
        assert_eq!(
            found.unseen,
            [Unseen::Elsewhere {
                path: moved[2].clone()
            }]
        );
        assert!(moved.iter().all(|path| path.exists()));
        assert!(dir.path().join(&live).exists() && dir.path().join(&other).exists());
        assert!(link.symlink_metadata().is_ok());
    }
}
