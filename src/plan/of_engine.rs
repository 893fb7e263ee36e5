//! The rows of the table of verbs for what is asked of the course's engine.

use super::about::{About, Effect, Facts, Named, Of, Where};
use super::docker::Api;
use super::fact::BoxName;
use super::refusal::Need;
use crate::base::{named, quoted};

/// `engine`
pub(super) fn engine(name: &BoxName) -> About<'_> {
    About {
        facts: Facts::Result(&["", ".images", ".api"]),
        names: vec![Named::new(name.as_str(), Of::NewProcess, &[])],
        needs: vec![Need::Engine],
        ..asked(
            "engine",
            "GET /version",
            "start the course's engine, which starts programs in containers for whoever asks at \
             its socket, in a directory in /var/tmp, removed at the end"
                .into(),
        )
    }
}

/// `docker`
pub(super) fn docker(argv: &[String]) -> About<'_> {
    About {
        facts: Facts::Result(&["", ".out", ".err", ".client"]),
        ..asked(
            "docker",
            "wait(2)",
            format!(
                "hand to a Docker client, for the course's engine, the line  docker {}",
                words(argv)
            ),
        )
    }
}

/// `api`
pub(super) fn api(api: &Api) -> About<'_> {
    let body = api.body.as_ref();
    let body = body.map_or_else(String::new, |body| format!("  with {}", named(body)));
    About {
        facts: Facts::Fields(&api.show),
        ..asked(
            "api",
            "HTTP",
            format!(
                "send to the course's engine  {} {}{body}",
                api.method,
                named(&api.path)
            ),
        )
    }
}

/// `container`
pub(super) fn container(name: &BoxName) -> About<'_> {
    About {
        names: vec![Named::new(name.as_str(), Of::NewProcess, &[])],
        ..asked(
            "container",
            "GET /containers/NAME/json",
            format!("ask the course's engine for the container `{name}`"),
        )
    }
}

/// Something that is asked of the engine.
fn asked(name: &'static str, call: &'static str, consent: String) -> About<'static> {
    About {
        name,
        call,
        place: Where::Host("the engine stands on the host"),
        effect: Effect::Own,
        facts: Facts::Result(&[""]),
        names: Vec::new(),
        needs: Vec::new(),
        consent,
    }
}

/// A command as a shell would take it.
pub(super) fn words(argv: &[String]) -> String {
    let words: Vec<_> = argv.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}
