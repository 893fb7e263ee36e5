//! Tables as Docker's CLI prints them: text/tabwriter of Go, columns three apart.

/// Lines of cells; each column but the last is as wide as its widest cell and
/// three more, and `least` at least.
pub(super) fn table(rows: &[Vec<String>], least: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max();
        (widest.unwrap_or_default() + 3).max(least)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            match column + 1 == row.len() {
                true => text += cell,
                false => text += &format!("{cell:<width$}", width = widths[column]),
            }
        }
        text.push('\n');
    }
    text
}

/// A text of `most` characters at most; `…` stands for what is left out.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['…']).collect(),
        false => text.to_string(),
    }
}

/// An id as it is shown: without its algorithm, twelve digits.
pub(super) fn short(id: &str, whole: bool) -> String {
    match whole {
        true => id.to_string(),
        false => id.trim_start_matches("sha256:").chars().take(12).collect(),
    }
}

/// Quoted as Go's strconv.Quote does it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            '\n' => quoted += "\\n",
            '\t' => quoted += "\\t",
            '\r' => quoted += "\\r",
            other if other.is_control() => quoted += &format!("\\x{:02x}", other as u32),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_docker_makes_them() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_string()).collect();
        let rows: Vec<Vec<String>> =
            vec![row(&["ID", "NAME", "LAST"]), row(&["1", "a long name", ""])];
        assert_eq!(
            table(&rows, 10),
            "ID        NAME          LAST\n1         a long name   \n"
        );
        assert_eq!(cut("sh -c 'echo log; echo'", 20), "sh -c 'echo log; ec…");
        assert_eq!(short("sha256:0123456789abcdef", false), "0123456789ab");
        assert_eq!(quoted("a \"b\"\n"), "\"a \\\"b\\\"\\n\"");
    }
}
