//! What is in a repository, and `index.json`, which is that on the disk (OCI Image
//! Format Specification, image-layout.md).

use super::super::digest::Digest;
use super::super::route::Reference;
use super::document::{Document, INDEX};
use super::files::{blob_of, open};
use oci_spec::image::ANNOTATION_REF_NAME;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// A repository.
#[derive(Debug, Clone, Default)]
pub(super) struct Repository {
    pub(super) manifests: BTreeMap<Digest, Manifest>,
    pub(super) tags: BTreeMap<String, Digest>,
}

/// What is known of a manifest without reading it.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    /// As it was pushed.
    pub(super) media_type: String,
    /// In bytes.
    pub(super) size: u64,
    /// What it refers to.
    pub(super) subject: Option<Digest>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    media_type: String,
    digest: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Repository {
    /// Reads that of a layout. What its index names and isn't there is left out.
    ///
    /// # Errors
    /// Of the disk.
    pub(super) fn read(layout: &Path) -> io::Result<Repository> {
        let mut found = Repository::default();
        let text = std::fs::read(layout.join("index.json"))?;
        let index: Index = serde_json::from_slice(&text)?;
        for entry in index.manifests {
            let Some(digest) = Digest::parse(&entry.digest) else {
                continue;
            };
            if !found.manifests.contains_key(&digest) {
                let path = blob_of(layout, &digest);
                let Ok((_, size)) = open(&path) else { continue };
                let subject = Document::parse(&std::fs::read(&path)?)
                    .and_then(|document| document.subject_digest())
                    .unwrap_or_default();
                let manifest = Manifest {
                    media_type: entry.media_type,
                    size,
                    subject,
                };
                found.manifests.insert(digest.clone(), manifest);
            }
            if let Some(tag) = entry.annotations.get(ANNOTATION_REF_NAME) {
                found.tags.insert(tag.clone(), digest);
            }
        }
        Ok(found)
    }

    /// The text of `index.json`: a descriptor for each tag, and one for each manifest
    /// that has none.
    pub(super) fn text(&self) -> Vec<u8> {
        let descriptor = |digest: &Digest| {
            let manifest = self.manifests.get(digest)?;
            Some(json!({
                "mediaType": manifest.media_type,
                "digest": digest.to_string(),
                "size": manifest.size,
            }))
        };
        let tagged = self.tags.iter().filter_map(|(tag, digest)| {
            let mut of = descriptor(digest)?;
            of["annotations"] = json!({ ANNOTATION_REF_NAME: tag });
            Some(of)
        });
        let named: std::collections::BTreeSet<&Digest> = self.tags.values().collect();
        let others = self
            .manifests
            .keys()
            .filter(|digest| !named.contains(digest))
            .filter_map(descriptor);
        let manifests: Vec<Value> = tagged.chain(others).collect();
        let index = json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": manifests,
        });
        index.to_string().into_bytes()
    }

    /// The manifest of a tag or a digest.
    pub(super) fn find(&self, reference: &Reference) -> Option<(&Digest, &Manifest)> {
        let digest = match reference {
            Reference::Tag(tag) => self.tags.get(tag)?,
            Reference::Digest(digest) => digest,
        };
        self.manifests.get_key_value(digest)
    }
}
