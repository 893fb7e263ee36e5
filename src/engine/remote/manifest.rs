//! Manifests as registries have them, of the OCI Image Format Specification and
//! Docker's.

use super::super::archive::architecture;
use super::name::is_digest;
use serde::Deserialize;

/// The types that are asked for.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";
/// The type of an image that is made here.
pub(super) const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
/// A layer as it is in the store.
pub(super) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// The types of lists.
const LISTS: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// An image's manifest.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Manifest {
    pub(super) media_type: Option<String>,
    pub(super) config: Blob,
    pub(in super::super) layers: Vec<Blob>,
}

/// What a manifest is made of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Blob {
    #[serde(default)]
    media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    platform: Option<Platform>,
}

/// What a manifest of a list is for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Platform {
    os: String,
    architecture: String,
}

#[derive(Deserialize)]
struct List {
    manifests: Vec<Blob>,
}

/// How a layer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
}

/// What came for a name.
#[derive(Debug)]
pub(super) enum Read {
    Image(Manifest),
    /// Of several platforms: this machine's.
    Choice(Blob),
}

impl Manifest {
    /// Reads one.
    ///
    /// # Errors
    /// What it isn't.
    pub(in super::super) fn read(bytes: &[u8]) -> Result<Manifest, String> {
        let read: Manifest =
            serde_json::from_slice(bytes).map_err(|error| format!("the manifest: {error}"))?;
        let blobs = std::iter::once(&read.config).chain(&read.layers);
        match blobs.into_iter().find(|blob| !is_digest(&blob.digest)) {
            Some(blob) => Err(format!(
                "the manifest names `{}`, which is no sha256 digest",
                blob.digest
            )),
            None => Ok(read),
        }
    }
}

impl Blob {
    pub(super) fn new(digest: String, size: u64) -> Blob {
        Blob {
            media_type: LAYER.into(),
            digest,
            size,
            platform: None,
        }
    }

    /// The digits of its digest.
    pub(in super::super) fn hex(&self) -> &str {
        self.digest.strip_prefix("sha256:").unwrap_or(&self.digest)
    }

    /// As Docker shows it.
    pub(super) fn short(&self) -> &str {
        &self.hex()[..self.hex().len().min(12)]
    }

    /// How a layer of its type comes.
    ///
    /// # Errors
    /// That this engine can't unpack it.
    pub(super) fn packing(&self) -> Result<Packing, String> {
        match self.media_type.as_str() {
            "application/vnd.oci.image.layer.v1.tar"
            | "application/vnd.docker.image.rootfs.diff.tar" => Ok(Packing::Plain),
            "application/vnd.oci.image.layer.v1.tar+gzip"
            | "application/vnd.docker.image.rootfs.diff.tar.gzip" => Ok(Packing::Gzip),
            zstd if zstd.ends_with("zstd") => Err(format!(
                "the layer {} is compressed with zstd; this engine unpacks gzip and plain \
                 archives: push the image with another compression",
                self.digest
            )),
            other => Err(format!(
                "the layer {} is `{other}`; this engine unpacks archives, plain or with gzip",
                self.digest
            )),
        }
    }
}

/// Reads what came for a name.
///
/// # Errors
/// What it isn't, and that it is for other machines.
pub(super) fn read(bytes: &[u8], kind: &str) -> Result<Read, String> {
    if !LISTS.contains(&kind) {
        return Manifest::read(bytes).map(Read::Image);
    }
    let list: List = serde_json::from_slice(bytes).map_err(|error| format!("the list: {error}"))?;
    let fits = |blob: &&Blob| {
        let platform = blob.platform.as_ref();
        platform.is_some_and(|of| of.os == "linux" && of.architecture == architecture())
    };
    match list.manifests.iter().find(fits) {
        Some(found) if is_digest(&found.digest) => Ok(Read::Choice(found.clone())),
        Some(found) => Err(format!(
            "the list names `{}`, which is no sha256 digest",
            found.digest
        )),
        None => Err(format!(
            "no matching manifest for linux/{} in the manifest list entries",
            architecture()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_list_this_machines_is_taken() {
        let (own, other) = ("a".repeat(64), "b".repeat(64));
        let list = |architecture: &str| {
            format!(
                r#"{{"manifests":[
                {{"digest":"sha256:{other}","size":1,"platform":{{"os":"unknown","architecture":"unknown"}}}},
                {{"digest":"sha256:{other}","size":1,"platform":{{"os":"windows","architecture":"{architecture}"}}}},
                {{"digest":"sha256:{own}","size":2,"platform":{{"os":"linux","architecture":"{architecture}"}}}}]}}"#
            )
        };
        for kind in LISTS {
            let Ok(Read::Choice(found)) = read(list(architecture()).as_bytes(), kind) else {
                panic!("no choice");
            };
            assert_eq!(found.hex(), own);
        }
        let why = read(list("s390x").as_bytes(), LISTS[0]).unwrap_err();
        assert!(why.starts_with("no matching manifest for linux/"), "{why}");
    }

    #[test]
    fn layers_are_plain_or_gzip() {
        let of = |kind: &str| Blob {
            media_type: kind.into(),
            ..Blob::new(format!("sha256:{}", "a".repeat(64)), 1)
        };
        assert_eq!(of(LAYER).packing(), Ok(Packing::Plain));
        let gzip = of("application/vnd.docker.image.rootfs.diff.tar.gzip");
        assert_eq!(gzip.packing(), Ok(Packing::Gzip));
        let why = of("application/vnd.oci.image.layer.v1.tar+zstd").packing();
        assert!(why.unwrap_err().contains("compressed with zstd"));
        assert!(of("text/plain").packing().is_err());
        assert!(
            Manifest::read(br#"{"config":{"digest":"sha256:..","size":1},"layers":[]}"#).is_err()
        );
    }
}
