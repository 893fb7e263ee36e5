//! `docker-credential-glassbox`: a credential helper by Docker's protocol, for what is
//! thrown away. It keeps what `docker login` hands it in a file of this user's alone,
//! below the directory that goes with their session; not encrypted.
//!
//! The program is that under this name:
//! `ln -s "$(command -v glassbox)" docker-credential-glassbox`. One word says what to
//! do, and the rest comes over standard input; what goes wrong is told over standard
//! output, as clients expect.

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The name under which clients look for it, with `credsStore` `glassbox`.
const NAME: &str = "docker-credential-glassbox";
/// The longest document that is read, in bytes.
const MOST: u64 = 64 << 10;
/// What clients know as "there is none", to the letter.
const NONE: &str = "credentials not found in native keychain";

/// Credentials, as they come and go.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    #[serde(rename = "ServerURL")]
    server: String,
    username: String,
    secret: String,
}

/// Does what was asked, if this program was started under that name.
pub(super) fn helper() -> Option<ExitCode> {
    let mut words = std::env::args_os();
    let own = PathBuf::from(words.next()?);
    if own.file_name()? != NAME {
        return None;
    }
    let action = words.next().unwrap_or_default();
    let done = file().and_then(|file| carry_out(&action.to_string_lossy(), &file));
    let (text, code) = match done {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(why) => (why, ExitCode::FAILURE),
    };
    // A client that has gone needs no answer.
    let _ = io::stdout().write_all(text.as_bytes());
    Some(code)
}

/// Where they are kept, below a directory of this user's alone.
fn file() -> Result<PathBuf, String> {
    let place = super::engine::own_place().map_err(|failure| failure.message().to_string())?;
    Ok(place.join("credentials.json"))
}

fn carry_out(action: &str, file: &Path) -> Result<String, String> {
    if !["get", "store", "erase", "list"].contains(&action) {
        return match action {
            "version" => Ok(format!("{NAME} {}\n", env!("CARGO_PKG_VERSION"))),
            _ => Err(format!("usage: {NAME} get|store|erase|list|version\n")),
        };
    }
    let mut said = String::new();
    if action != "list" {
        let read = io::stdin().take(MOST).read_to_string(&mut said);
        read.map_err(|error| format!("standard input: {error}"))?;
    }
    let wrong = |error: io::Error| format!("{}: {error}", file.display());
    // Two at once must not lose what one of them stores.
    let _lock = lock(&file.with_extension("lock")).map_err(wrong)?;
    let mut all = read(file).map_err(wrong)?;
    let server = said.trim();
    let needs_server = || match server {
        "" => Err("no credentials server URL".to_string()),
        _ => Ok(()),
    };
    match action {
        "store" => {
            let given: Credentials =
                serde_json::from_str(&said).map_err(|error| format!("what to store: {error}"))?;
            for (part, name) in [(&given.server, "server URL"), (&given.username, "username")] {
                if part.is_empty() {
                    return Err(format!("no credentials {name}"));
                }
            }
            all.insert(given.server.clone(), given);
            write(file, &all).map_err(wrong)?;
            Ok(String::new())
        }
        "get" => {
            needs_server()?;
            let found = all.get(server).ok_or_else(|| NONE.to_string())?;
            serde_json::to_string(found).map_err(|error| error.to_string())
        }
        "erase" => {
            needs_server()?;
            if all.remove(server).is_some() {
                write(file, &all).map_err(wrong)?;
            }
            Ok(String::new())
        }
        _ => {
            let names: BTreeMap<&String, &String> = all
                .iter()
                .map(|(server, of)| (server, &of.username))
                .collect();
            serde_json::to_string(&names).map_err(|error| error.to_string())
        }
    }
}

fn lock(path: &Path) -> io::Result<Flock<File>> {
    let file = own(OpenOptions::new().write(true).create(true)).open(path)?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno.into())
}

/// This user's alone, and no link.
fn own(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600).custom_flags(libc::O_NOFOLLOW)
}

fn read(path: &Path) -> io::Result<BTreeMap<String, Credentials>> {
    match own(OpenOptions::new().read(true)).open(path) {
        Ok(file) => Ok(serde_json::from_reader(file.take(MOST))?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

/// Puts the file in the place of the other at once.
fn write(path: &Path, all: &BTreeMap<String, Credentials>) -> io::Result<()> {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut file = own(OpenOptions::new().write(true).create_new(true)).open(&new)?;
    file.write_all(&serde_json::to_vec(all)?)?;
    fs::rename(&new, path)
}
