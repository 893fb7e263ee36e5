//! `docker push`: what a registry lacks of an image, then its manifest. An image that
//! was pulled goes as it came, under the same digest; else a manifest is made of what
//! is in the store, the same each time.

use super::super::answer::{self, Answer};
use super::super::body::Body;
use super::super::call::Call;
use super::super::failure::Failure;
use super::super::names::sha256;
use super::super::progress::{Progress, broken};
use super::super::reference::Reference;
use super::super::state::Engine;
use super::super::store::Image;
use super::client::{Client, Sent, Trouble, header};
use super::credentials::Credentials;
use super::manifest::{Blob, IMAGE, LAYER, Manifest, Packing};
use super::name::Name;
use super::site::Site;
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::rc::Rc;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::channel;
use tokio::task::{JoinSet, spawn_blocking, spawn_local};

/// How many layers go at once.
const AT_ONCE: usize = 3;
/// How much of a layer is in memory at once, in bytes, and how many such pieces.
const PIECE: usize = 64 << 10;
const PIECES: usize = 4;
/// How often a client hears how far a layer has come, in bytes.
const EACH: u64 = 512 << 10;

/// Where a blob of a manifest lies.
#[derive(Clone)]
struct Source {
    blob: Blob,
    /// As Docker shows it: the beginning of what the layer is unpacked.
    id: String,
    from: From,
}

#[derive(Clone)]
enum From {
    File(PathBuf),
    Memory(Bytes),
}

/// A manifest and all that it is made of.
struct Parts {
    kind: String,
    bytes: Vec<u8>,
    config: Source,
    layers: Vec<Source>,
}

/// Pushes an image by its name, or all that have the name if there is no tag.
///
/// # Errors
/// What is known before anything is sent.
pub(in super::super) async fn push(
    engine: &Rc<Engine>,
    image: &str,
    call: &Call,
) -> Result<Answer, Failure> {
    let tag = call.query.some("tag");
    let name = Name::parse(image, tag)?;
    let site = Site::of(&name, &engine.mirrors)
        .map_err(|why| Failure::missing(format!("{} can't be pushed: {why}", name.short)))?;
    let auth = call.headers.get("x-registry-auth");
    let auth = Credentials::read(auth.and_then(|auth| auth.to_str().ok()));
    let client = Client::new(&site.authority, &name.path, "pull,push", auth);
    let tags: Vec<String> = match tag {
        Some(_) => vec![name.target.to_string()],
        None => engine.store.tags_of(&name.short),
    };
    let (answer, to) = answer::growing("application/json");
    let all = Push {
        engine: Rc::clone(engine),
        client,
        name,
        progress: Progress(to.clone()),
        room: Semaphore::new(AT_ONCE),
    };
    let all = Rc::new(all);
    spawn_local(async move {
        if let Err(why) = send(&all, &site, &tags).await {
            let _ = to.send(broken(&why)).await;
        }
    });
    Ok(answer)
}

async fn send(all: &Rc<Push>, site: &Site, tags: &[String]) -> Result<(), String> {
    let (host, path) = (&all.name.host, &all.name.path);
    if let Some(said) = &site.said {
        all.progress.say(said).await?;
    }
    let said = format!("The push refers to repository [{host}/{path}]");
    all.progress.say(&said).await?;
    let missing = || {
        format!(
            "An image does not exist locally with the tag: {}",
            all.name.short
        )
    };
    if tags.is_empty() {
        return Err(missing());
    }
    for tag in tags {
        let full = Reference {
            name: all.name.short.clone(),
            tag: tag.clone(),
        };
        let image = all.engine.store.find(&full.to_string());
        let image = image.map_err(|_| missing())?;
        all.image(&image, tag).await?;
        let full = full.to_string();
        let attributes = BTreeMap::from([("name".to_string(), full.clone())]);
        all.engine.events.tell("image", "push", &full, attributes);
    }
    Ok(())
}

/// What a push has in common.
struct Push {
    engine: Rc<Engine>,
    client: Client,
    name: Name,
    progress: Progress,
    room: Semaphore,
}

impl Push {
    async fn image(self: &Rc<Self>, image: &Rc<Image>, tag: &str) -> Result<(), String> {
        let parts = self.parts(image)?;
        for layer in &parts.layers {
            self.progress.part(&layer.id, "Preparing").await?;
        }
        let mut tasks = JoinSet::new();
        for layer in parts.layers {
            let all = Rc::clone(self);
            tasks.spawn_local(async move { all.blob(&layer, true).await });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap_or_else(|_| Err("a layer could not be sent".into()))?;
        }
        self.blob(&parts.config, false).await?;
        let hex = sha256(&parts.bytes);
        let digest = format!("sha256:{hex}");
        let at = format!("/v2/{}/manifests/{tag}", self.name.path);
        let sent = Sent::Document(&parts.bytes, &parts.kind);
        let answer = self.client.ask(Method::PUT, &at, "*/*", sent).await;
        let said = header(&answer.map_err(Trouble::text)?, "docker-content-digest");
        if !said.is_empty() && said != digest {
            return Err(format!("the registry calls it {said}: it is {digest}"));
        }
        let named = (hex.as_str(), parts.bytes.as_slice());
        let noted = self
            .engine
            .store
            .note_digest(&self.name.short, &digest, &image.id, named);
        noted.map_err(|failure| failure.message)?;
        let size = parts.bytes.len();
        let said = format!("{tag}: digest: {digest} size: {size}");
        self.progress.say(&said).await?;
        let aux = json!({ "Tag": tag, "Digest": digest, "Size": size });
        let line = json!({ "progressDetail": {}, "aux": aux });
        self.progress.line(line).await
    }

    /// What is sent of an image.
    fn parts(&self, image: &Image) -> Result<Parts, String> {
        let store = &self.engine.store;
        let known = store.manifests_of(&image.id);
        let mut as_it_came = known
            .into_iter()
            .filter_map(|(_, bytes)| self.as_it_came(image, bytes));
        if let Some(parts) = as_it_came.next() {
            return Ok(parts);
        }
        let mut layers = Vec::new();
        for layer in &image.layers {
            let path = store.place.layer(layer).join("layer.tar");
            let meta = fs::metadata(&path);
            let size = meta.map_err(|error| format!("{}: {error}", path.display()))?;
            let blob = Blob::new(format!("sha256:{layer}"), size.len());
            layers.push(source(blob, layer, path));
        }
        let described: Vec<Value> = layers
            .iter()
            .map(|layer| {
                json!({ "mediaType": LAYER, "digest": layer.blob.digest, "size": layer.blob.size })
            })
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": format!("sha256:{}", image.id),
                "size": image.bytes.len(),
            },
            "layers": described,
        });
        Ok(Parts {
            kind: IMAGE.into(),
            bytes: manifest.to_string().into_bytes(),
            config: config(image),
            layers,
        })
    }

    /// The manifest by which an image came, if all of it is still there.
    fn as_it_came(&self, image: &Image, bytes: Vec<u8>) -> Option<Parts> {
        let store = &self.engine.store;
        let manifest = Manifest::read(&bytes).ok()?;
        if manifest.config.hex() != image.id || manifest.layers.len() != image.layers.len() {
            return None;
        }
        let mut layers = Vec::new();
        for (blob, id) in manifest.layers.iter().zip(&image.layers) {
            let path = match blob.packing().ok()? {
                Packing::Plain => store.place.layer(id).join("layer.tar"),
                Packing::Gzip => store.blob(blob.hex()),
            };
            if fs::metadata(&path).ok()?.len() != blob.size {
                return None;
            }
            layers.push(source(blob.clone(), id, path));
        }
        Some(Parts {
            kind: manifest.media_type.unwrap_or_else(|| IMAGE.into()),
            bytes,
            config: config(image),
            layers,
        })
    }

    /// Sends a blob that the registry hasn't.
    async fn blob(&self, source: &Source, tell: bool) -> Result<(), String> {
        let _place = self
            .room
            .acquire()
            .await
            .map_err(|error| error.to_string())?;
        let (path, digest) = (&self.name.path, &source.blob.digest);
        let at = format!("/v2/{path}/blobs/{digest}");
        let status = match self.ask(Method::HEAD, &at, Sent::Nothing).await {
            Ok(_) => "Layer already exists".to_string(),
            Err(Trouble::Missing(_)) => self.upload(source, tell).await?,
            Err(trouble) => return Err(trouble.text()),
        };
        match tell {
            true => self.progress.part(&source.id, &status).await,
            false => Ok(()),
        }
    }

    async fn upload(&self, source: &Source, tell: bool) -> Result<String, String> {
        let (path, digest) = (&self.name.path, &source.blob.digest);
        let mount = self.elsewhere(source);
        let query = mount
            .as_ref()
            .map_or(String::new(), |from| format!("?mount={digest}&from={from}"));
        let at = format!("/v2/{path}/blobs/uploads/{query}");
        let begun = self.ask(Method::POST, &at, Sent::Nothing).await;
        let (status, to) = begun.map_err(Trouble::text)?;
        if let Some(from) = mount.filter(|_| status == StatusCode::CREATED) {
            return Ok(format!("Mounted from {from}"));
        }
        let joint = if to.contains('?') { '&' } else { '?' };
        let to = format!("{to}{joint}digest={digest}");
        let make = || body(source, tell.then(|| self.progress.clone()));
        let sent = Sent::Stream(source.blob.size, &make);
        let done = self.ask(Method::PUT, &to, sent).await;
        done.map_err(Trouble::text)?;
        Ok("Pushed".into())
    }

    /// Asks; tells the status, and where to go on.
    async fn ask(
        &self,
        method: Method,
        at: &str,
        sent: Sent<'_>,
    ) -> Result<(StatusCode, String), Trouble> {
        let answer = self.client.ask(method, at, "*/*", sent).await?;
        Ok((answer.status(), header(&answer, "location")))
    }

    /// Another repository of this registry that an image with this layer came from, or
    /// went to.
    fn elsewhere(&self, source: &Source) -> Option<String> {
        let store = &self.engine.store;
        let images = store.all();
        let mut names = images
            .iter()
            .filter(|image| {
                image
                    .layers
                    .iter()
                    .any(|layer| layer.starts_with(&source.id))
            })
            .flat_map(|image| store.digests_of(&image.id))
            .filter_map(|name| Name::parse(&name, None).ok())
            .filter(|name| name.host == self.name.host && name.path != self.name.path);
        names.next().map(|name| name.path)
    }
}

fn source(blob: Blob, layer: &str, path: PathBuf) -> Source {
    let id = layer[..layer.len().min(12)].to_string();
    let from = From::File(path);
    Source { blob, id, from }
}

fn config(image: &Image) -> Source {
    let bytes = Bytes::copy_from_slice(&image.bytes);
    Source {
        blob: Blob::new(format!("sha256:{}", image.id), bytes.len() as u64),
        id: image.id[..12].to_string(),
        from: From::Memory(bytes),
    }
}

/// The bytes of a blob. What ends before its length is broken off by who sends it.
fn body(source: &Source, progress: Option<Progress>) -> Body {
    let path = match &source.from {
        From::Memory(bytes) => return Body::Whole(Some(bytes.clone())),
        From::File(path) => path.clone(),
    };
    let (to, from) = channel(PIECES);
    let (id, size) = (source.id.clone(), source.blob.size);
    spawn_blocking(move || -> Option<()> {
        let mut file = File::open(path).ok()?;
        let (mut length, mut told) = (0, 0);
        loop {
            let mut bytes = vec![0; PIECE];
            let count = file.read(&mut bytes).ok().filter(|count| *count > 0)?;
            bytes.truncate(count);
            to.blocking_send(bytes.into()).ok()?;
            length += count as u64;
            if let Some(progress) = &progress
                && (length - told >= EACH || length == size)
            {
                told = length;
                let so_far = (length, size);
                progress.blocking_bytes(&id, "Pushing", so_far).ok()?;
            }
        }
    });
    Body::Growing(from)
}
