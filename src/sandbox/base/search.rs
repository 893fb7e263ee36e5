//! Where programs are looked up: where the user's PATH says, since not every
//! machine keeps them where most do (NixOS, Guix), and then where most do,
//! since not every PATH has `sbin`.

use nix::unistd::{AccessFlags, access};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The directories in which most machines, and the roots of images, keep their
/// programs: a PATH.
pub(in crate::sandbox) const USUAL: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The search path on this machine, as a PATH, for who stands here: without the
/// directories that may not be searched. With them execvp(3) would say EACCES of
/// a program that is nowhere.
pub(in crate::sandbox) fn path() -> String {
    let all = extended(&std::env::var_os("PATH").unwrap_or_default());
    let searchable = |entry: &&str| access(*entry, AccessFlags::X_OK).is_ok();
    let entries: Vec<&str> = all.split(':').filter(searchable).collect();
    entries.join(":")
}

/// The absolute directories of a user's PATH, then the usual ones. Another entry
/// depends on where a process stands, which is no place to take programs from.
fn extended(user: &OsStr) -> String {
    let user = user.as_bytes().split(|byte| *byte == b':');
    let mut found: Vec<&str> = Vec::new();
    for entry in user.flat_map(std::str::from_utf8).chain(USUAL.split(':')) {
        if entry.starts_with('/') && !found.contains(&entry) {
            found.push(entry);
        }
    }
    found.join(":")
}

/// The file behind a program's name on this machine; one with a slash in it is
/// a path.
pub fn find_program(name: &str) -> Option<PathBuf> {
    find(name, &path())
}

/// The file behind a program's name, as execvp(3) would find it.
pub(in crate::sandbox) fn find(name: &str, path: &str) -> Option<PathBuf> {
    let executable = |file: &PathBuf| file.is_file() && access(file, AccessFlags::X_OK).is_ok();
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(executable);
    }
    let named = path.split(':').filter(|_| !name.is_empty());
    named
        .map(|directory| Path::new(directory).join(name))
        .find(executable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_users_directories_come_first_if_they_are_absolute() {
        let all = |first: &str| match first {
            "" => USUAL.to_string(),
            first => format!("{first}:{USUAL}"),
        };
        for (user, expected) in [
            ("", all("")),
            (":", all("")),
            (".:bin:../x", all("")),
            ("/nix/bin:.:/gnu/bin:", all("/nix/bin:/gnu/bin")),
            ("/a:/a:/b", all("/a:/b")),
            (USUAL, all("")),
        ] {
            assert_eq!(extended(OsStr::new(user)), expected, "{user}");
        }
        assert_eq!(
            extended(OsStr::new("/opt/x:/usr/bin")),
            "/opt/x:/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin"
        );
        assert_eq!(extended(OsStr::from_bytes(b"/a\xff:/b")), all("/b"));
    }

    #[test]
    fn a_program_is_an_executable_file_in_the_first_directory_that_has_one() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, mode) in [
            ("a/p", 0o644),
            ("b/p", 0o755),
            ("c/p", 0o755),
            ("a/d/x", 0o755),
        ] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), "").unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = ["none", "a", "b", "c"].map(|name| at(name).display().to_string());
        let path = path.join(":");
        assert_eq!(find("p", &path), Some(at("b/p")));
        assert_eq!(
            find(&at("c/p").display().to_string(), &path),
            Some(at("c/p"))
        );
        for missing in ["d", "q", "", "a/p"] {
            assert_eq!(find(missing, &path), None, "{missing}");
        }
    }
}
