//! The closed table of commands: their words, their flags, how many arguments.

use super::failure::Failure;

/// A command.
pub(super) struct Command {
    pub(super) what: What,
    /// Its words: `volume ls`.
    pub(super) words: &'static [&'static str],
    /// What stands behind them in a line of usage.
    pub(super) takes: &'static str,
    pub(super) about: &'static str,
    pub(super) least: usize,
    pub(super) most: Option<usize>,
    /// Whether the first argument ends the flags: what follows is a command's own.
    pub(super) stops: bool,
    pub(super) flags: &'static [Flag],
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Run,
    Create,
    Start,
    Exec,
    Ps,
    Logs,
    Stop,
    Kill,
    Rm,
    Wait,
    Top,
    Diff,
    Inspect,
    Images,
    Rmi,
    Tag,
    History,
    Pull,
    VolumeLs,
    VolumeCreate,
    VolumeRm,
    Version,
    Info,
    Events,
}

/// A flag.
pub(super) struct Flag {
    pub(super) long: &'static str,
    pub(super) short: Option<char>,
    /// The kind of its value; none if it is on or off.
    pub(super) value: Option<&'static str>,
    pub(super) about: &'static str,
}

const fn on(long: &'static str, short: Option<char>, about: &'static str) -> Flag {
    Flag {
        long,
        short,
        value: None,
        about,
    }
}

const fn with(
    long: &'static str,
    short: Option<char>,
    value: &'static str,
    about: &'static str,
) -> Flag {
    Flag {
        long,
        short,
        value: Some(value),
        about,
    }
}

const INTERACTIVE: Flag = on("interactive", Some('i'), "Keep standard input open");
const TTY: Flag = on("tty", Some('t'), "Give it a terminal");
const ENV: Flag = with("env", Some('e'), "list", "Set an environment variable");
const WORKDIR: Flag = with("workdir", Some('w'), "string", "Working directory inside");
const USER: Flag = with(
    "user",
    Some('u'),
    "string",
    "User, or UID, and group: user[:group]",
);
const DETACH: Flag = on("detach", Some('d'), "Run in the background");
const FORCE: Flag = on("force", Some('f'), "Force it");
const QUIET: Flag = on("quiet", Some('q'), "Only print ids");
const NO_TRUNC: Flag = on("no-trunc", None, "Print all of ids and commands");
const FILTER: Flag = with("filter", Some('f'), "filter", "Only what fits KEY=VALUE");
const SIGNAL: Flag = with("signal", Some('s'), "string", "The signal to send");
const FORMAT: Flag = with(
    "format",
    Some('f'),
    "string",
    "Print values: '{{.State.Status}}'",
);

/// What `create` knows; `run` knows more.
macro_rules! of_create {
    ($($more:expr),*) => {
        &[
            $($more,)*
            INTERACTIVE,
            TTY,
            ENV,
            WORKDIR,
            USER,
            on("rm", None, "Remove the container when it has ended"),
            on("read-only", None, "Mount its root read only"),
            on("init", None, "Have an init reap what it leaves"),
            with("name", None, "string", "Its name"),
            with("hostname", Some('h'), "string", "Its host name"),
            with("label", Some('l'), "list", "Set a label: KEY=VALUE"),
            with("entrypoint", None, "string", "Instead of the image's entrypoint"),
            with("volume", Some('v'), "list", "Mount SOURCE:TARGET[:ro]"),
            with("tmpfs", None, "list", "Mount a tmpfs at a directory"),
            with("network", None, "network", "Its network: bridge, none, host"),
            with("memory", Some('m'), "bytes", "Limit of memory: 64m"),
            with("cpus", None, "decimal", "Limit of CPU time: 0.5"),
            with("pids-limit", None, "int", "Limit of processes"),
        ]
    };
}

const OF_CREATE: &[Flag] = of_create!();
const OF_RUN: &[Flag] = of_create!(DETACH);

const fn command(
    what: What,
    words: &'static [&'static str],
    takes: &'static str,
    about: &'static str,
    (least, most): (usize, Option<usize>),
    flags: &'static [Flag],
) -> Command {
    Command {
        what,
        words,
        takes,
        about,
        least,
        most,
        stops: matches!(what, What::Run | What::Create | What::Exec),
        flags,
    }
}

const IMAGE: &str = "IMAGE [COMMAND] [ARG...]";
const ONE_OR_MORE: &str = "CONTAINER [CONTAINER...]";

/// All of them.
pub(super) const COMMANDS: &[Command] = &[
    command(
        What::Run,
        &["run"],
        IMAGE,
        "Create and run a new container from an image",
        (1, None),
        OF_RUN,
    ),
    command(
        What::Create,
        &["create"],
        IMAGE,
        "Create a new container",
        (1, None),
        OF_CREATE,
    ),
    command(
        What::Start,
        &["start"],
        ONE_OR_MORE,
        "Start one or more stopped containers",
        (1, None),
        &[
            on("attach", Some('a'), "Show what it writes"),
            on("interactive", Some('i'), "Hand it standard input"),
        ],
    ),
    command(
        What::Exec,
        &["exec"],
        "CONTAINER COMMAND [ARG...]",
        "Execute a command in a running container",
        (2, None),
        &[INTERACTIVE, TTY, ENV, WORKDIR, USER, DETACH],
    ),
    command(
        What::Ps,
        &["ps"],
        "",
        "List containers",
        (0, Some(0)),
        &[
            on("all", Some('a'), "Also those that don't run"),
            QUIET,
            NO_TRUNC,
            FILTER,
        ],
    ),
    command(
        What::Logs,
        &["logs"],
        "CONTAINER",
        "Fetch the logs of a container",
        (1, Some(1)),
        &[
            on("follow", Some('f'), "Go on with what comes"),
            on("timestamps", Some('t'), "Print times"),
            with(
                "tail",
                Some('n'),
                "string",
                "Only so many lines from the end",
            ),
        ],
    ),
    command(
        What::Stop,
        &["stop"],
        ONE_OR_MORE,
        "Stop one or more running containers",
        (1, None),
        &[
            SIGNAL,
            with("time", Some('t'), "int", "Seconds until it is killed"),
        ],
    ),
    command(
        What::Kill,
        &["kill"],
        ONE_OR_MORE,
        "Kill one or more running containers",
        (1, None),
        &[SIGNAL],
    ),
    command(
        What::Rm,
        &["rm"],
        ONE_OR_MORE,
        "Remove one or more containers",
        (1, None),
        &[
            FORCE,
            on("volumes", Some('v'), "Also its volumes without a name"),
        ],
    ),
    command(
        What::Wait,
        &["wait"],
        ONE_OR_MORE,
        "Block until one or more containers stop, then print their exit codes",
        (1, None),
        &[],
    ),
    command(
        What::Top,
        &["top"],
        "CONTAINER",
        "Display the running processes of a container",
        (1, Some(1)),
        &[],
    ),
    command(
        What::Diff,
        &["diff"],
        "CONTAINER",
        "Inspect changes to files or directories on a container's filesystem",
        (1, Some(1)),
        &[],
    ),
    command(
        What::Inspect,
        &["inspect"],
        "NAME|ID [NAME|ID...]",
        "Return low-level information on Docker objects",
        (1, None),
        &[
            FORMAT,
            with(
                "type",
                None,
                "string",
                "container, image, network or volume",
            ),
        ],
    ),
    command(
        What::Images,
        &["images"],
        "[REPOSITORY[:TAG]]",
        "List images",
        (0, Some(1)),
        &[QUIET, NO_TRUNC],
    ),
    command(
        What::Rmi,
        &["rmi"],
        "IMAGE [IMAGE...]",
        "Remove one or more images",
        (1, None),
        &[FORCE],
    ),
    command(
        What::Tag,
        &["tag"],
        "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
        "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
        (2, Some(2)),
        &[],
    ),
    command(
        What::History,
        &["history"],
        "IMAGE",
        "Show the history of an image",
        (1, Some(1)),
        &[QUIET, NO_TRUNC],
    ),
    command(
        What::Pull,
        &["pull"],
        "NAME[:TAG]",
        "Download an image from a registry",
        (1, Some(1)),
        &[],
    ),
    command(
        What::VolumeLs,
        &["volume", "ls"],
        "",
        "List volumes",
        (0, Some(0)),
        &[QUIET],
    ),
    command(
        What::VolumeCreate,
        &["volume", "create"],
        "[VOLUME]",
        "Create a volume",
        (0, Some(1)),
        &[],
    ),
    command(
        What::VolumeRm,
        &["volume", "rm"],
        "VOLUME [VOLUME...]",
        "Remove one or more volumes",
        (1, None),
        &[FORCE],
    ),
    command(
        What::Version,
        &["version"],
        "",
        "Show versions of the client and of the engine",
        (0, Some(0)),
        &[],
    ),
    command(
        What::Info,
        &["info"],
        "",
        "Display system-wide information",
        (0, Some(0)),
        &[],
    ),
    command(
        What::Events,
        &["events"],
        "",
        "Get real time events from the server",
        (0, Some(0)),
        &[
            with(
                "since",
                None,
                "string",
                "From this time on, in seconds since 1970",
            ),
            with("until", None, "string", "Until this time"),
            FILTER,
        ],
    ),
];

/// What Docker's CLI has besides: a line with one of these is no mistake.
const THEIRS: [&str; 31] = [
    "attach",
    "build",
    "builder",
    "buildx",
    "commit",
    "compose",
    "container",
    "context",
    "cp",
    "export",
    "image",
    "import",
    "load",
    "login",
    "logout",
    "manifest",
    "network",
    "pause",
    "plugin",
    "port",
    "push",
    "rename",
    "restart",
    "save",
    "search",
    "stats",
    "swarm",
    "system",
    "trust",
    "unpause",
    "update",
];

impl Command {
    /// `docker volume ls`
    pub(super) fn path(&self) -> String {
        format!("docker {}", self.words.join(" "))
    }

    /// Its line of usage.
    pub(super) fn usage(&self) -> String {
        let options = if self.flags.is_empty() {
            ""
        } else {
            " [OPTIONS]"
        };
        let takes = if self.takes.is_empty() { "" } else { " " };
        format!("Usage:  {}{options}{takes}{}", self.path(), self.takes)
    }

    /// The flag of that name.
    pub(super) fn long(&self, name: &str) -> Option<&'static Flag> {
        self.flags.iter().find(|flag| flag.long == name)
    }

    pub(super) fn short(&self, name: char) -> Option<&'static Flag> {
        self.flags.iter().find(|flag| flag.short == Some(name))
    }
}

/// The command that a line begins with, and the rest of the line; none if it asks
/// for help.
pub(super) fn find(words: &[String]) -> Result<Option<(&'static Command, &[String])>, Failure> {
    let Some(first) = words.first().map(String::as_str) else {
        return Ok(None);
    };
    if ["help", "--help", "-h"].contains(&first) {
        return Ok(None);
    }
    let second = words.get(1).map(String::as_str);
    for command in COMMANDS {
        let fits = match command.words {
            [group, name] => *group == first && Some(*name) == second,
            words => words == [first],
        };
        if fits {
            return Ok(Some((command, &words[command.words.len()..])));
        }
    }
    let group = COMMANDS
        .iter()
        .any(|command| command.words.len() > 1 && command.words[0] == first);
    let shown = match (group, second) {
        (true, Some(second)) if second != "--help" => format!(
            "docker: unknown command: docker {first} {second}\n\nUsage:  docker {first} COMMAND\n\n\
             Run 'docker {first} --help' for more information"
        ),
        (true, _) => return Ok(None),
        (false, _) if THEIRS.contains(&first) => format!(
            "docker: unknown command: docker {first}\n\n\
             This small client of the course's own doesn't have it; Docker's CLI may."
        ),
        (false, _) => format!(
            "docker: unknown command: docker {first}\n\n\
             Run 'docker --help' for more information"
        ),
    };
    Err(Failure::usage(shown, 1))
}
