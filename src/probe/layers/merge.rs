//! What layers show when they are stacked: overlayfs as its documentation has
//! it, computed from names alone. Nothing is asked of the kernel here, so that
//! what is computed can be held against what the mount shows.

use crate::plan::{Entry, EntryKind, Layer, Seen};
use std::collections::BTreeMap;

/// A directory of one layer, by the names in it.
type Names<'a> = BTreeMap<&'a str, Name<'a>>;

/// A name in it, and what is below.
struct Name<'a> {
    kind: EntryKind,
    below: Names<'a>,
}

/// The names that a stack of layers shows, the topmost layer first: each with
/// its kind and the layers that it comes from. The order is that of the paths;
/// a directory stands before what is in it. No `text` is given.
///
/// The rules, Documentation/filesystems/overlayfs.rst: a whiteout, and anything
/// that isn't a directory, hides that name in all layers below; directories are
/// merged down to the first one that is opaque.
pub fn visible(layers: &[Layer]) -> Vec<Seen> {
    let trees: Vec<Names<'_>> = layers.iter().map(|layer| tree(&layer.entries)).collect();
    let tops: Vec<(usize, &Names<'_>)> = trees.iter().enumerate().collect();
    let mut seen = Vec::new();
    merge("", &tops, &mut seen);
    seen
}

/// A layer's list as a tree. A name whose directory isn't listed is left out.
fn tree(entries: &[Entry]) -> Names<'_> {
    let mut top = Names::new();
    for entry in entries {
        let (directory, name) = match entry.path.rsplit_once('/') {
            Some((directory, name)) => (Some(directory), name),
            None => (None, entry.path.as_str()),
        };
        let mut names = Some(&mut top);
        for part in directory.into_iter().flat_map(|path| path.split('/')) {
            names = names.and_then(|names| Some(&mut names.get_mut(part)?.below));
        }
        if let Some(names) = names {
            let kind = entry.kind;
            let below = Names::new();
            names.insert(name, Name { kind, below });
        }
    }
    top
}

/// One directory of the view, made of the directories of these layers.
fn merge(path: &str, parts: &[(usize, &Names<'_>)], seen: &mut Vec<Seen>) {
    let mut names: Vec<&str> = parts
        .iter()
        .flat_map(|(_, names)| names.keys().copied())
        .collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let mut from = Vec::new();
        let mut below: Vec<(usize, &Names<'_>)> = Vec::new();
        let mut shown = EntryKind::Directory;
        for (layer, names) in parts {
            let Some(found) = names.get(name) else {
                continue;
            };
            match found.kind {
                EntryKind::Directory | EntryKind::Opaque => {
                    from.push(*layer);
                    below.push((*layer, &found.below));
                    if found.kind == EntryKind::Opaque {
                        break;
                    }
                }
                // Below a directory it is hidden itself, and hides the rest.
                EntryKind::File | EntryKind::Symlink | EntryKind::Special if from.is_empty() => {
                    from.push(*layer);
                    shown = found.kind;
                    break;
                }
                EntryKind::File | EntryKind::Symlink | EntryKind::Special | EntryKind::Whiteout => {
                    break;
                }
            }
        }
        if from.is_empty() {
            continue;
        }
        let path = match path {
            "" => name.to_string(),
            path => format!("{path}/{name}"),
        };
        seen.push(Seen {
            path: path.clone(),
            kind: shown,
            from,
            text: None,
        });
        merge(&path, &below, seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `d` or `d/` a directory, `d!` an opaque one, `f` a file, `-` a whiteout,
    /// `@` a symbolic link, `%` something special.
    fn layer(text: &str) -> Layer {
        let entry = |word: &str| {
            let (path, kind) = match word.split_at(word.len() - 1) {
                (path, "/") => (path, EntryKind::Directory),
                (path, "!") => (path, EntryKind::Opaque),
                (path, "-") => (path, EntryKind::Whiteout),
                (path, "@") => (path, EntryKind::Symlink),
                (path, "%") => (path, EntryKind::Special),
                _ => (word, EntryKind::File),
            };
            Entry {
                path: path.into(),
                kind,
                text: None,
            }
        };
        Layer {
            name: String::new(),
            path: String::new(),
            writable: false,
            entries: text.split_whitespace().map(entry).collect(),
        }
    }

    #[test]
    fn the_rules_of_overlayfs() {
        for (layers, expected) in [
            // The topmost wins; the rest is added.
            (&["a", "a b"][..], "a=0 b=1"),
            (&["", "", "a"], "a=2"),
            (&[], ""),
            // A whiteout hides all below, and is nothing itself.
            (&["a-", "a", "a b"], "b=2"),
            (&["a-"], ""),
            (&["", "a-", "a"], ""),
            (&["a", "a-", "a"], "a=0"),
            // Directories merge, down to the first that is opaque.
            (&["d/ d/x", "d/ d/x d/y"], "d/=0,1 d/x=0 d/y=1"),
            (&["d! d/x", "d/ d/x d/y"], "d/=0 d/x=0"),
            (&["d/", "d! d/x", "d/ d/y"], "d/=0,1 d/x=1"),
            // … or something else, which is hidden and hides.
            (&["d/ d/x", "d", "d/ d/y"], "d/=0 d/x=0"),
            (&["d/ d/x", "d-", "d/ d/y"], "d/=0 d/x=0"),
            // What isn't a directory hides a directory.
            (&["d", "d/ d/x"], "d=0"),
            (&["d@", "d/ d/x"], "d@=0"),
            (&["d%", "d/ d/x"], "d%=0"),
            // A directory that a layer doesn't have lets the ones below through.
            (&["d/ d/x", "", "d/ d/y"], "d/=0,2 d/x=0 d/y=2"),
            // Deep below a hidden one.
            (&["d-", "d/ d/e/ d/e/f"], ""),
            (&["d/ d/e-", "d/ d/e/ d/e/f", "d/ d/g/"], "d/=0,1,2 d/g/=2"),
            (
                &["d/ d/e! d/e/n", "d/ d/e/ d/e/f d/e/n"],
                "d/=0,1 d/e/=0 d/e/n=0",
            ),
            // The order of the paths isn't that of their text.
            (&["d/ d/x d.e"], "d/=0 d/x=0 d.e=0"),
        ] {
            let layers: Vec<Layer> = layers.iter().map(|text| layer(text)).collect();
            let words = visible(&layers).into_iter().map(|seen| {
                let sign = match seen.kind {
                    EntryKind::Directory => "/",
                    EntryKind::Symlink => "@",
                    EntryKind::Special => "%",
                    EntryKind::File => "",
                    EntryKind::Opaque | EntryKind::Whiteout => "?",
                };
                let from: Vec<String> = seen.from.iter().map(usize::to_string).collect();
                format!("{}{sign}={}", seen.path, from.join(","))
            });
            assert_eq!(words.collect::<Vec<_>>().join(" "), expected);
        }
    }
}
