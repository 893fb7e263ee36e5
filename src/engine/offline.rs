//! Three images made of this machine's own programs, for an engine that has no way
//! out: `base`, and two with a layer more, each in its own directory of the disk
//! once.

use super::archive::{configuration, keep_layer};
use super::reference::Reference;
use super::store::{Loaded, Place};
use crate::image;
use crate::sandbox;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Programs of `base`; those that this machine lacks are left out, but for `sh`.
const BASE: [&str; 30] = [
    "sh", "basename", "cat", "chmod", "chown", "cp", "cut", "date", "dd", "df", "echo", "env",
    "false", "hostname", "id", "ln", "ls", "mkdir", "mv", "nproc", "printf", "pwd", "rm", "rmdir",
    "sleep", "stty", "touch", "true", "tty", "uname",
];
/// What `tools` has besides.
const TOOLS: [&str; 14] = [
    "awk", "find", "grep", "head", "ip", "ps", "sed", "seq", "sort", "tail", "tr", "uniq", "wc",
    "yes",
];
/// What `hello` says.
const HELLO: &str = "Hello from a container.\n";

/// Makes them.
///
/// # Errors
/// What can't be read on this machine, or written to the store.
pub(super) fn make(place: &Place, scratch: &Path) -> Result<Vec<Loaded>, String> {
    let work = scratch.with_extension("work");
    let made = in_directory(place, scratch, &work);
    let _ = fs::remove_dir_all(&work);
    made
}

fn in_directory(place: &Place, scratch: &Path, work: &Path) -> Result<Vec<Loaded>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", work.display());
    let [base, more, hello] = ["base", "more", "hello"].map(|name| work.join(name));
    for directory in [work, &base, &more, &hello] {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    root_fs(&BASE, &base)?;
    let all: Vec<&str> = BASE.iter().chain(&TOOLS).copied().collect();
    root_fs(&all, &more)?;
    leave_difference(&more, &base).map_err(failed)?;
    fs::write(hello.join("hello"), HELLO).map_err(failed)?;
    for layer in [&base, &more, &hello] {
        fs::set_permissions(layer, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    let [base, more, hello] = [base, more, hello].map(|directory| {
        let archive = work.join("archive");
        let file = File::create(&archive).map_err(failed)?;
        image::write_layer(&directory, &mut std::io::BufWriter::new(file))
            .map_err(|error| error.to_string())?;
        keep_layer(place, &mut File::open(&archive).map_err(failed)?, scratch)
    });
    let (base, more, hello) = (base?, more?, hello?);
    let made_of = |programs: &[&str]| format!("glassbox: this machine's {}", programs.join(", "));
    let image = |name: &str, layers: &[&String], cmd: &[&str], history: &[String]| {
        let layers: Vec<String> = layers.iter().map(|layer| (*layer).clone()).collect();
        let name = Reference::parse(name).map_err(|failure| failure.message)?;
        Ok::<_, String>(Loaded {
            bytes: configuration(&layers, Some(cmd), history),
            names: vec![name],
        })
    };
    let (first, tools) = (made_of(&BASE), made_of(&TOOLS));
    let said = "glassbox: a file /hello".to_string();
    Ok(vec![
        image("base", &[&base], &["sh"], std::slice::from_ref(&first))?,
        image("tools", &[&base, &more], &["sh"], &[first.clone(), tools])?,
        image(
            "hello",
            &[&base, &hello],
            &["cat", "/hello"],
            &[first, said],
        )?,
    ])
}

/// A root filesystem of those of the programs that are here.
fn root_fs(programs: &[&str], to: &Path) -> Result<(), String> {
    let here = |name: &&&str| **name == "sh" || sandbox::find_program(name).is_some();
    let names: Vec<String> = programs
        .iter()
        .filter(here)
        .map(ToString::to_string)
        .collect();
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{path}:{}", super::config::PATH);
    image::build_root_fs(&names, &path, to, &mut |_| {})
        .map(drop)
        .map_err(|error| error.to_string())
}

/// Removes from a directory what is the same in another: then it is the layer on
/// top of that.
fn leave_difference(directory: &Path, below: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (path, other) = (entry.path(), below.join(entry.file_name()));
        let (meta, Ok(there)) = (entry.metadata()?, other.symlink_metadata()) else {
            continue;
        };
        if meta.is_dir() {
            leave_difference(&path, &other)?;
            if fs::read_dir(&path)?.next().is_none() {
                fs::remove_dir(&path)?;
            }
        } else if meta.is_symlink() {
            if fs::read_link(&path)? == fs::read_link(&other).unwrap_or_default() {
                fs::remove_file(&path)?;
            }
        } else if there.is_file()
            && meta.mode() == there.mode()
            && meta.len() == there.len()
            && fs::read(&path)? == fs::read(&other)?
        {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::OverlayXattrs;

    #[test]
    fn three_images_share_a_layer() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("layers")).unwrap();
        fs::create_dir(dir.path().join("tmp")).unwrap();
        let place = Place {
            root: dir.path().into(),
            xattrs: match nix::unistd::geteuid().is_root() {
                true => OverlayXattrs::Trusted,
                false => OverlayXattrs::User,
            },
            quota: 1 << 30,
        };
        let made = make(&place, &dir.path().join("tmp/scratch")).unwrap();
        let layers: Vec<Vec<String>> = made
            .iter()
            .map(|loaded| {
                let document: serde_json::Value = serde_json::from_slice(&loaded.bytes).unwrap();
                serde_json::from_value(document["rootfs"]["diff_ids"].clone()).unwrap()
            })
            .collect();
        assert_eq!(layers[1][0], layers[0][0]);
        assert_eq!(layers[2][0], layers[0][0]);
        assert_eq!(layers.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 2]);
        assert_eq!(fs::read_dir(dir.path().join("layers")).unwrap().count(), 3);
        assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
    }
}
