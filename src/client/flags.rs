//! Flags and arguments of a line, read as Docker's CLI reads them.

use super::commands::{Command, Flag};
use super::failure::Failure;

/// What a line gave.
#[derive(Debug, Default)]
pub(super) struct Given {
    flags: Vec<(&'static str, String)>,
    /// The arguments.
    pub(super) words: Vec<String>,
}

/// What stands before the command: the host, and the rest of the line.
pub(super) fn before(words: &[String]) -> Result<(Option<String>, &[String]), Failure> {
    let Some(first) = words.first() else {
        return Ok((None, words));
    };
    let of = |text: &str| Some(text.to_string());
    if first == "-H" || first == "--host" {
        let Some(host) = words.get(1) else {
            return Err(Failure::usage(
                format!("flag needs an argument: {first}"),
                125,
            ));
        };
        return Ok((of(host), &words[2..]));
    }
    let joined = first
        .strip_prefix("--host=")
        .or_else(|| first.strip_prefix("-H"));
    match joined {
        Some(host) => Ok((of(host.trim_start_matches('=')), &words[1..])),
        None => Ok((None, words)),
    }
}

impl Given {
    /// Reads what stands behind a command; none if it asks for help.
    pub(super) fn parse(command: &Command, words: &[String]) -> Result<Option<Given>, Failure> {
        let mut given = Given::default();
        let mut rest = words.iter();
        let wrong = |text: String| {
            let usage = command.usage();
            let path = command.path();
            let text = format!("{text}\n\n{usage}\n\nRun '{path} --help' for more information");
            Failure::usage(text, 125)
        };
        while let Some(word) = rest.next() {
            if word == "--" {
                given.words.extend(rest.by_ref().cloned());
            } else if word == "--help" {
                return Ok(None);
            } else if let Some(long) = word.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_string())),
                    None => (long, None),
                };
                let flag = command.long(name);
                let flag = flag.ok_or_else(|| wrong(format!("unknown flag: --{name}")))?;
                let value = match (flag.value, value) {
                    (Some(_), None) => {
                        let next = rest.next().cloned();
                        next.ok_or_else(|| wrong(format!("flag needs an argument: --{name}")))?
                    }
                    (_, value) => value.unwrap_or_else(|| "true".into()),
                };
                given.add(flag, value).map_err(wrong)?;
            } else if word.len() > 1 && word.starts_with('-') {
                given.short(command, word, &mut rest).map_err(wrong)?;
            } else {
                given.words.push(word.clone());
                if command.stops {
                    given.words.extend(rest.by_ref().cloned());
                }
            }
        }
        given.count(command)?;
        Ok(Some(given))
    }

    /// `-it`, `-m32m`, `-m=32m`, `-m 32m`
    fn short<'w>(
        &mut self,
        command: &Command,
        word: &str,
        rest: &mut impl Iterator<Item = &'w String>,
    ) -> Result<(), String> {
        for (at, letter) in word[1..].char_indices() {
            let Some(flag) = command.short(letter) else {
                return Err(format!("unknown shorthand flag: '{letter}' in {word}"));
            };
            let after = &word[1 + at + letter.len_utf8()..];
            if flag.value.is_none() && !after.starts_with('=') {
                self.add(flag, "true".into())?;
                continue;
            }
            let value = match after.strip_prefix('=').unwrap_or(after) {
                "" if !after.starts_with('=') => rest.next().cloned(),
                value => Some(value.to_string()),
            };
            let missing = || format!("flag needs an argument: '{letter}' in {word}");
            return self.add(flag, value.ok_or_else(missing)?);
        }
        Ok(())
    }

    fn add(&mut self, flag: &'static Flag, value: String) -> Result<(), String> {
        let known = [
            "true", "false", "1", "0", "t", "f", "T", "F", "TRUE", "FALSE", "True", "False",
        ];
        if flag.value.is_none() && !known.contains(&value.as_str()) {
            let why = format!("strconv.ParseBool: parsing \"{value}\": invalid syntax");
            return Err(unfit(flag, &value, &why));
        }
        let why = match flag.long {
            "memory" if super::units::bytes(&value).is_none() => {
                Some(format!("invalid size: '{value}'"))
            }
            "cpus" => super::units::nano_cpus(&value).err(),
            "pids-limit" | "time" if value.parse::<i64>().is_err() => Some(format!(
                "strconv.ParseInt: parsing \"{value}\": invalid syntax"
            )),
            _ => None,
        };
        match why {
            Some(why) => Err(unfit(flag, &value, &why)),
            None => {
                self.flags.push((flag.long, value));
                Ok(())
            }
        }
    }

    fn count(&self, command: &Command) -> Result<(), Failure> {
        let (least, most, found) = (command.least, command.most, self.words.len());
        let arguments =
            |count: usize| format!("{count} argument{}", if count == 1 { "" } else { "s" });
        let (how, see) = match most {
            _ if found >= least && most.is_none_or(|most| found <= most) => return Ok(()),
            Some(0) => ("accepts no arguments".to_string(), "Run"),
            Some(most) if most == least => (format!("requires {}", arguments(most)), "Run"),
            Some(most) => (format!("requires at most {}", arguments(most)), "See"),
            None => (format!("requires at least {}", arguments(least)), "See"),
        };
        let (path, usage) = (command.path(), command.usage());
        Err(Failure::usage(
            format!(
                "docker: '{path}' {how}\n\n{usage}\n\n{see} '{path} --help' for more information"
            ),
            1,
        ))
    }

    /// Whether a flag is on.
    pub(super) fn on(&self, flag: &str) -> bool {
        self.one(flag)
            .is_some_and(|value| value.starts_with(['t', 'T', '1']))
    }

    /// The value of a flag: the last one counts.
    pub(super) fn one(&self, flag: &str) -> Option<&str> {
        let found = self.flags.iter().rev().find(|(name, _)| *name == flag);
        found.map(|(_, value)| value.as_str())
    }

    /// All values of a flag.
    pub(super) fn all(&self, flag: &str) -> Vec<&str> {
        let found = self.flags.iter().filter(|(name, _)| *name == flag);
        found.map(|(_, value)| value.as_str()).collect()
    }
}

fn unfit(flag: &Flag, value: &str, why: &str) -> String {
    let names = match flag.short {
        Some(short) => format!("-{short}, --{}", flag.long),
        None => format!("--{}", flag.long),
    };
    format!("invalid argument \"{value}\" for \"{names}\" flag: {why}")
}
