//! The store: layers under their digests, images, volumes, and a directory for each
//! container. What is in it is written beside its place and renamed.
//!
//! ```text
//! layers/DIGEST/diff        a layer as overlayfs reads it
//! layers/DIGEST/layer.tar   the same as it came, to be saved again
//! images/DIGEST.json        an image's configuration: its digest is the image's id
//! names.json                what names they have
//! digests.json, blobs/…      what registries call them, and what that takes
//! volumes/NAME/_data        a volume
//! containers/ID/…           what is a container's own
//! tmp/…                     what isn't whole yet
//! ```

use super::config::Config;
use super::error::Error;
use super::failure::Failure;
use super::reference::Reference;
use crate::image::OverlayXattrs;
use crate::sandbox;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The directories of a store.
const DIRECTORIES: [&str; 6] = ["layers", "images", "blobs", "volumes", "containers", "tmp"];

/// An image that is in the store.
#[derive(Debug)]
pub(super) struct Image {
    /// The digest of its configuration, in hexadecimal digits.
    pub(super) id: String,
    /// Its configuration as it came.
    pub(super) bytes: Vec<u8>,
    /// The same, read.
    pub(super) document: Value,
    /// What containers of it get.
    pub(super) config: Config,
    /// The digests of its layers, the lowest first.
    pub(super) layers: Vec<String>,
    /// The lengths of its files, added.
    pub(super) size: u64,
}

/// What has been unpacked and isn't an image of the store yet.
#[derive(Debug)]
pub(super) struct Loaded {
    /// The configuration.
    pub(super) bytes: Vec<u8>,
    /// What it is to be called.
    pub(super) names: Vec<Reference>,
}

/// What a registry calls an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Named {
    /// The image's id.
    pub(super) image: String,
    /// The digest of the image's manifest, in hexadecimal digits. The name's own
    /// digest may be that of an index of several.
    pub(super) manifest: String,
}

/// Where it lies, and how.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) root: PathBuf,
    pub(super) xattrs: OverlayXattrs,
    /// The most bytes that it may hold.
    pub(super) quota: u64,
}

/// The store.
pub(super) struct Store {
    pub(super) place: Place,
    images: RefCell<BTreeMap<String, Rc<Image>>>,
    names: RefCell<BTreeMap<String, String>>,
    /// What registries call them: `NAME@DIGEST`.
    pub(super) digests: RefCell<BTreeMap<String, Named>>,
    next: Cell<u64>,
    kept: sandbox::Kept,
}

impl Store {
    /// Opens that of a directory, or makes one that goes with this process.
    ///
    /// # Errors
    /// Where it can't be made, belongs to somebody else or is in use.
    pub(super) fn open(root: Option<&Path>, quota: u64) -> Result<Store, Error> {
        let kept =
            sandbox::Kept::open(root, "engine").map_err(|(path, why)| Error::Store(path, why))?;
        let root = kept.path().to_path_buf();
        let io = |error: io::Error| Error::Store(root.clone(), error.to_string());
        // What a killed engine didn't finish.
        let _ = fs::remove_dir_all(root.join("tmp"));
        // Its containers ended with it; images and volumes stay.
        let _ = fs::remove_dir_all(root.join("containers"));
        for name in DIRECTORIES {
            DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(root.join(name))
                .map_err(io)?;
        }
        let xattrs = match nix::unistd::geteuid().as_raw() {
            0 => OverlayXattrs::Trusted,
            _ => OverlayXattrs::User,
        };
        let store = Store {
            place: Place {
                root,
                xattrs,
                quota,
            },
            images: RefCell::default(),
            names: RefCell::default(),
            digests: RefCell::default(),
            next: Cell::new(0),
            kept,
        };
        store.read();
        Ok(store)
    }

    /// Reads what is there. An image that isn't whole is none.
    fn read(&self) {
        let images = fs::read_dir(self.place.root.join("images"));
        for entry in images.into_iter().flatten().flatten() {
            if let Ok(bytes) = fs::read(entry.path())
                && let Ok(image) = self.place.image(bytes)
            {
                self.images
                    .borrow_mut()
                    .insert(image.id.clone(), Rc::new(image));
            }
        }
        let names = fs::read(self.place.root.join("names.json")).unwrap_or_default();
        let mut names: BTreeMap<String, String> =
            serde_json::from_slice(&names).unwrap_or_default();
        let images = self.images.borrow();
        names.retain(|_, id| images.contains_key(id));
        *self.names.borrow_mut() = names;
        self.read_digests(|id| images.contains_key(id));
        let needed: BTreeSet<PathBuf> = images
            .values()
            .flat_map(|image| image.layers.iter().map(|layer| self.place.layer(layer)))
            .collect();
        let layers = fs::read_dir(self.place.root.join("layers"));
        for entry in layers.into_iter().flatten().flatten() {
            // Unpacked for an image that never was.
            if !needed.contains(&entry.path()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// A path for something that isn't whole yet.
    pub(super) fn partial(&self) -> PathBuf {
        self.next.set(self.next.get() + 1);
        self.place.root.join(format!("tmp/{}", self.next.get()))
    }

    /// Takes an image in whose layers are there.
    ///
    /// # Errors
    /// Of its configuration, and of writing it.
    pub(super) fn add(&self, loaded: Loaded) -> Result<Rc<Image>, Failure> {
        let image = self.place.image(loaded.bytes)?;
        let path = self.place.root.join(format!("images/{}.json", image.id));
        self.replace(&path, &image.bytes)?;
        let image = Rc::new(image);
        self.images
            .borrow_mut()
            .insert(image.id.clone(), Rc::clone(&image));
        for name in loaded.names {
            self.name(&name, &image.id)?;
        }
        Ok(image)
    }

    /// Gives an image a name, and takes it from another that had it.
    pub(super) fn name(&self, name: &Reference, id: &str) -> Result<(), Failure> {
        self.names.borrow_mut().insert(name.to_string(), id.into());
        self.write_names()
    }

    /// Takes a name away.
    pub(super) fn forget_name(&self, name: &str) -> Result<(), Failure> {
        self.names.borrow_mut().remove(name);
        self.write_names()
    }

    fn write_names(&self) -> Result<(), Failure> {
        let text = serde_json::to_vec(&*self.names.borrow()).map_err(Failure::internal)?;
        self.replace(&self.place.root.join("names.json"), &text)
    }

    /// Puts a file in the place of another at once.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        let partial = self.partial();
        let written = File::create(&partial)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&partial, path));
        written.map_err(|error| Failure::internal(format!("{}: {error}", path.display())))
    }

    /// Takes an image away, and the layers that no other has.
    pub(super) fn remove(&self, image: &Image) -> Result<Vec<String>, Failure> {
        let path = self.place.root.join(format!("images/{}.json", image.id));
        fs::remove_file(&path)
            .map_err(|error| Failure::internal(format!("{}: {error}", path.display())))?;
        self.images.borrow_mut().remove(&image.id);
        self.names.borrow_mut().retain(|_, id| *id != image.id);
        self.write_names()?;
        self.forget_digests(|_, named| named.image == image.id)?;
        let images = self.images.borrow();
        let used = |layer: &String| images.values().any(|other| other.layers.contains(layer));
        let mut gone = Vec::new();
        for layer in image.layers.iter().filter(|layer| !used(layer)) {
            let from = self.place.layer(layer);
            let partial = self.partial();
            if fs::rename(&from, &partial).is_ok() {
                let _ = fs::remove_dir_all(&partial);
                gone.push(layer.clone());
            }
        }
        Ok(gone)
    }

    /// All of them, the newest first.
    pub(super) fn all(&self) -> Vec<Rc<Image>> {
        let mut all: Vec<_> = self.images.borrow().values().cloned().collect();
        all.sort_by(|one, other| other.created().cmp(one.created()));
        all
    }

    /// The names of an image.
    pub(super) fn names_of(&self, id: &str) -> Vec<String> {
        let names = self.names.borrow();
        let own = names.iter().filter(|(_, of)| *of == id);
        own.map(|(name, _)| name.clone()).collect()
    }

    /// The image of a name, or of the beginning of its id.
    ///
    /// # Errors
    /// 404, in the words that make the CLI pull.
    pub(super) fn find(&self, name: &str) -> Result<Rc<Image>, Failure> {
        let missing = |name: &str| Failure::missing(format!("No such image: {name}"));
        let hex = name.strip_prefix("sha256:").unwrap_or(name);
        if let Some(image) = self.by_digest(name) {
            return Ok(image);
        }
        let reference = Reference::parse(name);
        if let Ok(reference) = &reference
            && let Some(id) = self.names.borrow().get(&reference.to_string())
            && let Some(image) = self.images.borrow().get(id)
        {
            return Ok(Rc::clone(image));
        }
        if !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let images = self.images.borrow();
            let mut found = images.values().filter(|image| image.id.starts_with(hex));
            match (found.next(), found.next()) {
                (Some(image), None) => return Ok(Rc::clone(image)),
                (Some(_), Some(_)) => return Err(Failure::bad(format!("ambiguous id: {hex}"))),
                (None, _) => {}
            }
        }
        match reference {
            Ok(reference) => Err(missing(&reference.to_string())),
            Err(_) if name.starts_with("sha256:") => Err(missing(name)),
            Err(failure) => Err(failure),
        }
    }

    /// The image of `NAME@DIGEST`, with a tag or without.
    fn by_digest(&self, name: &str) -> Option<Rc<Image>> {
        let (name, digest) = name.split_once('@')?;
        let short = Reference::parse(name).ok()?.name;
        let digests = self.digests.borrow();
        let named = digests.get(&format!("{short}@{digest}"))?;
        self.images.borrow().get(&named.image).cloned()
    }

    /// The tags of a name.
    pub(super) fn tags_of(&self, short: &str) -> Vec<String> {
        let names = self.names.borrow();
        let tags = names.keys().filter_map(|name| {
            let (name, tag) = name.rsplit_once(':')?;
            (name == short).then(|| tag.to_string())
        });
        tags.collect()
    }

    /// The directory of a volume.
    pub(super) fn volume(&self, name: &str) -> PathBuf {
        self.place.root.join("volumes").join(name).join("_data")
    }

    /// The names of the volumes.
    pub(super) fn volumes(&self) -> Vec<String> {
        let entries = fs::read_dir(self.place.root.join("volumes"));
        let names = entries.into_iter().flatten().flatten();
        let mut names: Vec<String> = names
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// Whether there is room for more.
    ///
    /// # Errors
    /// 507, with what there is.
    pub(super) fn has_room(&self) -> Result<(), Failure> {
        let used = self.place.used();
        match used < self.place.quota {
            true => Ok(()),
            false => Err(Failure::new(
                hyper::StatusCode::INSUFFICIENT_STORAGE,
                format!(
                    "no space left in the store: {used} bytes are used of the {} that it may \
                     have; remove containers, volumes or images",
                    self.place.quota
                ),
            )),
        }
    }

    /// Removes it, if it is one that goes with the engine.
    pub(super) fn close(&self) {
        let _ = fs::remove_dir_all(self.place.root.join("containers"));
        self.kept.close();
    }
}

impl Image {
    /// When it was made, as its configuration says.
    pub(super) fn created(&self) -> &str {
        self.document["created"]
            .as_str()
            .unwrap_or(crate::base::time::NEVER)
    }
}

impl Place {
    /// The directory of a layer.
    pub(super) fn layer(&self, digest: &str) -> PathBuf {
        // Short, because mount(2) takes one page of options for all of them.
        self.root
            .join("layers")
            .join(&digest[..digest.len().min(24)])
    }

    /// The directories of an image's layers for an overlay, the uppermost first.
    pub(super) fn lowers(&self, image: &Image) -> Vec<String> {
        let layers = image.layers.iter().rev();
        layers
            .map(|layer| self.layer(layer).join("diff").display().to_string())
            .collect()
    }

    /// An image by its configuration, if its layers are there.
    fn image(&self, bytes: Vec<u8>) -> Result<Image, Failure> {
        let document: Value = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::bad(format!("the image's configuration: {error}")))?;
        let ids = document["rootfs"]["diff_ids"].as_array();
        let layers: Vec<String> = ids
            .into_iter()
            .flatten()
            .filter_map(|id| id.as_str()?.strip_prefix("sha256:").map(str::to_string))
            .collect();
        let good = |layer: &String| layer.len() == 64 && is_hex(layer);
        if layers.is_empty() || !layers.iter().all(good) {
            return Err(Failure::bad("the image's configuration names no layers"));
        }
        let mut size = 0;
        for layer in &layers {
            let diff = self.layer(layer).join("diff");
            if !diff.is_dir() {
                return Err(Failure::bad(format!("the layer sha256:{layer} is missing")));
            }
            size += used(&diff);
        }
        let config = serde_json::from_value(document["config"].clone()).unwrap_or_default();
        Ok(Image {
            id: super::names::sha256(&bytes),
            bytes,
            config,
            document,
            layers,
            size,
        })
    }

    /// The bytes that it holds.
    pub(super) fn used(&self) -> u64 {
        used(&self.root)
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The lengths of the files below a directory, added; links are not followed.
pub(super) fn used(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => used(&entry.path()),
            Ok(meta) if meta.is_file() => meta.len(),
            _ => 0,
        })
        .sum()
}
