//! The ranges that the kernel documents, and the budgets of a demo.

use super::flaw::{Flaw, below};
use crate::base::{Bytes, Nanos};
use crate::plan::cgroup::{Limit, Limits, Percent};
use crate::plan::namespace::TimeOffsets;
use std::fmt::Display;

/// The most cgroups, boxes or actions of a plan.
pub const MOST_PARTS: usize = 100;
/// The deepest that pid and user namespaces nest: MAX_PID_NS_LEVEL in
/// <linux/pid_namespace.h>; user_namespaces(7), "Nested user namespaces".
pub(super) const DEEPEST: usize = 32;
/// The longest path, PATH_MAX with the NUL at its end, path_resolution(7).
pub(super) const PATH_MAX: usize = 4096;
/// The longest name in a directory, NAME_MAX.
pub(super) const NAME_MAX: usize = 255;
/// The longest argument of a program with the NUL at its end, MAX_ARG_STRLEN:
/// execve(2), "Limits on size of arguments and environment".
pub(super) const LONGEST_ARGUMENT: usize = 128 << 10;
/// The most that all arguments of a program take.
pub(super) const MOST_ARGUMENTS: usize = 1 << 20;
/// The longest host name, HOST_NAME_MAX, gethostname(2).
pub(super) const HOST_NAME_MAX: usize = 64;
/// The longest name of a network device with the NUL at its end, IFNAMSIZ,
/// netdevice(7).
pub(super) const IFNAMSIZ: usize = 16;
/// The most processes of one plan at a time, and of one `spawn`.
pub(super) const MOST_PROCESSES: u64 = 256;
/// The most forks of one plan.
pub(super) const MOST_FORKS: u64 = 512;
/// The most memory of one plan.
pub(super) const MOST_MEMORY: Bytes = Bytes(1 << 30);
/// The most that one `spawn` reads, in all.
pub(super) const MOST_READ: Bytes = Bytes(16 << 30);
/// The longest that one action may take: a run has no longer.
pub(super) const LONGEST: Nanos = Nanos(120_000_000_000);
/// The longest that a `watch` goes on for somebody who sits in front of it.
pub(super) const LONGEST_LIVE: Nanos = Nanos(3_600_000_000_000);
/// How often a `watch` may look, at most.
pub(super) const OFTENEST: Nanos = Nanos(1_000_000);
/// The most programs of one `root-fs`.
pub(super) const MOST_PROGRAMS: usize = 32;
/// The most layers of one `image`.
pub(super) const MOST_LAYERS: usize = 20;
/// The most lower layers of an overlay, OVL_MAX_STACK.
pub(super) const MOST_LOWERS: usize = 500;
/// The longest that the options of a mount are, a page with the NUL at its end,
/// mount(2).
pub(super) const MOST_OPTIONS: usize = 4096;
/// The longest tag of an image.
pub(super) const MOST_TAG: usize = 64;
/// What mount(2) is let do.
pub(super) const FILESYSTEMS: [&str; 3] = ["tmpfs", "proc", "mqueue"];

/// What every architecture's pages are a multiple of.
const PAGE: u64 = 4096;
/// The most processes that a kernel counts, PID_MAX_LIMIT, proc(5) `pid_max`.
const PID_MAX: u64 = 4_194_304;
/// The most CPUs of a kernel, in percent of one: CONFIG_NR_CPUS goes to 8192.
const MOST_CPU: u32 = 819_200;
/// The most that a counter of the kernel's holds, for what is counted in bytes.
const MOST_BYTES: u64 = i64::MAX as u64;
/// How far a clock may be moved: half of KTIME_SEC_MAX, time_namespaces(7), in
/// nanoseconds.
const FARTHEST: i64 = 4_611_686_018_000_000_000;

/// Judges the limits of a group, written at this path.
pub(super) fn check(limits: &Limits, at: &[String], flaws: &mut Vec<Flaw>) {
    // cgroup-v2.rst, "Weights".
    if let Some(weight) = limits.cpu_weight {
        within(weight.into(), 1..=10_000, "cpu-weight", at, flaws);
    }
    // A quota of less than 1 ms of the period of 100 ms is refused,
    // sched-bwc.rst.
    if let Some(Limit::At(Percent(percent))) = limits.cpu_max {
        within(percent.into(), 1..=MOST_CPU.into(), "cpu-max", at, flaws);
    }
    if let Some(Limit::At(Bytes(bytes))) = limits.memory {
        within(bytes, 0..=MOST_BYTES, "memory", at, flaws);
        if bytes % PAGE != 0 {
            flaws.push(Flaw::new(
                "out-of-range",
                below(at, &["memory"]),
                "`memory` is not a whole number of pages",
                "memory is counted in pages: expected a multiple of 4 KiB",
            ));
        }
    }
    if let Some(Limit::At(count)) = limits.pids {
        within(count.0, 0..=PID_MAX, "pids", at, flaws);
    }
    if let Some(Limit::At(Bytes(bytes))) = limits.read_rate {
        within(bytes, 1..=MOST_BYTES, "read-rate", at, flaws);
    }
}

/// Judges offsets of clocks, written at this path.
pub(super) fn clocks(clocks: &TimeOffsets, at: &[String], flaws: &mut Vec<Flaw>) {
    for (key, offset) in [
        ("boottime", clocks.boottime),
        ("monotonic", clocks.monotonic),
    ] {
        let far = offset.filter(|offset| offset.0.unsigned_abs() > FARTHEST.unsigned_abs());
        if let Some(offset) = far {
            let most = Nanos(FARTHEST);
            flaws.push(Flaw::new(
                "out-of-range",
                below(at, &[key]),
                format!("`{key}` is {offset}"),
                format!("a clock moves by {most} at most, and never below zero"),
            ));
        }
    }
}

fn within(
    value: u64,
    range: std::ops::RangeInclusive<u64>,
    key: &str,
    at: &[String],
    flaws: &mut Vec<Flaw>,
) {
    if !range.contains(&value) {
        let (least, most) = (range.start(), range.end());
        flaws.push(out_of_range(below(at, &[key]), key, value, least, most));
    }
}

/// A value that is out of its range.
pub(super) fn out_of_range(
    at: Vec<String>,
    key: &str,
    value: impl Display,
    least: impl Display,
    most: impl Display,
) -> Flaw {
    Flaw::new(
        "out-of-range",
        at,
        format!("`{key}` is {value}"),
        format!("expected {least} to {most}"),
    )
}
