//! Rows of ids and numbers: what a process is called on both sides.

use super::form::{Answer, Row};
use super::sides::Sides;
use crate::plan::Namespace;
use crate::probe::Unread;

/// Its numbers, its users, their maps, and its parents.
pub(super) fn ids(sides: &Sides) -> Vec<Row> {
    let pid = sides.pid();
    let status = &sides.theirs.process.status;
    let list = |numbers: &[i32]| {
        let words: Vec<String> = numbers.iter().map(i32::to_string).collect();
        words.join(", then ")
    };
    let numbers = (!status.numbers.is_empty())
        .then(|| list(&status.numbers))
        .ok_or(Unread::from("this kernel writes no line NSpid"));
    let in_status = |line: &str| format!("grep {line} /proc/{pid}/status");
    let uid = status.uid();
    let inside = uid.and_then(|uid| {
        let (map, _) = sides.theirs.maps.as_ref().ok()?;
        inside_of(map, uid)
    });
    let own_user = sides.has(Namespace::User) == Some(true);
    let mut rows = vec![
        Row {
            means: (status.numbers.len() > 1)
                .then(|| "the first is yours, the last its own: one for each namespace".into()),
            ..Row::new(
                "pid",
                "Process ids",
                sides.answer(numbers, &in_status("NSpid"), |text| text),
                "pid",
                in_status("NSpid"),
            )
        },
        Row {
            yours: sides
                .yours
                .process
                .status
                .uid()
                .map(|uid| Answer::Seen(uid.to_string())),
            means: match (own_user, inside) {
                (true, Some(inside)) => Some(format!("inside it is {inside}")),
                (true, None) => Some("inside it has no number: nobody".into()),
                (false, _) => None,
            },
            ..Row::new(
                "uid",
                "User id",
                sides.answer(
                    uid.ok_or("the line Uid is missing".into()),
                    &in_status("Uid"),
                    |uid| uid.to_string(),
                ),
                "user",
                in_status("Uid"),
            )
        },
    ];
    for (id, label, file, pick) in [
        ("uid-map", "User id map", "uid_map", true),
        ("gid-map", "Group id map", "gid_map", false),
    ] {
        let map = |side: &crate::probe::Target| {
            let maps = side.maps.clone();
            maps.map(|(uids, gids)| if pick { uids } else { gids })
        };
        let command = format!("cat /proc/{pid}/{file}");
        rows.push(Row {
            yours: Some(sides.answer(map(sides.yours), &command, |map| mapped(&map))),
            ..Row::new(
                id,
                label,
                sides.answer(map(sides.theirs), &command, |map| mapped(&map)),
                "user",
                command,
            )
        });
    }
    let parents: Vec<String> = sides
        .theirs
        .parents
        .iter()
        .map(|(pid, name)| format!("{name} ({pid})"))
        .collect();
    let parents = match parents.is_empty() {
        true => "none that you can see".into(),
        false => parents.join(" < "),
    };
    rows.push(Row::new(
        "parents",
        "Parents",
        Answer::Seen(parents),
        "pid",
        format!("pstree --show-parents --show-pids {pid}"),
    ));
    rows
}

/// The ranges of a map: the first id inside, the first outside, how many
/// (user_namespaces(7)).
fn ranges(map: &str) -> impl Iterator<Item = [u64; 3]> {
    map.lines().filter_map(|line| {
        let words = line.split_ascii_whitespace();
        let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
        numbers.try_into().ok()
    })
}

/// A map in words: `0 to 65535 inside are 100000 to 165535 here`.
fn mapped(map: &str) -> String {
    let in_words = |[inside, outside, count]: [u64; 3]| {
        if (inside, outside, count) == (0, 0, u64::from(u32::MAX)) {
            return "every id is itself".into();
        }
        let range = |from: u64| match count {
            1 => from.to_string(),
            n => format!("{from} to {}", from + n.saturating_sub(1)),
        };
        let verb = if count == 1 { "is" } else { "are" };
        format!("{} inside {verb} {} here", range(inside), range(outside))
    };
    let lines: Vec<String> = ranges(map).map(in_words).collect();
    match lines.is_empty() {
        true => "no id is mapped: everybody is nobody".into(),
        false => lines.join("; "),
    }
}

/// The number that an id of the observer's has inside.
fn inside_of(map: &str, id: u32) -> Option<u64> {
    ranges(map).find_map(|[inside, outside, count]| {
        let offset = u64::from(id).checked_sub(outside)?;
        (offset < count).then_some(inside + offset)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_read_from_both_sides() {
        for (map, words, id, inside) in [
            ("0 0 4294967295\n", "every id is itself", 5, Some(5)),
            ("0 1000 1\n", "0 inside is 1000 here", 1000, Some(0)),
            (
                "0 100000 65536\n",
                "0 to 65535 inside are 100000 to 165535 here",
                100_033,
                Some(33),
            ),
            (
                "0 1000 1\n1 100000 2",
                "0 inside is 1000 here; 1 to 2 inside are 100000 to 100001 here",
                100_001,
                Some(2),
            ),
            ("", "no id is mapped: everybody is nobody", 0, None),
            ("odd\n", "no id is mapped: everybody is nobody", 0, None),
            ("0 1000 1\n", "0 inside is 1000 here", 1001, None),
        ] {
            assert_eq!(mapped(map), words, "{map:?}");
            assert_eq!(inside_of(map, id), inside, "{map:?}");
        }
    }
}
