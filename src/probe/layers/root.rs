//! The layers of another process's root directory.
//!
//! Its mountinfo names them as whoever mounted them saw them: a runtime that may
//! have had other mounts than the observer. So each place from which they may be
//! looked up is tried, and one counts only if what its layers would show is what
//! the root shows.

use super::{Bounds, Layer, List, MOST_BYTES, Places, Stack, list, options, visible};
use crate::plan::Seen;
use crate::probe::mountinfo::{self, Mount};
use crate::probe::observation::{Unread, shown};
use crate::probe::tree;
use crate::probe::unavailable::Unavailable;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// From where a layer's path may be looked up.
#[derive(Debug, Clone)]
pub(in crate::probe) struct Base {
    /// The root directory that the path begins at: `/`, or `/proc/PID/root` of
    /// an ancestor.
    pub(in crate::probe) root: PathBuf,
    /// The mounts there.
    pub(in crate::probe) mounts: Vec<Mount>,
}

/// The picture of a root directory that is an overlay, with the names directly
/// in it. `root` leads to it, `mounts` are those of its process.
///
/// # Errors
/// Why there is no picture, in plain words.
pub(in crate::probe) fn root_layers(
    root: &Path,
    mounts: &[Mount],
    bases: &[Base],
) -> Result<Stack, Unread> {
    let mount = mountinfo::topmost(mounts, "/")
        .filter(|mount| mount.fstype == "overlay")
        .ok_or("its root directory is no overlay")?;
    if mount.root != "/" {
        return Err(format!("its root is {} of an overlay", mount.root).into());
    }
    let told = options::parse(&mount.super_options);
    let upper = told.upper.is_some();
    let ways: Vec<Vec<String>> = told
        .upper
        .into_iter()
        .chain(told.lower.into_iter().map(|path| vec![path]))
        .collect();
    if ways.iter().flatten().any(|path| !path.starts_with('/')) {
        return Err("its layers' paths are relative to where the mounting process stood".into());
    }
    let bytes = MOST_BYTES / (ways.len() + 1);
    let view = list(root, &Bounds::names(bytes), &|_| false)?;
    let mut because = Unavailable::NoWay;
    for base in bases {
        let places = Places {
            directories: ways.iter().map(|ways| base.find(ways)).collect(),
            upper,
            user_attributes: told.user_attributes,
        };
        if let Some(strange) = places.directories.iter().find(|path| !base.is_safe(path)) {
            because = Unavailable::Strange(shown(strange));
            continue;
        }
        match picture(&places, &view, &ways) {
            Ok(stack) => return Ok(stack),
            Err(error) => because = error,
        }
    }
    Err(because.into())
}

impl Base {
    /// The first of the ways that a path may have been meant that is there.
    fn find(&self, ways: &[String]) -> PathBuf {
        let mut paths = ways.iter().map(|way| self.at(way));
        let first = paths.next().unwrap_or_default();
        match first.is_dir() {
            true => first,
            false => paths.find(|path| path.is_dir()).unwrap_or(first),
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Whether looking there waits for nobody.
    fn is_safe(&self, path: &Path) -> bool {
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        let path = Path::new("/").join(below);
        mountinfo::holding(&self.mounts, &shown(&path)).is_none_or(Mount::is_local)
    }
}

fn picture(places: &Places, view: &List, ways: &[Vec<String>]) -> Result<Stack, Unavailable> {
    let bytes = MOST_BYTES / (places.directories.len() + 1);
    let mut layers = Vec::new();
    let mut cut = view.end.is_some();
    for (index, (layer, place)) in places
        .layers()
        .into_iter()
        .zip(&places.directories)
        .enumerate()
    {
        let opaque = |path: &Path| tree::is_opaque(path, places.marks());
        let listed = list(place, &Bounds::names(bytes), &opaque)?;
        cut |= listed.end.is_some();
        // The path as the mount was told, not the way that leads there from here.
        let told = ways[index].first().cloned().unwrap_or_default();
        layers.push(Layer {
            path: told,
            entries: listed.names.into_iter().map(|(_, entry)| entry).collect(),
            ..layer
        });
    }
    let mut computed: BTreeMap<String, Seen> = visible(&layers)
        .into_iter()
        .map(|seen| (seen.path.clone(), seen))
        .collect();
    let seen: Vec<Seen> = view
        .names
        .iter()
        .map(|(_, entry)| Seen {
            from: computed
                .remove(&entry.path)
                .filter(|seen| seen.kind == entry.kind)
                .map(|seen| seen.from)
                .unwrap_or_default(),
            path: entry.path.clone(),
            kind: entry.kind,
            text: None,
        })
        .collect();
    let agrees = computed.is_empty() && seen.iter().all(|seen| !seen.from.is_empty());
    if !cut && !agrees {
        return Err(Unavailable::OtherNames);
    }
    Ok(Stack {
        at: "/".into(),
        view: seen,
        layers,
        cut,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The root, and the layers below it: names that end with `/` are directories.
    fn check(view: &[&str], upper: &[&str], lower: &[&str]) -> Result<Vec<String>, String> {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().display();
        for (place, names) in [("root", view), ("up", upper), ("low", lower)] {
            fs::create_dir(dir.path().join(place)).unwrap();
            for name in names {
                let path = dir.path().join(place).join(name);
                match name.ends_with('/') {
                    true => fs::create_dir(path).unwrap(),
                    false => fs::write(path, "x").unwrap(),
                }
            }
        }
        let mounts = mountinfo::parse(&format!(
            "1 0 0:9 / / rw - overlay o rw,lowerdir={base}/low,upperdir={base}/up,workdir=/w\n"
        ));
        let bases = [Base {
            root: "/".into(),
            mounts: Vec::new(),
        }];
        let stack = root_layers(&dir.path().join("root"), &mounts, &bases);
        let seen = |seen: &Seen| format!("{} {:?}", seen.path, seen.from);
        stack
            .map(|stack| stack.view.iter().map(seen).collect())
            .map_err(|unread| unread.because)
    }

    #[test]
    fn only_layers_that_make_the_root_are_its_layers() {
        let found = check(&["a", "b", "d/"], &["a", "d/"], &["a", "b", "d/"]);
        assert_eq!(found.unwrap(), ["a [0]", "b [1]", "d [0, 1]"]);
        for (view, upper, lower) in [
            // Other directories may lie at the same paths here.
            (&["a", "b"][..], &[][..], &["a"][..]),
            (&["a"], &["c"], &["a"]),
            (&["a/"], &[], &["a"]),
        ] {
            let because = check(view, upper, lower).unwrap_err();
            assert!(because.contains("hold other names"), "{because}");
        }
    }

    #[test]
    fn what_may_never_answer_is_not_asked() {
        let mounts = mountinfo::parse(
            "1 0 0:9 / / rw - overlay o rw,lowerdir=/far/low,upperdir=/up,workdir=/w\n",
        );
        for (kind, safe) in [
            ("fuse.sshfs", false),
            ("nfs4", false),
            ("autofs", false),
            ("ext4", true),
        ] {
            let here = mountinfo::parse(&format!(
                "1 0 0:1 / / rw - ext4 d rw\n2 1 0:2 / /far rw - {kind} f rw\n"
            ));
            let base = Base {
                root: "/".into(),
                mounts: here,
            };
            assert_eq!(base.is_safe(Path::new("/far/low")), safe, "{kind}");
            let because = root_layers(Path::new("/"), &mounts, &[base])
                .unwrap_err()
                .because;
            assert_eq!(
                because.contains("may never answer"),
                !safe,
                "{kind}: {because}"
            );
        }
    }
}
