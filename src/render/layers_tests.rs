//! Pictures of stacks as overlayfs would show them, and any stack at all.

use super::*;
use crate::plan::{Entry, EntryKind, Event, Fact, Layer, Seen};
use crate::render::tests::{awkward, checked, marks};
use crate::render::{Signs, plain, visible};
use proptest::prelude::*;

/// An entry as one word: `name`, `name=text`, `dir/`, `!whiteout`, `#opaque`,
/// `link@`, `device%`.
fn entry(word: &str) -> Entry {
    let (name, text) = match word.split_once('=') {
        Some((name, text)) => (name, Some(text.to_string())),
        None => (word, None),
    };
    let (path, kind) = if let Some(name) = name.strip_prefix('!') {
        (name, EntryKind::Whiteout)
    } else if let Some(name) = name.strip_prefix('#') {
        (name, EntryKind::Opaque)
    } else if let Some(name) = name.strip_suffix('/') {
        (name, EntryKind::Directory)
    } else if let Some(name) = name.strip_suffix('@') {
        (name, EntryKind::Symlink)
    } else if let Some(name) = name.strip_suffix('%') {
        (name, EntryKind::Special)
    } else {
        (name, EntryKind::File)
    };
    let path = path.into();
    Entry { path, kind, text }
}

/// Layers, the topmost first and writable, with the view that the kernel's
/// documentation of overlayfs says they give.
pub(crate) fn stack(layers: &[(&str, &[&str])]) -> Stack {
    let layers: Vec<Layer> = layers
        .iter()
        .enumerate()
        .map(|(index, (name, words))| Layer {
            name: (*name).into(),
            path: format!("/layers/{name}"),
            writable: index == 0,
            entries: words.iter().map(|word| entry(word)).collect(),
        })
        .collect();
    let mut stack = Stack {
        at: "/layers/view".into(),
        layers,
        view: Vec::new(),
        cut: false,
    };
    stack.view = view(&stack);
    stack
}

fn view(stack: &Stack) -> Vec<Seen> {
    let entries = stack.layers.iter().flat_map(|layer| &layer.entries);
    let mut paths: Vec<&str> = entries.map(|entry| entry.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    let find = |layer: &Layer, path: &str| layer.entries.iter().find(|e| e.path == path).cloned();
    let mut seen = Vec::new();
    for path in paths {
        let mut from = Vec::new();
        let mut top: Option<Entry> = None;
        for (index, layer) in stack.layers.iter().enumerate() {
            if covered_whole(stack, index, path) {
                break;
            }
            let Some(found) = find(layer, path) else {
                continue;
            };
            let directory = matches!(found.kind, EntryKind::Directory | EntryKind::Opaque);
            if found.kind == EntryKind::Whiteout || (top.is_some() && !directory) {
                break;
            }
            from.push(index);
            let last = found.kind != EntryKind::Directory;
            top = top.or(Some(found));
            if last {
                break;
            }
        }
        seen.extend(top.map(|top| Seen {
            path: path.into(),
            kind: match top.kind {
                EntryKind::Opaque => EntryKind::Directory,
                kind => kind,
            },
            from,
            text: top.text,
        }));
    }
    seen
}

/// Whether a layer above has something else than a directory at a parent.
fn covered_whole(stack: &Stack, layer: usize, path: &str) -> bool {
    stack.layers[..layer].iter().any(|above| {
        above.entries.iter().any(|entry| {
            let rest = path.strip_prefix(entry.path.as_str());
            rest.is_some_and(|rest| rest.starts_with('/')) && entry.kind != EntryKind::Directory
        })
    })
}

/// The overview's figure.
pub(crate) fn overview() -> Stack {
    stack(&[
        ("upper", &["file-2=b", "file-3", "!file-4"]),
        ("lower", &["file-1", "file-2=a", "file-4"]),
    ])
}

fn three_lowers() -> Stack {
    stack(&[
        ("upper", &["etc/", "etc/motd=new", "!old"]),
        ("app", &["app", "etc/", "etc/app.conf"]),
        ("libs", &["etc/", "etc/motd=libs", "lib@", "old"]),
        (
            "base",
            &["etc/", "etc/motd=base", "etc/passwd", "null%", "old"],
        ),
    ])
}

fn deep() -> Stack {
    stack(&[
        (
            "a layer with a name of its own",
            &[
                "srv/",
                "#srv/容器",
                "srv/容器/config-of-the-application.toml",
                "srv/容器/👩‍🚀",
                "srv/one/",
                "srv/one/two/",
                "srv/one/two/three/",
                "srv/one/two/three/four/",
                "srv/one/two/three/four/five=deep",
                "a b\\x0ac",
            ],
        ),
        (
            "below",
            &["a b\\x0ac", "srv/", "srv/容器/", "srv/容器/gone", "srv-2"],
        ),
    ])
}

fn twelve() -> Stack {
    let names: Vec<String> = (1..=12).map(|n| format!("layer-{n}")).collect();
    let files: Vec<String> = (1..=12).map(|n| format!("file-{}=v{n}", n % 5)).collect();
    let words: Vec<[&str; 2]> = files.iter().map(|file| ["every/", file.as_str()]).collect();
    let layers: Vec<(&str, &[&str])> = names
        .iter()
        .zip(&words)
        .map(|(name, words)| (name.as_str(), words.as_slice()))
        .collect();
    stack(&layers)
}

#[test]
fn pictures_at_three_widths() {
    let stacks = [
        ("overview", overview()),
        ("three-lowers", three_lowers()),
        ("deep", deep()),
        ("twelve", twelve()),
    ];
    for (name, stack) in stacks {
        for width in [38, 56, 100] {
            let lines = layers(&stack, width);
            checked(&lines, width);
            insta::assert_snapshot!(format!("layers-{name}-{width}"), plain(&lines));
        }
    }
}

#[test]
fn more_layers_than_fit_make_several_bands() {
    let lines = layers(&twelve(), 24);
    checked(&lines, 24);
    insta::assert_snapshot!("layers-bands", plain(&lines));
}

#[test]
fn the_picture_in_ascii() {
    let both = [56, 38].map(|width| plain(&layers(&overview(), width)));
    let text = Signs::Ascii.text(&both.join("\n")).into_owned();
    assert!(text.is_ascii());
    insta::assert_snapshot!("layers-ascii", text);
}

#[test]
fn what_is_not_there_is_said() {
    let id: FactRef = "box/stack:/layers/view".parse().unwrap();
    let fact = |value, provenance| {
        Event::Fact(Fact {
            id: id.clone(),
            value,
            source: "/proc/self/mountinfo".into(),
            provenance,
        })
    };
    let shown = |events: Vec<Event>| plain(&figure(&id, &History::from(events), 60));
    let whole = || Some(Value::Stack(Box::new(overview())));
    let kernel = || "6.1.0".to_string();
    let because = || "the mount is gone".to_string();
    for (events, expected) in [
        (vec![], "The layers: …\n"),
        (vec![Event::Cleaned], "The layers were not observed.\n"),
        (
            vec![fact(None, Provenance::Unavailable { because: because() })],
            "? The layers are unavailable: the mount is gone\n",
        ),
        (
            vec![fact(Some(Value::Flag(true)), Provenance::Observed)],
            "? `box/stack:/layers/view` is no stack of layers.\n",
        ),
    ] {
        assert_eq!(shown(events), expected);
    }
    let recorded = shown(vec![fact(
        whole(),
        Provenance::Recorded { kernel: kernel() },
    )]);
    assert!(recorded.starts_with("recorded on 6.1.0\n"), "{recorded}");
    let mut cut = overview();
    cut.cut = true;
    cut.view.truncate(1);
    let text = plain(&layers(&cut, 60));
    assert!(text.contains("more names than are listed"), "{text}");
    // Nothing above says what became of it, and the view was not listed so far.
    assert!(text.contains("? file-3"), "{text}");
    assert!(text.contains("(file-2 a)"), "{text}");
    // An empty file has no text to show.
    let text = plain(&layers(
        &stack(&[("upper", &["a="]), ("lower", &["a="])]),
        60,
    ));
    assert!(
        text.contains("│  a  │") && text.contains("│ (a) │"),
        "{text}"
    );
    let empty = stack(&[("upper", &[]), ("lower", &[])]);
    assert!(plain(&layers(&empty, 60)).contains("No layer holds a name yet."));
}

#[test]
fn the_newest_of_a_moment_is_drawn() {
    let fact = |moment: &str, name: &str| {
        Event::Fact(Fact {
            id: format!("box/stack:/v@{moment}").parse().unwrap(),
            value: Some(Value::Stack(Box::new(stack(&[("upper", &[name])])))),
            source: String::new(),
            provenance: Provenance::Observed,
        })
    };
    let history = History::from(vec![fact("one", "first"), fact("two", "second")]);
    for (id, expected) in [("box/stack:/v", "second"), ("box/stack:/v@one", "first")] {
        let text = plain(&figure(&id.parse().unwrap(), &history, 60));
        assert!(text.contains(expected), "{id}: {text}");
    }
}

fn any_kind() -> impl Strategy<Value = EntryKind> {
    prop::sample::select(vec![
        EntryKind::File,
        EntryKind::Directory,
        EntryKind::Opaque,
        EntryKind::Symlink,
        EntryKind::Whiteout,
        EntryKind::Special,
    ])
}

/// A mark is told by its code point only where it has no base: it gets one.
fn odd() -> impl Strategy<Value = String> {
    awkward().prop_map(|text| format!("x{text}"))
}

/// A path of few different parts, so that layers share some; now and then an
/// odd one.
fn any_path() -> impl Strategy<Value = String> {
    let part = prop_oneof![4 => "[ab]", 1 => "[a-z.-]{1,30}", 1 => odd()];
    prop::collection::vec(part, 1..5).prop_map(|parts| parts.join("/"))
}

/// Layers with anything in them, whether or not a kernel could show it.
fn any_stack() -> impl Strategy<Value = Stack> {
    let text = || prop::option::weighted(0.3, "[!-~]{1,8}");
    let entries = prop::collection::btree_map(any_path(), (any_kind(), text()), 0..8);
    let layer = (odd(), any::<bool>(), entries);
    let from = prop::collection::btree_set(0usize..14, 0..4);
    let shown = prop::collection::btree_map(any_path(), (any_kind(), text(), from), 0..8);
    let layers = prop::collection::vec(layer, 0..14);
    (layers, shown, any::<bool>(), any::<bool>(), odd()).prop_map(
        |(layers, seen, cut, real, at)| {
            let layers = layers.into_iter().map(|(name, writable, entries)| Layer {
                path: format!("/{name}"),
                name,
                writable,
                entries: entries
                    .into_iter()
                    .map(|(path, (kind, text))| Entry { path, kind, text })
                    .collect(),
            });
            let seen = seen.into_iter().map(|(path, (kind, text, from))| Seen {
                path,
                kind,
                text,
                from: from.into_iter().collect(),
            });
            let mut stack = Stack {
                at,
                layers: layers.collect(),
                view: seen.collect(),
                cut,
            };
            if real {
                stack.view = view(&stack);
            }
            stack
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_stack_fits_and_is_whole(stack in any_stack(), width in 20usize..140) {
        let lines = layers(&stack, width);
        let out = marks(&checked(&lines, width));
        let entries = stack.layers.iter().flat_map(|layer| &layer.entries);
        let texts = entries.clone().filter_map(|entry| entry.text.clone());
        let names = entries.map(|entry| entry.path.clone());
        let layers = stack.layers.iter().flat_map(|l| [l.name.clone(), l.path.clone()]);
        let seen = stack.view.iter().flat_map(|seen| [Some(seen.path.clone()), seen.text.clone()]);
        for part in texts.chain(names).chain(layers).chain(seen.flatten()) {
            let missing: String = marks(&visible(&part)).chars().filter(|c| !out.contains(*c)).collect();
            prop_assert!(missing.is_empty(), "{missing:?} of {part:?}");
        }
        for line in out.lines() {
            let plain = Signs::Ascii.text(line).into_owned();
            prop_assert_eq!(plain.chars().count(), crate::render::line::width(line), "{}", line);
        }
    }
}
