//! The engine's state: one thread's, changed in turns.

use super::container::Container;
use super::error::Error;
use super::events::Events;
use super::exec::Exec;
use super::failure::Failure;
use super::offline;
use super::remote::site::Mirror;
use super::store::Store;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// How long containers may take to end when the engine does; their guardians end
/// them in any case.
const ENDING: Duration = Duration::from_secs(10);

/// How an engine is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The socket that it listens on.
    pub socket: PathBuf,
    /// Where it keeps what it has; a directory that goes with it if absent.
    pub root: Option<PathBuf>,
    /// The directories that binds may be below.
    pub binds: Vec<PathBuf>,
    /// The most bytes that the store may hold.
    pub quota: u64,
    /// A container that asked for no limits gets a demo's, where a group can be made;
    /// none gets the machine's network.
    pub bounded: bool,
    /// What stands for hosts of registries.
    pub mirrors: Vec<Mirror>,
}

/// The engine.
pub(super) struct Engine {
    pub(super) id: String,
    pub(super) binds: Vec<PathBuf>,
    pub(super) bounded: bool,
    pub(super) mirrors: Vec<Mirror>,
    pub(super) store: Store,
    pub(super) events: Events,
    pub(super) containers: RefCell<BTreeMap<String, Rc<Container>>>,
    pub(super) execs: RefCell<BTreeMap<String, Rc<Exec>>>,
}

impl Engine {
    /// Opens the store, and makes the images of this machine's programs if it has
    /// none.
    ///
    /// # Errors
    /// What keeps it from that.
    pub(super) fn open(options: &Options) -> Result<Rc<Engine>, Error> {
        let binds = options
            .binds
            .iter()
            .map(|path| {
                let real = path.canonicalize();
                real.map_err(|error| Error::Process(format!("--bind {}: {error}", path.display())))
            })
            .collect::<Result<_, _>>()?;
        let store = Store::open(options.root.as_deref(), options.quota)?;
        if store.all().is_empty() {
            let made = offline::make(&store.place, &store.partial())
                .map_err(|why| Error::Store(store.place.root.clone(), why))?;
            for loaded in made {
                store
                    .add(loaded)
                    .map_err(|f| Error::Store(store.place.root.clone(), f.message))?;
            }
        }
        let id = super::names::random_hex(16)
            .map_err(|error| Error::Process(format!("/dev/urandom: {error}")))?;
        Ok(Rc::new(Engine {
            id,
            binds,
            bounded: options.bounded,
            mirrors: options.mirrors.clone(),
            store,
            events: Events::new(),
            containers: RefCell::default(),
            execs: RefCell::default(),
        }))
    }

    /// The container of a name, an id or the beginning of one.
    ///
    /// # Errors
    /// 404, or 400 where several begin so.
    pub(super) fn container(&self, name: &str) -> Result<Rc<Container>, Failure> {
        let containers = self.containers.borrow();
        if let Some(found) = containers.get(name) {
            return Ok(Rc::clone(found));
        }
        let plain = name.strip_prefix('/').unwrap_or(name);
        if let Some(found) = containers.values().find(|one| *one.name.borrow() == plain) {
            return Ok(Rc::clone(found));
        }
        let mut found = containers
            .values()
            .filter(|one| !name.is_empty() && one.id.starts_with(name));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(Rc::clone(one)),
            (Some(_), Some(_)) => Err(Failure::bad(format!(
                "multiple IDs found with provided prefix: {name}"
            ))),
            (None, _) => Err(Failure::no_container(name)),
        }
    }

    /// All containers, the newest first.
    pub(super) fn all(&self) -> Vec<Rc<Container>> {
        let mut all: Vec<_> = self.containers.borrow().values().cloned().collect();
        all.sort_by_key(|one| std::cmp::Reverse(one.created));
        all
    }

    /// Ends every container, and removes what goes with the engine.
    pub(super) async fn close(&self) {
        let all = self.all();
        for container in &all {
            if let Some(task) = container.task.borrow().as_ref() {
                task.finish();
            }
        }
        let ended = async {
            for container in &all {
                let mut progress = container.progress.subscribe();
                while container.task.borrow().is_some() && progress.changed().await.is_ok() {}
            }
        };
        let _ = tokio::time::timeout(ENDING, ended).await;
        self.store.close();
    }
}
