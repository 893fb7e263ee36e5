use super::*;
use crate::base::deadline::{Limit, PATIENCE};
use crate::base::skip::{has_programs, skip};
use crate::image::archive::{OPAQUE, WHITEOUT};
use crate::image::directories;
use crate::image::steps::Step;
use nix::sys::stat::{SFlag, makedev, mknod};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

/// A name in a layer, as a tree is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Directory {
        mode: u32,
        opaque: bool,
    },
    File {
        mode: u32,
        bytes: Vec<u8>,
    },
    /// Another name of the file at that path.
    Same(PathBuf),
    Symlink(Vec<u8>),
    Whiteout,
}

type Tree = BTreeMap<PathBuf, Node>;

/// Makes a tree; parents that aren't listed are directories. What can't be made
/// below something else is left out.
fn plant(root: &Path, tree: &Tree) {
    for (name, node) in tree {
        let path = root.join(name);
        let parent = path.parent().unwrap();
        if fs::create_dir_all(parent).is_err() || path.symlink_metadata().is_ok() {
            continue;
        }
        match node {
            Node::Directory { opaque, .. } => {
                fs::create_dir(&path).unwrap();
                if *opaque {
                    xattr::set(
                        &path,
                        format!("{}opaque", OverlayXattrs::own().prefix()),
                        b"y",
                    )
                    .unwrap();
                }
            }
            Node::File { mode, bytes } => {
                fs::write(&path, bytes).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
            }
            Node::Same(other) => {
                let other = root.join(other);
                if other.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
                    fs::hard_link(other, &path).unwrap();
                }
            }
            Node::Symlink(target) => symlink(OsStr::from_bytes(target), &path).unwrap(),
            Node::Whiteout => {
                mknod(&path, SFlag::S_IFCHR, Mode::empty(), makedev(0, 0)).unwrap();
            }
        }
    }
    for (name, node) in tree.iter().rev() {
        if let (Node::Directory { mode, .. }, true) = (node, root.join(name).is_dir()) {
            let is_link = root.join(name).is_symlink();
            if !is_link {
                fs::set_permissions(root.join(name), fs::Permissions::from_mode(*mode)).unwrap();
            }
        }
    }
}

/// Reads a tree as it lies on the disk.
fn read(root: &Path) -> Tree {
    fn walk(root: &Path, below: &Path, tree: &mut Tree, seen: &mut BTreeMap<u64, PathBuf>) {
        let mut names: Vec<_> = fs::read_dir(root.join(below))
            .unwrap()
            .map(|entry| below.join(entry.unwrap().file_name()))
            .collect();
        names.sort();
        for name in names {
            let path = root.join(&name);
            let meta = path.symlink_metadata().unwrap();
            let mode = meta.mode() & 0o7777;
            let node = if meta.is_dir() {
                let attribute = format!("{}opaque", OverlayXattrs::own().prefix());
                let opaque = xattr::get(&path, attribute).unwrap_or(None).is_some();
                Node::Directory { mode, opaque }
            } else if meta.is_symlink() {
                Node::Symlink(
                    fs::read_link(&path)
                        .unwrap()
                        .into_os_string()
                        .as_bytes()
                        .into(),
                )
            } else if meta.file_type().is_char_device() {
                assert_eq!(meta.rdev(), 0);
                Node::Whiteout
            } else if let Some(first) = seen.get(&meta.ino()) {
                Node::Same(first.clone())
            } else {
                seen.insert(meta.ino(), name.clone());
                let bytes = fs::read(&path).unwrap();
                Node::File { mode, bytes }
            };
            tree.insert(name.clone(), node);
            if meta.is_dir() {
                walk(root, &name, tree, seen);
            }
        }
    }
    let mut tree = Tree::new();
    walk(root, Path::new(""), &mut tree, &mut BTreeMap::new());
    tree
}

/// Whether whiteouts and opaque directories can be made in that directory.
fn can_hide(dir: &Path) -> bool {
    let probe = dir.join("probe");
    fs::create_dir(&probe).unwrap();
    let attribute = xattr::set(
        &probe,
        format!("{}opaque", OverlayXattrs::own().prefix()),
        b"y",
    );
    let node = probe.join("node");
    let whiteout = mknod(&node, SFlag::S_IFCHR, Mode::empty(), makedev(0, 0));
    fs::remove_dir_all(&probe).unwrap();
    if attribute.is_err() || whiteout.is_err() {
        skip(format_args!(
            "in part: no whiteouts ({whiteout:?}) or attributes ({attribute:?}) here"
        ));
        return false;
    }
    true
}

struct Place {
    dir: tempfile::TempDir,
    heard: Vec<Step>,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        for name in directories(dir.path().join("image").to_str().unwrap()) {
            fs::create_dir(name).unwrap();
        }
        let heard = Vec::new();
        Place { dir, heard }
    }

    fn layer(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn image(&mut self, tag: &str, layers: &[&Path]) -> Result<BuiltImage, Error> {
        let layers: Vec<String> = layers
            .iter()
            .map(|path| path.to_str().unwrap().into())
            .collect();
        let heard = &mut self.heard;
        let layout = self.dir.path().join("image");
        build(&layout, tag, &layers, &mut |step| heard.push(step))
    }

    fn unpack(&mut self, tag: &str, to: &str) -> Result<PathBuf, Error> {
        let to = self.layer(to);
        let heard = &mut self.heard;
        let layout = self.dir.path().join("image");
        unpack(&layout, tag, &to, OverlayXattrs::own(), &mut |step| {
            heard.push(step)
        })
        .map(|_| to)
    }

    fn blobs(&self) -> Vec<PathBuf> {
        let blobs = fs::read_dir(self.dir.path().join("image/blobs/sha256")).unwrap();
        let mut blobs: Vec<_> = blobs.map(|entry| entry.unwrap().path()).collect();
        blobs.sort();
        blobs
    }
}

/// A piece of a path: short, long, not UTF-8, with what shells dislike.
fn part() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-c]".prop_map(String::into_bytes),
        Just(b"caf\xe9".to_vec()),
        Just(b"a b\n\\*".to_vec()),
        Just(b"..data".to_vec()),
        (90usize..250).prop_map(|n| vec![b'n'; n]),
    ]
}

fn path() -> impl Strategy<Value = PathBuf> {
    prop::collection::vec(part(), 1..4)
        .prop_map(|parts| parts.iter().map(|part| OsStr::from_bytes(part)).collect())
}

fn node() -> impl Strategy<Value = Node> {
    let bytes = prop::collection::vec(any::<u8>(), 0..1500);
    let target = prop_oneof![
        Just(b"../../etc/passwd".to_vec()),
        Just(b"/abs//olute/./x/".to_vec()),
        (1usize..300).prop_map(|n| [b"caf\xe9/".repeat(n / 5), b"x".to_vec()].concat()),
    ];
    prop_oneof![
        (0o700u32..0o1000, any::<bool>())
            .prop_map(|(mode, opaque)| Node::Directory { mode, opaque }),
        ((0u32..0o200).prop_map(|mode| mode | 0o400), bytes)
            .prop_map(|(mode, bytes)| Node::File { mode, bytes }),
        path().prop_map(Node::Same),
        target.prop_map(Node::Symlink),
        Just(Node::Whiteout),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_was_packed_comes_out_again(
        mut tree in prop::collection::btree_map(path(), node(), 0..14),
    ) {
        let mut place = Place::new();
        if !can_hide(place.dir.path()) {
            tree.retain(|_, node| *node != Node::Whiteout);
            tree.values_mut().for_each(|node| if let Node::Directory { opaque, .. } = node {
                *opaque = false;
            });
        }
        let layer = place.layer("layer");
        plant(&layer, &tree);
        let made = place.image("t", &[&layer]).unwrap();
        let out = place.unpack("t", "out").unwrap();
        prop_assert_eq!(read(&layer), read(&out.join("1")));
        // The same tree, made elsewhere and in another order, is the same layer.
        let again = place.image("u", &[&out.join("1")]).unwrap();
        prop_assert_eq!(again.written, 0);
        prop_assert_eq!(again.manifest, made.manifest);
    }
}

#[test]
fn a_layer_that_is_there_is_not_written_again() {
    let mut place = Place::new();
    let (base, app) = (place.layer("base"), place.layer("app"));
    fs::write(base.join("os"), vec![7; 100_000]).unwrap();
    fs::write(app.join("app"), "1").unwrap();
    let first = place.image("one", &[&base]).unwrap();
    assert_eq!((first.layers.len(), first.written), (1, 1));
    let inode = |place: &Place| {
        let path = place
            .dir
            .path()
            .join("image/blobs/sha256")
            .join(&first.layers[0]);
        path.metadata()
            .map(|meta| (meta.ino(), meta.mtime_nsec()))
            .unwrap()
    };
    let before = inode(&place);
    place.heard.clear();
    let second = place.image("two", &[&base, &app]).unwrap();
    assert_eq!((second.layers.len(), second.written), (2, 1));
    assert_eq!(second.layers[0], first.layers[0]);
    assert_eq!(inode(&place), before);
    let writes = place.heard.iter().filter(|step| step.name == "write");
    assert!(writes.clone().all(|step| step.result.unwrap() < 100_000));
    // Neither layers nor times change: neither does the image.
    let third = place.image("two", &[&base, &app]).unwrap();
    assert_eq!((&third.manifest, third.written), (&second.manifest, 0));
    let size: u64 = place
        .blobs()
        .iter()
        .map(|path| path.metadata().unwrap().len())
        .sum();
    assert_eq!(third.bytes, size);
}

#[test]
fn a_tag_is_replaced_and_the_others_stay() {
    let mut place = Place::new();
    let layer = place.layer("layer");
    let mut make = |text: &str, tag: &str| {
        fs::write(layer.join("f"), text).unwrap();
        place.image(tag, &[&layer]).unwrap();
    };
    make("old", "a");
    make("b", "b");
    make("new", "a");
    for (tag, expected) in [("a", "new"), ("b", "b")] {
        let out = place.unpack(tag, tag).unwrap();
        assert_eq!(fs::read_to_string(out.join("1/f")).unwrap(), expected);
    }
    let error = crate::base::chain(&place.unpack("c", "c").unwrap_err());
    assert!(error.contains("no image `c`; it has: b, a"), "{error}");
}

/// Other readers agree: sha256sum(1), tar(1) and another reader of JSON.
#[test]
fn other_tools_read_the_layout() {
    let mut place = Place::new();
    let layer = place.layer("layer");
    let deep = "d".repeat(120);
    for name in ["b", "a", "dir/c", &format!("dir/{deep}/e")] {
        fs::create_dir_all(layer.join(name).parent().unwrap()).unwrap();
        fs::write(layer.join(name), name).unwrap();
    }
    symlink("x".repeat(150), layer.join("link")).unwrap();
    let made = place.image("demo", &[&layer]).unwrap();
    let run = |program: &str, arguments: &[&OsStr]| {
        let output = Command::new(program)
            .args(arguments)
            .within(PATIENCE)
            .output()
            .unwrap();
        assert!(output.status.success(), "{program}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for blob in place.blobs() {
        let line = run("sha256sum", &[blob.as_os_str()]);
        let name = blob.file_name().unwrap().to_str().unwrap();
        assert!(line.starts_with(name), "{line}");
    }
    let blobs = place.dir.path().join("image/blobs/sha256");
    let listed = run(
        "tar",
        &[OsStr::new("tf"), blobs.join(&made.layers[0]).as_os_str()],
    );
    let long = format!("dir/{deep}/");
    let expected = [
        "a",
        "b",
        "dir/",
        "dir/c",
        &long,
        &format!("{long}e"),
        "link",
    ];
    assert_eq!(listed.lines().collect::<Vec<_>>(), expected);
    let script = "import json, sys; d = sys.argv[1]
index = json.load(open(d + '/index.json'))
assert json.load(open(d + '/oci-layout')) == {'imageLayoutVersion': '1.0.0'}
blob = lambda it: json.load(open(d + '/blobs/' + it['digest'].replace(':', '/')))
[named] = index['manifests']
assert named['annotations'] == {'org.opencontainers.image.ref.name': 'demo'}
manifest = blob(named)
config = blob(manifest['config'])
assert config['rootfs']['type'] == 'layers', config
assert config['rootfs']['diff_ids'] == [it['digest'] for it in manifest['layers']]
assert 'created' not in config
print(manifest['layers'][0]['mediaType'], config['os'], config['architecture'])";
    let layout = place.dir.path().join("image");
    if !has_programs(&["python3"]) {
        return;
    }
    let python = Command::new("python3")
        .args(["-c", script])
        .arg(layout)
        .within(PATIENCE)
        .output();
    let output = python.unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = "application/vnd.oci.image.layer.v1.tar linux ";
    assert!(text.starts_with(expected), "{text}");
    #[cfg(target_arch = "x86_64")]
    assert_eq!(text.trim_end(), format!("{expected}amd64"));
}

#[test]
fn a_blob_that_was_changed_is_named_and_nothing_comes_out() {
    let mut place = Place::new();
    let layer = place.layer("layer");
    fs::write(layer.join("f"), "text").unwrap();
    place.image("t", &[&layer]).unwrap();
    for (number, blob) in place.blobs().into_iter().enumerate() {
        let good = fs::read(&blob).unwrap();
        let mut flipped = good.clone();
        flipped[3] ^= 1;
        let longer = [&good[..], b"x"].concat();
        for (bad, part) in [(flipped, "its SHA-256 is"), (longer, "bytes long")] {
            fs::write(&blob, bad).unwrap();
            let to = format!("out-{number}");
            let error = crate::base::chain(&place.unpack("t", &to).unwrap_err());
            assert!(error.contains(part), "{error}");
            assert!(error.contains(blob.to_str().unwrap()), "{error}");
            let out = place.layer(&to);
            assert_eq!(fs::read_dir(out).unwrap().count(), 0);
        }
        fs::write(&blob, good).unwrap();
    }
    place.unpack("t", "good").unwrap();
}

#[test]
fn what_the_documents_say_is_not_believed() {
    let mut place = Place::new();
    let layer = place.layer("layer");
    place.image("t", &[&layer]).unwrap();
    let index = place.dir.path().join("image/index.json");
    let good = fs::read_to_string(&index).unwrap();
    let digest = good
        .split("sha256:")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let long = format!("{good}{}", " ".repeat(1 << 20));
    for (text, part) in [
        (
            good.replace(digest, "../../../../../etc/passwd"),
            "can't be read",
        ),
        (
            good.replace(digest, &digest.to_uppercase()),
            "can't be read",
        ),
        (
            good.replace(&format!("sha256:{digest}"), "other:x"),
            "not a SHA-256 digest",
        ),
        (good.replace(digest, &"0".repeat(64)), "ENOENT"),
        (
            good.replace("image.manifest.v1", "image.index.v1"),
            "not an image manifest",
        ),
        (good.replace("\"size\":", "\"size\":9"), "bytes long"),
        (long, "longer than 1 MiB"),
        ("[".repeat(100_000), "can't be read"),
    ] {
        fs::write(&index, text).unwrap();
        let error = crate::base::chain(&place.unpack("t", "out").unwrap_err());
        assert!(error.contains(part), "{part}: {error}");
    }
    fs::write(&index, good).unwrap();
    place.unpack("t", "out").unwrap();
}

#[test]
fn what_a_layer_cannot_hold_is_refused() {
    let check = |plant: &dyn Fn(&Path), part: &str| {
        let mut place = Place::new();
        let layer = place.layer("layer");
        plant(&layer);
        let error = crate::base::chain(&place.image("t", &[&layer]).unwrap_err());
        assert!(error.contains(part), "{part}: {error}");
    };
    let pipe = |layer: &Path| nix::unistd::mkfifo(&layer.join("p"), Mode::S_IRUSR).unwrap();
    check(&pipe, "is a pipe, a socket or a device");
    let socket = |layer: &Path| {
        std::os::unix::net::UnixListener::bind(layer.join("s")).unwrap();
    };
    check(&socket, "is a pipe, a socket or a device");
    for name in [format!("{WHITEOUT}x"), OPAQUE.to_string()] {
        check(
            &|layer| fs::write(layer.join(&name), "").unwrap(),
            "begins the name",
        );
    }
    check(&|layer| fs::remove_dir(layer).unwrap(), "ENOENT");
    let many = |layer: &Path| {
        for name in 0..=10_000 {
            symlink("x", layer.join(name.to_string())).unwrap();
        }
    };
    check(&many, "more than 10000 names");
    let large = |layer: &Path| {
        let file = fs::File::create(layer.join("f")).unwrap();
        file.set_len(64 << 20).unwrap();
    };
    check(&large, "EFBIG");
    let place = Place::new();
    if !can_hide(place.dir.path()) {
        return;
    }
    for name in ["redirect", "metacopy"] {
        let refer = |layer: &Path| {
            let path = layer.join("x");
            match name {
                "redirect" => fs::create_dir(&path).unwrap(),
                _ => fs::write(&path, "").unwrap(),
            }
            xattr::set(
                &path,
                format!("{}{name}", OverlayXattrs::own().prefix()),
                b"/y",
            )
            .unwrap();
        };
        check(&refer, &format!("overlay.{name}"));
    }
}

/// What an archive holds of a mode comes out of it, with the capabilities.
#[test]
fn modes_and_capabilities_come_out() {
    let mut place = Place::new();
    let layer = place.layer("layer");
    fs::write(layer.join("f"), "").unwrap();
    fs::create_dir(layer.join("tmp")).unwrap();
    for (name, mode) in [("f", 0o6755), ("tmp", 0o3777)] {
        fs::set_permissions(layer.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    // cap_net_raw+ep, as setcap(8) writes it: VFS_CAP_REVISION_2, <linux/capability.h>.
    let capability = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    fs::write(layer.join("ping"), "").unwrap();
    let may_set = xattr::set(layer.join("ping"), "security.capability", &capability).is_ok();
    place.image("t", &[&layer]).unwrap();
    let out = place.unpack("t", "out").unwrap().join("1");
    let mode = |name: &str| out.join(name).metadata().unwrap().mode() & 0o7777;
    assert_eq!((mode("f"), mode("tmp")), (0o6755, 0o3777));
    if may_set {
        let kept = xattr::get(out.join("ping"), "security.capability").unwrap();
        assert_eq!(kept.as_deref(), Some(&capability[..]));
    }
    assert_eq!(
        xattr::get(out.join("f"), "security.capability").unwrap(),
        None
    );
}

/// A file of several names is stored once, and is one file again.
#[test]
fn names_of_one_file_stay_names_of_one_file() {
    let mut place = Place::new();
    let layer = place.layer("layer");
    let long = "n".repeat(200);
    fs::write(layer.join(&long), vec![1; 50_000]).unwrap();
    for name in ["o", "z"] {
        fs::hard_link(layer.join(&long), layer.join(name)).unwrap();
    }
    let made = place.image("t", &[&layer]).unwrap();
    assert!(made.bytes < 60_000, "{made:?}");
    let out = place.unpack("t", "out").unwrap().join("1");
    let tree = read(&out);
    assert_eq!(tree, read(&layer));
    assert_eq!(tree[Path::new("z")], Node::Same(long.into()));
}
