//! Archives of images: what `docker save` writes and `docker load` reads, and the
//! root filesystem that `docker import` takes. All of it is untrusted: layers are
//! unpacked by the room `image`, whose names lead nowhere else, and each is what
//! the configuration says, or nothing of it is kept.

use super::names::hex;
use super::reference::Reference;
use super::store::{Image, Loaded, Place};
use crate::base::time::Time;
use crate::image;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use tar::{Archive, Builder, EntryType, Header};

/// The longest document in an archive.
const MOST_DOCUMENT: u64 = 1 << 20;
/// The most names in an archive of images.
const MOST_ENTRIES: usize = 4_096;
/// The most layers of an image: an overlay's options are one page.
pub(super) const MOST_LAYERS: usize = 40;

/// An image of `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// Unpacks what `docker save` has written. `scratch` is a path for what isn't
/// whole yet.
///
/// # Errors
/// What it is that the archive hasn't, for the one who sent it.
pub(super) fn load(place: &Place, file: &Path, scratch: &Path) -> Result<Vec<Loaded>, String> {
    let mut file = File::open(file).map_err(|error| error.to_string())?;
    let entries = entries(&mut file)?;
    let mut read = |name: &str| -> Result<Vec<u8>, String> {
        let (at, size) = entries
            .get(name)
            .copied()
            .ok_or_else(|| format!("the archive has no {name}"))?;
        if size > MOST_DOCUMENT {
            return Err(format!("{name} in the archive is longer than 1 MiB"));
        }
        let mut bytes = vec![0; size as usize];
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| format!("{name} in the archive: {error}"))?;
        Ok(bytes)
    };
    let manifest = read("manifest.json")?;
    let listed: Vec<Listed> =
        serde_json::from_slice(&manifest).map_err(|error| format!("manifest.json: {error}"))?;
    let mut documents = Vec::new();
    for one in &listed {
        documents.push(read(&one.config)?);
    }
    let mut loaded = Vec::new();
    for (listed, bytes) in listed.into_iter().zip(documents) {
        let document: serde_json::Value = serde_json::from_slice(&bytes)
            .map_err(|error| format!("{}: {error}", listed.config))?;
        let ids = document["rootfs"]["diff_ids"].as_array();
        let ids: Vec<&str> = ids
            .into_iter()
            .flatten()
            .filter_map(|id| id.as_str())
            .collect();
        if ids.len() != listed.layers.len() || ids.is_empty() || ids.len() > MOST_LAYERS {
            return Err(format!(
                "{} names {} layers and manifest.json {}: 1 to {MOST_LAYERS} and the same",
                listed.config,
                ids.len(),
                listed.layers.len()
            ));
        }
        for (id, name) in ids.iter().zip(&listed.layers) {
            let (at, size) = entries
                .get(name.as_str())
                .copied()
                .ok_or_else(|| format!("the archive has no {name}"))?;
            file.seek(SeekFrom::Start(at))
                .map_err(|error| error.to_string())?;
            let found = keep_layer(place, &mut (&file).take(size), scratch)?;
            if format!("sha256:{found}") != *id {
                return Err(format!(
                    "the layer {name} is sha256:{found}, and the configuration says {id}"
                ));
            }
        }
        let names = listed.repo_tags.unwrap_or_default();
        let names = names
            .iter()
            .map(|name| Reference::parse(name).map_err(|failure| failure.message))
            .collect::<Result<_, _>>()?;
        loaded.push(Loaded { bytes, names });
    }
    Ok(loaded)
}

/// Where the files of an archive lie in it. A link is none, so nothing loops.
fn entries(file: &mut File) -> Result<BTreeMap<String, (u64, u64)>, String> {
    let mut found = BTreeMap::new();
    let mut archive = Archive::new(file);
    // It ends in the middle of a header, or of what a header has announced.
    let torn = |error: io::Error| match error.to_string().as_str() {
        "failed to read entire block" | "unexpected EOF during skip" => "unexpected EOF".into(),
        why => format!("the archive can't be read: {why}"),
    };
    for (count, entry) in archive.entries().map_err(torn)?.enumerate() {
        if count >= MOST_ENTRIES {
            return Err(format!("the archive has more than {MOST_ENTRIES} names"));
        }
        let entry = entry.map_err(torn)?;
        if entry.header().entry_type() == EntryType::Regular {
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let name = name.strip_prefix("./").map_or(name.clone(), str::to_string);
            found.insert(name, (entry.raw_file_position(), entry.size()));
        }
    }
    match found.is_empty() {
        true => Err("unexpected EOF".into()),
        false => Ok(found),
    }
}

/// Keeps a layer, unless it is there: its digest.
pub(super) fn keep_layer(
    place: &Place,
    from: &mut dyn Read,
    scratch: &Path,
) -> Result<String, String> {
    let _ = fs::remove_dir_all(scratch);
    let failed = |error: io::Error| format!("{}: {error}", scratch.display());
    fs::create_dir(scratch).map_err(failed)?;
    let kept = (|| {
        let tar = scratch.join("layer.tar");
        let mut hashed = Hashed {
            to: File::create_new(&tar).map_err(failed)?,
            sha: Sha256::new(),
            room: place.quota.saturating_sub(place.used()),
        };
        io::copy(from, &mut hashed).map_err(|error| error.to_string())?;
        let digest = hex(hashed.sha);
        let target = place.layer(&digest);
        if target.join("diff").is_dir() {
            return Ok(digest);
        }
        let diff = scratch.join("diff");
        fs::create_dir(&diff).map_err(failed)?;
        let file = File::open(&tar).map_err(failed)?;
        image::read_layer(file, &diff, place.xattrs, &mut |_| {})
            .map_err(|error| error.to_string())?;
        match fs::rename(scratch, &target) {
            // Somebody else's came first: the same bytes.
            Err(_) if target.join("diff").is_dir() => Ok(digest),
            done => done.map(|()| digest).map_err(failed),
        }
    })();
    let _ = fs::remove_dir_all(scratch);
    kept
}

/// Passes bytes on, counts them into a digest, and stops where the quota is met.
struct Hashed {
    to: File,
    sha: Sha256,
    room: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.room {
            return Err(io::Error::other(
                "no space left in the store: it is larger than its quota allows",
            ));
        }
        let written = self.to.write(bytes)?;
        self.sha.update(&bytes[..written]);
        self.room -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The configuration of an image of these layers.
pub(super) fn configuration(
    layers: &[String],
    cmd: Option<&[&str]>,
    history: &[String],
) -> Vec<u8> {
    let ids: Vec<String> = layers
        .iter()
        .map(|layer| format!("sha256:{layer}"))
        .collect();
    let created = Time::now().text();
    let history: Vec<_> = history
        .iter()
        .map(|made| json!({ "created": created, "created_by": made }))
        .collect();
    let document = json!({
        "architecture": architecture(),
        "os": "linux",
        "created": created,
        "config": {
            "Env": [format!("PATH={}", super::config::PATH)],
            "Cmd": cmd,
            "Labels": null,
        },
        "rootfs": { "type": "layers", "diff_ids": ids },
        "history": history,
    });
    serde_json::to_vec(&document).unwrap_or_default()
}

/// The machine, in Go's words.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// An image to be saved, with its names.
pub(super) struct Saved {
    pub(super) id: String,
    pub(super) bytes: Vec<u8>,
    pub(super) layers: Vec<String>,
    pub(super) names: Vec<String>,
}

impl Saved {
    pub(super) fn of(image: &Image, names: Vec<String>) -> Saved {
        Saved {
            id: image.id.clone(),
            bytes: image.bytes.clone(),
            layers: image.layers.clone(),
            names,
        }
    }
}

/// Writes what `docker load` reads.
///
/// # Errors
/// Of reading the store, and of writing.
pub(super) fn save(place: &Place, images: &[Saved], to: impl Write) -> io::Result<()> {
    let mut tar = Builder::new(to);
    let blob = |digest: &str| format!("blobs/sha256/{digest}");
    let mut manifest = Vec::new();
    let mut written = Vec::new();
    for image in images {
        append(
            &mut tar,
            &blob(&image.id),
            image.bytes.len() as u64,
            &image.bytes[..],
        )?;
        for layer in &image.layers {
            if !written.contains(layer) {
                let file = File::open(place.layer(layer).join("layer.tar"))?;
                let size = file.metadata()?.len();
                append(&mut tar, &blob(layer), size, file.take(size))?;
                written.push(layer.clone());
            }
        }
        let layers: Vec<String> = image.layers.iter().map(|layer| blob(layer)).collect();
        manifest.push(json!({
            "Config": blob(&image.id),
            "RepoTags": image.names,
            "Layers": layers,
        }));
    }
    let manifest = serde_json::to_vec(&manifest).unwrap_or_default();
    append(
        &mut tar,
        "manifest.json",
        manifest.len() as u64,
        &manifest[..],
    )?;
    tar.into_inner()?.flush()
}

fn append(tar: &mut Builder<impl Write>, name: &str, size: u64, data: impl Read) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_entry_type(EntryType::Regular);
    tar.append_data(&mut header, name, data)
}
