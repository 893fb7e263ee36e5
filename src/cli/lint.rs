//! `glassbox lint` and `glassbox schema`: for people who write lessons.

use super::failure::{Exit, Failure};
use super::printer::{Printer, visible};
use crate::base::{Diagnostic, Severity};
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::io::Write;
use std::path::Path;

/// Checks a pack and shows every mistake.
pub(crate) fn lint(path: Option<&Path>, json: bool, out: &mut Printer) -> Result<Exit, Failure> {
    let _ = (
        path,
        json,
        out,
        print as fn(_, _, _) -> _,
        show as fn(_, _, _) -> _,
    );
    Err(Failure::host("lint has not landed yet"))
}

/// Prints the JSON Schemas.
pub(crate) fn schema(out: &mut Printer) -> Result<Exit, Failure> {
    let _ = out;
    Err(Failure::host("the schemas have not landed yet"))
}

/// Every diagnostic with its source line, then the sum. `source` gives the
/// text of a file of the pack.
fn print(
    diagnostics: &[Diagnostic],
    source: &dyn Fn(&Path) -> Option<String>,
    out: &mut Printer,
) -> Result<Exit, Failure> {
    let renderer = match out.colour() {
        true => Renderer::styled().decor_style(DecorStyle::Unicode),
        false => Renderer::plain().decor_style(DecorStyle::Ascii),
    };
    for diagnostic in diagnostics {
        let text = source(&diagnostic.file);
        writeln!(out, "{}\n", show(diagnostic, text.as_deref(), &renderer))?;
    }
    let count = |severity| {
        diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    writeln!(out, "{errors} errors, {warnings} warnings")?;
    Ok(if errors > 0 {
        Exit::BadInput
    } else {
        Exit::Well
    })
}

fn show(diagnostic: &Diagnostic, source: Option<&str>, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let path = diagnostic.file.display().to_string();
    let title = level
        .primary_title(visible(&diagnostic.message))
        .id(diagnostic.code);
    let mut group = match (source, diagnostic.span) {
        // A span beyond the text would be a mistake of ours, not the author's:
        // the place is then told without the line.
        (Some(source), Some(span)) if span.end <= source.len() && span.start <= span.end => {
            let range = span.start..span.end;
            let marked = AnnotationKind::Primary
                .span(range)
                .label(diagnostic.help.as_deref());
            let snippet = Snippet::source(source)
                .path(path.as_str())
                .annotation(marked);
            return renderer.render(&[title.element(snippet)]);
        }
        (_, Some(_)) => title.element(
            Origin::path(path.as_str())
                .line(diagnostic.line)
                .char_column(diagnostic.column),
        ),
        (_, None) => title.element(Origin::path(path.as_str())),
    };
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let groups: [Group; 1] = [group];
    renderer.render(&groups)
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
        let mut bytes = Vec::new();
        let mut printer = Printer::new(&mut bytes, false);
        let exit = print(diagnostics, &|_| source.map(String::from), &mut printer).unwrap();
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
             ^^^^^^^^^^ did you mean `namespaces`?\n\n1 errors, 0 warnings\n"
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
    fn no_mistake_is_well() {
        assert_eq!(
            shown(&[], None),
            ("0 errors, 0 warnings\n".into(), Exit::Well)
        );
    }
}
