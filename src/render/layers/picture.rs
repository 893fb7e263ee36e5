//! A stack, read for drawing: where each name is, and what it is there.

use crate::plan::{Entry, EntryKind, Stack};
use crate::render::chart::flow;
use crate::render::line::{Line, Role, Span};
use crate::render::text::visible;
use std::collections::BTreeMap;

/// What joins a name of the view to its layer, from above and from the side.
pub(super) const DOWN: char = '┆';
pub(super) const ACROSS: &str = "┈";

/// What a name is in the view or in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// The view shows it from here.
    Shown,
    /// One of the directories that the view shows as one.
    Merged,
    /// A layer above hides it.
    Hidden,
    /// It hides that name below it.
    Whiteout,
    /// A directory that hides what is in those of its name below it.
    Opaque,
    /// Such a directory, itself hidden.
    HiddenOpaque,
    /// What the view makes of it, or where the view has it from, isn't known.
    Unknown,
}

impl Mark {
    pub(super) const ALL: [Mark; 7] = [
        Mark::Shown,
        Mark::Merged,
        Mark::Hidden,
        Mark::Whiteout,
        Mark::Opaque,
        Mark::HiddenOpaque,
        Mark::Unknown,
    ];

    /// Its sign in the tree, and in legends.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Mark::Shown => "●",
            Mark::Merged => "◆",
            Mark::Hidden => "○",
            Mark::Whiteout => "╳",
            Mark::Opaque => "■",
            Mark::HiddenOpaque => "□",
            Mark::Unknown => "?",
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Mark::Shown => "shown",
            Mark::Merged => "directories merged into one",
            Mark::Hidden => "hidden",
            Mark::Whiteout => "whiteout: hides the name",
            Mark::Opaque => "opaque: hides what lies below",
            Mark::HiddenOpaque => "opaque, and hidden itself",
            Mark::Unknown => "not known",
        }
    }

    pub(super) fn role(self) -> Role {
        match self {
            Mark::Shown | Mark::Merged => Role::Observed,
            Mark::Hidden | Mark::HiddenOpaque => Role::Dim,
            Mark::Whiteout => Role::Bad,
            Mark::Opaque | Mark::Unknown => Role::Warn,
        }
    }
}

/// A name in one place: the view or a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) mark: Mark,
    pub(super) kind: EntryKind,
    /// The whole text of a small file, ready to be shown.
    pub(super) text: Option<String>,
}

/// A path, and what it is everywhere.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) path: String,
    /// `None` if the view doesn't show it.
    pub(super) view: Option<Spot>,
    /// For each layer, the topmost first; `None` where it isn't.
    pub(super) layers: Vec<Option<Spot>>,
    /// The layers that the view has it from.
    pub(super) from: Vec<usize>,
}

impl Name {
    /// What it is: in the view, or else in the topmost layer that has it.
    pub(super) fn kind(&self) -> EntryKind {
        let spots = self.view.iter().chain(self.layers.iter().flatten());
        let mut kinds = spots.map(|spot| spot.kind);
        let whiteout = |kind: &EntryKind| *kind != EntryKind::Whiteout;
        kinds.find(whiteout).unwrap_or(EntryKind::Whiteout)
    }

    /// Whether the line from the view to the lowest layer of this name goes
    /// through that layer.
    pub(super) fn passes(&self, layer: usize) -> bool {
        self.view.is_some() && self.from.iter().any(|from| *from > layer)
    }

    /// Whether the line ends in that layer, or goes on from it.
    pub(super) fn reaches(&self, layer: usize) -> bool {
        self.view.is_some() && self.from.iter().any(|from| *from >= layer)
    }
}

/// What `ls -F` would put behind a name.
pub(super) fn suffix(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Directory | EntryKind::Opaque => "/",
        EntryKind::Symlink => "@",
        EntryKind::Special => "=",
        EntryKind::File | EntryKind::Whiteout => "",
    }
}

/// A stack, read for drawing.
pub(super) struct Picture<'s> {
    pub(super) stack: &'s Stack,
    /// By their path's parts, so that what is in a directory follows it.
    pub(super) names: Vec<Name>,
}

impl Picture<'_> {
    pub(super) fn new(stack: &Stack) -> Picture<'_> {
        let mut names: BTreeMap<Vec<&str>, Name> = BTreeMap::new();
        let parts = |path| str::split(path, '/').collect::<Vec<_>>();
        let new = |path: &str| Name {
            path: path.into(),
            view: None,
            layers: vec![None; stack.layers.len()],
            from: Vec::new(),
        };
        for seen in &stack.view {
            let name = names
                .entry(parts(&seen.path))
                .or_insert_with(|| new(&seen.path));
            name.from = seen.from.clone();
            name.from.retain(|layer| *layer < stack.layers.len());
            let mark = match name.from.len() {
                0 => Mark::Unknown,
                1 => Mark::Shown,
                _ => Mark::Merged,
            };
            let text = content(seen.text.as_deref());
            let kind = seen.kind;
            name.view = Some(Spot { mark, kind, text });
        }
        for (index, layer) in stack.layers.iter().enumerate() {
            for entry in &layer.entries {
                let name = names
                    .entry(parts(&entry.path))
                    .or_insert_with(|| new(&entry.path));
                let mark = mark(stack, index, entry, name);
                let text = content(entry.text.as_deref());
                let kind = entry.kind;
                name.layers[index] = Some(Spot { mark, kind, text });
            }
        }
        Picture {
            stack,
            names: names.into_values().collect(),
        }
    }

    /// The signs that were drawn, with what they mean.
    pub(super) fn legend(&self, signs: &[(&str, &str)], width: usize) -> Vec<Line> {
        let mut items: Vec<Vec<Span>> = signs
            .iter()
            .map(|(sign, words)| vec![Span::new(format!("{sign} {words}"), Role::Dim)])
            .collect();
        let kinds: Vec<EntryKind> = self.names.iter().map(Name::kind).collect();
        for (kind, words) in [
            (EntryKind::Symlink, "symbolic link"),
            (EntryKind::Special, "pipe, socket or device"),
        ] {
            if kinds.contains(&kind) {
                let text = format!("{} {words}", suffix(kind));
                items.push(vec![Span::new(text, Role::Dim)]);
            }
        }
        flow(items, width)
    }

    /// Where the directories are.
    pub(super) fn places(&self, width: usize) -> Vec<Line> {
        let item = |name: &str, path: &str| {
            let text = format!("{}: {}", visible(name), visible(path));
            vec![Span::new(text, Role::Dim)]
        };
        let mut items = vec![item("view", &self.stack.at)];
        let layers = self.stack.layers.iter();
        items.extend(layers.map(|layer| item(&layer.name, &layer.path)));
        flow(items, width)
    }

    /// The marks that the layers or the view have.
    pub(super) fn marks(&self) -> Vec<Mark> {
        let of = |name: &Name, mark| {
            let mut spots = name.view.iter().chain(name.layers.iter().flatten());
            spots.any(|spot| spot.mark == mark)
        };
        let used = |mark: &Mark| self.names.iter().any(|name| of(name, *mark));
        Mark::ALL.into_iter().filter(used).collect()
    }
}

/// A small file's text, ready to be shown; nothing of an empty one.
fn content(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(visible)
}

/// What a layer's entry is to the view.
fn mark(stack: &Stack, layer: usize, entry: &Entry, name: &Name) -> Mark {
    let opaque = entry.kind == EntryKind::Opaque;
    if entry.kind == EntryKind::Whiteout {
        return Mark::Whiteout;
    }
    if name.from.contains(&layer) {
        return match (opaque, name.from.len()) {
            (true, _) => Mark::Opaque,
            (false, 1) => Mark::Shown,
            (false, _) => Mark::Merged,
        };
    }
    // Of a view that is listed in part, only what is above tells.
    if stack.cut && name.view.is_none() && !covered(stack, layer, &entry.path) {
        return Mark::Unknown;
    }
    match opaque {
        true => Mark::HiddenOpaque,
        false => Mark::Hidden,
    }
}

/// Whether a layer above hides that path: it has the name itself, or has
/// something else than a directory to merge at one of its parents.
fn covered(stack: &Stack, layer: usize, path: &str) -> bool {
    stack.layers[..layer].iter().any(|above| {
        above.entries.iter().any(|entry| {
            let parent = path
                .strip_prefix(entry.path.as_str())
                .is_some_and(|rest| rest.starts_with('/'));
            entry.path == path || parent && entry.kind != EntryKind::Directory
        })
    })
}

/// Whether a layer can be written to, as mount(8) says it.
pub(super) fn mode(writable: bool) -> &'static str {
    if writable { "rw" } else { "ro" }
}
