//! Lines that both clients are given, one after the other, and what may differ.

#![allow(dead_code, missing_docs, unreachable_pub)]

/// Why something differs, if anything does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Differs {
    No,
    Output(&'static str),
    Requests(&'static str),
    Both(&'static str),
}

use Differs::{Both, No, Output, Requests};

const IDENTITY: &str = "the client says whose it is, and which version";
const PING: &str = "Docker's asks who is there before it reads these flags";
const PLUGINS: &str = "Docker's asks for nodes and plugins as well, which the engine refuses";
const FORMS: &str = "templates are more than ways to a value";
const HELP: &str = "the help is its own";
const PART: &str = "it knows a part of Docker's commands and flags";

pub const LINES: &[(&str, Differs)] = &[
    ("version", Output(IDENTITY)),
    ("info", Output(IDENTITY)),
    ("images", No),
    ("images -q", No),
    ("images base", No),
    ("images nosuch", No),
    ("images --no-trunc", No),
    ("run --rm hello", No),
    (
        "run -d --name d1 -e A=b -w /tmp -u root -m 64m --cpus 0.5 --pids-limit 20 -v vol:/v \
         --network none --read-only --entrypoint sh --label l=1 base -c 'echo log; echo err >&2; sleep 300'",
        No,
    ),
    ("ps", No),
    ("ps -a -q", No),
    ("ps -a --no-trunc", No),
    ("ps -aq --filter name=xx", No),
    ("logs d1", No),
    ("logs --tail 1 d1", No),
    ("exec d1 sh -c 'echo o; echo e >&2; exit 5'", No),
    ("exec -e A=b -w /tmp -u root d1 sh -c 'pwd; echo $A'", No),
    ("exec -d d1 true", No),
    ("exec -t d1 echo hi", No),
    ("exec d1 nosuch", No),
    ("exec d1 /etc/passwd", No),
    ("exec nosuch ls", No),
    ("exec -it d1 ls", No),
    ("run -it base ls", No),
    (
        "inspect d1 --format '{{.Name}} {{.Config.Env}} {{.State.Running}}'",
        No,
    ),
    ("inspect --format '{{.State.Nope}}' d1", No),
    ("inspect --format '{{.State' d1", No),
    ("inspect --format '{{json .Name}}' d1", Both(FORMS)),
    ("inspect hello", No),
    ("inspect bridge", No),
    ("inspect vol --format {{.Driver}}", No),
    ("inspect nosuch", Both(PLUGINS)),
    ("top d1", No),
    ("diff d1", No),
    ("stop -t 0 d1", No),
    ("wait d1", No),
    ("start d1", No),
    ("kill d1", No),
    ("kill d1", No),
    ("rm d1", No),
    ("rm d1", No),
    ("rm nosuch nosuch", No),
    ("create --name c1 hello", No),
    ("start -a c1", No),
    ("start c1", No),
    ("start nosuch", No),
    ("start -a nosuch", No),
    ("rm -f c1", No),
    ("run --rm base sh -c 'exit 3'", No),
    ("run --rm base sh -c 'kill -9 $$'", No),
    ("run --rm -t base echo hi", No),
    ("run --rm -i base cat", No),
    ("run --rm base nosuch", No),
    ("run --rm nosuch", No),
    ("create nosuch", No),
    ("run --name f1 base /etc/passwd", No),
    ("run -d --name f2 base nosuch", No),
    ("rm f1", No),
    ("tag hello x/y:1", No),
    ("tag nosuch x", No),
    ("images x/y", No),
    ("rmi x/y:1", No),
    ("rmi nosuch", No),
    ("rmi base", No),
    ("rm f2", No),
    ("history hello", No),
    ("history -q tools", No),
    ("volume create v2", No),
    ("volume ls", No),
    ("volume ls -q", No),
    ("volume rm v2 vol", No),
    ("volume rm nosuch", No),
    ("pull busybox", No),
    ("pull a.b/c:1", No),
    ("events --since 1 --until 2", No),
    (
        "events --since 1 --until 1795600000 --filter container=f1",
        No,
    ),
    ("run", No),
    ("ps x", No),
    ("tag a", No),
    ("volume rm", Requests(PING)),
    ("volume bogus", Requests(PING)),
    ("bogus", No),
    ("run --bogus base", Requests(PING)),
    ("run -z base", Requests(PING)),
    ("run --name", Requests(PING)),
    ("run -m xx base true", Requests(PING)),
    ("run --cpus xx base true", Requests(PING)),
    ("ps --all=maybe", No),
    ("ps --help", Output(HELP)),
    ("ps --last 1", Both(PART)),
    ("pause nosuch", Both(PART)),
    ("stop nosuch", No),
    ("kill -s XX nosuch", No),
    ("top nosuch", No),
    ("logs -f nosuch", No),
    ("wait nosuch", No),
    ("run -m 1m base true", No),
    ("run --network nope base true", No),
    ("run --rm -v /etc:/x base true", No),
    ("run --name same -d base sleep 100", No),
    ("run --name same -d base sleep 100", No),
    ("rm same", No),
    ("kill -s KILL same", No),
    ("rm same", No),
    ("rmi -f hello", No),
];

/// Without what differs between two engines: ids, times, how long ago, pids, the
/// directory of the store; and with no more than two spaces in a row, since the width
/// of a column follows its longest time.
pub fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut word = String::new();
    for character in text.chars().chain(['\0']) {
        if character.is_ascii_alphanumeric() || ":.-".contains(character) {
            word.push(character);
            continue;
        }
        plain += &kind(&word);
        word.clear();
        if !(character == ' ' && plain.ends_with("  ")) && character != '\0' {
            plain.push(character);
        }
    }
    for how in ["Less than a second", "1 second", "About a minute"] {
        plain = plain.replace(how, "AGO");
    }
    for age in 2..60 {
        plain = plain.replace(&format!(" {age} seconds"), " AGO");
    }
    plain
}

fn kind(word: &str) -> String {
    let all = |of: fn(&u8) -> bool| !word.is_empty() && word.bytes().all(|byte| of(&byte));
    let bare = word.trim_start_matches("sha256:");
    let hex = bare.len() >= 12 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex {
        word.replace(bare, "ID")
    } else if word.starts_with("glassbox-") || word.starts_with("gbtest-") {
        "DIRECTORY".into()
    } else if (word.len() > 18 && word.starts_with("20") && word.ends_with('Z'))
        || (all(|byte| byte.is_ascii_digit() || *byte == b':') && word.contains(':'))
    {
        "TIME".into()
    } else if word.len() > 3 && all(u8::is_ascii_digit) {
        "N".into()
    } else {
        word.to_string()
    }
}
