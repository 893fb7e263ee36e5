//! `docker version` and `docker info`

use super::connection::{API, Client};
use super::failure::Failure;
use super::streams::say;
use super::units::binary;
use serde_json::Value;

/// `docker version`: whose client this is stands in the first line.
pub(super) async fn version(client: &Client) -> Result<u8, Failure> {
    let asked = client.version().await;
    let (major, minor) = asked.as_ref().copied().unwrap_or(API);
    let (own, arch) = (env!("CARGO_PKG_VERSION"), architecture());
    say(&format!(
        "Client: the course's own small client, not Docker's\n Version:           {own}\n \
         API version:       {major}.{minor}\n OS/Arch:           linux/{arch}\n"
    ));
    asked?;
    let server = client.get("/version").await?.json();
    let name = server["Platform"]["Name"].as_str().unwrap_or_default();
    say(format!("\nServer: {name}").trim_end());
    say("\n");
    for component in server["Components"].as_array().into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let details = &component["Details"];
        let kind = text(&component["Name"]);
        let mut rows = vec![("Version".to_string(), text(&component["Version"]))];
        if kind == "Engine" {
            let detail = |name: &str| text(&details[name]);
            let least = format!(
                "{} (minimum version {})",
                detail("ApiVersion"),
                detail("MinAPIVersion")
            );
            for (name, value) in [
                ("API version", least),
                ("Go version", detail("GoVersion")),
                ("Git commit", detail("GitCommit")),
                ("Built", detail("BuildTime")),
                ("OS/Arch", format!("{}/{}", detail("Os"), detail("Arch"))),
                ("Experimental", detail("Experimental")),
            ] {
                rows.push((name.into(), value));
            }
        } else {
            let all = details.as_object().into_iter().flatten();
            rows.extend(all.map(|(name, value)| (name.clone(), text(value))));
        }
        say(&format!(" {kind}:\n"));
        for (name, value) in rows {
            say(&format!("  {:<17} {value}\n", format!("{name}:")));
        }
    }
    Ok(0)
}

/// As Docker names this machine's.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// `docker info`
pub(super) async fn info(client: &Client) -> Result<u8, Failure> {
    say(&format!(
        "Client: the course's own small client, not Docker's\n Version:    {}\n\nServer:\n",
        env!("CARGO_PKG_VERSION")
    ));
    let known = client.get("/info").await?.json();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let line = |name: &str, field: &str| say(&format!(" {name}: {}\n", text(&known[field])));
    line("Containers", "Containers");
    line(" Running", "ContainersRunning");
    line(" Paused", "ContainersPaused");
    line(" Stopped", "ContainersStopped");
    line("Images", "Images");
    line("Server Version", "ServerVersion");
    line("Storage Driver", "Driver");
    for pair in known["DriverStatus"].as_array().into_iter().flatten() {
        say(&format!("  {}: {}\n", text(&pair[0]), text(&pair[1])));
    }
    line("Logging Driver", "LoggingDriver");
    say(" Plugins:\n");
    for kind in ["Volume", "Network", "Log"] {
        let all = known["Plugins"][kind].as_array().into_iter().flatten();
        let all: Vec<String> = all.map(text).collect();
        say(&format!("  {kind}: {}\n", all.join(" ")));
    }
    say(&format!(
        " Swarm: {}\n",
        text(&known["Swarm"]["LocalNodeState"])
    ));
    let runtimes = known["Runtimes"].as_object().into_iter().flatten();
    let runtimes: Vec<&str> = runtimes.map(|(name, _)| name.as_str()).collect();
    say(&format!(" Runtimes: {}\n", runtimes.join(" ")));
    line("Default Runtime", "DefaultRuntime");
    line("Kernel Version", "KernelVersion");
    line("Operating System", "OperatingSystem");
    line("OSType", "OSType");
    line("Architecture", "Architecture");
    line("CPUs", "NCPU");
    let memory = binary(known["MemTotal"].as_f64().unwrap_or_default());
    say(&format!(" Total Memory: {memory}\n"));
    line("Name", "Name");
    line("ID", "ID");
    line("Docker Root Dir", "DockerRootDir");
    Ok(0)
}
