//! An image: its manifest and its configuration, by the OCI Image Format
//! Specification (manifest.md, config.md).

use super::archive::{OverlayXattrs, archive};
use super::layout::{Layout, sha256};
use super::steps::{Error, Steps, step};
use super::unpack::unpack as unpack_layer;
use crate::base::{Errno, literal};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use oci_spec::image::{
    Arch, Descriptor, HistoryBuilder, ImageConfiguration, ImageConfigurationBuilder, ImageManifest,
    ImageManifestBuilder, MediaType, Os, RootFsBuilder, SCHEMA_VERSION,
};
use std::io::Write;
use std::path::Path;

/// The most layers of an image that is unpacked.
const MOST_LAYERS: usize = 127;

/// What was made of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    /// The manifest's digest, in hexadecimal digits.
    pub manifest: String,
    /// Those of the layers, the lowest first.
    pub layers: Vec<String>,
    /// How many layers had to be written.
    pub written: usize,
    /// Bytes of all blobs in the layout.
    pub bytes: u64,
}

/// Makes an image of directories, the lowest first, in a layout whose own
/// directories are there.
///
/// # Errors
/// What a layer can't hold, and what the kernel refuses.
pub fn build(
    layout: &Path,
    tag: &str,
    layers: &[String],
    steps: Steps<'_>,
) -> Result<BuiltImage, Error> {
    let layout = Layout::at(layout);
    let mut kept: Vec<Descriptor> = Vec::new();
    let mut written = 0;
    for directory in layers {
        step(
            steps,
            (
                "open",
                format!(
                    "{directory}, O_RDONLY|O_DIRECTORY",
                    directory = literal(directory)
                ),
            ),
            "what is in it becomes a layer",
            || {
                let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
                nix::fcntl::open(directory.as_str(), flags, Mode::empty()).map_err(Errno::from)
            },
        )?;
        let produce = |to: &mut dyn Write| archive(Path::new(directory), to);
        let (layer, new) = layout.keep(MediaType::ImageLayer, &produce, steps)?;
        written += usize::from(new);
        kept.push(layer);
    }
    let config = layout.keep_json(MediaType::ImageConfig, &configuration(&kept)?, steps)?;
    let manifest = ImageManifestBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageManifest)
        .config(config)
        .layers(kept.clone())
        .build()
        .map_err(|error| Error::document("manifest", error))?;
    let manifest = layout.keep_json(MediaType::ImageManifest, &manifest, steps)?;
    let digest = sha256(&manifest)?.digest().to_string();
    layout.name(tag, manifest, steps)?;
    Ok(BuiltImage {
        manifest: digest,
        layers: kept
            .iter()
            .map(|layer| Ok(sha256(layer)?.digest().to_string()))
            .collect::<Result<_, Error>>()?,
        written,
        bytes: layout.size()?,
    })
}

/// The image's configuration, config.md. No time is in it: the same layers give
/// the same digest.
fn configuration(layers: &[Descriptor]) -> Result<ImageConfiguration, Error> {
    let wrong = |error: oci_spec::OciSpecError| Error::document("configuration", error);
    // A diff_id is the digest of a layer's archive before compression. These
    // layers aren't compressed, so it is the blob's own digest.
    let diff_ids: Vec<String> = layers
        .iter()
        .map(|layer| layer.digest().to_string())
        .collect();
    let history = (1..=layers.len())
        .map(|number| {
            HistoryBuilder::default()
                .created_by(format!("glassbox image: layer {number}"))
                .build()
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(wrong)?;
    let rootfs = RootFsBuilder::default()
        .typ("layers")
        .diff_ids(diff_ids)
        .build()
        .map_err(wrong)?;
    ImageConfigurationBuilder::default()
        .architecture(Arch::default())
        .os(Os::Linux)
        .rootfs(rootfs)
        .history(history)
        .build()
        .map_err(wrong)
}

/// Unpacks an image into directories `1` (the lowest), `2` and so on of `to`;
/// tells how many. `xattrs` are those that an overlay mount here reads.
///
/// # Errors
/// A layout or an archive that isn't as the specification says, a blob that isn't
/// what its digest says, and what the kernel refuses.
pub fn unpack(
    layout: &Path,
    tag: &str,
    to: &Path,
    xattrs: OverlayXattrs,
    steps: Steps<'_>,
) -> Result<usize, Error> {
    let layout = Layout::at(layout);
    let found = layout.find(tag)?;
    if *found.media_type() != MediaType::ImageManifest {
        return Err(Error::Wrong(format!(
            "`{tag}` is `{}`, not an image manifest",
            found.media_type()
        )));
    }
    let manifest: ImageManifest = layout.checked_json(&found, steps)?;
    let config: ImageConfiguration = layout.checked_json(manifest.config(), steps)?;
    let layers = manifest.layers();
    if layers.len() > MOST_LAYERS {
        return Err(Error::Wrong(format!(
            "`{tag}` has more than {MOST_LAYERS} layers"
        )));
    }
    let diff_ids = config.rootfs().diff_ids();
    let same = |(layer, id): (&Descriptor, &String)| layer.digest().to_string() == *id;
    let plain = layers
        .iter()
        .all(|layer| *layer.media_type() == MediaType::ImageLayer);
    if !plain || layers.len() != diff_ids.len() || !layers.iter().zip(diff_ids).all(same) {
        return Err(Error::Wrong(format!(
            "`{tag}` has layers that are compressed or not those of its configuration: only images that `image` made can be unpacked"
        )));
    }
    // All are checked before the first is used.
    let files = layers
        .iter()
        .map(|layer| layout.checked(layer, steps))
        .collect::<Result<Vec<_>, _>>()?;
    for (index, file) in files.into_iter().enumerate() {
        let directory = to.join((index + 1).to_string());
        let mode = Mode::from_bits_truncate(0o755);
        step(
            steps,
            ("mkdir", format!("{}, 0755", literal(&directory))),
            "",
            || nix::unistd::mkdir(&directory, mode).map_err(Errno::from),
        )?;
        unpack_layer(file, &directory, xattrs, steps)?;
    }
    Ok(layers.len())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
