//! Where a registry is: which of this engine's mirrors stands for a host, or that none
//! does.

use super::name::Name;
use std::str::FromStr;

/// What stands for a host of registries: `docker.io=http://127.0.0.1:5000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    host: String,
    authority: String,
}

impl FromStr for Mirror {
    type Err = String;

    fn from_str(text: &str) -> Result<Mirror, String> {
        let form = "HOST=http://ADDRESS, such as docker.io=http://127.0.0.1:5000";
        let (host, url) = text.split_once('=').ok_or(format!("it has to be {form}"))?;
        let authority =
            url.strip_prefix("http://")
                .ok_or_else(|| match url.starts_with("https://") {
                    true => "there is no TLS here: a mirror is reached over plain HTTP".to_string(),
                    false => format!("it has to be {form}"),
                })?;
        let authority = authority.trim_end_matches('/');
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        match [host, authority]
            .iter()
            .all(|part| !part.is_empty() && part.chars().all(good))
        {
            true => Ok(Mirror {
                host: host.into(),
                authority: authority.into(),
            }),
            false => Err(format!("it has to be {form}")),
        }
    }
}

/// A registry that can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Site {
    /// The address, with a port unless it is 80.
    pub(super) authority: String,
    /// What was said of the name's way here, if it isn't the name's own host.
    pub(super) said: Option<String>,
}

impl Site {
    /// Where a name's registry is.
    ///
    /// # Errors
    /// Why it can't be reached, for a person.
    pub(super) fn of(name: &Name, mirrors: &[Mirror]) -> Result<Site, String> {
        let authority = Site::authority(&name.host, mirrors)
            .map_err(|why| format!("{} means {name}, and {why}", name.short))?;
        let said = (authority != name.host).then(|| {
            format!(
                "{} means {name}; here, {} is http://{authority}",
                name.short, name.host
            )
        });
        Ok(Site { authority, said })
    }

    /// The address of a host.
    ///
    /// # Errors
    /// Why it can't be reached, for a person.
    pub(super) fn authority(host: &str, mirrors: &[Mirror]) -> Result<String, String> {
        if let Some(mirror) = mirrors.iter().find(|mirror| mirror.host == host) {
            return Ok(mirror.authority.clone());
        }
        match is_loopback(host) {
            true => Ok(host.into()),
            false => Err(format!(
                "this engine has no way there: it has no TLS, and no mirror stands for {host}. \
                 Start it with --mirror {host}=http://ADDRESS, where a registry listens (glassbox \
                 registry), or take images in by `docker load`"
            )),
        }
    }
}

/// Whether an address is this machine's own, whatever a resolver says: so what is sent
/// there isn't read on the way.
pub(super) fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_stands_for_a_host() {
        let mirrors = ["docker.io=http://127.0.0.1:5000/".parse().unwrap()];
        let of = |text: &str| Site::of(&Name::parse(text, None).unwrap(), &mirrors);
        let site = of("nginx").unwrap();
        assert_eq!(site.authority, "127.0.0.1:5000");
        assert_eq!(
            site.said.unwrap(),
            "nginx means docker.io/library/nginx:latest; here, docker.io is http://127.0.0.1:5000"
        );
        for (text, authority) in [
            ("localhost:5001/x", "localhost:5001"),
            ("127.0.0.2:5001/x", "127.0.0.2:5001"),
            ("localhost/x", "localhost"),
        ] {
            assert_eq!(of(text).unwrap().authority, authority);
            assert_eq!(of(text).unwrap().said, None);
        }
        let why = of("ghcr.io/x").unwrap_err();
        assert!(why.contains("--mirror ghcr.io=http://ADDRESS"), "{why}");
        assert!(
            why.starts_with("ghcr.io/x means ghcr.io/x:latest, and"),
            "{why}"
        );
    }

    #[test]
    fn mirrors_are_read_or_refused() {
        for (text, good) in [
            ("docker.io=http://127.0.0.1:5000", true),
            ("docker.io=http://[::1]:5000", true),
            ("docker.io=https://127.0.0.1:5000", false),
            ("docker.io", false),
            ("docker.io=127.0.0.1:5000", false),
            ("=http://x", false),
            ("x=http://", false),
            ("x=http://y/z", false),
            ("x=http://u:p@y", false),
        ] {
            assert_eq!(text.parse::<Mirror>().is_ok(), good, "{text}");
        }
        for (text, own) in [
            ("localhost", true),
            ("localhost:1", true),
            ("[::1]:1", true),
            ("127.1.2.3", true),
            ("localhost.evil.org", false),
            ("127.0.0.1.evil.org:1", false),
            ("10.0.0.1:5000", false),
        ] {
            assert_eq!(is_loopback(text), own, "{text}");
        }
    }
}
