//! Containment: what would change a kernel object outside of a namespace, made
//! for this run, that holds the object. Lint asks it of what was written, the
//! sandbox again of the namespaces that the boxes really got.

use super::about::Effect;
use super::action::{Action, BoxSpec, Plan};
use super::fact::Place;
use super::namespace::{Namespace, Propagation};
use crate::base::Bytes;
use thiserror::Error;

/// An action outside of the box that would contain its effect.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{verb}` in `{place}` would reach beyond the demo: {why}")]
pub struct Unsafe {
    /// The verb.
    pub verb: &'static str,
    /// Where it was asked for.
    pub place: Place,
    /// What is missing.
    pub why: &'static str,
}

/// How many processes the commands of a run may have together.
pub const RUN_PROCESSES: u64 = 256;
/// How much memory they may use together, or each of them where nothing counts it.
pub const RUN_MEMORY: Bytes = Bytes(1 << 30);

impl Plan {
    /// Whether a command at this place is held to the limits that all commands of a
    /// run have together: no box around it is in a group of the plan's own.
    pub fn is_fenced(&self, place: &Place) -> bool {
        self.outwards(place).all(|spec| spec.cgroup.is_none())
    }

    /// The box, that which it is made in, and so on up to the host.
    fn outwards(&self, place: &Place) -> impl Iterator<Item = &BoxSpec> {
        let first = match place {
            Place::Host => None,
            Place::Box(name) => self.find(name),
        };
        let parent = move |spec: &&BoxSpec| spec.parent.as_ref().and_then(|name| self.find(name));
        // A parent is declared before its child: this is only for one that isn't.
        std::iter::successors(first, parent).take(self.boxes.len())
    }

    /// Whether the box, or one that it is nested in, has such a namespace of its own.
    pub fn contained(&self, place: &Place, ns: Namespace) -> bool {
        self.depth(place, ns) > 0
    }

    /// How many namespaces of this kind that the run makes are around a place.
    pub fn depth(&self, place: &Place, ns: Namespace) -> usize {
        self.outwards(place).filter(|spec| spec.has(ns)).count()
    }

    /// Whether a process at a place can ever mount a procfs: that takes
    /// CAP_SYS_ADMIN in the user namespace that owns its pid namespace, so no
    /// user namespace may have come in between, user_namespaces(7).
    pub fn may_mount_proc(&self, place: &Place) -> bool {
        let mut outwards = self.outwards(place);
        let first = outwards.find(|spec| spec.has(Namespace::Pid) || spec.has(Namespace::User));
        first.is_none_or(|spec| spec.has(Namespace::Pid))
    }

    /// The containment rule for boxes: why this one's mounts would reach the
    /// host, if they would. A mount namespace is a copy, and a copy of a shared
    /// mount is its peer until someone cuts the tie.
    pub fn leak(&self, spec: &BoxSpec) -> Option<&'static str> {
        let tied = match spec.propagation {
            Propagation::Private | Propagation::Slave => false,
            Propagation::Shared | Propagation::Unchanged => true,
        };
        let above = spec.parent.clone().map_or(Place::Host, Place::Box);
        (tied && spec.has(Namespace::Mount) && !self.contained(&above, Namespace::Mount)).then_some(
            "its mounts would appear on the host, too: make it in a box with a mount namespace",
        )
    }

    /// The containment rule for actions: whether this one would change a kernel
    /// object that no namespace of this run holds.
    pub fn breach(&self, action: &Action) -> Option<Unsafe> {
        let about = action.verb.about();
        let why = match about.effect {
            Effect::Nothing | Effect::Own | Effect::User => None,
            Effect::Held(kinds, why) => {
                let inside = |ns: &Namespace| self.contained(&action.place, *ns);
                (!kinds.iter().any(inside)).then_some(why)
            }
            Effect::Ends(boxes, ns, why) => {
                let mut ends = boxes.iter().cloned().map(Place::Box);
                (!ends.all(|end| self.contained(&end, ns))).then_some(why)
            }
        };
        why.map(|why| Unsafe {
            verb: about.name,
            place: action.place.clone(),
            why,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_shared_only_among_boxes() {
        let spec = |text: &str| toml::from_str::<BoxSpec>(text).unwrap();
        let plan = Plan {
            boxes: vec![
                spec("name = 'outer'\nnamespaces = ['mount']"),
                spec("name = 'bare'"),
                spec("name = 'within'\nin = 'outer'"),
            ],
            ..Plan::default()
        };
        let of_its_own = "namespaces = ['mount']\nname = 'x'";
        for (text, leaks) in [
            ("propagation = 'private'", false),
            ("propagation = 'slave'", false),
            ("propagation = 'shared'", true),
            ("propagation = 'unchanged'", true),
            ("propagation = 'unchanged'\nin = 'bare'", true),
            ("propagation = 'unchanged'\nin = 'outer'", false),
            ("propagation = 'shared'\nin = 'within'", false),
        ] {
            let leak = plan.leak(&spec(&format!("{of_its_own}\n{text}")));
            assert_eq!(leak.is_some(), leaks, "{text}");
        }
        assert_eq!(plan.leak(&spec("name = 'x'\npropagation = 'shared'")), None);
    }
}
