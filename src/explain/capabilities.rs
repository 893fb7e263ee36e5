//! Capabilities by their names, capabilities(7) and include/uapi/linux/capability.h.

/// In the order of their bits.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// The names of those in a set; a newer kernel's without one here by its number.
pub(super) fn names(set: u64) -> Vec<String> {
    (0..64)
        .filter(|bit| set & (1 << bit) != 0)
        .map(|bit| match NAMES.get(bit) {
            Some(name) => (*name).to_string(),
            None => format!("capability {bit}"),
        })
        .collect()
}

/// Whether a set has this one.
pub(super) fn has(set: u64, name: &str) -> bool {
    NAMES
        .iter()
        .position(|one| *one == name)
        .is_some_and(|bit| set & (1 << bit) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_have_the_kernels_names() {
        assert_eq!(names(0), Vec::<String>::new());
        // What Docker leaves to a container.
        let docker = names(0xa804_25fb);
        assert_eq!(docker.len(), 14);
        assert!(docker.contains(&"NET_RAW".into()) && !docker.contains(&"SYS_ADMIN".into()));
        assert_eq!(
            names(1 << 40 | 1 << 41),
            ["CHECKPOINT_RESTORE", "capability 41"]
        );
        assert!(has(1 << 21, "SYS_ADMIN") && !has(1 << 21, "SYS_CHROOT"));
    }
}
