//! Reading the files that the kernel makes up: those of procfs, sysfs and cgroups.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// More than most of these files hold. They say that they are empty, so
/// `std::fs::read` begins with 32 bytes; and for some of them the kernel works
/// anew for each read(2).
const AT_ONCE: usize = 16 << 10;

/// The whole of a file of the kernel's, in as few calls as can be.
///
/// # Errors
/// As open(2) and read(2) have them.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let (mut text, mut buffer) = (Vec::new(), [0; AT_ONCE]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(text),
            Ok(length) => text.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The same as text. What isn't UTF-8, such as the name of a process, is
/// replaced: that one line is odd must not hide the others.
///
/// # Errors
/// As open(2) and read(2) have them.
pub fn read_text(path: impl AsRef<Path>) -> io::Result<String> {
    let bytes = read(path)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// The value of a `Name:   value` line, as proc_pid_status(5) and others have them.
pub fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_whatever_its_length() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        for length in [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE] {
            std::fs::write(&file, vec![b'x'; length]).unwrap();
            assert_eq!(read(&file).unwrap().len(), length);
        }
        std::fs::write(&file, b"a \xff b\nc\n").unwrap();
        assert_eq!(read_text(&file).unwrap(), "a \u{fffd} b\nc\n");
        let missing = read(dir.path().join("none")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        // One that is made up, and has no length to go by.
        let own = read_text("/proc/self/stat").unwrap();
        assert!(own.starts_with(&std::process::id().to_string()), "{own}");
    }
}
