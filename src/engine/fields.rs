//! The fields of `HostConfig`: what becomes of each. docs/engine.md shows the table,
//! and a test compares.

use super::config::is_zero;
use super::failure::Failure;
use serde_json::Value;

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handling {
    /// It has its effect.
    Done,
    /// It changes nothing here at one of these values, JSON, besides zero;
    /// others are refused.
    Default(&'static [&'static str]),
    /// Only zero is taken.
    Refused,
}

use Handling::{Default, Done, Refused};

/// Every field that is known. One that isn't is refused unless it is zero.
pub(super) const FIELDS: [(&str, Handling); 67] = [
    ("Annotations", Refused),
    ("AutoRemove", Done),
    ("Binds", Done),
    ("BlkioDeviceReadBps", Refused),
    ("BlkioDeviceReadIOps", Refused),
    ("BlkioDeviceWriteBps", Refused),
    ("BlkioDeviceWriteIOps", Refused),
    ("BlkioWeight", Refused),
    ("BlkioWeightDevice", Refused),
    ("CapAdd", Refused),
    ("CapDrop", Refused),
    ("Cgroup", Refused),
    ("CgroupParent", Refused),
    ("CgroupnsMode", Default(&["\"private\""])),
    ("ConsoleSize", Done),
    ("ContainerIDFile", Done),
    ("CpuCount", Refused),
    ("CpuPercent", Refused),
    ("CpuPeriod", Done),
    ("CpuQuota", Done),
    ("CpuRealtimePeriod", Refused),
    ("CpuRealtimeRuntime", Refused),
    ("CpuShares", Done),
    ("CpusetCpus", Refused),
    ("CpusetMems", Refused),
    ("DeviceCgroupRules", Refused),
    ("DeviceRequests", Refused),
    ("Devices", Refused),
    ("Dns", Refused),
    ("DnsOptions", Refused),
    ("DnsSearch", Refused),
    ("ExtraHosts", Refused),
    ("GroupAdd", Refused),
    ("IOMaximumBandwidth", Refused),
    ("IOMaximumIOps", Refused),
    ("Init", Done),
    ("IpcMode", Default(&["\"private\""])),
    ("Isolation", Default(&["\"default\""])),
    ("KernelMemory", Refused),
    ("Links", Refused),
    (
        "LogConfig",
        Default(&[
            "{\"Type\":\"json-file\",\"Config\":{}}",
            "{\"Type\":\"json-file\"}",
        ]),
    ),
    ("MaskedPaths", Refused),
    ("Memory", Done),
    ("MemoryReservation", Refused),
    ("MemorySwap", Done),
    ("MemorySwappiness", Default(&["-1"])),
    ("Mounts", Done),
    ("NanoCpus", Done),
    ("NetworkMode", Done),
    ("OomKillDisable", Refused),
    ("OomScoreAdj", Refused),
    ("PidMode", Refused),
    ("PidsLimit", Done),
    ("PortBindings", Refused),
    ("Privileged", Refused),
    ("PublishAllPorts", Refused),
    ("ReadonlyPaths", Refused),
    ("ReadonlyRootfs", Done),
    (
        "RestartPolicy",
        Default(&[
            "{\"Name\":\"no\",\"MaximumRetryCount\":0}",
            "{\"Name\":\"no\"}",
        ]),
    ),
    ("Runtime", Refused),
    ("SecurityOpt", Refused),
    ("ShmSize", Refused),
    ("Tmpfs", Done),
    ("UTSMode", Refused),
    ("Ulimits", Refused),
    ("UsernsMode", Refused),
    ("VolumeDriver", Default(&["\"local\""])),
];

/// Whether each field is known, or at its default.
pub(super) fn known(value: &Value) -> Result<(), Failure> {
    let Some(fields) = value.as_object() else {
        return match value {
            Value::Null => Ok(()),
            _ => Err(Failure::bad("invalid JSON: HostConfig is no object")),
        };
    };
    for (name, value) in fields {
        let known = FIELDS.iter().find(|(field, _)| field == name);
        let taken = match known.map(|(_, handling)| handling) {
            Some(Done) => true,
            Some(Default(values)) => values
                .iter()
                .any(|text| serde_json::from_str::<Value>(text).is_ok_and(|one| one == *value)),
            Some(Refused) | None => false,
        };
        if !taken && !is_zero(value) {
            let what = match known {
                Some((_, Default(values))) => format!("takes only {}", values.join(" or ")),
                Some(_) => "isn't done by this engine: leave it out".into(),
                None => "isn't known to this engine: leave it out".to_string(),
            };
            return Err(Failure::refused(format!("HostConfig.{name} {what}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_each_field() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/engine.md");
        let text = std::fs::read_to_string(path).unwrap();
        for (field, handling) in FIELDS {
            let word = match handling {
                Done => "done".to_string(),
                Default(_) => "default".to_string(),
                Refused => "refused".to_string(),
            };
            let row = format!("| `{field}` | {word} |");
            assert!(text.contains(&row), "docs/engine.md lacks: {row}");
        }
    }
}
