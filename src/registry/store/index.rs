//! What is in a repository, and `index.json`, which is that on the disk (OCI Image
//! Format Specification, image-layout.md).

use super::super::digest::Digest;
use super::super::route::Reference;
use super::document::{Document, INDEX};
use super::files::{blob_of, open};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
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

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index<'i> {
    schema_version: u64,
    #[serde(default)]
    media_type: Cow<'i, str>,
    manifests: Vec<Entry<'i>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'i> {
    media_type: Cow<'i, str>,
    digest: Cow<'i, str>,
    size: u64,
    #[serde(default, skip_serializing_if = "Annotations::are_none")]
    annotations: Annotations<'i>,
}

/// Of annotations, the one that names a tag.
#[derive(Default, Serialize, Deserialize)]
struct Annotations<'i> {
    #[serde(rename = "org.opencontainers.image.ref.name")]
    tag: Option<Cow<'i, str>>,
}

impl Annotations<'_> {
    fn are_none(&self) -> bool {
        self.tag.is_none()
    }
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
                    media_type: entry.media_type.into_owned(),
                    size,
                    subject,
                };
                found.manifests.insert(digest.clone(), manifest);
            }
            if let Some(tag) = entry.annotations.tag {
                found.tags.insert(tag.into_owned(), digest);
            }
        }
        Ok(found)
    }

    /// The text of `index.json`: a descriptor for each tag, and one for each manifest
    /// that has none.
    pub(super) fn text(&self) -> Vec<u8> {
        let entry = |tag, digest: &Digest| {
            let manifest = self.manifests.get(digest)?;
            Some(Entry {
                media_type: Cow::Borrowed(&manifest.media_type),
                digest: digest.to_string().into(),
                size: manifest.size,
                annotations: Annotations { tag },
            })
        };
        let tagged = self
            .tags
            .iter()
            .filter_map(|(tag, digest)| entry(Some(Cow::Borrowed(tag)), digest));
        let named: BTreeSet<&Digest> = self.tags.values().collect();
        let others = self.manifests.keys();
        let others = others
            .filter(|digest| !named.contains(digest))
            .filter_map(|digest| entry(None, digest));
        let index = Index {
            schema_version: 2,
            media_type: INDEX.into(),
            manifests: tagged.chain(others).collect(),
        };
        serde_json::to_vec(&index).unwrap_or_default()
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
