//! Questions: asked, compared with what was observed, and summed up.

use crate::check::Question;
use crate::plan::History;
use crate::render::{Role, Span};
use crate::tui::model::Model;
use crate::tui::question::{Answer, Asked, compare};
use crate::tui::rows::{Row, Target, signed, text};

/// A question that waits for its answer.
pub(super) fn ask(head: &str, question: &Question, asked: &Asked, width: usize) -> Vec<Row> {
    let mut lines = text(format!("{head}: {}", question.ask), Role::Strong, width);
    for (index, choice) in question.choice.iter().enumerate() {
        let selected = asked.cursor == index;
        let sign = format!("{} {}) ", if selected { "▸" } else { " " }, letter(index));
        let role = if selected { Role::Strong } else { Role::Body };
        let spans = [Span::new(&choice.text, role)];
        let mut choice = signed(&sign, &spans, width, Some(Target::Choice(index)));
        choice.iter_mut().for_each(|row| row.selected = selected);
        lines.extend(choice);
    }
    if question.number.is_some() {
        let typed = format!("  Your number: {}▏", asked.typed);
        lines.extend(text(typed, Role::Label, width));
    }
    lines
}

/// The letter of a choice.
pub(super) fn letter(index: usize) -> char {
    char::from(b'a' + (index % 26) as u8)
}

/// What was said beside what was observed, after a question of a quiz.
fn compared(question: &Question, answer: Answer, history: &History, width: usize) -> Vec<Row> {
    let mut lines = text(&question.ask, Role::Strong, width);
    lines.extend(verdict(question, Some(answer), history, width));
    lines
}

/// What was said beside what was observed.
pub(super) fn verdict(
    question: &Question,
    answer: Option<Answer>,
    history: &History,
    width: usize,
) -> Vec<Row> {
    let found = compare(question, answer, history);
    let mut said = match (&found.said, answer) {
        (Some(said), Some(Answer::Choice(index))) => {
            vec![Span::new(format!("{}  {said}", letter(index)), Role::Body)]
        }
        (Some(said), _) => vec![Span::new(said, Role::Body)],
        (None, _) => vec![Span::new("nothing, this time", Role::Dim)],
    };
    match found.right {
        Some(true) => said.push(Span::new("  ✓ right", Role::Good)),
        Some(false) => said.push(Span::new("  ✗ not so", Role::Bad)),
        None => {}
    }
    let mut lines = signed("You said  ", &said, width, None);
    let observed = match &found.observed {
        Ok(text) => Span::new(text, Role::Strong),
        Err(because) => Span::new(format!("? {because}"), Role::Warn),
    };
    lines.extend(signed("Observed  ", &[observed], width, None));
    if let Some(because) = &found.because {
        lines.extend(text(because, Role::Body, width));
    }
    // The moral of an observation needs the observation.
    if let (Some(then), Ok(_)) = (&question.then, &found.observed) {
        lines.extend(text(then, Role::Body, width));
    }
    lines
}

/// The quiz: one question after the other, then the score and the lock.
pub(super) fn quiz(model: &Model, width: usize) -> Vec<Row> {
    let (Some(quiz), Some(record)) = (model.step().quiz(), &model.state().record) else {
        return Vec::new();
    };
    if model.busy() || !model.state().quiz.begun {
        return Vec::new();
    }
    let progress = &model.state().quiz;
    let total = quiz.question.len();
    let Some(question) = quiz.question.get(progress.at) else {
        return score(model, &record.history, width);
    };
    let asked = progress.asked(progress.at);
    let head = format!("Question {} of {total}", progress.at + 1);
    match asked.answer {
        None if progress.aside => {
            let words = format!("{head} waits: e or Enter brings it back.");
            text(words, Role::Label, width)
        }
        None => ask(&head, question, &asked, width),
        Some(answer) => {
            let mut lines = compared(question, answer, &record.history, width);
            lines.push(Row::default());
            let next = match progress.at + 1 == total {
                true => "Press Enter for your score.",
                false => "Press Enter for the next question.",
            };
            lines.extend(text(next, Role::Label, width));
            lines
        }
    }
}

fn score(model: &Model, history: &History, width: usize) -> Vec<Row> {
    let Some(quiz) = model.step().quiz() else {
        return Vec::new();
    };
    let mut right = 0;
    let mut list = Vec::new();
    for (index, question) in quiz.question.iter().enumerate() {
        let answer = model.state().quiz.asked(index).answer;
        let found = compare(question, answer, history);
        let (sign, role) = match found.right {
            Some(true) => ("✓ ", Role::Good),
            Some(false) => ("✗ ", Role::Bad),
            None => ("? ", Role::Warn),
        };
        right += usize::from(found.right == Some(true));
        let observed = found.observed.unwrap_or_else(|because| because);
        let spans = [
            Span::new(&question.ask, role),
            Span::new(format!("  {observed}"), Role::Body),
        ];
        list.extend(signed(sign, &spans, width, None));
    }
    let total = quiz.question.len();
    let words = match right == total {
        true => "All of them right, by this kernel's own word.",
        false => "Press x to try again.",
    };
    let mut lines = text(
        format!("You have {right} of {total} right. {words}"),
        Role::Strong,
        width,
    );
    lines.extend(list);
    lines
}
