//! Handlers about images.

use super::answer::{self, Answer};
use super::archive::{self, Saved};
use super::call::Call;
use super::failure::Failure;
use super::filters::Filters;
use super::progress::{broken, line};
use super::reference::Reference;
use super::remote::pull;
use super::state::Engine;
use super::store::{Image, Loaded};
use super::view;
use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;
use tokio::sync::mpsc::Sender;

/// `docker images`
pub(super) fn list(engine: &Engine, call: &Call) -> Result<Answer, Failure> {
    let known = ["before", "dangling", "label", "reference", "since", "until"];
    let filters = Filters::parse(call.query.get("filters"), &known)?;
    for name in ["before", "since", "until"] {
        if filters.has(name) {
            return Err(Failure::refused(format!(
                "the filter {name} of images isn't done here"
            )));
        }
    }
    let fits = |image: &Rc<Image>| {
        let names = engine.store.names_of(&image.id);
        let labels = image.config.labels.clone().unwrap_or_default();
        let named = |wanted: &str| {
            let whole = Reference::parse(wanted).map(|found| found.to_string());
            names.iter().any(|name| {
                whole.as_ref() == Ok(name)
                    || name
                        .rsplit_once(':')
                        .is_some_and(|(short, _)| short == wanted)
            })
        };
        filters.any("reference", named)
            && filters.any("dangling", |wanted| {
                names.is_empty() == matches!(wanted, "true" | "1")
            })
            && filters.labels(&labels)
    };
    let rows: Vec<Value> = engine
        .store
        .all()
        .iter()
        .filter(|image| fits(image))
        .map(|image| view::image_row(engine, image))
        .collect();
    Ok(answer::ok(&rows))
}

/// `docker tag`
pub(super) fn tag(engine: &Engine, name: &str, call: &Call) -> Result<Answer, Failure> {
    let repo = call.query.get("repo").unwrap_or_default();
    let whole = match call.query.some("tag") {
        Some(tag) => format!("{repo}:{tag}"),
        None => repo.to_string(),
    };
    let reference = Reference::parse(&whole)?;
    let image = engine.store.find(name)?;
    engine.store.name(&reference, &image.id)?;
    tell(engine, "tag", &image.id, &reference.to_string());
    Ok(answer::empty(StatusCode::CREATED))
}

fn tell(engine: &Engine, action: &str, id: &str, name: &str) {
    let attributes = BTreeMap::from([("name".to_string(), name.to_string())]);
    engine
        .events
        .tell("image", action, &format!("sha256:{id}"), attributes);
}

/// `docker rmi`
pub(super) fn remove(engine: &Engine, name: &str, call: &Call) -> Result<Answer, Failure> {
    let image = engine.store.find(name)?;
    let names = engine.store.names_of(&image.id);
    let reference = Reference::parse(name).map(|found| found.to_string());
    let by_name = names.iter().find(|known| reference.as_ref() == Ok(known));
    let users = engine.all();
    let user = users.iter().find(|one| one.image == image.id);
    let force = call.query.yes("force");
    let mut done = Vec::new();
    if let Some(known) = by_name {
        if let Some(user) = user.filter(|_| names.len() == 1 && !force) {
            return Err(Failure::conflict(format!(
                "conflict: unable to remove repository reference \"{name}\" (must force) - \
                 container {} is using its referenced image {}",
                &user.id[..12],
                &image.id[..12]
            )));
        }
        engine.store.forget_name(known)?;
        tell(engine, "untag", &image.id, &format!("sha256:{}", image.id));
        done.push(json!({ "Untagged": known }));
        let short = known
            .rsplit_once(':')
            .map_or(known.as_str(), |(short, _)| short);
        if engine.store.tags_of(short).is_empty() {
            let gone = engine
                .store
                .forget_digests(|name, _| name.split('@').next() == Some(short))?;
            done.extend(gone.iter().map(|name| json!({ "Untagged": name })));
        }
        if names.len() > 1 || user.is_some() {
            return Ok(answer::ok(&done));
        }
    } else {
        let short = &image.id[..12];
        if names.len() > 1 && !force {
            return Err(Failure::conflict(format!(
                "conflict: unable to delete {short} (must be forced) - image is referenced in \
                 multiple repositories"
            )));
        }
        if let Some(user) = user {
            let how = if user.runs() {
                "cannot be forced"
            } else {
                "must be forced"
            };
            let is = if user.runs() { "running" } else { "stopped" };
            return Err(Failure::conflict(format!(
                "conflict: unable to delete {short} ({how}) - image is being used by {is} \
                 container {}",
                &user.id[..12]
            )));
        }
        for known in names {
            engine.store.forget_name(&known)?;
            done.push(json!({ "Untagged": known }));
        }
    }
    let gone = engine.store.remove(&image)?;
    tell(engine, "delete", &image.id, &format!("sha256:{}", image.id));
    done.push(json!({ "Deleted": format!("sha256:{}", image.id) }));
    done.extend(
        gone.iter()
            .map(|layer| json!({ "Deleted": format!("sha256:{layer}") })),
    );
    Ok(answer::ok(&done))
}

/// A pull from a registry, or an import from the body.
pub(super) async fn create(engine: &Rc<Engine>, call: &mut Call) -> Result<Answer, Failure> {
    if call.query.get("fromSrc") == Some("-") {
        return import(engine, call).await;
    }
    if call.query.some("fromSrc").is_some() {
        return Err(Failure::refused(
            "an import from elsewhere: this engine has no way out; send the archive",
        ));
    }
    pull(engine, call).await
}

async fn import(engine: &Engine, call: &mut Call) -> Result<Answer, Failure> {
    let repo = call.query.some("repo").map(str::to_string);
    let names = match (repo, call.query.some("tag")) {
        (Some(repo), Some(tag)) => vec![Reference::parse(&format!("{repo}:{tag}"))?],
        (Some(repo), None) => vec![Reference::parse(&repo)?],
        (None, _) => Vec::new(),
    };
    let message = call.query.get("message").unwrap_or("Imported from -");
    let message = message.to_string();
    let (place, scratch) = (engine.store.place.clone(), engine.store.partial());
    let kept = received(engine, call, move |file| {
        archive::keep_layer(&place, file, &scratch)
    })
    .await?;
    let (answer, to) = answer::growing("application/json");
    match kept {
        Ok(layer) => {
            let bytes = archive::configuration(&[layer], None, &[message]);
            let image = engine.store.add(Loaded { bytes, names })?;
            let id = format!("sha256:{}", image.id);
            tell(engine, "import", &image.id, &id);
            let _ = to.send(line(&json!({ "status": id }))).await;
        }
        Err(why) => {
            let _ = to.send(broken(&why)).await;
        }
    }
    Ok(answer)
}

/// `docker load`
pub(super) async fn load(engine: &Engine, call: &mut Call) -> Result<Answer, Failure> {
    let (place, scratch) = (engine.store.place.clone(), engine.store.partial());
    let path = engine.store.partial();
    let loaded = received_at(engine, call, &path, move |path| {
        archive::load(&place, path, &scratch)
    })
    .await?;
    let (answer, to) = answer::growing("application/json");
    let mut failed = None;
    match loaded {
        Ok(loaded) => {
            for one in loaded {
                let names: Vec<String> = one.names.iter().map(ToString::to_string).collect();
                match engine.store.add(one) {
                    Ok(image) => {
                        tell(engine, "load", &image.id, &format!("sha256:{}", image.id));
                        let said: Vec<String> = match names.is_empty() {
                            true => vec![format!("Loaded image ID: sha256:{}\n", image.id)],
                            false => names
                                .iter()
                                .map(|name| format!("Loaded image: {name}\n"))
                                .collect(),
                        };
                        for text in said {
                            let _ = to.send(line(&json!({ "stream": text }))).await;
                        }
                    }
                    Err(failure) => failed = Some(failure.message),
                }
            }
        }
        Err(why) => failed = Some(why),
    }
    if let Some(why) = failed {
        let _ = to.send(broken(&why)).await;
    }
    Ok(answer)
}

/// Receives the body into a file, and works on it beside the event loop.
async fn received<T: Send + 'static>(
    engine: &Engine,
    call: &mut Call,
    work: impl FnOnce(&mut File) -> Result<T, String> + Send + 'static,
) -> Result<Result<T, String>, Failure> {
    let path = engine.store.partial();
    received_at(engine, call, &path, |path| {
        let mut file = File::open(path).map_err(|error| error.to_string())?;
        work(&mut file)
    })
    .await
}

async fn received_at<T: Send + 'static>(
    engine: &Engine,
    call: &mut Call,
    path: &Path,
    work: impl FnOnce(&Path) -> Result<T, String> + Send + 'static,
) -> Result<Result<T, String>, Failure> {
    engine.store.has_room()?;
    let room = engine.store.place.quota - engine.store.place.used();
    let saved = call.save(path, room).await;
    let file = path.to_path_buf();
    let done = match saved {
        Ok(()) => tokio::task::spawn_blocking(move || work(&file))
            .await
            .map_err(|_| Failure::internal("the archive could not be read")),
        Err(failure) => Err(failure),
    };
    let _ = std::fs::remove_file(path);
    done
}

/// `docker save`
pub(super) fn save(engine: &Engine, names: &[String]) -> Result<Answer, Failure> {
    let mut images: Vec<Saved> = Vec::new();
    for name in names {
        let image = engine.store.find(name)?;
        let reference = Reference::parse(name).map(|found| found.to_string());
        let known = engine.store.names_of(&image.id);
        let named: Vec<String> = known
            .into_iter()
            .filter(|known| reference.as_ref() == Ok(known))
            .collect();
        match images.iter_mut().find(|one| one.id == image.id) {
            Some(there) => there.names.extend(named),
            None => images.push(Saved::of(&image, named)),
        }
        tell(engine, "save", &image.id, &format!("sha256:{}", image.id));
    }
    let (answer, to) = answer::growing("application/x-tar");
    let place = engine.store.place.clone();
    tokio::task::spawn_blocking(move || {
        let out = io::BufWriter::with_capacity(64 << 10, Pieces { to });
        // A client that went away needs no more of it.
        let _ = archive::save(&place, &images, out);
    });
    Ok(answer)
}

/// Writes into the body of an answer; waits for who reads.
struct Pieces {
    to: Sender<Bytes>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.to.blocking_send(Bytes::copy_from_slice(bytes));
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
