//! Charts on the screen, from fabricated samples.

use super::{App, course, step, text_of};
use crate::course::Course;
use crate::plan::{Event, Retuned, Sample, SetLimits, Unit, Value, Verb};
use crate::tui::effect::Effect;
use crate::tui::model::Phase;
use crate::tui::msg::{Msg, News};
use crate::tui::theme::Theme;
use crate::tui::update::settle;
use crate::tui::view::view;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

const MEMORY: &str = r#"
[[knob]]
name = "limit"
label = "Limit"
values = ["16MiB", "32MiB"]
start = "32MiB"

[[cgroup]]
name = "small"
limits = { memory = "${limit}" }

[[action]]
in = "host"
do.spawn = { workload = { grow = "96MiB" }, cgroup = "small" }
as = "grower"

[[action]]
in = "host"
do.watch = { groups = ["small"], every = "20ms", time = "2s", until = "grower" }

[[action]]
in = "host"
do.probe = ["group:small"]

[[chart]]
title = "Memory of the group"
limit = "host/small.memory.max"
line = [{ label = "all of it", fact = "host/small.memory.current" }]

[[show]]
label = "limit"
outside = "host/small.memory.max"

[[expect]]
claim = "The limit is what was written."
when = { fact = "host/small.memory.max", is = "${limit}" }
"#;

const SHARES: &str = r#"
[[cgroup]]
name = "light"
limits = { cpu-weight = 1 }

[[cgroup]]
name = "heavy"
limits = { cpu-weight = 3 }

[[action]]
in = "host"
do.watch = { groups = ["light", "heavy"], every = "50ms", time = "1s" }

[[action]]
in = "host"
do.probe = ["group:light"]

[[chart]]
title = "CPU time, percent of one CPU"
rate = true
line = [
  { label = "light", fact = "host/light.cpu.usage" },
  { label = "heavy", fact = "host/heavy.cpu.usage" },
]

[[show]]
label = "weight of light"
outside = "host/light.cpu.weight"

[[expect]]
claim = "Light has a weight."
when = { fact = "host/light.cpu.weight", at-least = 1 }
"#;

fn with_demo(demo: &str) -> Course {
    let mut course = course();
    course.lessons[0].steps[0] = step(1, "chart", "What moves in time", demo);
    course
}

fn sample(millis: i64, values: &[(&str, i64, Unit)]) -> Event {
    Event::Sample(Sample {
        at: millis * 1_000_000,
        values: values
            .iter()
            .map(|(id, n, unit)| (id.parse().unwrap(), Value::Number(*n, *unit)))
            .collect(),
    })
}

/// The group grows by 1 MiB in 20 ms until it meets its limit.
fn grown(step: i64) -> Event {
    let bytes = (4 << 20) + (step << 20);
    sample(
        step * 20,
        &[
            (
                "host/small.memory.current",
                bytes.min(32 << 20),
                Unit::Bytes,
            ),
            ("host/small.memory.max", 32 << 20, Unit::Bytes),
        ],
    )
}

fn shared(step: i64) -> Event {
    let (light, heavy) = match step {
        0..20 => (step * 12, step * 38),
        _ => (20 * 12 + (step - 20) * 50, 20 * 38),
    };
    let ms = 1_000_000;
    sample(
        step * 50,
        &[
            ("host/light.cpu.usage", light * ms, Unit::Nanos),
            ("host/heavy.cpu.usage", heavy * ms, Unit::Nanos),
        ],
    )
}

/// A run of the demo that is under way, with its samples so far.
fn running(demo: &str, samples: impl Iterator<Item = Event>, width: u16, height: u16) -> App {
    let mut app = App::with(with_demo(demo), width, height);
    app.press("r");
    let id = app.run_id();
    for sample in samples {
        app.event(id, sample);
    }
    app
}

#[test]
fn a_chart_at_three_sizes() {
    for (width, height) in [(80, 24), (120, 40), (160, 45)] {
        let mut app = running(MEMORY, (0..36).map(grown), width, height);
        insta::assert_snapshot!(format!("chart-memory-{width}x{height}"), app.screen());
    }
    let mut app = running(SHARES, (0..31).map(shared), 80, 24);
    insta::assert_snapshot!("chart-shares-80x24", app.screen());
    app.press("z");
    insta::assert_snapshot!("chart-shares-zoomed", app.screen());
}

#[test]
fn a_chart_grows_with_its_samples_and_is_drawn_for_them_only() {
    let mut app = running(MEMORY, (0..2).map(grown), 80, 24);
    app.shows("last 5 MiB");
    let id = app.run_id();
    app.model.phase = Phase::Shown;
    app.event(id, grown(2)).shows("last 6 MiB");
    assert_eq!(app.model.phase, Phase::Changed);
    // The run ends: the chart stays, and the prediction comes after it.
    app.send(Msg::Run(id, News::Ended)).shows("last 6 MiB");
    app.press("r").hides("last 6 MiB");
}

#[test]
fn a_chart_scrolls_with_what_is_below_it() {
    let mut app = running(MEMORY, (0..36).map(grown), 80, 24);
    let id = app.run_id();
    app.send(Msg::Run(id, News::Ended));
    app.send(Msg::Resize(80, 18));
    app.shows("40 MiB│").shows("0 B│");
    app.press("j j j").hides("40 MiB│").shows("0 B│");
    app.press("G").hides("40 MiB│");
    app.shows("The limit is what was written.");
}

#[test]
fn colours_are_the_themes_and_never_needed() {
    let colours = |theme: Theme, color: bool| {
        let mut app = running(SHARES, (0..31).map(shared), 80, 24);
        app.model.settings.theme = theme;
        app.model.settings.color = color;
        settle(&mut app.model);
        let mut terminal = ratatui::Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| view(&app.model, frame)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let dots = |from: char, to: char| {
            let of = |cell: &&ratatui::buffer::Cell| {
                (from..=to).contains(&cell.symbol().chars().next().unwrap_or(' '))
            };
            let mut found: Vec<Color> = buffer.content.iter().filter(of).map(|c| c.fg).collect();
            found.dedup();
            found
        };
        assert!(text_of(&buffer).contains("•• heavy: first 76 %"));
        (dots('\u{2801}', '\u{28ff}'), dots('•', '•'))
    };
    let plain = (vec![Color::Reset], vec![Color::Reset]);
    for theme in [Theme::Dark, Theme::Light, Theme::HighContrast] {
        assert_eq!(colours(theme, false), plain);
        let (first, second) = colours(theme, true);
        assert_eq!((first.len(), second.len()), (1, 1), "{theme:?}");
        assert_eq!(first == second, theme == Theme::HighContrast);
    }
}

const LIVE: &str = r#"
[[knob]]
name = "percent"
label = "Ceiling"
values = [20, 50]
live = true

[[cgroup]]
name = "capped"
limits = { cpu-weight = 1000, cpu-max = "${percent}%" }

[[action]]
in = "host"
do.probe = ["group:capped"]
at = "start"

[[action]]
in = "host"
do.watch = { groups = ["capped"], every = "50ms", time = "1s", live = "60s" }

[[action]]
in = "host"
do.probe = ["group:capped"]
at = "end"

[[chart]]
title = "CPU time"
rate = true
limit = "host/capped.cpu.max"
line = [{ label = "capped", fact = "host/capped.cpu.usage" }]

[[expect]]
claim = "The ceiling is ${percent} %."
when = { fact = "host/capped.cpu.max@end", is = "${percent}%" }
"#;

fn capped(step: i64, percent: i64) -> Event {
    sample(
        step * 100,
        &[
            ("host/capped.cpu.usage", step * 20_000_000, Unit::Nanos),
            ("host/capped.cpu.max", percent, Unit::Percent),
        ],
    )
}

#[test]
fn a_live_knob_changes_the_run_at_its_watch_and_starts_another_elsewhere() {
    let mut app = App::with(with_demo(LIVE), 80, 24);
    app.press("r");
    let id = app.run_id();
    let run = app.effects.iter().find_map(|effect| match effect {
        Effect::Run { agreed, .. } => Some(agreed.clone()),
        _ => None,
    });
    let run = run.unwrap();
    let Verb::Watch(watch) = &run.plan().actions[1].verb else {
        panic!("the second action is the watch");
    };
    assert_eq!(
        watch.time.to_string(),
        "60.00 s",
        "somebody sits in front of it"
    );

    app.event(id, Event::Doing { action: 1 });
    app.event(id, capped(0, 20)).event(id, capped(1, 20));
    app.shows("change the limit with").shows("Enter enough");
    app.press("]");
    let set: SetLimits = toml::from_str("cgroup = 'capped'\nlimits = { cpu-max = '50%' }").unwrap();
    let only_the_ceiling = Effect::Limit(id, set.clone());
    assert_eq!(app.effects.last(), Some(&only_the_ceiling));
    assert_eq!(app.runs(), 1, "the run goes on");
    // Not drawn before it is observed.
    app.shows("limit: 20 %").hides("50 %");
    app.event(id, capped(2, 50)).shows("limit: 20 %, then 50 %");
    let refused = Some("write(cpu.max): EINVAL".to_string());
    app.event(id, Event::Retuned(Retuned { set, refused }));
    app.shows("! Refused: write(cpu.max): EINVAL");
    app.enter();
    assert_eq!(app.effects.last(), Some(&Effect::Enough(id, 1)));

    // After the watch nothing is live any more.
    app.event(id, Event::Doing { action: 2 });
    app.hides("change the limit with").press("Enter");
    assert_eq!(
        app.effects.last(),
        Some(&Effect::Enough(id, 1)),
        "nothing new"
    );
    app.event(id, Event::Holding).event(id, Event::Cleaned);
    app.send(Msg::Run(id, News::Ended));
    app.shows("its claims are not judged");
    app.press("[");
    assert_eq!(app.runs(), 2, "now it is another run");
}

/// Several charts share two fifths of the pane; what isn't drawn is told in numbers.
#[test]
fn charts_together_leave_room_for_what_is_said_of_them() {
    use crate::tui::content::chart_rows;
    for (name, drawn) in [("pressure", 1), ("ceiling", 1)] {
        let course = crate::course::embedded().unwrap();
        let place = course.steps().position(|(_, step)| step.meta.id.0 == name);
        for (width, height) in [(80, 24), (100, 30), (120, 40)] {
            let mut app = super::steps::played(&course, place.unwrap(), width, height);
            let screen = app.screen();
            let page = crate::tui::layout::page(&app.model.screen, crate::tui::screen::Pane::Stage);
            let (charts, rows) = chart_rows(&app.model);
            assert!(rows * 5 <= page * 2, "{rows} of {page}:\n{screen}");
            assert!(charts >= drawn, "{name} draws {charts}");
        }
    }
}
