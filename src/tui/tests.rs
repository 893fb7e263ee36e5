//! Keys in, screens and effects out: the whole program without terminal and
//! kernel. Runs are fed by fabricated events.

mod beats;
mod charts;
mod kept;
mod stages;
mod steps;

use super::effect::Effect;
use super::model::{Model, Phase, Settings};
use super::msg::{Msg, News, RunId};
use super::screen::{Pane, Tab};
use super::theme::Theme;
use super::update::{settle, update};
use super::view::view;
use super::way::Next;
use crate::base::Errno;
use crate::course::{
    Block, Course, Document, Inline, KnobValue, Lesson, LessonMeta, Origin, PackMeta, Quiz, Step,
    StepId, StepMeta, demo_from_toml,
};
use crate::plan::{Event, Fact, Namespace, Need, Observer, Provenance, Refusal, Syscall, Value};
use crate::render::Signs;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use proptest::prelude::*;
use ratatui::backend::TestBackend;
use ratatui::style::{Modifier, Style};

const DEMO: &str = r#"
[[knob]]
name = "name"
label = "Host name"
values = ["kettle", "teapot", "urn"]

[predict]
ask = "The box renames itself to ${name}. What is the host called then?"
then = "Two namespaces, two names."
[[predict.choice]]
text = "${name} as well"
when = { fact = "host/hostname", is = "${name}" }
[[predict.choice]]
text = "What it was called before"
when = { fact = "host/hostname", is-not = "${name}" }

[[box]]
name = "box"
namespaces = ["uts"]

[[action]]
in = "box"
do.set-hostname = "${name}"
say = "The box takes a new name."

[[action]]
in = "box"
do.probe = ["hostname"]

[[action]]
in = "host"
do.probe = ["hostname"]

[[show]]
label = "hostname"
inside = "box/hostname"
outside = "host/hostname"

[[expect]]
claim = "The box has the new name."
when = { fact = "box/hostname", is = "${name}" }
"#;

const PLAIN: &str = r#"
[[action]]
in = "host"
do.probe = ["hostname", "pid"]
[[show]]
label = "hostname"
outside = "host/hostname"
[[expect]]
claim = "There is a name."
when = { fact = "host/hostname", is-not = "" }
"#;

const QUIZ: &str = r#"
[[question]]
ask = "What is the machine called?"
[[question.choice]]
text = "vm"
when = { fact = "host/hostname", is = "vm" }
[[question.choice]]
text = "something else"
when = { fact = "host/hostname", is-not = "vm" }
[[question]]
ask = "Which process id has the observer?"
number = "host/pid"
"#;

fn prose(words: &str) -> Document {
    let paragraph = |text: &str| Block::Paragraph(vec![Inline::Text(text.trim().into())]);
    Document {
        blocks: words.split_terminator('|').map(paragraph).collect(),
    }
}

fn step(number: u32, id: &str, title: &str, demo: &str) -> Step {
    let long = "A UTS namespace holds the hostname and the NIS domain name. | \
                Each box that has one may call itself what it likes, and the host \
                does not even notice. | 容器 means container; so does 👩‍🚀's box. |"
        .repeat(3);
    let demo = (!demo.is_empty()).then(|| demo_from_toml(demo).expect("the demo is right"));
    Step {
        file: format!("01-namespaces/{number:02}-{id}.md").into(),
        number,
        meta: StepMeta {
            id: StepId(id.into()),
            title: title.into(),
            minutes: None,
        },
        prose: prose(&long),
        result: Document::default(),
        by_hand: Document {
            blocks: vec![Block::Code(
                "sh".into(),
                "unshare --map-root-user --uts sh -c 'hostname kettle; hostname'\n".into(),
            )],
        },
        in_docker: Document::default(),
        notes: Vec::new(),
        blocks: Default::default(),
    }
    .with(demo, None)
}

fn course() -> Course {
    let last = step(3, "lock", "What stays", PLAIN);
    let demo = last.demo().cloned();
    let last = last.with(demo, Some(toml::from_str::<Quiz>(QUIZ).unwrap()));
    let mut reading = step(2, "reading", "A page to read, about sharks", "");
    reading.prose = prose("Sharks have no namespaces.");
    Course {
        origin: Origin::Embedded,
        lessons: vec![Lesson {
            number: 1,
            name: "namespaces".into(),
            meta: LessonMeta {
                title: "Namespaces".into(),
                summary: "What a process sees.".into(),
                lock: "A namespace decides what a process sees.".into(),
                minutes: 20,
            },
            steps: vec![step(1, "uts", "A hostname of its own", DEMO), reading, last],
        }],
        meta: PackMeta::default(),
    }
}

/// The program under test.
struct App {
    model: Model,
    effects: Vec<Effect>,
}

impl App {
    fn new(width: u16, height: u16) -> App {
        App::with(course(), width, height)
    }

    fn with(course: Course, width: u16, height: u16) -> App {
        let settings = Settings {
            theme: Theme::Dark,
            follows: false,
            sources: false,
            claims: false,
            color: true,
            mouse: true,
            signs: Signs::Unicode,
            panic_key: false,
        };
        let mut app = App {
            model: Model::new(course, 0, settings),
            effects: Vec::new(),
        };
        app.send(Msg::Resize(width, height));
        app
    }

    fn send(&mut self, msg: Msg) -> &mut App {
        let effects = update(&mut self.model, msg);
        self.effects.extend(effects);
        self
    }

    /// Presses keys: single characters, or names such as `Enter`.
    fn press(&mut self, keys: &str) -> &mut App {
        for key in keys.split(' ') {
            let code = match key {
                "Enter" => KeyCode::Enter,
                "Esc" => KeyCode::Esc,
                "Up" => KeyCode::Up,
                "Down" => KeyCode::Down,
                "Left" => KeyCode::Left,
                "Right" => KeyCode::Right,
                "Tab" => KeyCode::Tab,
                "PgDn" => KeyCode::PageDown,
                "Back" => KeyCode::Backspace,
                one => KeyCode::Char(one.chars().next().unwrap()),
            };
            self.send(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        }
        self
    }

    /// Presses Enter: as often as there is more to read, and once more.
    fn enter(&mut self) -> &mut App {
        loop {
            settle(&mut self.model);
            let reading = matches!(self.model.natural(), Next::Read(_));
            self.press("Enter");
            if !reading {
                return self;
            }
        }
    }

    fn mouse(&mut self, kind: MouseEventKind, column: u16, row: u16) -> &mut App {
        self.send(Msg::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        }))
    }

    /// Clicks the first cell where this text is on the screen.
    fn click(&mut self, text: &str) -> &mut App {
        let screen = self.screen();
        let (y, line) = screen
            .lines()
            .enumerate()
            .find(|(_, line)| line.contains(text))
            .unwrap_or_else(|| panic!("`{text}` is not on the screen:\n{screen}"));
        let before = &line[..line.find(text).unwrap()];
        let x = crate::render::Line::of(before, crate::render::Role::Body).width();
        self.mouse(MouseEventKind::Down(MouseButton::Left), x as u16, y as u16)
    }

    /// The id of the last run that was asked for.
    fn run_id(&self) -> RunId {
        let ids = self.effects.iter().filter_map(|effect| match effect {
            Effect::Run { id, .. } => Some(*id),
            Effect::Stop(_)
            | Effect::Limit(..)
            | Effect::Enough(..)
            | Effect::Mouse(_)
            | Effect::Wake
            | Effect::Suspend => None,
        });
        ids.max().expect("a run was asked for")
    }

    fn runs(&self) -> usize {
        let run = |effect: &&Effect| matches!(effect, Effect::Run { .. });
        self.effects.iter().filter(run).count()
    }

    fn event(&mut self, id: RunId, event: Event) -> &mut App {
        self.send(Msg::Run(id, News::Event(event)))
    }

    /// Feeds what a run of the demo tells, up to its end.
    fn observe(&mut self, name: &str) -> &mut App {
        let id = self.run_id();
        for event in events(name) {
            self.event(id, event);
        }
        self.send(Msg::Run(id, News::Ended))
    }

    fn screen(&mut self) -> String {
        settle(&mut self.model);
        let (width, height) = self.model.screen.size;
        let mut terminal = ratatui::Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view(&self.model, frame)).unwrap();
        text_of(terminal.backend().buffer())
    }

    fn shows(&mut self, text: &str) -> &mut App {
        let screen = self.screen();
        assert!(screen.contains(text), "`{text}` is missing:\n{screen}");
        self
    }

    fn hides(&mut self, text: &str) -> &mut App {
        let screen = self.screen();
        assert!(!screen.contains(text), "`{text}` is there:\n{screen}");
        self
    }
}

/// The text of a buffer, without the blanks behind wide characters.
fn text_of(buffer: &ratatui::buffer::Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut skip = 0;
        let mut line = String::new();
        for x in 0..buffer.area.width {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = crate::render::Line::of(symbol, crate::render::Role::Body)
                .width()
                .max(1)
                - 1;
            line.push_str(symbol);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn fact(id: &str, value: Value) -> Event {
    Event::Fact(Fact {
        id: id.parse().unwrap(),
        value: Some(value),
        source: "uname(2)".into(),
        provenance: Provenance::Observed,
    })
}

fn events(name: &str) -> Vec<Event> {
    vec![
        Event::Started(Observer {
            scope: None,
            kernel: "6.18.0".into(),
            uid: 1000,
            supervisor: 4890,
        }),
        Event::Doing { action: 0 },
        Event::Syscall(Syscall {
            place: "box".parse().unwrap(),
            name: "sethostname".into(),
            args: format!("\"{name}\", {}", name.len()),
            result: Ok(0),
            nanos: 1500,
            why: "the new name".into(),
        }),
        fact("box/hostname", Value::Text(name.into())),
        fact("host/hostname", Value::Text("vm".into())),
        fact("host/pid", Value::Number(4890, crate::plan::Unit::Id)),
        Event::Holding,
        Event::Cleaned,
    ]
}

#[test]
fn a_step_at_three_sizes() {
    for (width, height) in [(80, 24), (120, 40), (160, 45)] {
        let mut app = App::new(width, height);
        insta::assert_snapshot!(format!("before-{width}x{height}"), app.screen());
        app.press("b r").observe("kettle");
        insta::assert_snapshot!(format!("after-{width}x{height}"), app.screen());
    }
}

#[test]
fn the_other_tabs_and_popups() {
    let mut app = App::new(120, 40);
    app.press("b r").observe("kettle").press("2");
    insta::assert_snapshot!("syscalls", app.screen());
    app.press("3")
        .shows("unshare --map-root-user")
        .press("4")
        .shows("no option of its own");
    app.press("1 ?");
    insta::assert_snapshot!("help", app.screen());
    app.press("Esc o");
    insta::assert_snapshot!("outline", app.screen());
    app.press("Esc / s h a r k");
    insta::assert_snapshot!("search", app.screen());
}

#[test]
fn enter_alone_goes_through_the_course() {
    let mut app = App::new(120, 40);
    app.shows("Predict:").press("Enter");
    assert_eq!(app.model.screen.focus, Pane::Stage);
    app.press("Down Enter")
        .shows("You said  b  What it was called before");
    assert_eq!(app.runs(), 0, "the answer may still be changed");
    app.press("Enter").shows("Running on this machine's kernel");
    app.observe("kettle")
        .shows("The box takes a new name.")
        .shows("▸ hostname")
        .hides("✓ right");
    app.press("Enter")
        .shows("✓ right")
        .shows("▸ hostname")
        .shows("Two namespaces, two names.");
    app.press("Enter").shows("A page to read, about sharks");
    app.press("Enter")
        .shows("What stays")
        .press("Enter")
        .observe("kettle");
    app.hides("Question 1 of 2")
        .press("Enter")
        .shows("All 1 claims");
    app.press("Enter")
        .shows("Question 1 of 2")
        .shows("hostname    vm");
    app.press("Enter")
        .shows("✓ right")
        .press("Enter")
        .shows("Question 2 of 2");
    app.press("4 8 9 1 Back 0 Enter").shows("✓ right");
    app.press("Enter").shows("2 of 2 right");
    app.press("c").shows("✓ There is a name.");
    app.press("c Enter")
        .shows("The end of the lesson")
        .shows("A namespace decides what a process sees.")
        .shows("3 of 3 steps done here; 3 of 3 answers right.")
        .hides("Missed");
    app.press("Enter")
        .shows("The end of the course")
        .shows("In this sitting 2 demos ran");
    app.press("Enter").hides("The end of").shows("What stays");
}

#[test]
fn a_prediction_is_compared_and_may_be_skipped() {
    for (keys, expected) in [
        ("a r", "You said  a  kettle as well  ✗ not so"),
        ("b r", "You said  b  What it was called before  ✓ right"),
        ("r", "You said  nothing, this time"),
    ] {
        let mut app = App::new(120, 40);
        app.press(keys).observe("kettle").shows(expected);
        app.press("x").shows("Predict:").hides("Observed just now");
    }
}

#[test]
fn turning_a_knob_runs_again() {
    let mut app = App::new(120, 40);
    app.press("]").shows("◂ teapot ▸");
    assert_eq!(app.runs(), 0, "nothing ran yet, so nothing runs again");
    app.press("r").observe("teapot").press("]");
    assert_eq!(app.runs(), 2);
    assert!(matches!(app.effects.last(), Some(Effect::Run { .. })));
    let scenario = &app.model.runs.current.as_ref().unwrap().scenario;
    assert_eq!(
        scenario.knobs,
        [("name".into(), KnobValue::Text("urn".into()))]
    );
    app.observe("urn").shows("urn ·").press("]").shows("urn ·");
    assert_eq!(app.runs(), 2, "at its end a knob does nothing");
}

#[test]
fn quick_turns_never_run_two_at_once() {
    let mut app = App::new(120, 40);
    app.press("r").observe("kettle").press("]");
    let first = app.run_id();
    app.press("]").press("[");
    assert_eq!(
        app.run_id(),
        first,
        "the next run waits for the end of this one"
    );
    assert!(app.effects.contains(&Effect::Stop(first)));
    app.event(first, fact("box/hostname", Value::Text("stale".into())))
        .hides("stale");
    app.send(Msg::Run(first, News::Ended));
    assert_ne!(app.run_id(), first);
    app.observe("teapot")
        .press("c")
        .shows("✓ The box has the new name.");
}

#[test]
fn late_events_of_an_ended_run_are_dropped() {
    let mut app = App::new(120, 40);
    app.press("r").observe("kettle");
    let ended = app.run_id();
    app.event(ended, fact("box/hostname", Value::Text("late".into())))
        .hides("late");
    app.send(Msg::Run(RunId(99), News::Ended)).shows("kettle");
    // Leaving a step takes its run down; what it still says is lost.
    app.press("r");
    let left = app.run_id();
    app.press("n").shows("sharks");
    assert!(app.effects.contains(&Effect::Stop(left)));
    app.event(left, fact("box/hostname", Value::Text("late".into())));
    app.send(Msg::Run(left, News::Ended))
        .press("p")
        .hides("late")
        .shows("kettle");
}

#[test]
fn a_run_that_does_not_start_says_why() {
    let mut app = App::new(120, 40);
    app.press("r");
    let id = app.run_id();
    let message = format!("fork: {}", Errno(libc::EAGAIN));
    app.send(Msg::Run(id, News::NotStarted(message)))
        .send(Msg::Run(id, News::Ended));
    app.shows("could not be started: fork: EAGAIN")
        .press("r")
        .observe("kettle");
    app.hides("could not be started");
}

#[test]
fn what_the_host_refuses_is_explained() {
    let mut app = App::new(120, 40);
    app.press("r").shows("Running");
    let id = app.run_id();
    app.event(
        id,
        Event::Refused(Refusal {
            need: Need::Namespace(Namespace::Uts),
            stage: "unshare(CLONE_NEWUTS)".into(),
            errno: Some(Errno(libc::EPERM)),
            cause: "only root may, without a user namespace".into(),
            remedy: vec!["run it with sudo".into()],
        }),
    );
    app.event(id, Event::Cleaned)
        .send(Msg::Run(id, News::Ended));
    app.shows("! This host can't do all of it: only root may");
    app.shows("unshare(CLONE_NEWUTS)")
        .shows("→ run it with sudo");
    app.shows("Observed  ?").hides("Two namespaces, two names.");
    app.press("o").shows("! ");
}

#[test]
fn a_pack_from_disk_runs_only_after_yes() {
    let pack = Course {
        origin: Origin::Disk("/pack".into()),
        ..course()
    };
    let mut app = App::with(pack, 120, 40);
    app.press("r")
        .shows("May this step run?")
        .shows("box: set the hostname to `kettle`");
    insta::assert_snapshot!("consent", app.screen());
    app.press("n")
        .hides("May this step run?")
        .press("r Esc r x Enter");
    assert_eq!(app.runs(), 0);
    app.press("y");
    assert!(matches!(
        app.effects.last(),
        Some(Effect::Run {
            agreed, ..
        }) if Some(agreed.plan()) == app.model.scenario().map(|it| it.plan.clone().attended()).as_ref()
    ));
    app.observe("kettle").press("r");
    assert_eq!(app.runs(), 2, "asked once");
    // A value of a knob can make a command of it that nobody has read.
    app.observe("kettle").press("]");
    assert_eq!(app.runs(), 2, "asked for each plan");
    app.shows("box: set the hostname to `teapot`").press("y");
    assert_eq!(app.runs(), 3);
    app.observe("teapot").press("[");
    assert_eq!(app.runs(), 4, "the first one was agreed to");
}

#[test]
fn resizing_to_nothing_and_back_loses_nothing() {
    let mut app = App::new(120, 40);
    app.press("b r").observe("kettle");
    let before = app.screen();
    for (width, height) in [(59, 40), (120, 17), (20, 5), (1, 1), (60, 18), (99, 30)] {
        app.send(Msg::Resize(width, height)).screen();
    }
    app.send(Msg::Resize(59, 17))
        .shows("too small: 59×17")
        .shows("60×18");
    assert_eq!(app.send(Msg::Resize(120, 40)).screen(), before);
}

#[test]
fn every_line_can_be_scrolled_to() {
    let mut app = App::new(60, 18);
    app.shows("more lines").press("z").hides("Evidence");
    app.press("G")
        .hides("↓")
        .shows("↑")
        .press("g")
        .hides("↑")
        .press("PgDn")
        .shows("↑");
    app.press("l r").observe("kettle").hides("Explanation");
    app.press("c G")
        .shows("✓ The box has the new name.")
        .press("k")
        .shows("↓ 1 more line ");
    app.press("z h").shows("Explanation").hides("Evidence");
    let wheel = MouseEventKind::ScrollDown;
    app.press("g").mouse(wheel, 10, 5);
    app.shows("↑ 3 more lines");
}

#[test]
fn the_mouse_does_what_keys_do() {
    let mut app = App::new(120, 40);
    app.click("b) What it was")
        .shows("You said  b  What it was called before");
    app.click("Now press Enter")
        .shows("Running")
        .observe("kettle");
    // What the footer offers, and the header's outline.
    app.click("the verdict").shows("✓ right");
    app.click("hostname of its own")
        .shows("Outline")
        .press("Esc");
    app.click("▸  1 of 3");
    assert_eq!(app.runs(), 2, "the knob was turned");
    app.observe("teapot")
        .click("2 Syscalls")
        .shows("sethostname");
    assert_eq!(app.model.screen.tab, Tab::Syscalls);
    app.press("o")
        .click("What stays")
        .shows("First make the observations");
    app.press("?")
        .mouse(MouseEventKind::Down(MouseButton::Left), 0, 0)
        .hides("all steps");
    app.press("m");
    assert_eq!(app.effects.last(), Some(&Effect::Mouse(false)));
    app.shows("mouse selects text");
}

#[test]
fn search_and_outline_jump() {
    let mut app = App::new(80, 24);
    app.press("/ s h a r k s Enter").shows("A page to read");
    assert_eq!(app.model.at, 1);
    app.press("o Down Enter").shows("What stays");
    app.press("o g Enter").shows("A hostname of its own");
    app.press("o G Enter").shows("What stays");
    // Words of two paragraphs; a word of another tab opens that tab.
    app.press("/ h o s t n a m e").shows("Find: hostname");
    app.press("Esc / u n s h a r e").shows("[By hand]");
    app.press("Enter").shows("[3 By hand]").press("1");
    app.press("o G Enter").shows("What stays");
    app.press("/ z z z")
        .shows("No step has these words.")
        .press("Enter Esc")
        .shows("What stays");
}

/// What a run has left is told whether or not anybody still waits for its result.
#[test]
fn what_is_left_is_told() {
    let left = || Event::Left {
        left: vec![crate::plan::Leftover::Cgroup {
            path: "/sys/fs/cgroup/glassbox-x".into(),
            errno: None,
            members: vec![crate::plan::Member {
                pid: 77,
                name: "bash".into(),
            }],
            groups: Vec::new(),
        }],
    };
    for abandoned in [false, true] {
        let mut app = App::new(80, 24);
        app.press("b r");
        let id = app.run_id();
        if abandoned {
            app.press("x");
        }
        app.event(id, left()).send(Msg::Run(id, News::Ended));
        app.shows("Not everything is gone")
            .shows("/sys/fs/cgroup/glassbox-x")
            .shows("process 77 (bash)");
        app.press("Esc").hides("Not everything is gone");
    }
}

#[test]
fn what_changes_nothing_draws_nothing() {
    let mut app = App::new(120, 40);
    app.model.phase = Phase::Shown;
    app.press("Y").mouse(MouseEventKind::Moved, 3, 3);
    app.event(RunId(7), Event::Cleaned);
    assert_eq!(app.model.phase, Phase::Shown);
    app.press("j");
    assert_eq!(app.model.phase, Phase::Changed);
    app.press("q").press("j");
    assert_eq!(app.model.phase, Phase::Quit);
}

#[test]
fn without_colour_only_modifiers_are_used() {
    let mut app = App::new(120, 40);
    app.model.settings.color = false;
    app.press("b r").observe("kettle").press("?");
    settle(&mut app.model);
    let mut terminal = ratatui::Terminal::new(TestBackend::new(120, 40)).unwrap();
    terminal.draw(|frame| view(&app.model, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let plain = Style::new().fg(ratatui::style::Color::Reset);
    assert!(
        buffer
            .content
            .iter()
            .all(|cell| cell.style().fg == plain.fg)
    );
    assert!(
        buffer
            .content
            .iter()
            .any(|cell| cell.modifier.contains(Modifier::BOLD))
    );
}

/// Anything that can happen, in any order.
#[derive(Debug, Clone)]
enum Whim {
    Key(KeyCode),
    Click(u16, u16),
    Wheel(u16, u16, bool),
    Resize(u16, u16),
    News(usize),
    End,
}

fn whim() -> impl Strategy<Value = Whim> {
    let keys = "abcdefghjklmnoprtxyzGq?/1234 -09"
        .chars()
        .filter(|c| *c != 'q')
        .map(KeyCode::Char);
    let named = [
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::PageDown,
        KeyCode::PageUp,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Backspace,
    ];
    let keys: Vec<KeyCode> = keys.chain(named).collect();
    prop_oneof![
        8 => proptest::sample::select(keys).prop_map(Whim::Key),
        2 => (0u16..170, 0u16..50).prop_map(|(x, y)| Whim::Click(x, y)),
        1 => (0u16..170, 0u16..50, any::<bool>()).prop_map(|(x, y, up)| Whim::Wheel(x, y, up)),
        1 => (1u16..170, 1u16..50).prop_map(|(w, h)| Whim::Resize(w, h)),
        1 => (0usize..7).prop_map(Whim::News),
        2 => Just(Whim::End),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_order_of_events_breaks_it(whims in prop::collection::vec(whim(), 1..60), disk: bool) {
        let origin = if disk { Origin::Disk("/pack".into()) } else { Origin::Embedded };
        let mut app = App::with(Course { origin, ..course() }, 120, 40);
        for whim in whims {
            let current = app.model.runs.current.as_ref().map(|run| run.id);
            match whim {
                Whim::Key(code) => {
                    app.send(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)));
                }
                Whim::Click(x, y) => {
                    app.mouse(MouseEventKind::Down(MouseButton::Left), x, y);
                }
                Whim::Wheel(x, y, true) => {
                    app.mouse(MouseEventKind::ScrollUp, x, y);
                }
                Whim::Wheel(x, y, false) => {
                    app.mouse(MouseEventKind::ScrollDown, x, y);
                }
                Whim::Resize(width, height) => {
                    app.send(Msg::Resize(width, height));
                }
                Whim::News(index) => {
                    if let Some(id) = current {
                        app.event(id, events("kettle").swap_remove(index));
                    }
                }
                Whim::End => {
                    if let Some(id) = current {
                        app.send(Msg::Run(id, News::Ended));
                    }
                }
            }
            let screen = app.screen();
            prop_assert_eq!(screen.lines().count(), usize::from(app.model.screen.size.1));
            // One run at a time, and never one without leave.
            let runs = app.model.runs.current.iter().count();
            prop_assert!(runs <= 1);
            prop_assert!(app.runs() == 0 || !disk || app.model.states.iter().any(|s| !s.agreed.is_empty()));
        }
    }
}
