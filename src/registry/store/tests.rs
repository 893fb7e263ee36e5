use super::*;

fn opened() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Some(&dir.path().join("root"))).unwrap();
    (dir, store)
}

fn push(store: &Store, name: &Name, bytes: &[u8]) -> Digest {
    use std::os::unix::fs::FileExt;
    let digest = Digest::of("sha256", bytes).unwrap();
    let mut upload = store.begin(name).unwrap();
    upload.file.write_all_at(bytes, 0).unwrap();
    upload.size = bytes.len() as u64;
    store.finish(upload, &digest).unwrap();
    digest
}

#[test]
fn a_blob_is_there_once_and_goes_with_its_last_repository() {
    let (_dir, store) = opened();
    let [one, other] = ["one", "two/other"].map(|name| Name::parse(name).unwrap());
    let digest = push(&store, &one, b"bytes");
    assert_eq!(push(&store, &one, b"bytes"), digest);
    assert!(store.mount(&other, &one, &digest).unwrap());
    let shared = store.shared(&digest);
    assert_eq!(fs::metadata(&shared).unwrap().nlink(), 3);
    store.delete_blob(&one, &digest).unwrap();
    assert!(store.blob(&one, &digest).is_err());
    assert_eq!(store.blob(&other, &digest).unwrap().1, 5);
    store.delete_blob(&other, &digest).unwrap();
    assert!(!shared.exists());
}

#[test]
fn what_is_nobodys_goes_when_it_is_opened_again() {
    let (dir, store) = opened();
    let name = Name::parse("one").unwrap();
    let digest = push(&store, &name, b"bytes");
    let kept = store.begin(&name).unwrap().id;
    let root = store.root().to_path_buf();
    let second = Store::open(Some(&root)).err().unwrap().to_string();
    assert!(second.contains("another registry uses it"), "{second}");
    drop(store);
    // As a kill between two calls would leave it.
    let stray = Digest::of("sha256", &b"stray"[..]).unwrap();
    fs::write(blob_of(&root, &stray), "stray").unwrap();
    fs::write(root.join("tmp/7"), "half").unwrap();
    fs::create_dir(root.join("uploads/empty")).unwrap();
    let store = Store::open(Some(&root)).unwrap();
    assert!(!blob_of(&root, &stray).exists() && !root.join("tmp/7").exists());
    assert!(!root.join("uploads/empty").exists());
    assert!(store.blob(&name, &digest).is_ok() && store.upload(&name, &kept).is_ok());
    drop(store);
    drop(dir);
}

#[test]
fn a_directory_that_others_may_change_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let refused = Store::open(Some(dir.path())).err().unwrap().to_string();
    assert!(refused.contains("others could change it"), "{refused}");
}
