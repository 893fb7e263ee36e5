//! Limits as files: which line goes into which file of which version, and in
//! which order.

use super::calls::Refused;
use super::groups::Groups;
use crate::base::Errno;
use crate::plan::{BoxName, Controller, Limit, Limits};
use crate::probe::cgroups::Version;
use std::fs;
use std::path::PathBuf;

/// The period over which a CPU ceiling counts, in microseconds: the kernel's default.
const PERIOD: u64 = 100_000;

impl Groups {
    /// What has to be written where, in order.
    pub(super) fn lines(
        &self,
        name: &BoxName,
        limits: &Limits,
    ) -> Result<Vec<(Controller, PathBuf, String, &'static str)>, Refused> {
        let mut lines = Vec::new();
        let part = |controller: Controller, v1_file: &str| {
            let parts = self
                .known
                .get(name)
                .and_then(|group| group.get(&controller));
            let mut parts = parts.into_iter().flatten();
            parts
                .find(|part| part.version == Version::V2 || part.directory.join(v1_file).exists())
                .cloned()
                .ok_or(Refused {
                    controller,
                    stage: format!("the group `{name}`"),
                    errno: None,
                })
        };
        if let Some(weight) = limits.cpu_weight {
            let group = part(Controller::Cpu, "cpu.shares")?;
            let (file, value) = match group.version {
                Version::V1 => ("cpu.shares", u64::from(weight) * 1024 / 100),
                Version::V2 => ("cpu.weight", u64::from(weight)),
            };
            lines.push((
                Controller::Cpu,
                group.directory.join(file),
                value.to_string(),
                "its share when groups compete",
            ));
        }
        if let Some(ceiling) = limits.cpu_max {
            let group = part(Controller::Cpu, "cpu.cfs_quota_us")?;
            let quota = match ceiling {
                Limit::Max => None,
                Limit::At(percent) => Some(u64::from(percent.0) * PERIOD / 100),
            };
            let (file, line) = match group.version {
                Version::V1 => (
                    "cpu.cfs_quota_us",
                    quota.map_or("-1".into(), |quota| quota.to_string()),
                ),
                Version::V2 => (
                    "cpu.max",
                    format!(
                        "{} {PERIOD}",
                        quota.map_or("max".into(), |quota| quota.to_string())
                    ),
                ),
            };
            lines.push((
                Controller::Cpu,
                group.directory.join(file),
                line,
                "microseconds of CPU time in each period of 100 ms",
            ));
        }
        if let Some(memory) = limits.memory {
            let group = part(Controller::Memory, "memory.limit_in_bytes")?;
            let file = |name: &str| group.directory.join(name);
            match group.version {
                Version::V2 => {
                    if file("memory.swap.max").exists() {
                        lines.push((
                            Controller::Memory,
                            file("memory.swap.max"),
                            "0".into(),
                            "or it would swap instead of meeting the limit",
                        ));
                    }
                    let line = match memory {
                        Limit::Max => "max".into(),
                        Limit::At(bytes) => bytes.0.to_string(),
                    };
                    lines.push((
                        Controller::Memory,
                        file("memory.max"),
                        line,
                        "bytes, of all its members together",
                    ));
                }
                Version::V1 => {
                    let line = match memory {
                        Limit::Max => "-1".to_string(),
                        Limit::At(bytes) => bytes.0.to_string(),
                    };
                    let limit = (
                        Controller::Memory,
                        file("memory.limit_in_bytes"),
                        line.clone(),
                        "bytes, of all its members together",
                    );
                    let swap = (
                        Controller::Memory,
                        file("memory.memsw.limit_in_bytes"),
                        line,
                        "memory and swap together: no way out into swap",
                    );
                    let has_swap = swap.1.exists();
                    // The sum may never be the smaller one: up first, down last.
                    let sum = fs::read_to_string(&swap.1).ok();
                    let sum = sum.and_then(|text| text.trim().parse::<u64>().ok());
                    let up = match memory {
                        Limit::Max => true,
                        Limit::At(bytes) => sum.is_some_and(|sum| sum < bytes.0),
                    };
                    match (has_swap, up) {
                        (true, true) => lines.extend([swap, limit]),
                        (true, false) => lines.extend([limit, swap]),
                        (false, _) => lines.push(limit),
                    }
                }
            }
        }
        if let Some(together) = limits.oom_group {
            let group = part(Controller::Memory, "memory.limit_in_bytes")?;
            let path = group.directory.join("memory.oom.group");
            lines.push((
                Controller::Memory,
                path,
                u8::from(together).to_string(),
                "one out of memory, all out of memory",
            ));
        }
        if let Some(pids) = limits.pids {
            let group = part(Controller::Pids, "pids.max")?;
            lines.push((
                Controller::Pids,
                group.directory.join("pids.max"),
                pids.to_string(),
                "processes and threads, of all its members together",
            ));
        }
        if let Some(rate) = limits.read_rate {
            let group = part(Controller::Io, "blkio.throttle.read_bps_device")?;
            let disk = disk_of_program().map_err(|errno| Refused {
                controller: Controller::Io,
                stage: "stat(/proc/self/exe)".into(),
                errno: Some(errno),
            })?;
            let (file, line) = match (group.version, rate) {
                (Version::V1, Limit::Max) => {
                    ("blkio.throttle.read_bps_device", format!("{disk} 0"))
                }
                (Version::V1, Limit::At(bytes)) => (
                    "blkio.throttle.read_bps_device",
                    format!("{disk} {}", bytes.0),
                ),
                (Version::V2, Limit::Max) => ("io.max", format!("{disk} rbps=max")),
                (Version::V2, Limit::At(bytes)) => ("io.max", format!("{disk} rbps={}", bytes.0)),
            };
            let why = "device and bytes a second";
            lines.push((Controller::Io, group.directory.join(file), line, why));
        }
        Ok(lines)
    }
}

/// `MAJOR:MINOR` of the whole disk that holds this program: a partition can't
/// be throttled. ENODEV where the filesystem has no disk of its own (btrfs,
/// overlay, tmpfs: their device number is an anonymous one).
fn disk_of_program() -> Result<String, Errno> {
    use std::os::unix::fs::MetadataExt;
    let device = fs::metadata("/proc/self/exe").map_err(Errno::from)?.dev();
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    if major == 0 {
        return Err(Errno(libc::ENODEV));
    }
    let place = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).map_err(Errno::from)?;
    let whole = match place.join("partition").exists() {
        true => place.parent().unwrap_or(&place).to_path_buf(),
        false => place,
    };
    let number = fs::read_to_string(whole.join("dev")).map_err(Errno::from)?;
    Ok(number.trim().to_string())
}
