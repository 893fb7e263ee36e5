//! Overlay mounts: their layers, and where each name of the view comes from.
//!
//! Three things are read: the mount's options in mountinfo, which name the
//! layers; the layers' directories, by lstat(2) and readdir(3); and the view,
//! likewise. Where a name comes from, the kernel doesn't tell: [`visible`]
//! computes it from the layers. So a picture holds both, what was computed and
//! what was seen, and a test holds them against each other.
//!
//! An overlay that follows redirects, or has metadata and data of a file in
//! different layers, keeps to more rules than these (`redirect_dir`,
//! `metacopy`); the lessons' overlays don't.

mod merge;
mod options;
pub(super) mod root;

pub use merge::visible;

use super::mountinfo::{self, Mount};
use super::observation::Observation;
use super::observation::{seen, shown};
use super::tree::{self, Next, ReadError};
use super::unavailable::Unavailable;
use super::view::View;
use crate::base::kernel;
use crate::plan::{Entry, EntryKind, Layer, Seen, Stack, Value};
use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// The most names that are listed of a layer, or of the view.
const MOST_NAMES: usize = 2000;
/// The most levels of directories that are listed.
const MOST_LEVELS: usize = 32;
/// The most bytes that all lists may take on the wire, whose frames hold 4 MiB.
const MOST_BYTES: usize = 3 << 20;
/// The longest text that is shown with its file.
const MOST_TEXT: usize = 8;

/// `stack:PATH`
pub(super) fn stack(view: &View, path: &str) -> Observation {
    let value = mounts(view).and_then(|mounts| picture(&mounts, path));
    seen(
        &format!("stack:{path}"),
        &format!("{}, readdir(3), lstat(2)", shown(&view.file("mountinfo"))),
        value.map(|stack| Value::Stack(Box::new(stack))),
    )
}

/// `origin:PATH`
pub(super) fn origin(view: &View, path: &str) -> Observation {
    let value = mounts(view).and_then(|mounts| origin_of(&mounts, path));
    seen(
        &format!("origin:{path}"),
        &format!("lstat(2) of {path} in each layer"),
        value.map(Value::Text),
    )
}

fn mounts(view: &View) -> Result<Vec<Mount>, Unavailable> {
    let path = view.file("mountinfo");
    let text = kernel::read_text(&path).map_err(|error| Unavailable::of(&shown(&path), &error))?;
    Ok(mountinfo::parse(&text))
}

fn picture(mounts: &[Mount], path: &str) -> Result<Stack, Unavailable> {
    let mount = mountinfo::topmost(mounts, path)
        .filter(|mount| mount.fstype == "overlay")
        .ok_or_else(|| Unavailable::NoOverlay(path.into()))?;
    let places = places(mounts, mount)?;
    let bytes = MOST_BYTES / (places.directories.len() + 1);
    let marks = places.marks();
    let mut lists = Vec::new();
    for place in &places.directories {
        lists.push(list(place, &Bounds::whole(bytes), &|path| {
            tree::is_opaque(path, marks)
        })?);
    }
    // The mount keeps its marks to itself.
    let mut view = list(Path::new(&mount.point), &Bounds::whole(bytes), &|_| false)?;
    // Where a layer's list ends before the layer does, nothing is known of what
    // comes behind: the picture ends there as a whole.
    let end = lists.iter().filter_map(|list| list.end.clone()).min();
    let cut = view.cut() || lists.iter().any(List::cut);
    for list in lists.iter_mut().chain([&mut view]) {
        list.names
            .retain(|(path, _)| end.as_ref().is_none_or(|end| path <= end));
    }
    let layers: Vec<Layer> = places
        .layers()
        .into_iter()
        .zip(lists)
        .map(|(layer, list)| Layer {
            entries: list.names.into_iter().map(|(_, entry)| entry).collect(),
            ..layer
        })
        .collect();
    let computed: HashMap<String, Seen> = visible(&layers)
        .into_iter()
        .map(|seen| (seen.path.clone(), seen))
        .collect();
    let view = view.names.into_iter().map(|(_, entry)| {
        let computed = computed.get(&entry.path);
        let alike = computed.filter(|seen| seen.kind == entry.kind);
        Seen {
            from: alike.map(|seen| seen.from.clone()).unwrap_or_default(),
            path: entry.path,
            kind: entry.kind,
            text: entry.text,
        }
    });
    Ok(Stack {
        at: mount.point.clone(),
        view: view.collect(),
        layers,
        cut,
    })
}

fn origin_of(mounts: &[Mount], path: &str) -> Result<String, Unavailable> {
    let mount = mountinfo::holding(mounts, path)
        .filter(|mount| mount.fstype == "overlay")
        .ok_or_else(|| Unavailable::OutsideOverlay(path.into()))?;
    let places = places(mounts, mount)?;
    let relative = Path::new(path)
        .strip_prefix(&mount.point)
        .unwrap_or(Path::new(""));
    if relative
        .components()
        .any(|part| part == Component::ParentDir)
    {
        return Err(Unavailable::ParentDirectory(path.into()));
    }
    match fs::symlink_metadata(path) {
        Ok(_) => {}
        Err(error) if tree::is_missing(&error) => return Ok("none".into()),
        Err(error) => return Err(Unavailable::of(path, &error)),
    }
    let mut layers = places.layers();
    for (layer, directory) in layers.iter_mut().zip(&places.directories) {
        layer.entries = way(directory, relative, places.marks())?;
    }
    // The mount point itself is in all of them.
    let mut from = Some(0);
    if relative != Path::new("") {
        let wanted = tree::written(relative);
        let found = visible(&layers)
            .into_iter()
            .find(|seen| seen.path == wanted);
        from = found.and_then(|seen| seen.from.first().copied());
    }
    from.and_then(|index| layers.get(index))
        .map(|layer| layer.name.clone())
        .ok_or_else(|| Unavailable::NoLayer(path.into()))
}

/// What one layer has on the way to a name: each directory, and the name itself.
fn way(directory: &Path, relative: &Path, marks: &[&str]) -> Result<Vec<Entry>, Unavailable> {
    let mut entries = Vec::new();
    let mut below = PathBuf::new();
    for part in relative.components() {
        below.push(part);
        let path = directory.join(&below);
        let meta = match fs::symlink_metadata(&path) {
            Ok(meta) => meta,
            Err(error) if tree::is_missing(&error) => break,
            Err(error) => return Err(Unavailable::of(&shown(&path), &error)),
        };
        let kind = match tree::kind_of(&meta) {
            EntryKind::Directory if tree::is_opaque(&path, marks) => EntryKind::Opaque,
            kind => kind,
        };
        entries.push(Entry {
            path: tree::written(&below),
            kind,
            text: None,
        });
        // Not through a symbolic link: it would lead out of the layer.
        if !meta.is_dir() {
            break;
        }
    }
    Ok(entries)
}

/// Where the layers of a mount are.
struct Places {
    /// As the mount was told, the topmost first.
    directories: Vec<PathBuf>,
    /// Whether the first of them is the upper.
    upper: bool,
    /// Whether marks are in `user.overlay.`.
    user_attributes: bool,
}

/// Finds the layers of a mount, if they can be reached.
fn places(mounts: &[Mount], mount: &Mount) -> Result<Places, Unavailable> {
    if mount.root != "/" {
        let (root, point) = (mount.root.clone(), mount.point.clone());
        return Err(Unavailable::PartOfOverlay { root, point });
    }
    let options = options::parse(&mount.super_options);
    let upper = options.upper.is_some();
    let mut directories = Vec::new();
    for ways in options
        .upper
        .into_iter()
        .chain(options.lower.into_iter().map(|path| vec![path]))
    {
        let there = ways.iter().find(|path| Path::new(path).is_dir());
        let path = there.or(ways.first()).cloned().unwrap_or_default();
        reachable(mounts, mount, &path)?;
        directories.push(PathBuf::from(path));
    }
    Ok(Places {
        directories,
        upper,
        user_attributes: options.user_attributes,
    })
}

/// Whether the path of a layer still leads to it.
fn reachable(mounts: &[Mount], mount: &Mount, path: &str) -> Result<(), Unavailable> {
    let lost = |why: &str| {
        Err(Unavailable::Unreachable {
            layer: path.into(),
            why: why.into(),
        })
    };
    if !path.starts_with('/') {
        return lost("its path is relative to where the mounting process stood");
    }
    match fs::read_dir(path) {
        Ok(_) => {}
        Err(error) if tree::is_missing(&error) => return lost("there is no such directory"),
        Err(error) => return lost(&Unavailable::of(path, &error).to_string()),
    }
    // After pivot_root(2) a layer's path may lead into the view, which can't
    // be a layer of itself.
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.into());
    match mountinfo::holding(mounts, &shown(&real)) {
        Some(holder) if holder == mount => lost("the path leads into the view itself"),
        Some(_) | None => Ok(()),
    }
}

impl Places {
    /// The attribute that makes a directory opaque.
    fn marks(&self) -> &'static [&'static str] {
        if self.user_attributes {
            &["user.overlay.opaque"]
        } else {
            &["trusted.overlay.opaque"]
        }
    }

    /// The layers with their names, without what is in them.
    fn layers(&self) -> Vec<Layer> {
        let paths = self.directories.iter().zip(names(&self.directories));
        paths
            .enumerate()
            .map(|(index, (path, name))| Layer {
                name,
                path: shown(path),
                writable: self.upper && index == 0,
                entries: Vec::new(),
            })
            .collect()
    }
}

/// What each layer is called: the last component of its path, and where that is
/// another's, too, as many as make them distinct.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let last = |path: &Path, count: usize| {
        let parts: Vec<String> = path
            .components()
            .filter(|part| matches!(part, Component::Normal(_)))
            .map(|part| tree::written(part.as_ref()))
            .collect();
        let start = parts.len().saturating_sub(count);
        parts.get(start..).unwrap_or_default().join("/")
    };
    let longest = paths.iter().map(|path| path.components().count()).max();
    let counts = 1..=longest.unwrap_or(1);
    paths
        .iter()
        .map(|path| {
            let alone = |count: &usize| {
                let name = last(path, *count);
                let alike = paths.iter().filter(|other| last(other, *count) == name);
                alike.count() == 1
            };
            let count = counts.clone().find(alone).unwrap_or(*counts.end());
            last(path, count)
        })
        .collect()
}

/// How much of a directory is listed.
struct Bounds {
    /// What the list may take on the wire.
    bytes: usize,
    /// How many levels of directories.
    levels: usize,
    /// Whether short files are opened for what is in them.
    texts: bool,
}

impl Bounds {
    fn whole(bytes: usize) -> Bounds {
        Bounds {
            bytes,
            levels: MOST_LEVELS,
            texts: true,
        }
    }

    /// The names directly in it; nothing of what isn't the observer's is opened.
    fn names(bytes: usize) -> Bounds {
        Bounds {
            bytes,
            levels: 1,
            texts: false,
        }
    }
}

/// What is in a directory, up to the bounds.
#[derive(Default)]
struct List {
    /// In the order of the paths' components.
    names: Vec<(PathBuf, Entry)>,
    /// The last name, if there are more behind it.
    end: Option<PathBuf>,
    /// Whether there is more than [`MOST_LEVELS`] below.
    deeper: bool,
}

impl List {
    fn cut(&self) -> bool {
        self.end.is_some() || self.deeper
    }
}

fn list(top: &Path, bounds: &Bounds, opaque: &dyn Fn(&Path) -> bool) -> Result<List, Unavailable> {
    let mut list = List::default();
    let mut taken = 0;
    // One more, to know whether there is more.
    tree::walk(top, MOST_NAMES + 1, &mut |node| {
        let path = tree::written(node.relative);
        // With each `\` doubled, and the words around it.
        taken += 2 * path.len() + 80;
        if list.names.len() == MOST_NAMES || taken > bounds.bytes {
            let last = list.names.last().map(|(path, _)| path.clone());
            list.end = Some(last.unwrap_or_default());
            return Ok(Next::Stop);
        }
        let kind = match tree::kind_of(node.meta) {
            EntryKind::Directory if opaque(node.path) => EntryKind::Opaque,
            kind => kind,
        };
        let text = match kind {
            EntryKind::File if bounds.texts && node.meta.len() <= MOST_TEXT as u64 + 1 => {
                short_text(node.path)?
            }
            _ => None,
        };
        let entry = Entry { path, kind, text };
        list.names.push((node.relative.into(), entry));
        if node.level < bounds.levels {
            return Ok(Next::Enter);
        }
        list.deeper |= node.meta.is_dir()
            && fs::read_dir(node.path)
                .map_err(tree::at(node.path))?
                .next()
                .is_some();
        Ok(Next::Pass)
    })
    .map_err(|ReadError { path, error }| Unavailable::of(&shown(&path), &error))?;
    Ok(list)
}

/// The text of a file, if it is short and printable.
fn short_text(path: &Path) -> Result<Option<String>, ReadError> {
    let mut bytes = Vec::new();
    tree::open(path)
        .and_then(|file| file.take(MOST_TEXT as u64 + 2).read_to_end(&mut bytes))
        .map_err(tree::at(path))?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    let printable = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
    Ok((bytes.len() <= MOST_TEXT && printable)
        .then(|| String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_called_by_as_much_as_tells_them_apart() {
        for (paths, expected) in [
            (&["/s/upper", "/s/lower"][..], &["upper", "lower"][..]),
            (
                &["/s/upper-1", "/a/lower", "/b/lower"],
                &["upper-1", "a/lower", "b/lower"],
            ),
            (
                &["/x/a/l", "/y/a/l", "/y/b/l", "/l"],
                &["x/a/l", "y/a/l", "b/l", "l"],
            ),
            (&["/s/l", "/s/l"], &["s/l", "s/l"]),
            (&["/a b/x\ny\\"], &["x\ny\\"]),
            (&["/"], &[""]),
            (&[], &[]),
        ] {
            let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            assert_eq!(names(&paths), expected, "{paths:?}");
        }
    }

    /// A procfs whose `self` sees these mounts.
    fn machine(mountinfo: &str) -> (tempfile::TempDir, View) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("self")).unwrap();
        fs::write(dir.path().join("self/mountinfo"), mountinfo).unwrap();
        let view = View {
            proc_root: dir.path().into(),
            ..View::myself()
        };
        (dir, view)
    }

    #[test]
    fn a_picture_that_cant_be_drawn_says_why() {
        let root = "1 0 254:0 / / rw - ext4 /dev/vda rw\n";
        let overlay = |root: &str, point: &str, options: &str| {
            format!("2 1 0:40 {root} {point} rw - overlay none {options}\n")
        };
        for (mounts, path, because) in [
            (String::new(), "/mnt", "no overlay is mounted on /mnt"),
            (root.to_string(), "/", "no overlay is mounted on /"),
            (
                overlay("/", "/", "ro,lowerdir=/usr:/etc"),
                "/",
                "the layer /usr can't be reached from here: the path leads into the view itself",
            ),
            (
                overlay("/", "/mnt", "ro,lowerdir=a:b"),
                "/mnt/",
                "the layer a can't be reached from here: its path is relative",
            ),
            (
                overlay("/", "/mnt", "ro,lowerdir=/usr:/no/such"),
                "/mnt",
                "the layer /no/such can't be reached from here: there is no such directory",
            ),
            (
                overlay("/d", "/mnt", "ro,lowerdir=/usr:/etc"),
                "/mnt",
                "only /d of an overlay is mounted on /mnt",
            ),
            // Covered by something else.
            (
                overlay("/", "/mnt", "ro,lowerdir=/usr:/etc")
                    + "3 2 0:41 / /mnt rw - tmpfs none rw\n",
                "/mnt",
                "no overlay is mounted on /mnt",
            ),
        ] {
            let (_dir, view) = machine(&format!("{root}{mounts}"));
            let answer = stack(&view, path);
            assert_eq!(answer.name, format!("stack:{path}"));
            let told = answer.value.unwrap_err().to_string();
            assert!(told.starts_with(because), "{told}");
        }
        let (_dir, view) = machine(root);
        let told = origin(&view, "/etc/passwd").value.unwrap_err();
        assert_eq!(
            told.to_string(),
            "/etc/passwd doesn't lie in an overlay mount"
        );
        let (_dir, view) = machine(&(root.to_string() + &overlay("/", "/mnt", "ro,lowerdir=/usr")));
        let told = origin(&view, "/mnt/../etc").value.unwrap_err();
        assert_eq!(told.to_string(), "/mnt/../etc holds `..`: write it without");
    }

    #[test]
    fn text_is_short_and_printable() {
        let dir = tempfile::tempdir().unwrap();
        for (index, (bytes, text)) in [
            (&b"12345678"[..], Some("12345678")),
            (b"12345678\n", Some("12345678")),
            (b"123456789", None),
            (b"two\n\n", None),
            (b"", Some("")),
            (b"\n", Some("")),
            (b"a\tb", None),
            (b"\xc3\xbc", None),
        ]
        .into_iter()
        .enumerate()
        {
            let path = dir.path().join(index.to_string());
            fs::write(&path, bytes).unwrap();
            assert_eq!(short_text(&path).unwrap().as_deref(), text, "{bytes:?}");
        }
    }
}
