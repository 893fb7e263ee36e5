//! The keys: one table from which keys are handled, the footer is filled and
//! the help is made, so that the three can't disagree.

use super::model::Model;
use super::popup::Kind;
use super::screen::{Pane, Tab};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// The natural next thing: answer, run, go on.
    Proceed,
    Next,
    Previous,
    Run,
    Reset,
    Pick(usize),
    CursorUp,
    CursorDown,
    KnobDown,
    KnobUp,
    Tab(Tab),
    NextTab,
    PreviousTab,
    Focus(Pane),
    Scroll(Scroll),
    Zoom,
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
    applies: fn(&Model) -> bool,
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
        .filter(move |binding| binding.context == context && (binding.applies)(model))
}

/// Where keys go now.
pub(super) fn context(model: &Model) -> Context {
    match model.popups.last().map(|popup| &popup.kind) {
        None => Context::Panes,
        Some(Kind::Outline | Kind::Search { .. }) => Context::List,
        Some(Kind::Consent) => Context::Ask,
        Some(Kind::Help | Kind::Left(_)) => Context::Read,
    }
}

fn always(_: &Model) -> bool {
    true
}

fn on_evidence(model: &Model) -> bool {
    model.screen.focus == Pane::Stage && model.screen.tab == Tab::Evidence
}

fn has_demo(model: &Model) -> bool {
    model.scenario().is_some()
}

fn asked(model: &Model) -> bool {
    model.open_question().is_some()
}

fn answering(model: &Model) -> bool {
    asked(model) && on_evidence(model)
}

fn choosing(model: &Model) -> bool {
    model
        .open_question()
        .is_some_and(|question| !question.choice.is_empty())
}

fn quizzing(model: &Model) -> bool {
    model.state().record.is_some() && !asked(model) && !model.busy() && !model.quiz_done()
}

fn runnable(model: &Model) -> bool {
    has_demo(model) && !model.busy() && model.state().record.is_none()
}

fn knob_count(model: &Model) -> usize {
    model
        .step()
        .demo
        .as_ref()
        .map_or(0, |demo| demo.knobs.len())
}

fn several_knobs(model: &Model) -> bool {
    on_evidence(model) && knob_count(model) > 1
}

fn turning(model: &Model) -> bool {
    on_evidence(model) && knob_count(model) > 0
}

fn turning_live(model: &Model) -> bool {
    turning(model) && model.live()
}

fn paused(model: &Model) -> bool {
    model.paused().is_some()
}

fn more(model: &Model) -> bool {
    model.at + 1 < model.count()
}

fn finished(model: &Model) -> bool {
    more(model) && !model.busy()
}

fn less(model: &Model) -> bool {
    model.at > 0
}

fn panics(model: &Model) -> bool {
    model.settings.panic_key
}

const fn row(
    keys: &'static [Key],
    shown: &'static str,
    hint: &'static str,
    help: &'static str,
    action: Action,
    applies: fn(&Model) -> bool,
) -> Binding {
    Binding {
        keys,
        shown,
        hint,
        help,
        action,
        context: Context::Panes,
        applies,
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
        applies: always,
    }
}

use Action as A;
use Key::{Char, Code, Ctrl};
const ENTER: Key = Code(KeyCode::Enter);
const ESC: Key = Code(KeyCode::Esc);
const UP: Key = Code(KeyCode::Up);
const DOWN: Key = Code(KeyCode::Down);
const LEFT: Key = Code(KeyCode::Left);
const RIGHT: Key = Code(KeyCode::Right);

/// The first row that matches wins: what is more particular stands above.
#[rustfmt::skip]
static TABLE: &[Binding] = &[
    row(&[ENTER], "Enter", "answer", "give this answer", A::Proceed, answering),
    row(&[ENTER], "Enter", "to the question", "go to the question", A::Proceed, asked),
    row(&[ENTER], "Enter", "go on", "go on with the questions", A::Proceed, quizzing),
    row(&[ENTER], "Enter", "run", "run the demo", A::Proceed, runnable),
    row(&[ENTER], "Enter", "go on", "go on with this stage of the demo", A::Proceed, paused),
    row(&[ENTER], "Enter", "go on", "enough of it: the demo goes on", A::Proceed, Model::live),
    row(&[ENTER], "Enter", "next step", "go to the next step", A::Proceed, finished),
    row(&[UP], "↑", "", "the answer above", A::CursorUp, answering),
    row(&[DOWN], "↓", "", "the answer below", A::CursorDown, answering),
    row(&[Char('a')], "a … f", "", "choose an answer by its letter", A::Pick(0), choosing),
    row(&[Char('b')], "", "", "", A::Pick(1), choosing),
    row(&[Char('c')], "", "", "", A::Pick(2), choosing),
    row(&[Char('d')], "", "", "", A::Pick(3), choosing),
    row(&[Char('e')], "", "", "", A::Pick(4), choosing),
    row(&[Char('f')], "", "", "", A::Pick(5), choosing),
    row(&[LEFT], "←  →", "change now", "change the value while it runs", A::KnobDown, turning_live),
    row(&[LEFT], "←  →", "change", "change the value, and run again", A::KnobDown, turning),
    row(&[RIGHT], "", "", "", A::KnobUp, turning),
    row(&[UP], "↑  ↓", "", "choose what ← → change", A::CursorUp, several_knobs),
    row(&[DOWN], "", "", "", A::CursorDown, several_knobs),
    row(&[Char('r')], "r", "run", "run the demo on this machine's kernel", A::Run, has_demo),
    row(&[Char('n'), RIGHT], "n", "next", "next step", A::Next, more),
    row(&[Char('p'), LEFT], "p", "back", "previous step", A::Previous, less),
    row(&[Code(KeyCode::Tab)], "Tab", "tab", "next tab of the stage", A::NextTab, always),
    row(&[Code(KeyCode::BackTab)], "Shift-Tab", "", "previous tab", A::PreviousTab, always),
    row(&[Char('1')], "1 2 3 4", "", "Evidence, Syscalls, By hand, In Docker", A::Tab(Tab::Evidence), always),
    row(&[Char('2')], "", "", "", A::Tab(Tab::Syscalls), always),
    row(&[Char('3')], "", "", "", A::Tab(Tab::ByHand), always),
    row(&[Char('4')], "", "", "", A::Tab(Tab::InDocker), always),
    row(&[Char('h')], "h  l", "pane", "go to the explanation, to the stage", A::Focus(Pane::Prose), always),
    row(&[Char('l')], "", "", "", A::Focus(Pane::Stage), always),
    row(&[Char('j'), DOWN], "j  k", "scroll", "scroll by a line (also ↓ ↑)", A::Scroll(Scroll::Lines(1)), always),
    row(&[Char('k'), UP], "", "", "", A::Scroll(Scroll::Lines(-1)), always),
    row(&[Code(KeyCode::PageDown), Char(' ')], "PgDn  PgUp", "", "scroll by a page (also Space)", A::Scroll(Scroll::Pages(1)), always),
    row(&[Code(KeyCode::PageUp)], "", "", "", A::Scroll(Scroll::Pages(-1)), always),
    row(&[Char('g'), Code(KeyCode::Home)], "g  G", "", "to the start, to the end", A::Scroll(Scroll::Start), always),
    row(&[Char('G'), Code(KeyCode::End)], "", "", "", A::Scroll(Scroll::End), always),
    row(&[Char('z')], "z", "zoom", "show only this pane, or both again", A::Zoom, always),
    row(&[Char('x')], "x", "", "start this step afresh", A::Reset, has_demo),
    row(&[Char('o')], "o", "outline", "all steps: jump to one", A::Outline, always),
    row(&[Char('/')], "/", "find", "search all lessons", A::Search, always),
    row(&[Char('m')], "m", "", "mouse for Glassbox, or to select text", A::Mouse, always),
    row(&[Char('t')], "t", "", "other colours", A::Theme, always),
    row(&[Char('?'), Code(KeyCode::F(1))], "?", "", "these keys", A::Help, always),
    row(&[Char('q'), Ctrl('c')], "q", "", "quit", A::Quit, always),
    row(&[Ctrl('z')], "Ctrl-Z", "", "suspend; `fg` comes back", A::Suspend, always),
    row(&[Code(KeyCode::F(12))], "", "", "", A::Panic, panics),

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
