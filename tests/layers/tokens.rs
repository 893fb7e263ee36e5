//! Rust source as words and signs.

/// Words, `::`, and single signs; comments, strings and characters left out.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let c: Vec<char> = text.chars().collect();
    let at = |i: usize| c.get(i).copied().unwrap_or('\0');
    let word = |ch: char| ch.is_alphanumeric() || ch == '_';
    let mut found = Vec::new();
    let mut i = 0;
    while i < c.len() {
        if at(i) == '/' && at(i + 1) == '/' {
            while i < c.len() && at(i) != '\n' {
                i += 1;
            }
        } else if at(i) == '/' && at(i + 1) == '*' {
            i = after_comment(&c, i);
        } else if let Some(hashes) = raw_string(&c, i) {
            i = after_raw(&c, i, hashes);
        } else if at(i) == '"' {
            i += 1;
            while i < c.len() && at(i) != '"' {
                i += if at(i) == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if at(i) == '\'' && at(i + 1) == '\\' {
            i += 3;
            while i < c.len() && at(i) != '\'' {
                i += 1;
            }
            i += 1;
        } else if at(i) == '\'' && at(i + 2) == '\'' {
            i += 3;
        } else if word(at(i)) {
            let start = i;
            while word(at(i)) {
                i += 1;
            }
            found.push(c[start..i].iter().collect());
        } else if at(i) == ':' && at(i + 1) == ':' {
            found.push("::".into());
            i += 2;
        } else {
            if !at(i).is_whitespace() {
                found.push(at(i).to_string());
            }
            i += 1;
        }
    }
    found
}

/// The end of a block comment, which may hold others.
fn after_comment(c: &[char], mut i: usize) -> usize {
    let mut depth = 0;
    while i < c.len() {
        match (c[i], c.get(i + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                i += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                i += 2;
                if depth == 0 {
                    return i;
                }
            }
            _ => i += 1,
        }
    }
    i
}

/// How many `#` a raw string that starts here has; `None` where none starts.
fn raw_string(c: &[char], i: usize) -> Option<usize> {
    let before = i.checked_sub(1).map(|b| c[b]);
    if before.is_some_and(|b| b.is_alphanumeric() || b == '_') {
        return None;
    }
    let mut j = i + usize::from(c.get(i) == Some(&'b'));
    if c.get(j) != Some(&'r') {
        return None;
    }
    j += 1;
    let hashes = c[j..].iter().take_while(|ch| **ch == '#').count();
    (c.get(j + hashes) == Some(&'"')).then_some(hashes)
}

fn after_raw(c: &[char], i: usize, hashes: usize) -> usize {
    let open = i + c[i..].iter().position(|ch| *ch == '"').unwrap();
    let mut j = open + 1;
    while j < c.len() {
        let closed =
            c[j] == '"' && c[j + 1..].iter().take_while(|ch| **ch == '#').count() >= hashes;
        if closed {
            return j + 1 + hashes;
        }
        j += 1;
    }
    j
}
