//! The scenarios of the specification's conformance suite, by their names there
//! (opencontainers/distribution-spec, conformance/01 to 04), and what the text of
//! the specification asks for besides.

use super::client::{IMAGE, INDEX, Registry, manifest, sha256, sha512};
use serde_json::Value;

const NAME: &str = "myorg/myrepo";
const OTHER: &str = "myorg/other";
/// The digest of nothing that anybody pushes here.
const DUMMY: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A scenario by its name, which is what a failure shows.
fn it(name: &str, check: impl FnOnce()) {
    eprintln!("scenario: {name}");
    check();
}

#[test]
fn pull() {
    let registry = Registry::start();
    let layer = b"the bytes of a layer".as_slice();
    let text = registry.push_image(NAME, "tagtest0", layer);
    let (digest, blob) = (sha256(text.as_bytes()), sha256(layer));
    let blobs = |digest: &str| format!("/v2/{NAME}/blobs/{digest}");
    let manifests = |reference: &str| format!("/v2/{NAME}/manifests/{reference}");
    it("GET /v2/ says that this is such a registry (end-1)", || {
        let found = registry.get("/v2/");
        assert_eq!(found.status, 200);
        let version = found.header("docker-distribution-api-version");
        assert_eq!(version, Some("registry/2.0"));
    });
    it(
        "HEAD request to nonexistent blob should result in 404 response",
        || {
            assert_eq!(registry.ask("HEAD", &blobs(DUMMY), b"").status, 404);
        },
    );
    it("HEAD request to existing blob should yield 200", || {
        let found = registry.ask("HEAD", &blobs(&blob), b"");
        assert_eq!(found.status, 200);
        assert_eq!(found.header("docker-content-digest"), Some(blob.as_str()));
        assert_eq!(found.header("content-length"), Some("20"));
        assert_eq!(found.body, b"");
    });
    it("GET nonexistent blob should result in 404 response", || {
        let found = registry.get(&blobs(DUMMY));
        assert_eq!((found.status, found.code().as_str()), (404, "BLOB_UNKNOWN"));
    });
    it("GET request to existing blob URL should yield 200", || {
        let found = registry.get(&blobs(&blob));
        assert_eq!((found.status, &found.body[..]), (200, layer));
    });
    it("a part of a blob, by Range", || {
        for (range, status, said, part) in [
            ("bytes=4-8", 206, "bytes 4-8/20", &layer[4..9]),
            ("bytes=15-", 206, "bytes 15-19/20", &layer[15..]),
            ("bytes=-5", 206, "bytes 15-19/20", &layer[15..]),
            ("bytes=20-", 416, "bytes */20", b""),
        ] {
            let found = registry.ask_with("GET", &blobs(&blob), &[("Range", range)], b"");
            assert_eq!((found.status, &found.body[..]), (status, part), "{range}");
            assert_eq!(found.header("content-range"), Some(said));
        }
    });
    it(
        "HEAD request to nonexistent manifest should return 404",
        || {
            let path = manifests(".INVALID_MANIFEST_NAME");
            assert_eq!(registry.ask("HEAD", &path, b"").status, 404);
        },
    );
    it(
        "HEAD request to manifest path (digest and tag) should yield 200 response",
        || {
            for reference in [digest.as_str(), "tagtest0"] {
                let found = registry.ask("HEAD", &manifests(reference), b"");
                assert_eq!(found.status, 200);
                assert_eq!(found.header("docker-content-digest"), Some(digest.as_str()));
                assert_eq!(found.header("content-type"), Some(IMAGE));
                let length = text.len().to_string();
                assert_eq!(found.header("content-length"), Some(length.as_str()));
            }
        },
    );
    it("GET nonexistent manifest should return 404", || {
        for reference in [".INVALID_MANIFEST_NAME", "absent", DUMMY] {
            let found = registry.get(&manifests(reference));
            let expected = (404, "MANIFEST_UNKNOWN");
            assert_eq!((found.status, found.code().as_str()), expected);
        }
    });
    it(
        "GET request to manifest path (digest and tag) should yield 200 response",
        || {
            for reference in [digest.as_str(), "tagtest0"] {
                let found = registry.get(&manifests(reference));
                assert_eq!((found.status, &found.body[..]), (200, text.as_bytes()));
                assert_eq!(found.header("content-type"), Some(IMAGE));
            }
        },
    );
    it(
        "400 response body should contain OCI-conforming JSON message",
        || {
            let found = registry.put_manifest(NAME, "sha256:totallywrong", IMAGE, "blablabla");
            assert_eq!(
                (found.status, found.code().as_str()),
                (400, "DIGEST_INVALID")
            );
            let found = registry.put_manifest(NAME, "x", IMAGE, "blablabla");
            assert_eq!(
                (found.status, found.code().as_str()),
                (400, "MANIFEST_INVALID")
            );
        },
    );
}

#[test]
fn push() {
    let registry = Registry::start();
    let blob = b"NBA Jam on my NBA toast".as_slice();
    let digest = sha256(blob);
    let at = format!("/v2/{NAME}/blobs/{digest}");
    let mut location = String::new();
    it(
        "PATCH request with blob in body should yield 202 response",
        || {
            location = registry.begin(NAME);
            let found = registry.ask("PATCH", &location, blob);
            assert_eq!((found.status, found.header("range")), (202, Some("0-22")));
            location = found.location();
        },
    );
    it(
        "PUT request to session URL with digest should yield 201 response",
        || {
            let found = registry.ask("PUT", &format!("{location}?digest={digest}"), b"");
            assert_eq!((found.status, found.location()), (201, at.clone()));
            assert_eq!(found.header("docker-content-digest"), Some(digest.as_str()));
            assert_eq!(registry.get(&at).body, blob);
        },
    );
    it("GET nonexistent blob should result in 404 response", || {
        let found = registry.get(&format!("/v2/{NAME}/blobs/{DUMMY}"));
        assert_eq!(found.status, 404);
    });
    it(
        "POST request with digest and blob should yield a 201 or 202",
        || {
            let other = b"all in one request".as_slice();
            let digest = sha256(other);
            let path = format!("/v2/{NAME}/blobs/uploads/?digest={digest}");
            let found = registry.ask("POST", &path, other);
            assert_eq!(found.status, 201);
            assert_eq!(registry.get(&found.location()).body, other);
        },
    );
    it(
        "POST request should yield a session ID; PUT upload of a blob should yield a 201 Response",
        || {
            let other = b"one request more".as_slice();
            let location = registry.begin(NAME);
            let found = registry.ask(
                "PUT",
                &format!("{location}?digest={}", sha256(other).replace(':', "%3A")),
                other,
            );
            assert_eq!(found.status, 201);
            assert_eq!(registry.get(&found.location()).body, other);
        },
    );
    it("sha512 as well as sha256", || {
        let other = b"of a longer digest".as_slice();
        let location = registry.begin(NAME);
        let found = registry.ask(
            "PUT",
            &format!("{location}?digest={}", sha512(other)),
            other,
        );
        assert_eq!(found.status, 201);
        assert!(found.location().ends_with(&sha512(other)));
        assert_eq!(registry.get(&found.location()).body, other);
    });
}

#[test]
fn push_in_chunks() {
    let registry = Registry::start();
    let (first, second) = (b"The first chunk".as_slice(), b" and the second".as_slice());
    let whole = [first, second].concat();
    let ranges = ["0-14", "15-29"];
    let patch = |to: &str, range: &str, bytes: &[u8]| {
        registry.ask_with("PATCH", to, &[("Content-Range", range)], bytes)
    };
    it("Out-of-order blob upload should return 416", || {
        let location = registry.begin(NAME);
        let found = patch(&location, ranges[1], second);
        assert_eq!((found.status, found.header("range")), (416, Some("0-0")));
        assert_eq!(found.location(), location);
    });
    let mut location = String::new();
    it("PATCH request with first chunk should return 202", || {
        location = registry.begin(NAME);
        let found = patch(&location, ranges[0], first);
        assert_eq!(
            (found.status, found.header("range")),
            (202, Some(ranges[0]))
        );
    });
    it("Retry previous blob chunk should return 416", || {
        let found = patch(&location, ranges[0], first);
        assert_eq!(
            (found.status, found.header("range")),
            (416, Some(ranges[0]))
        );
    });
    it(
        "Get on stale blob upload should return 204 with a range and location",
        || {
            let found = registry.get(&location);
            assert_eq!(
                (found.status, found.header("range")),
                (204, Some(ranges[0]))
            );
            assert_eq!(found.location(), location);
        },
    );
    it("PATCH request with second chunk should return 202", || {
        let found = patch(&location, ranges[1], second);
        assert_eq!((found.status, found.header("range")), (202, Some("0-29")));
        assert!(found.header("docker-upload-uuid").is_some());
    });
    it("PUT request with digest should return 201", || {
        let found = registry.ask("PUT", &format!("{location}?digest={}", sha256(&whole)), b"");
        assert_eq!(found.status, 201);
        assert_eq!(registry.get(&found.location()).body, whole);
        assert_eq!(registry.get(&location).code(), "BLOB_UPLOAD_UNKNOWN");
    });
    it("PUT request with final chunk should return 201", || {
        let location = registry.begin(OTHER);
        assert_eq!(patch(&location, ranges[0], first).status, 202);
        let to = format!("{location}?digest={}", sha256(&whole));
        let found = registry.ask_with("PUT", &to, &[("Content-Range", ranges[1])], second);
        assert_eq!(found.status, 201);
        assert_eq!(registry.get(&found.location()).body, whole);
    });
    it("a blob upload can be cancelled (end-14)", || {
        let location = registry.begin(NAME);
        assert_eq!(patch(&location, ranges[0], first).status, 202);
        assert_eq!(registry.ask("DELETE", &location, b"").status, 204);
        for method in ["GET", "PATCH", "DELETE"] {
            let found = registry.ask(method, &location, b"");
            assert_eq!(
                (found.status, found.code().as_str()),
                (404, "BLOB_UPLOAD_UNKNOWN")
            );
        }
        let left = std::fs::read_dir(registry.root().join("uploads")).unwrap();
        assert_eq!(left.count(), 1, "all but the one that was out of order");
    });
}

#[test]
fn mount() {
    let registry = Registry::start();
    let blob = b"in two repositories".as_slice();
    let digest = registry.push_blob(NAME, blob);
    let post =
        |query: &str| registry.ask("POST", &format!("/v2/{OTHER}/blobs/uploads/?{query}"), b"");
    it(
        "Cross-mounting of a blob without the from argument should yield session id",
        || {
            let found = post(&format!("mount={DUMMY}"));
            assert_eq!(found.status, 202);
            assert!(
                found
                    .location()
                    .starts_with(&format!("/v2/{OTHER}/blobs/uploads/"))
            );
        },
    );
    it(
        "POST request to mount another repository's blob should return 201 or 202",
        || {
            let found = post(&format!("mount={digest}&from={NAME}"));
            assert_eq!(found.status, 201);
            assert_eq!(found.location(), format!("/v2/{OTHER}/blobs/{digest}"));
        },
    );
    it(
        "GET request to test digest within cross-mount namespace should return 200",
        || {
            let found = registry.get(&format!("/v2/{OTHER}/blobs/{digest}"));
            assert_eq!((found.status, &found.body[..]), (200, blob));
        },
    );
    it(
        "Cross-mounting of nonexistent blob should yield session id",
        || {
            for query in [
                format!("mount={DUMMY}&from={NAME}"),
                format!("mount={digest}&from=no/such"),
                format!("mount={digest}&from=../x"),
                format!("mount=x&from={NAME}"),
            ] {
                assert_eq!(post(&query).status, 202, "{query}");
            }
        },
    );
    it(
        "Cross-mounting without from, and automatic content discovery disabled should return a 202",
        || {
            assert_eq!(post(&format!("mount={digest}")).status, 202);
        },
    );
}

#[test]
fn push_manifests() {
    let registry = Registry::start();
    let layer = b"a layer".as_slice();
    let text = registry.push_image(NAME, "first", layer);
    let digest = sha256(text.as_bytes());
    let layers = [(sha256(layer), layer.len())];
    registry.push_blob(NAME, b"{}");
    let put = |reference: &str, kind: &str, text: &str| {
        let found = registry.put_manifest(NAME, reference, kind, text);
        assert_eq!(found.status, 201, "{found:?}");
        let digest = sha256(text.as_bytes());
        assert_eq!(found.header("docker-content-digest"), Some(digest.as_str()));
        let back = registry.get(&found.location());
        assert_eq!((back.status, &back.body[..]), (200, text.as_bytes()));
        assert_eq!(back.header("content-type"), Some(kind));
        found
    };
    it("PUT should accept a manifest upload", || {
        for tag in ["test0", "test1", "test2", "test3"] {
            put(tag, IMAGE, &text);
        }
    });
    it(
        "Registry should accept a manifest upload with no layers",
        || {
            put("emptylayer", IMAGE, &manifest(b"{}", &[], ""));
        },
    );
    it(
        "Registry should accept a manifest upload with custom config/mediaType (as artifact type) [OCI-Image v1.1]",
        || {
            let text = manifest(b"{}", &layers, "");
            let text = text.replace(
                "application/vnd.oci.image.config.v1+json",
                "application/vnd.nba.strawberry.jam.croissant",
            );
            put(&sha256(text.as_bytes()), IMAGE, &text);
        },
    );
    it(
        "Registry should accept a manifest upload with custom artifactType [OCI-Image v1.1]",
        || {
            let text = manifest(
                b"{}",
                &layers,
                r#","artifactType":"application/vnd.nba.jam""#,
            );
            put(&sha256(text.as_bytes()), IMAGE, &text);
        },
    );
    let list = |of: &str, kind: &str, size: usize| {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{{"mediaType":"{kind}","digest":"{of}","size":{size}}}]}}"#
        )
    };
    let index = list(&digest, IMAGE, text.len());
    it(
        "Registry should accept a manifest upload with image index",
        || {
            put(&sha256(index.as_bytes()), INDEX, &index);
        },
    );
    it(
        "Registry should accept a manifest upload with nested image index [OCI-Image v1.1]",
        || {
            let nested = list(&sha256(index.as_bytes()), INDEX, index.len());
            put(&sha256(nested.as_bytes()), INDEX, &nested);
        },
    );
    it("Dangling subject [OCI-Image v1.1]", || {
        let subject =
            format!(r#","subject":{{"mediaType":"{IMAGE}","digest":"{DUMMY}","size":2}}"#);
        let found = put("dangling", IMAGE, &manifest(b"{}", &layers, &subject));
        assert_eq!(found.header("oci-subject"), Some(DUMMY));
    });
    it("Docker's types are kept as they were pushed", || {
        let docker = "application/vnd.docker.distribution.manifest.v2+json";
        let one = text.replace(IMAGE, docker);
        put("docker", docker, &one);
        let lists = "application/vnd.docker.distribution.manifest.list.v2+json";
        let all = list(&sha256(one.as_bytes()), docker, one.len()).replace(INDEX, lists);
        put("list", lists, &all);
    });
    it("a manifest by its sha512 digest", || {
        let digest = sha512(text.as_bytes());
        let found = registry.put_manifest(NAME, &digest, IMAGE, &text);
        assert_eq!(
            (found.status, found.header("docker-content-digest")),
            (201, Some(digest.as_str()))
        );
        let back = registry.get(&format!("/v2/{NAME}/manifests/{digest}"));
        assert_eq!(back.body, text.as_bytes());
    });
    it(
        "a type that isn't said is the manifest's own, and parameters mean nothing",
        || {
            let path = format!("/v2/{NAME}/manifests/untyped");
            assert_eq!(registry.ask("PUT", &path, text.as_bytes()).status, 201);
            assert_eq!(registry.get(&path).header("content-type"), Some(IMAGE));
            let kind = format!("{IMAGE}; charset=utf-8");
            let found =
                registry.ask_with("PUT", &path, &[("Content-Type", &kind)], text.as_bytes());
            assert_eq!(found.status, 201);
        },
    );
}

#[test]
fn content_discovery_of_tags() {
    let registry = Registry::start();
    let text = registry.push_image(NAME, "test0", b"a layer");
    for tag in ["test3", "test1", "test2"] {
        assert_eq!(registry.put_manifest(NAME, tag, IMAGE, &text).status, 201);
    }
    let list = |query: &str| registry.get(&format!("/v2/{NAME}/tags/list{query}"));
    it("GET request to list tags should yield 200 response", || {
        let found = list("");
        assert_eq!((found.status, found.header("link")), (200, None));
        let expected = serde_json::json!({
            "name": NAME, "tags": ["test0", "test1", "test2", "test3"],
        });
        assert_eq!(found.json(), expected);
        assert_eq!(
            registry
                .ask("HEAD", &format!("/v2/{NAME}/tags/list"), b"")
                .status,
            200
        );
    });
    it(
        "GET number of tags should be limitable by `n` query parameter",
        || {
            let found = list("?n=2");
            assert_eq!(found.json()["tags"], serde_json::json!(["test0", "test1"]));
            let link = format!("</v2/{NAME}/tags/list?n=2&last=test1>; rel=\"next\"");
            assert_eq!(found.header("link"), Some(link.as_str()));
            let none = list("?n=0");
            assert_eq!(
                (none.json()["tags"].clone(), none.header("link")),
                (serde_json::json!([]), None)
            );
        },
    );
    it("GET start of tag is set by `last` query parameter", || {
        let found = list("?n=2&last=test1");
        assert_eq!(found.json()["tags"], serde_json::json!(["test2", "test3"]));
        assert_eq!(found.header("link"), None);
        assert_eq!(
            list("?last=test2").json()["tags"],
            serde_json::json!(["test3"])
        );
        assert_eq!(list("?last=zzz").json()["tags"], serde_json::json!([]));
    });
    it("tags of a repository that isn't there", || {
        let found = registry.get("/v2/no/such/tags/list");
        assert_eq!((found.status, found.code().as_str()), (404, "NAME_UNKNOWN"));
    });
}

#[test]
fn content_discovery_of_referrers() {
    let registry = Registry::start();
    let text = registry.push_image(NAME, "subject", b"a layer");
    let subject = sha256(text.as_bytes());
    registry.push_blob(NAME, b"{}");
    let of = format!(
        r#""subject":{{"mediaType":"{IMAGE}","digest":"{subject}","size":{}}},"annotations":{{"org.opencontainers.conformance.test":"VALUE"}}"#,
        text.len()
    );
    let mut pushed = Vec::new();
    for (more, value) in [
        (r#","artifactType":"application/vnd.a""#, "one"),
        (r#","artifactType":"application/vnd.a""#, "two"),
        (r#","artifactType":"application/vnd.b""#, "three"),
        ("", "four"),
    ] {
        let text = manifest(
            b"{}",
            &[],
            &format!("{more},{}", of.replace("VALUE", value)),
        );
        let digest = sha256(text.as_bytes());
        let found = registry.put_manifest(NAME, &digest, IMAGE, &text);
        assert_eq!(
            (found.status, found.header("oci-subject")),
            (201, Some(subject.as_str()))
        );
        pushed.push(digest);
    }
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[],{}}}"#,
        of.replace("VALUE", "five")
    );
    let found = registry.put_manifest(NAME, &sha256(index.as_bytes()), INDEX, &index);
    assert_eq!(found.header("oci-subject"), Some(subject.as_str()));
    let list = |digest: &str, query: &str| {
        let found = registry.get(&format!("/v2/{NAME}/referrers/{digest}{query}"));
        assert_eq!(
            (found.status, found.header("content-type")),
            (200, Some(INDEX))
        );
        found
    };
    let manifests = |found: &Value| found["manifests"].as_array().unwrap().clone();
    it(
        "GET request to nonexistent blob should result in empty 200 response",
        || {
            let found = list(DUMMY, "");
            assert_eq!(manifests(&found.json()).len(), 0);
            assert_eq!(found.json()["schemaVersion"], 2);
            let elsewhere = registry.get(&format!("/v2/no/such/referrers/{DUMMY}"));
            assert_eq!(elsewhere.status, 200);
        },
    );
    it("GET request to existing blob should yield 200", || {
        let all = manifests(&list(&subject, "").json());
        assert_eq!(all.len(), 5);
        for one in &all {
            let said = one["annotations"]["org.opencontainers.conformance.test"].as_str();
            let kind = one["artifactType"].as_str();
            let expected = match said.unwrap() {
                "one" | "two" => Some("application/vnd.a"),
                "three" => Some("application/vnd.b"),
                "four" => Some("application/vnd.oci.image.config.v1+json"),
                _ => None,
            };
            assert_eq!(kind, expected, "{one}");
            assert!(one["size"].as_u64().unwrap() > 100);
        }
    });
    it(
        "GET request to existing blob with filter should yield 200",
        || {
            let found = list(&subject, "?artifactType=application/vnd.a");
            assert_eq!(found.header("oci-filters-applied"), Some("artifactType"));
            let mut digests: Vec<String> = manifests(&found.json())
                .iter()
                .map(|one| one["digest"].as_str().unwrap().to_string())
                .collect();
            let mut expected = pushed[..2].to_vec();
            digests.sort();
            expected.sort();
            assert_eq!(digests, expected);
        },
    );
    it("GET request to missing manifest should yield 200", || {
        let text = manifest(
            b"{}",
            &[],
            &format!(r#","subject":{{"digest":"{DUMMY}","size":2}}"#),
        );
        assert_eq!(
            registry.put_manifest(NAME, "later", IMAGE, &text).status,
            201
        );
        let all = manifests(&list(DUMMY, "").json());
        assert_eq!(all.len(), 1);
        assert_eq!(all[0]["digest"], sha256(text.as_bytes()));
    });
    it("an invalid digest is 400", || {
        let found = registry.get(&format!("/v2/{NAME}/referrers/sha256:x"));
        assert_eq!(
            (found.status, found.code().as_str()),
            (400, "DIGEST_INVALID")
        );
    });
    it("a referrer that is deleted is none any more", || {
        let path = format!("/v2/{NAME}/manifests/{}", pushed[0]);
        assert_eq!(registry.ask("DELETE", &path, b"").status, 202);
        assert_eq!(manifests(&list(&subject, "").json()).len(), 4);
    });
}

#[test]
fn a_long_list_of_referrers_is_told_in_pages() {
    let registry = Registry::start();
    registry.push_blob(NAME, b"{}");
    let long = "x".repeat(400_000);
    for number in 0..5 {
        let more = format!(
            r#","subject":{{"digest":"{DUMMY}","size":2}},"annotations":{{"n":"{number}","x":"{long}"}}"#
        );
        let text = manifest(b"{}", &[], &more);
        assert_eq!(
            registry
                .put_manifest(NAME, &sha256(text.as_bytes()), IMAGE, &text)
                .status,
            201
        );
    }
    let mut path = format!("/v2/{NAME}/referrers/{DUMMY}");
    let (mut seen, mut pages) = (std::collections::BTreeSet::new(), 0);
    loop {
        let found = registry.get(&path);
        for one in found.json()["manifests"].as_array().unwrap() {
            seen.insert(one["annotations"]["n"].to_string());
        }
        pages += 1;
        let Some(link) = found.header("link") else {
            break;
        };
        let (to, rel) = link.split_once(">; ").unwrap();
        assert_eq!(rel, "rel=\"next\"");
        path = to.trim_start_matches('<').to_string();
    }
    assert_eq!((seen.len(), pages), (5, 2));
}

#[test]
fn content_management() {
    let registry = Registry::start();
    let layer = b"to be deleted".as_slice();
    let text = registry.push_image(NAME, "one", layer);
    let digest = sha256(text.as_bytes());
    for tag in ["two", "three"] {
        assert_eq!(registry.put_manifest(NAME, tag, IMAGE, &text).status, 201);
    }
    let delete = |path: &str| {
        registry
            .ask("DELETE", &format!("/v2/{NAME}/{path}"), b"")
            .status
    };
    it(
        "DELETE request to manifest tag should return 202, unless tag deletion is disallowed (400/405)",
        || {
            assert_eq!(delete("manifests/one"), 202);
            assert_eq!(delete("manifests/one"), 404);
            assert_eq!(registry.tags(NAME), ["three", "two"]);
        },
    );
    it("a tag's manifest stays", || {
        assert_eq!(
            registry
                .get(&format!("/v2/{NAME}/manifests/{digest}"))
                .status,
            200
        );
    });
    it(
        "DELETE request to manifest (digest) should yield 202 response unless already deleted",
        || {
            assert_eq!(delete(&format!("manifests/{digest}")), 202);
            assert_eq!(delete(&format!("manifests/{digest}")), 404);
        },
    );
    it(
        "GET request to deleted manifest URL should yield 404 response, unless delete is disallowed",
        || {
            for reference in [digest.as_str(), "two"] {
                let found = registry.get(&format!("/v2/{NAME}/manifests/{reference}"));
                assert_eq!(
                    (found.status, found.code().as_str()),
                    (404, "MANIFEST_UNKNOWN")
                );
            }
        },
    );
    it(
        "GET request to tags list should reflect manifest deletion",
        || {
            assert!(registry.tags(NAME).is_empty());
        },
    );
    it(
        "DELETE request to blob URL should yield 202 response",
        || {
            assert_eq!(delete(&format!("blobs/{}", sha256(layer))), 202);
            assert_eq!(delete(&format!("blobs/{}", sha256(layer))), 404);
        },
    );
    it(
        "GET request to deleted blob URL should yield 404 response",
        || {
            let found = registry.get(&format!("/v2/{NAME}/blobs/{}", sha256(layer)));
            assert_eq!((found.status, found.code().as_str()), (404, "BLOB_UNKNOWN"));
        },
    );
    it("a manifest isn't deleted as a blob", || {
        let text = registry.push_image(NAME, "again", layer);
        let path = format!("/v2/{NAME}/blobs/{}", sha256(text.as_bytes()));
        let found = registry.ask("DELETE", &path, b"");
        assert_eq!((found.status, found.code().as_str()), (405, "UNSUPPORTED"));
    });
    it("what no endpoint has is told with what it has", || {
        let found = registry.ask("POST", &format!("/v2/{NAME}/tags/list"), b"");
        assert_eq!((found.status, found.code().as_str()), (405, "UNSUPPORTED"));
        assert_eq!(found.header("allow"), Some("GET, HEAD"));
    });
}
