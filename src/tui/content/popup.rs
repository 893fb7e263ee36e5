//! The lines of popups, and where they stand.

use super::end;
use crate::plan::{History, Leftover};
use crate::record::Beat;
use crate::render::{self, Line, Role, Span, visible, wrap};
use crate::tui::keymap;
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::popup::{Kind, Popup};
use crate::tui::rows::{Row, Target, signed, text};
use crate::tui::search::{Hit, Part};
use ratatui::layout::Rect;

/// Something of the messages of the beat that is shown.
fn talk(model: &Model, draw: impl Fn(&History, &Beat) -> Vec<Line>) -> Vec<Row> {
    let drawn = model.talk().map(|(history, beat)| draw(history, &beat));
    drawn
        .unwrap_or_default()
        .into_iter()
        .map(Row::from)
        .collect()
}

impl Popup {
    /// How many entries its list has; 0 if it isn't a list.
    pub(in crate::tui) fn entries(&self, model: &Model) -> usize {
        match &self.kind {
            Kind::Help
            | Kind::Parts
            | Kind::Contents
            | Kind::Consent
            | Kind::Left(_)
            | Kind::Notice(_) => 0,
            Kind::Outline => model.count(),
            Kind::Search { hits, .. } => hits.len(),
            Kind::End(end) => 1 + end.again.len(),
        }
    }

    /// Its lines, none wider than `width`.
    pub(in crate::tui) fn rows(&self, model: &Model, width: usize) -> Vec<Row> {
        match &self.kind {
            Kind::Help => help(model, width),
            Kind::Outline => self.outline(model, width),
            Kind::Search { query, hits } => self.search(model, query, hits, width),
            Kind::Parts => talk(model, |history, beat| render::parts(history, beat, width)),
            Kind::Contents => talk(model, |history, beat| {
                render::contents(history, beat, width)
            }),
            Kind::Consent => consent(model, width),
            Kind::Left(left) => leftovers(left, width),
            Kind::End(end) => end::page(self, model, end, width),
            Kind::Notice(notes) => notice(notes, width),
        }
    }

    fn outline(&self, model: &Model, width: usize) -> Vec<Row> {
        let mut rows = routes(model, width);
        for place in 0..model.count() {
            let (lesson, step) = (model.lesson_at(place), model.step_at(place));
            if lesson.steps.first() == Some(step) {
                if place > 0 {
                    rows.push(Row::default());
                }
                let title = format!("{:02} {}", lesson.number, lesson.meta.title);
                let minutes = format!("  {} min", lesson.meta.minutes);
                let spans = [
                    Span::new(title, Role::Heading),
                    Span::new(minutes, Role::Dim),
                ];
                rows.extend(wrap(&spans, width).into_iter().map(Row::from));
            }
            let state = &model.states[place];
            let (sign, role) = match (&state.record, state.visited) {
                (Some(record), _) if record.verdicts.iter().all(|v| v.holds()) => ("✓", Role::Good),
                (Some(_), _) => ("!", Role::Warn),
                (None, _) if state.done => ("✓", Role::Dim),
                (None, true) => ("·", Role::Dim),
                (None, false) => (" ", Role::Dim),
            };
            let here = if place == model.at {
                "  (you are here)"
            } else {
                ""
            };
            let aside = model.route().is_some() && !model.is_on_route(place);
            let tone = if aside { Role::Dim } else { Role::Body };
            let short = short_route(model, place);
            let minutes = step.meta.minutes.filter(|_| !short.is_empty());
            let minutes = minutes.map_or(String::new(), |minutes| format!(" {minutes} min"));
            let spans = [
                Span::new(format!("{:>2}  {}", step.number, step.meta.title), tone),
                Span::new(format!("{short}{minutes}"), Role::Label),
                Span::new(here, Role::Dim),
            ];
            rows.extend(self.entry(place, Span::new(format!("{sign} "), role), &spans, width));
        }
        rows
    }

    fn search(&self, model: &Model, query: &str, hits: &[Hit], width: usize) -> Vec<Row> {
        let prompt = [
            Span::new("Find: ", Role::Label),
            Span::new(format!("{}▏", visible(query)), Role::Strong),
        ];
        let mut rows: Vec<Row> = wrap(&prompt, width).into_iter().map(Row::from).collect();
        rows.push(Row::default());
        let nothing = match (query.trim().is_empty(), hits.is_empty()) {
            (true, _) => "Type a word: titles and texts of all lessons are searched.",
            (false, true) => "No step has these words.",
            (false, false) => "",
        };
        if !nothing.is_empty() {
            let spans = [Span::new(nothing, Role::Dim)];
            rows.extend(wrap(&spans, width).into_iter().map(Row::from));
        }
        for (index, hit) in hits.iter().enumerate() {
            let (lesson, step) = (model.lesson_at(hit.place), model.step_at(hit.place));
            let mut spans = vec![Span::new(
                format!("{:02}/{} {}", lesson.number, step.number, step.meta.title),
                Role::Body,
            )];
            if let Part::Tab(tab) = hit.part {
                spans.push(Span::new(format!("  [{}]", tab.title()), Role::Label));
            }
            if !hit.snippet.is_empty() {
                spans.push(Span::new(format!("  {}", hit.snippet), Role::Dim));
            }
            rows.extend(self.entry(index, Span::default(), &spans, width));
        }
        rows
    }

    /// An entry of a list, with the cursor if it is there.
    pub(super) fn entry(&self, index: usize, sign: Span, spans: &[Span], width: usize) -> Vec<Row> {
        let selected = self.cursor == index;
        let cursor = Span::new(if selected { "▸ " } else { "  " }, Role::Label);
        let indent = 2 + Line {
            spans: vec![sign.clone()],
        }
        .width();
        wrap(spans, width.saturating_sub(indent))
            .into_iter()
            .enumerate()
            .map(|(y, line)| {
                let line = match y {
                    0 => line.prefixed(sign.clone()).prefixed(cursor.clone()),
                    _ => line.prefixed(Span::new(" ".repeat(indent), Role::Body)),
                };
                Row {
                    line,
                    targets: vec![(0..width, Target::Entry(index))],
                    selected,
                    ..Row::default()
                }
            })
            .collect()
    }
}

/// The routes through the course, and which of them is followed.
fn routes(model: &Model, width: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let followed = model.route().map(|route| &route.name);
    for route in &model.course.meta.path {
        let stations = model.course.stations(route);
        let minutes = stations.iter().filter_map(|(_, step)| step.meta.minutes);
        let minutes: u32 = minutes.sum();
        let all = route.steps.is_empty() && followed.is_none();
        let sign = if followed == Some(&route.name) || all {
            "▸ "
        } else {
            "  "
        };
        let spans = [
            Span::new(&route.name, Role::Label),
            Span::new(format!("  {}", route.title), Role::Body),
            Span::new(format!("  {minutes} min"), Role::Dim),
        ];
        rows.extend(signed(sign, &spans, width, None));
    }
    if !rows.is_empty() {
        let words = "glassbox --path NAME follows another one.";
        rows.extend(text(words, Role::Dim, width));
        rows.push(Row::default());
    }
    rows
}

/// The names of the routes that a place is on, without those that have all.
fn short_route(model: &Model, place: usize) -> String {
    let id = &model.step_at(place).meta.id;
    let routes = model.course.meta.path.iter();
    let names: Vec<&str> = routes
        .filter(|route| route.steps.contains(id))
        .map(|route| route.name.as_str())
        .collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("  {}", names.join(" ")),
    }
}

/// Where the topmost popup stands, with its border.
pub(in crate::tui) fn area(model: &Model, rows: &[Row]) -> Rect {
    let lines = match model.popups.last().map(|popup| &popup.kind) {
        // A box that is typed into must not move with what is found.
        Some(Kind::Search { .. }) => usize::from(model.screen.size.1),
        Some(
            Kind::Help
            | Kind::Outline
            | Kind::Parts
            | Kind::Contents
            | Kind::Consent
            | Kind::Left(_)
            | Kind::End(_)
            | Kind::Notice(_),
        )
        | None => rows.len(),
    };
    layout::popup(model.screen.size, lines)
}

/// The lines of the topmost popup.
pub(in crate::tui) fn top_rows(model: &Model) -> Vec<Row> {
    let width = usize::from(layout::inner(layout::popup(model.screen.size, 0)).width);
    model
        .popups
        .last()
        .map_or(Vec::new(), |popup| popup.rows(model, width))
}

fn help(model: &Model, width: usize) -> Vec<Row> {
    let mut bindings: Vec<_> = keymap::applying(model, keymap::Context::Panes)
        .filter(|binding| !binding.shown.is_empty())
        .collect();
    // Of several rows for one key the first is the one that counts.
    bindings.dedup_by_key(|binding| binding.shown);
    let column = bindings
        .iter()
        .map(|b| b.shown.chars().count())
        .max()
        .unwrap_or(0)
        + 2;
    let mut rows = Vec::new();
    for binding in bindings {
        let spans = [Span::new(binding.help, Role::Body)];
        let lines = wrap(&spans, width.saturating_sub(column));
        rows.extend(lines.into_iter().enumerate().map(|(y, line)| {
            let key = if y == 0 { binding.shown } else { "" };
            let missing = column - key.chars().count();
            Row::from(line.prefixed(Span::new(
                format!("{key}{}", " ".repeat(missing)),
                Role::Label,
            )))
        }));
    }
    rows.push(Row::default());
    let mouse = match model.settings.mouse {
        true => {
            "The mouse works too: click tabs, choices, knobs; the wheel scrolls. \
                 Press m to select text with it instead."
        }
        false => "The mouse selects text. Press m to click and scroll with it instead.",
    };
    let spans = [Span::new(mouse, Role::Dim)];
    rows.extend(wrap(&spans, width).into_iter().map(Row::from));
    rows
}

fn leftovers(left: &[Leftover], width: usize) -> Vec<Row> {
    let head = "The run has ended, and could not remove all that it made.";
    let mut lines = wrap(&[Span::new(head, Role::Body)], width);
    lines.push(Line::default());
    lines.extend(render::leftovers(left, width));
    lines.into_iter().map(Row::from).collect()
}

fn notice(notes: &[String], width: usize) -> Vec<Row> {
    let mut parts: Vec<Vec<Row>> = notes
        .iter()
        .map(|note| text(visible(note), Role::Body, width))
        .collect();
    parts.push(text("Press Enter to go on.", Role::Dim, width));
    parts.join(&Row::default())
}

fn consent(model: &Model, width: usize) -> Vec<Row> {
    let head = "This lesson comes from a directory, not from Glassbox itself. \
                Run on your machine, this step does the following.";
    let mut lines = wrap(&[Span::new(head, Role::Body)], width);
    lines.push(Line::default());
    if let Some(scenario) = model.scenario() {
        lines.extend(render::consent(&scenario.plan, width));
    }
    lines.push(Line::default());
    let tail = "Press y if you agree; any other way out runs nothing.";
    lines.extend(wrap(&[Span::new(tail, Role::Strong)], width));
    lines.into_iter().map(Row::from).collect()
}
