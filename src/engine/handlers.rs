//! From a route to the one who answers.

use super::answer::{self, Answer};
use super::call::Call;
use super::failure::Failure;
use super::remote::{auth, push};
use super::route::{OfExec, Route};
use super::state::Engine;
use super::view;
use super::{containers, execs, images, system};
use hyper::StatusCode;
use std::rc::Rc;

/// Answers a request.
///
/// # Errors
/// What it fails with, in the API's words.
pub(super) async fn handle(
    engine: &Rc<Engine>,
    route: Route,
    call: &mut Call,
) -> Result<Answer, Failure> {
    Ok(match route {
        Route::Ping => answer::ping(call.head),
        Route::Version => system::version(),
        Route::Info => system::info(engine),
        Route::Events => return system::events(engine, call),
        Route::DiskUse => system::disk_use(engine),
        Route::Auth => return auth(engine, call).await,
        Route::Images => return images::list(engine, call),
        Route::ImagesPrune => return system::images_prune(engine, call),
        Route::ImageCreate => return images::create(engine, call).await,
        Route::ImageLoad => return images::load(engine, call).await,
        Route::ImageSave(names) => return images::save(engine, &names),
        Route::ImageInspect(name) => {
            let image = engine.store.find(&name)?;
            answer::ok(&view::image(engine, &image))
        }
        Route::ImageHistory(name) => {
            let image = engine.store.find(&name)?;
            answer::ok(&view::history(engine, &image))
        }
        Route::ImageTag(name) => return images::tag(engine, &name, call),
        Route::ImagePush(name) => return push(engine, &name, call).await,
        Route::ImageRemove(name) => return images::remove(engine, &name, call),
        Route::Containers => return containers::list(engine, call),
        Route::ContainersPrune => return containers::prune(engine, call).await,
        Route::Create => return containers::create(engine, call).await,
        Route::Container(name, of) => {
            return containers::handle(engine, &name, of, call).await;
        }
        Route::Exec(id, OfExec::Start) => return execs::start(engine, &id, call).await,
        Route::Exec(id, OfExec::Inspect) => return execs::inspect(engine, &id),
        Route::Exec(id, OfExec::Resize) => return execs::resize(engine, &id, call).await,
        Route::Volumes => return system::volumes(engine, call),
        Route::VolumeCreate => return system::volume_create(engine, call).await,
        Route::VolumeInspect(name) => return system::volume_inspect(engine, &name),
        Route::VolumeRemove(name) => return system::volume_remove(engine, &name),
        Route::Networks => system::networks(engine),
        Route::NetworkInspect(name) => return system::network_inspect(engine, &name),
        Route::Refused(what) => {
            return Err(Failure::refused(format!(
                "this engine doesn't do it: {what}"
            )));
        }
        Route::Swarm => {
            return Err(Failure::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm \
                 join\" to connect this node to swarm and try again.",
            ));
        }
    })
}
