//! Highlighted code: syntect's scopes mapped to roles.

use super::line::{Role, Span};
use std::sync::OnceLock;
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

/// The syntaxes are a megabyte to unpack: once, and only when code is shown.
fn syntaxes() -> &'static SyntaxSet {
    static SYNTAXES: OnceLock<SyntaxSet> = OnceLock::new();
    SYNTAXES.get_or_init(SyntaxSet::load_defaults_newlines)
}

/// The lines of a code block as spans.
pub(super) fn highlight(language: &str, text: &str) -> Vec<Vec<Span>> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    match language {
        "toml" => text.split('\n').map(toml).collect(),
        "" | "text" | "console" => text.split('\n').map(plain).collect(),
        name => match find(name) {
            Some(syntax) => parse(syntax, text),
            None => text.split('\n').map(plain).collect(),
        },
    }
}

fn find(name: &str) -> Option<&'static SyntaxReference> {
    let name = match name {
        "shell" | "bash" => "sh",
        other => other,
    };
    syntaxes().find_syntax_by_token(name)
}

fn plain(line: &str) -> Vec<Span> {
    vec![Span::new(line, Role::Code)]
}

fn parse(syntax: &SyntaxReference, text: &str) -> Vec<Vec<Span>> {
    let mut state = ParseState::new(syntax);
    let mut stack = ScopeStack::new();
    text.split('\n')
        .map(|line| {
            let with_end = format!("{line}\n");
            // A grammar that trips over a line is no reason not to show it.
            let Ok(ops) = state.parse_line(&with_end, syntaxes()) else {
                return plain(line);
            };
            let mut spans = Vec::new();
            let mut from = 0;
            for (at, op) in ops {
                push(&mut spans, &with_end[from..at], role(&stack));
                from = at;
                if stack.apply(&op).is_err() {
                    return plain(line);
                }
            }
            push(&mut spans, &with_end[from..], role(&stack));
            spans
        })
        .collect()
}

fn push(spans: &mut Vec<Span>, text: &str, role: Role) {
    let text = text.trim_end_matches('\n');
    match spans.last_mut() {
        _ if text.is_empty() => {}
        Some(last) if last.role == role => last.text.push_str(text),
        _ => spans.push(Span::new(text, role)),
    }
}

/// The role of the innermost scope that has one.
fn role(stack: &ScopeStack) -> Role {
    static ROLES: OnceLock<Vec<(Scope, Role)>> = OnceLock::new();
    let roles = ROLES.get_or_init(|| {
        [
            ("comment", Role::Comment),
            ("string", Role::Literal),
            ("constant", Role::Literal),
            ("keyword", Role::Keyword),
            ("storage", Role::Keyword),
            ("entity.name.function", Role::Function),
            ("support.function", Role::Function),
            ("variable.function", Role::Function),
        ]
        .into_iter()
        .filter_map(|(name, role)| Scope::new(name).ok().map(|scope| (scope, role)))
        .collect()
    });
    stack
        .as_slice()
        .iter()
        .rev()
        .find_map(|scope| {
            let known = roles.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope));
            known.map(|(_, role)| *role)
        })
        .unwrap_or(Role::Code)
}

/// TOML, which syntect's set lacks: comments, heads, keys and the rest.
fn toml(line: &str) -> Vec<Span> {
    let (body, comment) = split_comment(line);
    let mut spans = Vec::new();
    if body.trim_start().starts_with('[') && !body.contains('=') {
        push(&mut spans, body, Role::Keyword);
    } else if let Some((key, value)) = body.split_once('=') {
        push(&mut spans, key, Role::Function);
        push(&mut spans, "=", Role::Code);
        push(&mut spans, value, Role::Literal);
    } else {
        push(&mut spans, body, Role::Literal);
    }
    push(&mut spans, comment, Role::Comment);
    spans
}

/// Cuts at the first `#` that isn't within quotes.
fn split_comment(line: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') => return line.split_at(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None | Some(_), _) => {}
        }
    }
    (line, "")
}
