//! `glassbox lint` and `glassbox schema`: for people who write lessons.

use super::failure::{Exit, Failure};
use super::printer::{Printer, visible};
use crate::base::{Diagnostic, Severity};
use crate::course::{self, Linted};
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use std::io::Write;
use std::path::Path;

/// Checks a pack, one of its lessons or one of its steps, and shows every mistake.
pub(crate) fn lint(path: Option<&Path>, json: bool, out: &mut Printer) -> Result<Exit, Failure> {
    let linted = match path {
        None => course::lint_embedded(),
        Some(path) if path.exists() => course::lint(path),
        Some(path) => {
            return Err(Failure::input(format!("there is no {}", path.display())));
        }
    };
    if !json {
        return print(&linted, out);
    }
    for diagnostic in &linted.diagnostics {
        out.json(diagnostic)?;
    }
    Ok(exit(&linted))
}

/// Prints the JSON Schemas of the TOML parts, as one document.
pub(crate) fn schema(out: &mut Printer) -> Result<Exit, Failure> {
    out.document(&course::schema())?;
    Ok(Exit::Well)
}

/// A warning is shown, but the pack can be used.
fn exit(linted: &Linted) -> Exit {
    match linted.has_errors() {
        true => Exit::BadInput,
        false => Exit::Well,
    }
}

/// Every diagnostic with its source line, then the sum.
fn print(linted: &Linted, out: &mut Printer) -> Result<Exit, Failure> {
    let renderer = match out.colour() {
        true => Renderer::styled().decor_style(DecorStyle::Unicode),
        false => Renderer::plain().decor_style(DecorStyle::Ascii),
    };
    for diagnostic in &linted.diagnostics {
        let path = shown_path(&linted.origin, &diagnostic.file);
        let text = show(diagnostic, &path, linted.source(diagnostic), &renderer);
        writeln!(out, "{text}\n")?;
    }
    if let Some(line) = positions(&linted.positions) {
        writeln!(out, "{line}")?;
    }
    if !linted.unheld.is_empty() {
        let steps = linted.unheld.iter();
        let steps: Vec<String> = steps
            .map(|(file, count)| format!("{} {count}", visible(&file.display().to_string())))
            .collect();
        let steps = steps.join(", ");
        writeln!(
            out,
            "Sentences told without a wait, as something is measured just then: {steps}"
        )?;
    }
    let count = |severity, what| {
        let all = linted.diagnostics.iter();
        match all.filter(|found| found.severity == severity).count() {
            1 => format!("1 {what}"),
            n => format!("{n} {what}s"),
        }
    };
    let errors = count(Severity::Error, "error");
    writeln!(out, "{errors}, {}", count(Severity::Warning, "warning"))?;
    Ok(exit(linted))
}

/// Where the right answers stand; a learner soon notices a letter that never wins.
fn positions(positions: &course::Positions) -> Option<String> {
    let letters = (b'a'..=b'z').map(char::from);
    let places = letters.zip(&positions.right);
    let mut parts: Vec<String> = places.map(|(letter, n)| format!("{letter} {n}")).collect();
    if positions.unknown > 0 {
        parts.push(format!("not known from claims {}", positions.unknown));
    }
    (!parts.is_empty()).then(|| format!("Right answers: {}", parts.join(", ")))
}

/// The file as an editor or a shell here would open it.
fn shown_path(origin: &course::Origin, file: &Path) -> String {
    let path = match origin {
        course::Origin::Embedded => file.to_path_buf(),
        course::Origin::Disk(root) => root.join(file),
    };
    let here = std::env::current_dir().ok();
    let near = here
        .as_deref()
        .and_then(|here| path.strip_prefix(here).ok());
    visible(&near.unwrap_or(&path).display().to_string())
}

/// One diagnostic the way compilers show theirs.
fn show(diagnostic: &Diagnostic, path: &str, source: Option<&str>, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(visible(&diagnostic.message))
        .id(diagnostic.code);
    let help = diagnostic.help.as_deref().map(visible);
    let mut group = match (source, diagnostic.span) {
        // A span beyond the text would be a mistake of ours, not the author's:
        // the place is then told without the line.
        (Some(source), Some(span)) if source.get(span.start..span.end).is_some() => {
            let marked = AnnotationKind::Primary.span(span.start..span.end);
            title.element(Snippet::source(source).path(path).annotation(marked))
        }
        (_, Some(_)) => title.element(
            Origin::path(path)
                .line(diagnostic.line)
                .char_column(diagnostic.column),
        ),
        (_, None) => title.element(Origin::path(path)),
    };
    if let Some(help) = help {
        group = group.element(Level::HELP.message(help));
    }
    renderer.render(&[group])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;

    fn diagnostic(span: Option<Span>) -> Diagnostic {
        Diagnostic {
            code: "unknown-key",
            severity: Severity::Error,
            file: "01-x/01-y.md".into(),
            span,
            line: 2,
            column: 1,
            message: "there is no key `namepsaces`".into(),
            help: Some("did you mean `namespaces`?".into()),
        }
    }

    fn shown(diagnostics: &[Diagnostic], source: Option<&str>) -> (String, Exit) {
        let linted = Linted {
            origin: course::Origin::Embedded,
            diagnostics: diagnostics.to_vec(),
            positions: course::Positions::default(),
            unheld: Vec::new(),
            sources: source
                .map(|text| ("01-x/01-y.md".into(), text.into()))
                .into_iter()
                .collect(),
        };
        let mut bytes = Vec::new();
        let mut printer = Printer::new(&mut bytes, false);
        let exit = print(&linted, &mut printer).unwrap();
        drop(printer);
        (String::from_utf8(bytes).unwrap(), exit)
    }

    #[test]
    fn a_mistake_is_shown_with_its_place_line_caret_and_remedy() {
        let source = "name = 'box'\nnamepsaces = []\n";
        let (text, exit) = shown(&[diagnostic(Some(Span::new(13, 23)))], Some(source));
        assert_eq!(
            text,
            "error[unknown-key]: there is no key `namepsaces`\n \
             --> 01-x/01-y.md:2:1\n  |\n2 | namepsaces = []\n  | \
             ^^^^^^^^^^\n  |\n  = help: did you mean `namespaces`?\n\n1 error, 0 warnings\n"
        );
        assert_eq!(exit, Exit::BadInput);
    }

    #[test]
    fn without_a_source_or_a_span_the_file_is_still_named() {
        for (span, place) in [
            (Some(Span::new(0, 3)), "01-x/01-y.md:2:1"),
            (None, "01-x/01-y.md"),
        ] {
            let (text, _) = shown(&[diagnostic(span)], None);
            assert!(text.contains(place), "{text}");
            assert!(text.contains("did you mean"), "{text}");
        }
    }

    #[test]
    fn right_answers_are_counted_by_their_letter() {
        for (right, unknown, line) in [
            (
                vec![7, 20],
                3,
                Some("Right answers: a 7, b 20, not known from claims 3"),
            ),
            (vec![0, 0, 1], 0, Some("Right answers: a 0, b 0, c 1")),
            (vec![], 0, None),
        ] {
            let found = positions(&course::Positions { right, unknown });
            assert_eq!(found.as_deref(), line);
        }
    }

    #[test]
    fn no_mistake_is_well() {
        assert_eq!(
            shown(&[], None),
            ("0 errors, 0 warnings\n".into(), Exit::Well)
        );
    }
}
