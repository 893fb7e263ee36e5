//! Events of containers and their networks.

use super::container::Container;
use super::state::Engine;
use std::collections::BTreeMap;

/// Tells an event of a container.
pub(super) fn tell(
    engine: &Engine,
    container: &Container,
    action: impl Into<String>,
    more: &[(&str, String)],
) {
    let mut attributes = container.attributes();
    for (name, value) in more {
        attributes.insert((*name).into(), value.clone());
    }
    engine
        .events
        .tell("container", action, &container.id, attributes);
}

/// Tells an event of a container's network.
pub(super) fn tell_network(engine: &Engine, container: &Container, action: &str) {
    let name = container.host.network.name();
    let attributes = BTreeMap::from([
        ("container".to_string(), container.id.clone()),
        ("name".to_string(), name.to_string()),
        ("type".to_string(), network_driver(name).to_string()),
    ]);
    engine
        .events
        .tell("network", action, &network_id(name), attributes);
}

/// The driver of a network.
pub(super) fn network_driver(name: &str) -> &str {
    match name {
        "none" => "null",
        other => other,
    }
}

/// The id of a network: it is what its name is.
pub(super) fn network_id(name: &str) -> String {
    super::names::sha256(name.as_bytes())
}
