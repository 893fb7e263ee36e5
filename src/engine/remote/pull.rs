//! `docker pull`: from a name to an image of the store, layer by layer.

use super::super::answer::{self, Answer};
use super::super::archive::{MOST_LAYERS, architecture, keep_layer};
use super::super::call::Call;
use super::super::failure::Failure;
use super::super::names::{hex, sha256};
use super::super::progress::{Progress, broken};
use super::super::reference::Reference;
use super::super::state::Engine;
use super::super::store::Loaded;
use super::client::{Client, Sent, TO_GO_ON, Trouble, document, header};
use super::credentials::Credentials;
use super::manifest::{ACCEPTED, Blob, Manifest, Packing, Read as Came, read};
use super::name::{Name, Target};
use super::site::Site;
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::rc::Rc;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking, spawn_local};
use tokio::time::timeout;

/// How many layers come at once, as with Docker.
const AT_ONCE: usize = 3;
/// How often a client hears how far a layer has come, in bytes.
const EACH: u64 = 512 << 10;

/// What a name means at its registry.
struct Found {
    /// Of what the name means: an image's manifest, or an index of several.
    digest: String,
    /// The image's own, in hexadecimal digits, and what it is the digest of.
    hex: String,
    bytes: Bytes,
    manifest: Manifest,
}

/// A file that goes, unless it was put elsewhere.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Pulls what the query names.
///
/// # Errors
/// What is known before anything is fetched: that is a status of its own.
pub(in super::super) async fn pull(engine: &Rc<Engine>, call: &Call) -> Result<Answer, Failure> {
    let asked = call.query.get("fromImage").unwrap_or_default();
    let name = Name::parse(asked, call.query.some("tag"))?;
    if let Some(platform) = call.query.some("platform") {
        let own = format!("linux/{}", architecture());
        if platform != own && !platform.starts_with(&format!("{own}/")) {
            return Err(Failure::refused(format!(
                "{name} can't be pulled for {platform}: this machine runs {own}"
            )));
        }
    }
    let site = Site::of(&name, &engine.mirrors)
        .map_err(|why| Failure::missing(format!("{} can't be pulled: {why}", name.short)))?;
    engine.store.has_room()?;
    let auth = call.headers.get("x-registry-auth");
    let auth = Credentials::read(auth.and_then(|auth| auth.to_str().ok()));
    let client = Rc::new(Client::new(&site.authority, &name.path, "pull", auth));
    let found = find(&client, &name).await.map_err(|trouble| {
        let (short, target) = (&name.short, &name.target);
        match trouble {
            Trouble::Missing(why) => {
                Failure::missing(format!("manifest for {short}:{target} not found: {why}"))
            }
            Trouble::Denied(why) => Failure::missing(format!(
                "pull access denied for {short}, repository does not exist or may require 'docker \
                 login': {why}"
            )),
            Trouble::Other(why) => Failure::internal(format!("{name} can't be pulled: {why}")),
        }
    })?;
    let (answer, to) = answer::growing("application/json");
    let engine = Rc::clone(engine);
    spawn_local(async move {
        let progress = Progress(to.clone());
        let pulled = fetch(&engine, &client, &name, &site, found, &progress).await;
        if let Err(why) = pulled {
            let _ = to.send(broken(&why)).await;
        }
    });
    Ok(answer)
}

/// Asks what a name means.
async fn find(client: &Client, name: &Name) -> Result<Found, Trouble> {
    let at = |reference: &str| format!("/v2/{}/manifests/{reference}", name.path);
    let asked = name.target.to_string();
    let (digest, bytes, kind) = manifest(client, &at(&asked), &name.target).await?;
    let came = read(&bytes, &kind).map_err(Trouble::Other)?;
    let (manifest, own, bytes) = match came {
        Came::Image(manifest) => (manifest, digest.clone(), bytes),
        Came::Choice(blob) => {
            let target = Target::Digest(blob.digest.clone());
            let (own, bytes, _) = self::manifest(client, &at(&blob.digest), &target).await?;
            let manifest = Manifest::read(&bytes).map_err(Trouble::Other)?;
            (manifest, own, bytes)
        }
    };
    let hex = own.strip_prefix("sha256:").unwrap_or(&own).to_string();
    Ok(Found {
        digest,
        hex,
        bytes,
        manifest,
    })
}

/// A manifest: its digest, its bytes and its type.
async fn manifest(
    client: &Client,
    at: &str,
    target: &Target,
) -> Result<(String, Bytes, String), Trouble> {
    let answer = client.ask(Method::GET, at, ACCEPTED, Sent::Nothing).await?;
    let kind = header(&answer, "content-type");
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_string();
    let bytes = document(answer).await?;
    let digest = format!("sha256:{}", sha256(&bytes));
    match target {
        Target::Digest(asked) if *asked != digest => Err(Trouble::Other(format!(
            "the registry has sent something else for {asked}: it is {digest}"
        ))),
        _ => Ok((digest, bytes, kind)),
    }
}

/// What a pull has, besides its layers.
struct Pull {
    engine: Rc<Engine>,
    client: Rc<Client>,
    path: String,
    progress: Progress,
    room: Semaphore,
}

/// Fetches what isn't there, and makes an image of it.
async fn fetch(
    engine: &Rc<Engine>,
    client: &Rc<Client>,
    name: &Name,
    site: &Site,
    found: Found,
    progress: &Progress,
) -> Result<(), String> {
    let target = name.target.to_string();
    if let Some(said) = &site.said {
        progress.say(said).await?;
    }
    let pulling = format!("Pulling from {}", name.path);
    let id = target.as_str();
    progress
        .line(json!({ "status": pulling, "id": id }))
        .await?;
    let config = whole(client, &name.path, &found.manifest.config).await?;
    let layers = layers_of(&config, &found.manifest)?;
    let image = found.manifest.config.hex().to_string();
    let before = engine.store.find(&format!("sha256:{image}")).ok();
    let names = match &name.target {
        Target::Tag(tag) => vec![Reference {
            name: name.short.clone(),
            tag: tag.clone(),
        }],
        Target::Digest(_) => Vec::new(),
    };
    let full = names.first().map(ToString::to_string);
    let full = full.unwrap_or_else(|| format!("{}@{target}", name.short));
    let known = before.is_some()
        && engine
            .store
            .find(&full)
            .is_ok_and(|there| there.id == image);
    let mut came = Vec::new();
    if before.is_none() {
        let all = Pull {
            engine: Rc::clone(engine),
            client: Rc::clone(client),
            path: name.path.clone(),
            progress: progress.clone(),
            room: Semaphore::new(AT_ONCE),
        };
        came = all.layers(layers).await?;
    }
    let bytes = config.to_vec();
    let added = engine.store.add(Loaded { bytes, names });
    let added = added.map_err(|failure| failure.message)?;
    // Nobody else has a turn until it is noted what they are for.
    for (hex, partial) in &came {
        fs::rename(&partial.0, engine.store.blob(hex)).map_err(|error| error.to_string())?;
    }
    let noted = engine.store.note_digest(
        &name.short,
        &found.digest,
        &added.id,
        (&found.hex, &found.bytes),
    );
    noted.map_err(|failure| failure.message)?;
    let attributes = BTreeMap::from([("name".to_string(), full.clone())]);
    engine.events.tell("image", "pull", &full, attributes);
    progress.say(&format!("Digest: {}", found.digest)).await?;
    let status = match known {
        true => format!("Status: Image is up to date for {full}"),
        false => format!("Status: Downloaded newer image for {full}"),
    };
    progress.say(&status).await
}

/// The layers with the digests that they have once they are unpacked, each once.
fn layers_of(config: &[u8], manifest: &Manifest) -> Result<Vec<(Blob, Packing, String)>, String> {
    let read: Value =
        serde_json::from_slice(config).map_err(|error| format!("the configuration: {error}"))?;
    for (field, own) in [("os", "linux"), ("architecture", architecture())] {
        if let Some(other) = read[field].as_str().filter(|other| *other != own) {
            return Err(format!("the image is for {other}; this machine is {own}"));
        }
    }
    let ids = read["rootfs"]["diff_ids"].as_array();
    let ids: Vec<&str> = ids
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let layers = &manifest.layers;
    if ids.len() != layers.len() || ids.is_empty() || ids.len() > MOST_LAYERS {
        return Err(format!(
            "the configuration names {} layers and the manifest {}: 1 to {MOST_LAYERS} and the \
             same",
            ids.len(),
            layers.len()
        ));
    }
    let mut seen = BTreeSet::new();
    layers
        .iter()
        .zip(ids)
        .filter(|(layer, _)| seen.insert(layer.digest.clone()))
        .map(|(layer, id)| Ok((layer.clone(), layer.packing()?, id.to_string())))
        .collect()
}

/// A blob that is a document, checked.
async fn whole(client: &Client, path: &str, blob: &Blob) -> Result<Bytes, String> {
    let at = format!("/v2/{path}/blobs/{}", blob.digest);
    let answer = client.ask(Method::GET, &at, "*/*", Sent::Nothing).await;
    let bytes = document(answer.map_err(Trouble::text)?).await;
    let bytes = bytes.map_err(Trouble::text)?;
    match sha256(&bytes) == blob.hex() && bytes.len() as u64 == blob.size {
        true => Ok(bytes),
        false => Err(wrong(blob)),
    }
}

fn wrong(blob: &Blob) -> String {
    format!(
        "the registry has sent something else for {}: nothing of it is kept",
        blob.digest
    )
}

impl Pull {
    /// Several at once; the first that fails ends the others. Tells what came and is
    /// compressed, by its digest.
    async fn layers(
        self,
        layers: Vec<(Blob, Packing, String)>,
    ) -> Result<Vec<(String, Partial)>, String> {
        let mut missing = Vec::new();
        for (blob, packing, id) in layers {
            let hex = id.strip_prefix("sha256:").unwrap_or_default().to_string();
            let there =
                hex.len() == 64 && self.engine.store.place.layer(&hex).join("diff").is_dir();
            let status = match there {
                true => "Already exists",
                false => "Pulling fs layer",
            };
            self.progress.part(blob.short(), status).await?;
            if !there {
                missing.push((blob, packing, id));
            }
        }
        let all = Rc::new(self);
        let mut tasks = JoinSet::new();
        for (blob, packing, id) in missing {
            let all = Rc::clone(&all);
            tasks.spawn_local(async move { all.layer(&blob, packing, &id).await });
        }
        let mut came = Vec::new();
        while let Some(done) = tasks.join_next().await {
            came.extend(done.unwrap_or_else(|_| Err("a layer could not be fetched".into()))?);
        }
        Ok(came)
    }

    /// Fetches one, checks it and unpacks it; tells what came, if that was compressed.
    async fn layer(
        &self,
        blob: &Blob,
        packing: Packing,
        id: &str,
    ) -> Result<Option<(String, Partial)>, String> {
        let _place = self
            .room
            .acquire()
            .await
            .map_err(|error| error.to_string())?;
        let store = &self.engine.store;
        let partial = Partial(store.partial());
        self.download(blob, &partial).await?;
        self.progress
            .part(blob.short(), "Download complete")
            .await?;
        self.progress
            .bytes(blob.short(), "Extracting", (blob.size, blob.size))
            .await?;
        let (place, scratch) = (store.place.clone(), store.partial());
        let path = partial.0.clone();
        let kept = spawn_blocking(move || {
            let file = File::open(&path).map_err(|error| error.to_string())?;
            let mut from: Box<dyn Read> = match packing {
                Packing::Plain => Box::new(file),
                Packing::Gzip => Box::new(MultiGzDecoder::new(file)),
            };
            keep_layer(&place, &mut from, &scratch)
        });
        let found = kept
            .await
            .unwrap_or_else(|_| Err("the layer could not be unpacked".into()))
            .map_err(|why| format!("the layer {}: {why}", blob.digest))?;
        if format!("sha256:{found}") != id {
            return Err(format!(
                "the layer {} is sha256:{found} once it is unpacked, and the configuration says \
                 {id}",
                blob.digest
            ));
        }
        self.progress.part(blob.short(), "Pull complete").await?;
        // As it came, so that it can go on as that.
        Ok((packing == Packing::Gzip).then(|| (blob.hex().to_string(), partial)))
    }

    async fn download(&self, blob: &Blob, to: &Partial) -> Result<(), String> {
        let at = format!("/v2/{}/blobs/{}", self.path, blob.digest);
        let answer = self.client.ask(Method::GET, &at, "*/*", Sent::Nothing);
        let mut body = answer.await.map_err(Trouble::text)?.into_body();
        let failed = |error: std::io::Error| format!("{}: {error}", to.0.display());
        let mut file = File::create_new(&to.0).map_err(failed)?;
        let place = &self.engine.store.place;
        if blob.size > place.quota.saturating_sub(place.used()) {
            return Err("no space left in the store: it is larger than its quota allows".into());
        }
        let (mut sha, mut length, mut told) = (Sha256::new(), 0, 0);
        loop {
            let frame = timeout(TO_GO_ON, body.frame()).await;
            let frame = frame.map_err(|_| "the registry is silent".to_string())?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| format!("{}: {error}", blob.digest))?;
            let data = frame.into_data().unwrap_or_default();
            length += data.len() as u64;
            if length > blob.size {
                return Err(wrong(blob));
            }
            sha.update(&data);
            file.write_all(&data).map_err(failed)?;
            if length - told >= EACH || length == blob.size {
                told = length;
                let so_far = (length, blob.size);
                self.progress
                    .bytes(blob.short(), "Downloading", so_far)
                    .await?;
            }
        }
        match length == blob.size && hex(sha) == blob.hex() {
            true => Ok(()),
            false => Err(wrong(blob)),
        }
    }
}
