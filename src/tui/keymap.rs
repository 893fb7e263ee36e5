//! The keys: one table from which keys are handled, the footer is filled and
//! the help is made, so that the three can't disagree.

use super::model::Model;
use super::popup::Kind;
use super::screen::{Pane, Tab};
use super::way::Next;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::ops::Range;

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// The natural next thing: answer, run, go on.
    Proceed,
    /// What came before.
    Back,
    Next,
    Previous,
    Run,
    Reset,
    Pick(usize),
    CursorUp,
    CursorDown,
    KnobDown,
    KnobUp,
    OtherKnob(isize),
    /// The evidence without the question that is open, and back.
    Evidence,
    Sources,
    /// The parts, and which of them act.
    Parts,
    /// What the messages in view hold.
    Contents,
    Claims,
    LeanBack,
    OtherPane,
    Tab(Tab),
    NextTab,
    PreviousTab,
    Focus(Pane),
    Scroll(Scroll),
    Zoom,
    Big,
    Outline,
    Search,
    Mouse,
    Theme,
    Help,
    Quit,
    Suspend,
    /// Take the popup's entry under the cursor.
    Accept,
    /// Say yes to the popup.
    Agree,
    /// Close the popup.
    Close,
    /// Provoke a panic, in tests.
    Panic,
}

/// How far to scroll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scroll {
    Lines(isize),
    Pages(isize),
    Start,
    End,
}

/// Where keys go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// No popup is open.
    Panes,
    /// A popup with a list.
    List,
    /// A popup that asks.
    Ask,
    /// A popup to read.
    Read,
}

/// One row of the table.
pub(super) struct Binding {
    keys: &'static [Key],
    /// As the help writes them; empty keeps the row out of it.
    pub(super) shown: &'static str,
    /// For the footer; empty keeps the row out of it.
    pub(super) hint: &'static str,
    pub(super) help: &'static str,
    action: Action,
    context: Context,
    when: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Char(char),
    Ctrl(char),
    Code(KeyCode),
}

impl Key {
    fn matches(self, event: &KeyEvent) -> bool {
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let alt = event.modifiers.contains(KeyModifiers::ALT);
        match self {
            Key::Char(c) => !ctrl && !alt && event.code == KeyCode::Char(c),
            Key::Ctrl(c) => ctrl && !alt && event.code == KeyCode::Char(c),
            Key::Code(code) => !alt && event.code == code,
        }
    }
}

/// What a key event asks for now.
pub(super) fn lookup(model: &Model, event: &KeyEvent) -> Option<Action> {
    applying(model, context(model))
        .find(|binding| binding.keys.iter().any(|key| key.matches(event)))
        .map(|binding| binding.action)
}

/// The rows that apply now, in the order of the table.
pub(super) fn applying(model: &Model, context: Context) -> impl Iterator<Item = &'static Binding> {
    TABLE
        .iter()
        .filter(move |binding| binding.context == context && (binding.when.holds)(model))
}

/// A key as the footer offers it.
pub(super) struct Hint {
    pub(super) key: &'static str,
    pub(super) what: &'static str,
    /// Where it stands, in cells from the left.
    pub(super) cells: Range<usize>,
    /// What a click on it does.
    pub(super) action: Action,
}

/// The keys that apply now, as many as fit into this width; `?` shows them all.
pub(super) fn hints(model: &Model, width: usize) -> Vec<Hint> {
    let context = context(model);
    let mut hints: Vec<(&str, &str, Action)> = Vec::new();
    for binding in applying(model, context) {
        let taken = hints.iter().any(|(key, _, _)| *key == binding.shown);
        if !binding.hint.is_empty() && !taken {
            hints.push((binding.shown, binding.hint, binding.action));
        }
    }
    let last: &[(&str, &str, Action)] = match context {
        Context::Panes => &[("?", "all keys", A::Help), ("q", "quit", A::Quit)],
        Context::List | Context::Ask | Context::Read => &[],
    };
    let size =
        |(key, what, _): &(&str, &str, Action)| key.chars().count() + 1 + what.chars().count() + 3;
    let mut room = width.saturating_sub(1 + last.iter().map(size).sum::<usize>());
    let fitting = hints.iter().take_while(|hint| {
        let fits = size(hint) <= room;
        room = room.saturating_sub(size(hint));
        fits
    });
    let mut at = 1;
    let placed = fitting.chain(last).map(|hint| {
        let cells = at..at + size(hint) - 3;
        at += size(hint);
        let (key, what, action) = *hint;
        Hint {
            key,
            what,
            cells,
            action,
        }
    });
    placed.collect()
}

/// The table as docs/keys.md has it.
#[cfg(test)]
pub(super) fn markdown() -> String {
    let rows = TABLE.iter().filter(|binding| !binding.help.is_empty());
    let lines = rows.map(|binding| {
        let (shown, when) = (binding.shown, binding.when.words);
        format!("| `{shown}` | {when} | {} |\n", binding.help)
    });
    format!(
        "| key | when | what it does |\n|---|---|---|\n{}",
        lines.collect::<String>()
    )
}

/// Keys that mean one thing here and another there though no question is open: the
/// answers and the arrows at a question are the one exception.
#[cfg(test)]
pub(super) fn ambiguous() -> Vec<String> {
    let of_question = |when: &When| {
        when.words.contains("question is open") || when.words.contains("open question")
    };
    let panes = TABLE
        .iter()
        .filter(|row| row.context == Context::Panes && !of_question(&row.when));
    let mut found = Vec::new();
    for row in panes.clone() {
        for other in panes.clone() {
            let shared = row.keys.iter().any(|key| other.keys.contains(key));
            if shared && row.action != other.action {
                found.push(format!("`{}` and `{}`", row.help, other.help));
            }
        }
    }
    found
}

/// Where keys go now.
pub(super) fn context(model: &Model) -> Context {
    match model.popups.last().map(|popup| &popup.kind) {
        None => Context::Panes,
        Some(Kind::Outline | Kind::Search { .. } | Kind::End(_)) => Context::List,
        Some(Kind::Consent) => Context::Ask,
        Some(Kind::Help | Kind::Parts | Kind::Contents | Kind::Left(_) | Kind::Notice(_)) => {
            Context::Read
        }
    }
}

/// When a row of the table applies.
struct When {
    /// As docs/keys.md says it; empty where it goes without saying.
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "read by the test that holds the page against this table"
        )
    )]
    words: &'static str,
    holds: fn(&Model) -> bool,
}

const fn when(words: &'static str, holds: fn(&Model) -> bool) -> When {
    When { words, holds }
}

const ALWAYS: When = when("", |_| true);
const READING: When = when("something is unread", |model| {
    matches!(model.natural(), Next::Read(_))
});
const TO_QUESTION: When = when("a question is open", |model| {
    model.natural() == Next::Question
});
const ANSWERING: When = when("at an open question", |model| {
    model.natural() == Next::Answer
});
const RUNNABLE: When = when("the demo has not run", |model| model.natural() == Next::Run);
const BEATING: When = when("the demo is told", |model| {
    matches!(model.natural(), Next::Beat | Next::Word)
});
const ENOUGH: When = when("a chart moves", |model| model.natural() == Next::Enough);
const JUDGING: When = when("after the last beat", |model| match model.natural() {
    Next::Verdict => true,
    Next::Word => model.newest() + 1 == model.beat_count(),
    _ => false,
});
const QUIZZING: When = when("a quiz is ahead", |model| model.natural() == Next::Quiz);
const STEPPING: When = when("nothing is unread", |model| model.natural() == Next::Step);
const ENDING: When = when("a lesson is through", |model| {
    model.natural() == Next::Lesson
});
const IN_QUIZ: When = when("a question is open after the run", |model| {
    model.open_question().is_some() && model.state().record.is_some()
});
const FIVE: When = when("a question is open", |model| choices(model) > 4);
const SIX: When = when("a question is open", |model| choices(model) > 5);
/// A question with choices is open.
const CHOOSING: When = when("a question is open", |model| choices(model) > 0);
const ON_CHOICES: When = when("at an open question", |model| {
    (CHOOSING.holds)(model) && on_evidence(model)
});
const PREDICTING: When = when("a prediction is asked for", |model| {
    model.open_question().is_some() && model.state().record.is_none()
});
const RUNNING: When = when("the demo runs", |model| model.running().is_some());
const HAS_DEMO: When = when("", |model| model.scenario().is_some() && !model.busy());
const HAS_RUN: When = when("", |model| model.observed().is_some());
const TALKS: When = when("messages have passed", |model| model.talk().is_some());
const HAS_KNOB: When = when("the demo has a knob", |model| knobs(model) > 0);
const TURNS_LIVE: When = when("a chart moves", |model| knobs(model) > 0 && model.live());
const TURNS: When = when("the demo has a knob", |model| {
    knobs(model) > 0 && !model.busy()
});
const HAS_KNOBS: When = when("it has several", |model| knobs(model) > 1);
const MORE: When = when("", |model| model.beside(true).is_some());
const LESS: When = when("", |model| model.beside(false).is_some());
const PANICS: When = when("", |model| model.settings.panic_key);

fn choices(model: &Model) -> usize {
    let question = model.open_question();
    question.map_or(0, |question| question.choice.len())
}

fn on_evidence(model: &Model) -> bool {
    model.screen.focus == Pane::Stage && model.screen.tab == Tab::Evidence
}

fn knobs(model: &Model) -> usize {
    let demo = model.step().demo();
    demo.map_or(0, |demo| demo.knobs.len())
}

const fn row(
    keys: &'static [Key],
    shown: &'static str,
    hint: &'static str,
    help: &'static str,
    action: Action,
    when: When,
) -> Binding {
    Binding {
        keys,
        shown,
        hint,
        help,
        action,
        context: Context::Panes,
        when,
    }
}

const fn within(
    context: Context,
    keys: &'static [Key],
    shown: &'static str,
    hint: &'static str,
    action: Action,
) -> Binding {
    Binding {
        keys,
        shown,
        hint,
        help: "",
        action,
        context,
        when: ALWAYS,
    }
}

use Action as A;
use Key::{Char, Code, Ctrl};
const ENTER: Key = Code(KeyCode::Enter);
const SPACE: Key = Char(' ');
const ESC: Key = Code(KeyCode::Esc);
const UP: Key = Code(KeyCode::Up);
const DOWN: Key = Code(KeyCode::Down);
const LEFT: Key = Code(KeyCode::Left);
const RIGHT: Key = Code(KeyCode::Right);

/// The first row that matches wins: what is more particular stands above.
#[rustfmt::skip]
static TABLE: &[Binding] = &[
    row(&[ENTER, SPACE], "Enter", "read on", "read on: what is unread comes first (also Space, everywhere)", A::Proceed, READING),
    row(&[ENTER, SPACE], "Enter", "say it", "give the answer that is chosen", A::Proceed, ANSWERING),
    row(&[ENTER, SPACE], "Enter", "to the question", "go to the question", A::Proceed, TO_QUESTION),
    row(&[ENTER, SPACE], "Enter", "run", "run the demo, beat by beat", A::Proceed, RUNNABLE),
    row(&[ENTER, SPACE], "Enter", "the verdict", "what was said beside what was observed", A::Proceed, JUDGING),
    row(&[ENTER, SPACE], "Enter", "next beat", "the next beat", A::Proceed, BEATING),
    row(&[ENTER, SPACE], "Enter", "enough", "enough of it: the demo goes on", A::Proceed, ENOUGH),
    row(&[ENTER, SPACE], "Enter", "go on", "go on with the questions", A::Proceed, QUIZZING),
    row(&[ENTER, SPACE], "Enter", "next step", "go to the next step", A::Proceed, STEPPING),
    row(&[ENTER, SPACE], "Enter", "the lesson's end", "what to keep of the lesson, the score, and where to look again", A::Proceed, ENDING),
    row(&[Char('a')], "a … f", "choose", "choose an answer by its letter", A::Pick(0), CHOOSING),
    row(&[Char('b')], "", "", "", A::Pick(1), CHOOSING),
    row(&[Char('c')], "", "", "", A::Pick(2), CHOOSING),
    row(&[Char('d')], "", "", "", A::Pick(3), CHOOSING),
    row(&[Char('e')], "", "", "", A::Pick(4), FIVE),
    row(&[Char('f')], "", "", "", A::Pick(5), SIX),
    row(&[UP], "↑  ↓", "", "the answer above, below", A::CursorUp, ON_CHOICES),
    row(&[DOWN], "", "", "", A::CursorDown, ON_CHOICES),
    row(&[Code(KeyCode::Backspace)], "Bksp", "back", "one beat back, from what was recorded; in a text one screen", A::Back, HAS_RUN),
    row(&[Char('r')], "r", "run through", "let the demo go through without a wait", A::Run, RUNNING),
    row(&[Char('r')], "r", "run without", "run without predicting, and go through", A::Run, PREDICTING),
    row(&[Char('r')], "r", "run", "run the demo, and go through", A::Run, HAS_DEMO),
    row(&[Char('w')], "w", "", "lean back: what comes next comes by itself, every 6 seconds; and no longer", A::LeanBack, ALWAYS),
    row(&[Char(']')], "[  ]", "change now", "change the value while it runs", A::KnobUp, TURNS_LIVE),
    row(&[Char(']')], "[  ]", "change", "change the value, and run again", A::KnobUp, TURNS),
    row(&[Char(']')], "", "", "", A::KnobUp, HAS_KNOB),
    row(&[Char('[')], "", "", "", A::KnobDown, HAS_KNOB),
    row(&[Char('}')], "{  }", "", "choose which value [ ] change", A::OtherKnob(1), HAS_KNOBS),
    row(&[Char('{')], "", "", "", A::OtherKnob(-1), HAS_KNOBS),
    row(&[Char('e')], "e", "the evidence", "the evidence without the question, and back", A::Evidence, IN_QUIZ),
    row(&[Char('e')], "e", "explanation", "go to the explanation", A::Focus(Pane::Prose), ALWAYS),
    row(&[Char('s')], "s", "sources", "show where each value comes from, or no longer", A::Sources, HAS_RUN),
    row(&[Char('i')], "i", "bodies", "what the messages of this beat hold", A::Contents, TALKS),
    row(&[Char('v')], "v", "the parts", "the parts of Docker, and which of them act", A::Parts, TALKS),
    row(&[Char('c')], "c", "claims", "show the claims one by one, or in a line", A::Claims, HAS_RUN),
    row(&[Char('n')], "n", "next", "next step", A::Next, MORE),
    row(&[Char('p')], "p", "previous", "previous step", A::Previous, LESS),
    row(&[Char('x')], "x", "", "start this step afresh", A::Reset, ALWAYS),
    row(&[Code(KeyCode::Tab), Code(KeyCode::BackTab), Char('h'), Char('l')], "Tab", "", "the other pane (also h l)", A::OtherPane, ALWAYS),
    row(&[Char('1')], "1 2 3 4", "", "Evidence, Syscalls, By hand, In Docker", A::Tab(Tab::Evidence), ALWAYS),
    row(&[Char('2')], "", "", "", A::Tab(Tab::Syscalls), ALWAYS),
    row(&[Char('3')], "", "", "", A::Tab(Tab::ByHand), ALWAYS),
    row(&[Char('4')], "", "", "", A::Tab(Tab::InDocker), ALWAYS),
    row(&[RIGHT], "←  →", "", "the tab beside this one", A::NextTab, ALWAYS),
    row(&[LEFT], "", "", "", A::PreviousTab, ALWAYS),
    row(&[Char('j'), DOWN], "j  k", "", "scroll by a line (also ↓ ↑)", A::Scroll(Scroll::Lines(1)), ALWAYS),
    row(&[Char('k'), UP], "", "", "", A::Scroll(Scroll::Lines(-1)), ALWAYS),
    row(&[Code(KeyCode::PageDown)], "PgDn  PgUp", "", "scroll by a page", A::Scroll(Scroll::Pages(1)), ALWAYS),
    row(&[Code(KeyCode::PageUp)], "", "", "", A::Scroll(Scroll::Pages(-1)), ALWAYS),
    row(&[Char('g'), Code(KeyCode::Home)], "g  G", "", "to the start, to the end (also Home, End)", A::Scroll(Scroll::Start), ALWAYS),
    row(&[Char('G'), Code(KeyCode::End)], "", "", "", A::Scroll(Scroll::End), ALWAYS),
    row(&[Char('z')], "z", "", "show only this pane, or both again", A::Zoom, ALWAYS),
    row(&[Char('B')], "B", "", "big: the beat alone, for a room to read; and no longer", A::Big, ALWAYS),
    row(&[Char('o')], "o", "outline", "all steps: jump to one", A::Outline, ALWAYS),
    row(&[Char('/')], "/", "find", "search all lessons", A::Search, ALWAYS),
    row(&[Char('m')], "m", "", "mouse for Glassbox, or to select text", A::Mouse, ALWAYS),
    row(&[Char('t')], "t", "", "other colours", A::Theme, ALWAYS),
    row(&[Char('?'), Code(KeyCode::F(1))], "?", "", "the keys that do something now", A::Help, ALWAYS),
    row(&[Char('q'), Ctrl('c')], "q", "", "quit (also Ctrl-C)", A::Quit, ALWAYS),
    row(&[Ctrl('z')], "Ctrl-Z", "", "suspend; `fg` comes back", A::Suspend, ALWAYS),
    row(&[Code(KeyCode::F(12))], "", "", "", A::Panic, PANICS),

    within(Context::List, &[ENTER], "Enter", "go there", A::Accept),
    within(Context::List, &[UP], "↑  ↓", "choose", A::CursorUp),
    within(Context::List, &[DOWN], "", "", A::CursorDown),
    within(Context::List, &[Code(KeyCode::PageDown)], "", "", A::Scroll(Scroll::Pages(1))),
    within(Context::List, &[Code(KeyCode::PageUp)], "", "", A::Scroll(Scroll::Pages(-1))),
    within(Context::List, &[Code(KeyCode::Home)], "", "", A::Scroll(Scroll::Start)),
    within(Context::List, &[Code(KeyCode::End)], "", "", A::Scroll(Scroll::End)),
    // In the search these are letters; it takes them before this table is asked.
    within(Context::List, &[Char('j')], "", "", A::CursorDown),
    within(Context::List, &[Char('k')], "", "", A::CursorUp),
    within(Context::List, &[Char('g')], "", "", A::Scroll(Scroll::Start)),
    within(Context::List, &[Char('G')], "", "", A::Scroll(Scroll::End)),
    within(Context::List, &[ESC, Char('q'), Char('o')], "Esc", "close", A::Close),
    within(Context::List, &[Ctrl('c')], "", "", A::Quit),
    within(Context::List, &[Ctrl('z')], "", "", A::Suspend),

    within(Context::Ask, &[Char('y')], "y", "yes, run it", A::Agree),
    within(Context::Ask, &[ESC, Char('n'), Char('q')], "n", "no", A::Close),
    within(Context::Ask, &[DOWN, Char('j')], "j  k", "scroll", A::Scroll(Scroll::Lines(1))),
    within(Context::Ask, &[UP, Char('k')], "", "", A::Scroll(Scroll::Lines(-1))),
    within(Context::Ask, &[Code(KeyCode::PageDown), Char(' ')], "", "", A::Scroll(Scroll::Pages(1))),
    within(Context::Ask, &[Code(KeyCode::PageUp)], "", "", A::Scroll(Scroll::Pages(-1))),
    within(Context::Ask, &[Ctrl('c')], "", "", A::Quit),
    within(Context::Ask, &[Ctrl('z')], "", "", A::Suspend),

    within(Context::Read, &[ESC, Char('q'), Char('?'), ENTER], "Esc", "close", A::Close),
    within(Context::Read, &[DOWN, Char('j')], "j  k", "scroll", A::Scroll(Scroll::Lines(1))),
    within(Context::Read, &[UP, Char('k')], "", "", A::Scroll(Scroll::Lines(-1))),
    within(Context::Read, &[Code(KeyCode::PageDown), Char(' ')], "", "", A::Scroll(Scroll::Pages(1))),
    within(Context::Read, &[Code(KeyCode::PageUp)], "", "", A::Scroll(Scroll::Pages(-1))),
    within(Context::Read, &[Char('g'), Code(KeyCode::Home)], "", "", A::Scroll(Scroll::Start)),
    within(Context::Read, &[Char('G'), Code(KeyCode::End)], "", "", A::Scroll(Scroll::End)),
    within(Context::Read, &[Ctrl('c')], "", "", A::Quit),
    within(Context::Read, &[Ctrl('z')], "", "", A::Suspend),
];
