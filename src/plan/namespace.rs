//! The eight namespaces, as namespaces(7) lists them, and what two of them are
//! given at their start.

use crate::base::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One of the eight kinds of namespace, in the manual's order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Namespace {
    /// cgroup_namespaces(7)
    Cgroup,
    /// ipc_namespaces(7)
    Ipc,
    /// network_namespaces(7)
    Net,
    /// mount_namespaces(7)
    Mount,
    /// pid_namespaces(7)
    Pid,
    /// time_namespaces(7)
    Time,
    /// user_namespaces(7)
    User,
    /// uts_namespaces(7)
    Uts,
}

impl Namespace {
    /// All of them, in the manual's order.
    pub const ALL: [Namespace; 8] = [
        Namespace::Cgroup,
        Namespace::Ipc,
        Namespace::Net,
        Namespace::Mount,
        Namespace::Pid,
        Namespace::Time,
        Namespace::User,
        Namespace::Uts,
    ];

    /// The name that namespaces(7) gives it.
    pub fn title(self) -> &'static str {
        self.row().0
    }

    /// The clone(2) flag, such as `CLONE_NEWUTS`.
    pub fn flag(self) -> &'static str {
        self.row().1
    }

    /// The manual page.
    pub fn page(self) -> &'static str {
        self.row().2
    }

    /// What it isolates, in the manual's words.
    pub fn isolates(self) -> &'static str {
        self.row().3
    }

    /// The name of its link under `/proc/PID/ns/`.
    pub fn proc_name(self) -> &'static str {
        self.row().4
    }

    /// The flag's value, `<linux/sched.h>`.
    pub fn clone_flag(self) -> u64 {
        self.row().5
    }

    /// The long option of unshare(1).
    pub fn unshare_option(self) -> &'static str {
        match self {
            Namespace::Cgroup => "--cgroup",
            Namespace::Ipc => "--ipc",
            Namespace::Net => "--net",
            Namespace::Mount => "--mount",
            Namespace::Pid => "--pid",
            Namespace::Time => "--time",
            Namespace::User => "--user",
            Namespace::Uts => "--uts",
        }
    }

    fn row(
        self,
    ) -> (
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        u64,
    ) {
        match self {
            Namespace::Cgroup => (
                "Cgroup",
                "CLONE_NEWCGROUP",
                "cgroup_namespaces(7)",
                "cgroup root directory",
                "cgroup",
                0x0200_0000,
            ),
            Namespace::Ipc => (
                "IPC",
                "CLONE_NEWIPC",
                "ipc_namespaces(7)",
                "System V IPC, POSIX message queues",
                "ipc",
                0x0800_0000,
            ),
            Namespace::Net => (
                "Network",
                "CLONE_NEWNET",
                "network_namespaces(7)",
                "network devices, stacks, ports, etc.",
                "net",
                0x4000_0000,
            ),
            Namespace::Mount => (
                "Mount",
                "CLONE_NEWNS",
                "mount_namespaces(7)",
                "mount points",
                "mnt",
                0x0002_0000,
            ),
            Namespace::Pid => (
                "PID",
                "CLONE_NEWPID",
                "pid_namespaces(7)",
                "process IDs",
                "pid",
                0x2000_0000,
            ),
            Namespace::Time => (
                "Time",
                "CLONE_NEWTIME",
                "time_namespaces(7)",
                "boot and monotonic clocks",
                "time",
                0x0000_0080,
            ),
            Namespace::User => (
                "User",
                "CLONE_NEWUSER",
                "user_namespaces(7)",
                "user and group IDs",
                "user",
                0x1000_0000,
            ),
            Namespace::Uts => (
                "UTS",
                "CLONE_NEWUTS",
                "uts_namespaces(7)",
                "hostname and NIS domain name",
                "uts",
                0x0400_0000,
            ),
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// How mount events travel, mount_namespaces(7), "Shared subtrees".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Propagation {
    /// MS_PRIVATE: none, in neither direction.
    #[default]
    Private,
    /// MS_SLAVE: from the parent to the box, not back.
    Slave,
    /// MS_SHARED: in both directions among peers.
    Shared,
    /// As it was copied from the parent.
    Unchanged,
}

/// Offsets that are added to clocks, time_namespaces(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TimeOffsets {
    /// Added to CLOCK_BOOTTIME.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boottime: Option<Nanos>,
    /// Added to CLOCK_MONOTONIC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monotonic: Option<Nanos>,
}
