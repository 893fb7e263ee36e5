//! Manifests as documents: of the OCI Image Format Specification (manifest.md,
//! image-index.md), and Docker's (manifest v2, schema 2).

use super::super::digest::Digest;
use super::super::problem::{Code, Problem};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The type of an index.
pub(in super::super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Images, by their media type.
const IMAGES: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
/// Lists of manifests.
const LISTS: [&str; 2] = [
    INDEX,
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// What the registry reads of a manifest.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    artifact_type: Option<String>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: Option<String>,
    digest: String,
    size: u64,
    #[serde(default)]
    urls: Option<Vec<String>>,
}

/// What a manifest is made of.
pub(super) struct Part {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) is_manifest: bool,
}

fn invalid(why: impl std::fmt::Display) -> Problem {
    Problem::bad(Code::ManifestInvalid, why)
}

impl Document {
    /// Reads one.
    ///
    /// # Errors
    /// 400, MANIFEST_INVALID.
    pub(super) fn parse(bytes: &[u8]) -> Result<Document, Problem> {
        serde_json::from_slice(bytes)
            .map_err(|error| invalid(format!("the manifest can't be read: {error}")))
    }

    /// Reads one that is to be kept, with the type that it is said to have; tells its
    /// type.
    ///
    /// # Errors
    /// What it isn't: 400, MANIFEST_INVALID.
    pub(super) fn checked(bytes: &[u8], kind: Option<&str>) -> Result<(Document, String), Problem> {
        let document = Document::parse(bytes)?;
        let kind = match (kind, &document.media_type) {
            (Some(kind), Some(own)) if kind != own => {
                return Err(invalid(format!(
                    "Content-Type is {kind}, and the manifest says that it is {own}"
                )));
            }
            (Some(kind), _) => kind.to_string(),
            (None, Some(own)) => own.clone(),
            (None, None) => return Err(invalid("nothing says which type of manifest this is")),
        };
        if document.schema_version != Some(2) {
            return Err(invalid("schemaVersion isn't 2"));
        }
        // A document that is both would be one thing to one client, another to others.
        let (image, list) = (
            document.config.is_some() && document.layers.is_some(),
            document.manifests.is_some(),
        );
        let mixed = list && (document.config.is_some() || document.layers.is_some());
        let fits = match kind.as_str() {
            of if IMAGES.contains(&of) => image && !list,
            of if LISTS.contains(&of) => list && !mixed,
            _ => {
                let known: Vec<&str> = IMAGES.into_iter().chain(LISTS).collect();
                return Err(invalid(format!(
                    "{kind} isn't a type of manifest that is kept here: {}",
                    known.join(", ")
                )));
            }
        };
        match fits {
            true => Ok((document, kind)),
            false => Err(invalid(format!(
                "this is no {kind}: an image has config and layers, a list has manifests, none \
                 has both"
            ))),
        }
    }

    /// All that has to be in the repository before it. A layer that has its own
    /// addresses may be elsewhere.
    ///
    /// # Errors
    /// 400 for a digest that is none.
    pub(super) fn parts(&self) -> Result<Vec<Part>, Problem> {
        let blobs = self.config.iter().chain(self.layers.iter().flatten());
        let blobs = blobs
            .filter(|blob| blob.urls.as_ref().is_none_or(Vec::is_empty))
            .map(|blob| (blob, false));
        let manifests = self.manifests.iter().flatten().map(|one| (one, true));
        blobs
            .chain(manifests)
            .map(|(part, is_manifest)| {
                Ok(Part {
                    digest: part.digest()?,
                    size: part.size,
                    is_manifest,
                })
            })
            .collect()
    }

    /// What it refers to.
    ///
    /// # Errors
    /// 400 for a digest that is none.
    pub(super) fn subject_digest(&self) -> Result<Option<Digest>, Problem> {
        self.subject.as_ref().map(Descriptor::digest).transpose()
    }
}

impl Descriptor {
    fn digest(&self) -> Result<Digest, Problem> {
        Digest::parse(&self.digest)
            .ok_or_else(|| invalid(format!("`{}` in it is no digest", self.digest)))
    }
}

/// The descriptor of a referrer ("Listing Referrers"): its annotations are those of the
/// manifest, and a type that an image doesn't have is that of its configuration.
pub(super) fn descriptor(bytes: &[u8], digest: &Digest, media_type: &str) -> Value {
    let mut descriptor = json!({
        "mediaType": media_type,
        "digest": digest.to_string(),
        "size": bytes.len(),
    });
    let Ok(document) = Document::parse(bytes) else {
        return descriptor;
    };
    let of_config = || document.config.as_ref()?.media_type.clone();
    let own = document.artifact_type.clone();
    if let Some(kind) = own.filter(|kind| !kind.is_empty()).or_else(of_config) {
        descriptor["artifactType"] = kind.into();
    }
    if let Some(annotations) = &document.annotations {
        descriptor["annotations"] = json!(annotations);
    }
    descriptor
}
