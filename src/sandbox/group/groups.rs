//! The groups that a demo declares: made, limited, frozen and removed by the
//! supervisor, which owns them.

use super::calls::{Caller, Refused, v1_bases, writable, write};
use super::cgroup::{Group, thaw};
use super::leaf;
use super::switched::{self, Marker};
use super::taken::{Given, Taken};
use crate::base::{Errno, literal};
use crate::plan::{BoxName, CgroupSpec, Controller, Leftover, Limits};
use crate::probe::cgroups::{self, Memberships, Mounts, Version};
use crate::probe::{Directories, Subject, directories_of};
use crate::sandbox::base::members::{Ours, is_of_this_run};
use crate::sandbox::base::owner::name_for;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// All groups of a run, in the order in which they were made.
pub(in crate::sandbox) struct Groups {
    /// Whether the group that this process is in was delegated to this run:
    /// then nothing is made elsewhere.
    pub(super) delegated: bool,
    pub(super) made: Vec<Group>,
    /// This run's markers in groups that aren't its own, where controllers are
    /// on for its sake.
    markers: Vec<Marker>,
    /// The controllers that its groups were given in version 2.
    given: Vec<Given>,
    pub(super) known: BTreeMap<BoxName, Directories>,
    /// Where programs are put that a demo runs, once the first is.
    pub(super) fence: Option<Vec<PathBuf>>,
}

impl Groups {
    /// None yet.
    pub(in crate::sandbox) fn new(delegated: bool) -> Groups {
        Groups {
            delegated,
            made: Vec::new(),
            markers: Vec::new(),
            given: Vec::new(),
            known: BTreeMap::new(),
            fence: None,
        }
    }

    /// The directories of each group.
    pub(in crate::sandbox) fn known(&self) -> &BTreeMap<BoxName, Directories> {
        &self.known
    }

    /// Takes ownership of a group that isn't one of a demo's.
    pub(in crate::sandbox) fn adopt(&mut self, group: Group) {
        self.made.push(group);
    }

    /// Lets go of a group that could be made in part only, so that nobody joins it.
    pub(in crate::sandbox) fn forget(&mut self, name: &BoxName) {
        self.known.remove(name);
        let ours = name_for(name.as_str());
        // That it goes isn't a thing to be told.
        self.given.retain(|given| !given.is_of(ours.as_deref()));
        // Nothing has been in it: it goes at once, and its children don't exist yet.
        let (parts, others) = std::mem::take(&mut self.made)
            .into_iter()
            .partition(|group| {
                group.path.file_name().and_then(|name| name.to_str()) == ours.as_deref()
            });
        self.made = others;
        // What can't be removed now is tried again at the end, and told then.
        let kept = |mut group: Group| group.remove(&is_of_this_run).is_err().then_some(group);
        self.made.extend(Vec::into_iter(parts).filter_map(kept));
    }

    /// Makes a group with its limits.
    /// `needs` are its controllers, with those that its children will want.
    pub(in crate::sandbox) fn make(
        &mut self,
        spec: &CgroupSpec,
        needs: &[Controller],
        call: Caller<'_>,
    ) -> Result<(), Refused> {
        let proc = Path::new("/proc");
        let missing = |controller| Refused {
            controller,
            stage: "/proc/self/cgroup".into(),
            errno: None,
        };
        let first = needs.first().copied().unwrap_or(Controller::Pids);
        let read = Memberships::read(proc, &Subject::Myself)
            .and_then(|members| Ok((members, Mounts::read(proc, &Subject::Myself)?)));
        let (members, mounts) = read.map_err(|_| missing(first))?;
        let needs = match needs {
            [] => vec![self.any_controller(&members, &mounts)],
            needs => needs.to_vec(),
        };
        let parent = spec
            .parent
            .as_ref()
            .and_then(|name| self.known.get(name))
            .cloned();
        let name = name_for(spec.name.as_str()).ok_or_else(|| missing(first))?;
        let mut parts = Directories::new();
        let mut unified = Vec::new();
        for controller in needs {
            match v1_bases(controller, &members, &mounts, parent.as_ref()) {
                Some(bases) => {
                    for base in bases {
                        let directory = self.mkdir(controller, &base.join(&name), call)?;
                        let part = cgroups::Group {
                            version: Version::V1,
                            directory,
                        };
                        parts.entry(controller).or_default().push(part);
                    }
                }
                None => unified.push(controller),
            }
        }
        if !unified.is_empty() {
            let base = self.v2_base(&unified, &members, &mounts, parent.as_ref(), call)?;
            let directory = self.mkdir(unified[0], &base.join(&name), call)?;
            for controller in unified {
                self.given.extend(Given::note(controller, &directory));
                let part = cgroups::Group {
                    version: Version::V2,
                    directory: directory.clone(),
                };
                parts.entry(controller).or_default().push(part);
            }
        }
        self.known.insert(spec.name.clone(), parts);
        self.limit(&spec.name, &spec.limits, call)
    }

    /// A controller that somebody has taken away from a group of this run's;
    /// that one, if it is asked for one.
    pub(in crate::sandbox) fn taken(&self, controller: Option<Controller>) -> Option<Taken> {
        let mut all = self.given.iter().filter_map(Given::taken);
        all.find(|taken| controller.is_none_or(|wanted| wanted == taken.controller))
    }

    /// For a group that needs none: any will do to have a directory.
    fn any_controller(&self, members: &Memberships, mounts: &Mounts) -> Controller {
        let usable =
            |controller: &Controller| v1_bases(*controller, members, mounts, None).is_some();
        if mounts
            .unified()
            .is_some_and(|root| !cgroups::available(&root.point).is_empty())
        {
            return Controller::Freezer;
        }
        [Controller::Pids, Controller::Freezer, Controller::Cpu]
            .into_iter()
            .find(usable)
            .unwrap_or(Controller::Freezer)
    }

    fn mkdir(
        &mut self,
        controller: Controller,
        path: &Path,
        call: Caller<'_>,
    ) -> Result<PathBuf, Refused> {
        if self.made.iter().any(|group| group.path == path) {
            return Ok(path.into());
        }
        let shown = path.display().to_string();
        call(
            "mkdir",
            format!("{shown}, 0777", shown = literal(&shown)),
            "a group is a directory",
            &mut || fs::create_dir(path).map(|()| 0).map_err(Errno::from),
        )
        .map_err(|errno| Refused {
            controller,
            stage: format!("mkdir({shown})"),
            errno: Some(errno),
        })?;
        self.made.push(Group::made(path.into()));
        Ok(path.into())
    }

    /// The group below which a version 2 group gets these controllers: the
    /// nearest ancestor that hands them down already, so that nothing of the
    /// host's changes; else one that can be told to, which is undone at the end.
    fn v2_base(
        &mut self,
        wanted: &[Controller],
        members: &Memberships,
        mounts: &Mounts,
        parent: Option<&Directories>,
        call: Caller<'_>,
    ) -> Result<PathBuf, Refused> {
        let names: Vec<&str> = wanted
            .iter()
            .filter_map(|controller| controller.v2())
            .collect();
        let refused = |(stage, errno)| Refused {
            controller: wanted[0],
            stage,
            errno,
        };
        let lacking = || refused(("/proc/self/cgroup".into(), None));
        let v2_parent = parent.and_then(|parent| {
            parent
                .values()
                .flatten()
                .find(|part| part.version == Version::V2)
        });
        if let Some(part) = v2_parent {
            // This run's own: what is on in it goes with it.
            return hand_down(&part.directory, &names, call)
                .map(|()| part.directory.clone())
                .map_err(refused);
        }
        let root = mounts.unified().ok_or_else(lacking)?;
        let own = members
            .unified()
            .and_then(|member| mounts.directory(member))
            .ok_or_else(lacking)?;
        // By now this process may have stepped aside.
        let own = leaf::home_of(&own);
        let levels = if self.delegated { 1 } else { usize::MAX };
        let chain: Vec<&Path> = own
            .ancestors()
            .take(levels)
            .take_while(|dir| dir.starts_with(&root.point))
            .collect();
        let all_in = |has: Vec<String>| names.iter().all(|name| has.iter().any(|has| has == name));
        let hands_down = |dir: &&&Path| writable(dir) && all_in(switched::handed_down(dir));
        let able = |dir: &&Path| writable(dir) && all_in(cgroups::available(dir));
        let mut fit: Vec<&Path> = match chain.iter().find(hands_down) {
            Some(found) => vec![found],
            None => chain.iter().rev().copied().filter(able).collect(),
        };
        if fit.is_empty() {
            // Not ours to change, or without the controller: the kernel says which.
            let own = chain.first().ok_or_else(lacking)?;
            if !writable(own) {
                return Ok(own.to_path_buf());
            }
            fit.push(own);
        }
        let mut last = lacking();
        for dir in fit {
            match switched::hold(dir, &names, call) {
                Ok(marker) => {
                    self.markers.extend(marker);
                    return Ok(dir.into());
                }
                Err(refusal) => last = refused(refusal),
            }
        }
        Err(last)
    }

    /// Writes limits; those that aren't named stay.
    pub(in crate::sandbox) fn limit(
        &self,
        name: &BoxName,
        limits: &Limits,
        call: Caller<'_>,
    ) -> Result<(), Refused> {
        for (controller, path, line, why) in self.lines(name, limits)? {
            write(&path, &line, why, call).map_err(|errno| Refused {
                controller,
                stage: format!("write({}, {line})", path.display()),
                errno: Some(errno),
            })?;
        }
        Ok(())
    }

    /// Finds the groups again that somebody has renamed, and those in them.
    fn find(&mut self) {
        let mut moved: Vec<(PathBuf, PathBuf)> = Vec::new();
        for group in &mut self.made {
            for (from, to) in &moved {
                if let Ok(rest) = group.path.strip_prefix(from) {
                    group.path = to.join(rest);
                }
            }
            let before = group.path.clone();
            if group.find() && group.path != before {
                moved.push((before, group.path.clone()));
            }
        }
    }

    /// Lets nothing in the groups hold out against SIGKILL. All of them are
    /// thawed before any: what is in a frozen one can't end.
    pub(in crate::sandbox) fn disarm(&mut self, ours: Ours<'_>) {
        self.find();
        for group in &self.made {
            thaw(&group.path);
        }
        for group in &mut self.made {
            group.disarm(ours);
        }
    }

    /// Removes all of it, the children first, and takes back what was switched
    /// on. Returns what could not be.
    pub(in crate::sandbox) fn remove(&mut self, ours: Ours<'_>) -> Vec<Leftover> {
        let taken = self.given.iter().filter_map(Given::taken);
        let taken = taken.filter(Taken::is_from_above);
        let lost: Vec<Controller> = taken.map(|taken| taken.controller).collect();
        let mut left = Vec::new();
        while let Some(mut group) = self.made.pop() {
            left.extend(group.remove(ours).err());
        }
        // Only now does nobody need them any more.
        let markers = std::mem::take(&mut self.markers);
        left.extend(markers.iter().flat_map(|marker| marker.release(&lost)));
        left
    }

    /// The directories that a process joins to be in that group.
    pub(in crate::sandbox) fn directories(&self, name: &BoxName) -> Option<Vec<PathBuf>> {
        self.known.get(name).map(directories_of)
    }
}

/// Hands controllers down to the children of a group of the run's own.
fn hand_down(dir: &Path, names: &[&str], call: Caller<'_>) -> Result<(), switched::Refusal> {
    let on = switched::handed_down(dir);
    let off = names.iter().filter(|name| !on.iter().any(|on| on == *name));
    let off: Vec<String> = off.map(|name| name.to_string()).collect();
    if off.is_empty() {
        return Ok(());
    }
    let path = dir.join("cgroup.subtree_control");
    let line = switched::line('+', &off);
    write(
        &path,
        &line,
        "hand the controllers down to the children",
        call,
    )
    .map_err(|errno| (format!("write({}, {line})", path.display()), Some(errno)))
}
