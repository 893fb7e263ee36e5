//! A main process that isn't Glassbox's: it starts the program as the supervisor
//! of a run and sends it a plan that no lint has seen, as the wire carries it
//! (ARCHITECTURE.md): frames of JSON behind a header that begins with the length.

#![allow(dead_code, missing_docs, unreachable_pub)]

use super::{Limit, PATIENCE, User, glassbox};
use glassbox::course::DemoSource;
use glassbox::plan::{Event, Plan};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

/// What stands before the JSON: its length in 4 bytes, little-endian, and as
/// many that say that no descriptor comes with it.
const HEADER: usize = 8;

/// Carries a demo out that nobody checked. Every event of it, to the end of the
/// wire.
pub fn carry(demo: &str) -> Vec<Event> {
    let demo: DemoSource = toml::from_str(demo).unwrap();
    let plan = Plan {
        cgroups: demo.cgroups,
        boxes: demo.boxes,
        actions: demo.actions,
        attended: false,
        guarded: false,
        one_cpu: false,
        told: false,
    };
    let (mut wire, theirs) = UnixStream::pair().unwrap();
    wire.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut supervisor = glassbox(User::Me)
        .arg0("glassbox-supervisor")
        .arg(std::process::id().to_string())
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .within(PATIENCE)
        .spawn()
        .unwrap();
    let order = json!({ "Carry": { "plan": plan, "hold": false, "scope": "NotAsked" } });
    let body = serde_json::to_vec(&order).unwrap();
    let mut frame = vec![0; HEADER];
    frame[..4].copy_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
    frame.extend(body);
    wire.write_all(&frame).unwrap();

    let mut told = Vec::new();
    wire.read_to_end(&mut told).unwrap();
    supervisor.wait();
    let mut events = Vec::new();
    let mut rest = told.as_slice();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        let (body, after) = rest[HEADER..].split_at(length);
        let mut told: Value = serde_json::from_slice(body).unwrap();
        // What else is told is that it is still at work.
        if let Some(event) = told.get_mut("Event") {
            events.push(serde_json::from_value(event.take()).unwrap());
        }
        rest = after;
    }
    events
}
