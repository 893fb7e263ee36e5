//! What registries call the images of the store: `NAME@DIGEST`, and the manifests and
//! compressed layers that this needs, so that what was pulled is pushed again under
//! the same digest.
//!
//! ```text
//! digests.json        NAME@DIGEST, its image and its manifest
//! blobs/DIGEST        manifests, and layers as they came if that was compressed
//! ```

use super::failure::Failure;
use super::remote::manifest::Manifest;
use super::store::{Named, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

impl Store {
    /// Where the store has what came under a digest.
    pub(super) fn blob(&self, hex: &str) -> PathBuf {
        self.place.root.join("blobs").join(hex)
    }

    /// Reads what is there, and removes what a killed engine has left beside it.
    pub(super) fn read_digests(&self, is_image: impl Fn(&str) -> bool) {
        let text = fs::read(self.place.root.join("digests.json")).unwrap_or_default();
        let mut digests: BTreeMap<String, Named> =
            serde_json::from_slice(&text).unwrap_or_default();
        digests.retain(|_, named| is_image(&named.image));
        *self.digests.borrow_mut() = digests;
        self.sweep_blobs();
    }

    /// Notes what a registry calls an image.
    ///
    /// # Errors
    /// Of writing it.
    pub(super) fn note_digest(
        &self,
        name: &str,
        digest: &str,
        image: &str,
        manifest: (&str, &[u8]),
    ) -> Result<(), Failure> {
        self.replace(&self.blob(manifest.0), manifest.1)?;
        let named = Named {
            image: image.into(),
            manifest: manifest.0.into(),
        };
        self.digests
            .borrow_mut()
            .insert(format!("{name}@{digest}"), named);
        self.write_digests()
    }

    fn write_digests(&self) -> Result<(), Failure> {
        let text = serde_json::to_vec(&*self.digests.borrow()).map_err(Failure::internal)?;
        self.replace(&self.place.root.join("digests.json"), &text)
    }

    /// What registries call an image: `NAME@DIGEST`.
    pub(super) fn digests_of(&self, id: &str) -> Vec<String> {
        let digests = self.digests.borrow();
        let own = digests.iter().filter(|(_, named)| named.image == id);
        own.map(|(name, _)| name.clone()).collect()
    }

    /// The manifests that an image is known by.
    pub(super) fn manifests_of(&self, id: &str) -> Vec<(String, Vec<u8>)> {
        let digests = self.digests.borrow();
        let own: BTreeSet<&String> = digests
            .values()
            .filter(|named| named.image == id)
            .map(|named| &named.manifest)
            .collect();
        own.into_iter()
            .filter_map(|hex| Some((hex.clone(), fs::read(self.blob(hex)).ok()?)))
            .collect()
    }

    /// Forgets the names for which that is so, and what nothing else needs.
    ///
    /// # Errors
    /// Of writing it.
    pub(super) fn forget_digests(
        &self,
        gone: impl Fn(&str, &Named) -> bool,
    ) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        self.digests.borrow_mut().retain(|name, named| {
            let goes = gone(name, named);
            if goes {
                names.push(name.clone());
            }
            !goes
        });
        if names.is_empty() {
            return Ok(names);
        }
        self.write_digests()?;
        self.sweep_blobs();
        Ok(names)
    }

    /// Removes what no digest needs.
    fn sweep_blobs(&self) {
        let mut needed = BTreeSet::new();
        for named in self.digests.borrow().values() {
            let bytes = fs::read(self.blob(&named.manifest)).unwrap_or_default();
            needed.insert(named.manifest.clone());
            let layers = Manifest::read(&bytes).map(|manifest| manifest.layers);
            needed.extend(layers.into_iter().flatten().map(|layer| layer.hex().into()));
        }
        let blobs = fs::read_dir(self.place.root.join("blobs"));
        for entry in blobs.into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !name.to_str().is_some_and(|name| needed.contains(name)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}
