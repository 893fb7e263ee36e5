//! The verbs `root-fs`, `image` and `unpack`: the room `image` does the work, this
//! tells it.

use crate::image::{self, BuiltImage, OverlayXattrs};
use crate::plan::{Image, RootFs, Unit, Unpack, Value};
use crate::sandbox::agent::{Agent, Answer, in_initial_user_namespace};
use crate::sandbox::base::search;
use crate::sandbox::wire::Task;
use std::path::Path;

impl Agent {
    /// `image`
    pub(in crate::sandbox) fn image(&mut self, task: &Task, spec: &Image) -> Answer {
        // Each directory is looked at before the next is made in it: what lies
        // there may be a link.
        for directory in image::directories(&spec.layout) {
            if let Err(errno) = self.directory(&directory, "")? {
                return Ok(Err(errno));
            }
        }
        for layer in &spec.layers {
            if let Err(errno) = self.own_directory(layer)? {
                return Ok(Err(errno));
            }
        }
        let done = self.work(task, |steps| {
            image::build(Path::new(&spec.layout), &spec.tag, &spec.layers, steps)
        })?;
        Ok(done.map(|made| {
            if let Some(name) = &task.action.result {
                self.tell_image(name, &spec.layout, made);
            }
        }))
    }

    fn tell_image(&mut self, name: &str, layout: &str, made: BuiltImage) {
        let count = |n: usize| Value::Number(n as i64, Unit::Count);
        let reused = made.layers.len() - made.written;
        let short = |digest: String| Value::Digest(digest).to_string();
        let layers = made.layers.into_iter().map(short).collect();
        let blobs = format!("{layout}/blobs/sha256");
        for (suffix, value, source) in [
            (
                "manifest",
                Value::Digest(made.manifest),
                format!("{layout}/index.json"),
            ),
            ("layers", Value::List(layers), blobs.clone()),
            ("written", count(made.written), blobs.clone()),
            ("reused", count(reused), blobs.clone()),
            ("size", Value::Number(made.bytes as i64, Unit::Bytes), blobs),
        ] {
            self.tracer.fact(format!("{name}.{suffix}"), value, source);
        }
    }

    /// `unpack`
    pub(in crate::sandbox) fn unpack(&mut self, task: &Task, spec: &Unpack) -> Answer {
        if let Err(errno) = self.own_directory(&spec.layout)? {
            return Ok(Err(errno));
        }
        if let Err(errno) = self.directory(&spec.to, "")? {
            return Ok(Err(errno));
        }
        // In a user namespace those of `userxattr`, user_namespaces(7).
        let xattrs = match in_initial_user_namespace() {
            true => OverlayXattrs::Trusted,
            false => OverlayXattrs::User,
        };
        let done = self.work(task, |steps| {
            let (layout, to) = (Path::new(&spec.layout), Path::new(&spec.to));
            image::unpack(layout, &spec.tag, to, xattrs, steps)
        })?;
        Ok(done.map(|layers| {
            if let Some(name) = &task.action.result {
                let value = Value::Number(layers as i64, Unit::Count);
                let source = format!("{}/index.json", spec.layout);
                self.tracer.fact(format!("{name}.layers"), value, source);
            }
        }))
    }

    /// `root-fs`
    pub(in crate::sandbox) fn root_fs(&mut self, task: &Task, spec: &RootFs) -> Answer {
        if let Err(errno) = self.directory(&spec.to, "")? {
            return Ok(Err(errno));
        }
        let path = search::path();
        let done = self.work(task, |steps| {
            let to = Path::new(&spec.to);
            image::build_root_fs(&spec.programs, &path, to, steps)
        })?;
        Ok(done.map(|made| {
            let Some(name) = &task.action.result else {
                return;
            };
            let count = Value::Number(made.files as i64, Unit::Count);
            let bytes = Value::Number(made.bytes as i64, Unit::Bytes);
            let source = format!("the files below {}", spec.to);
            self.tracer
                .fact(format!("{name}.files"), count, source.clone());
            self.tracer.fact(format!("{name}.size"), bytes, source);
        }))
    }
}
