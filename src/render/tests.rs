//! Snapshots of what a reader sees, and the three invariants on any input.

use super::*;
use crate::base::Errno;
use crate::check::{Expectation, Verdict};
use crate::course::{Align, Block, Document, Figure, Inline, Scenario, ShowRow};
use crate::plan::{
    Action, BoxSpec, Ending, Event, Fact, History, Namespace, Need, Observer, Output, Plan,
    Provenance, Refusal, Syscall, Unit, Value,
};
use proptest::prelude::*;

fn text(text: &str) -> Vec<Inline> {
    vec![Inline::Text(text.into())]
}

fn paragraph(s: &str) -> Block {
    Block::Paragraph(text(s))
}

fn shown(blocks: Vec<Block>, width: usize) -> String {
    plain(&document(&Document { blocks }, width))
}

#[test]
fn prose_is_wrapped_by_clusters() {
    for (input, width, expected) in [
        ("one two three four five", 20, "one two three four\nfive\n"),
        (
            "容器究竟是什么呢这是一个很好的问题",
            20,
            "容器究竟是什么呢这是\n一个很好的问题\n",
        ),
        ("👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 20, "👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦\n👨‍👩‍👧‍👦\n"),
        ("e\u{301}e\u{301}", 20, "e\u{301}e\u{301}\n"),
        (
            "/proc/sys/kernel/random/boot_id",
            20,
            "/proc/sys/kernel/\nrandom/boot_id\n",
        ),
        ("red \u{1b}[31m bell \u{7}", 40, "red ␛[31m bell ␇\n"),
        ("\u{202e}evil \u{301}", 40, "<U+202E>evil \u{301}\n"),
    ] {
        assert_eq!(shown(vec![paragraph(input)], width), expected, "{input}");
    }
}

#[test]
fn every_block_has_its_shape() {
    let blocks = vec![
        Block::Heading(2, text("A hostname")),
        Block::List(
            Some(9),
            vec![
                vec![paragraph("first of all, a longer item that wraps")],
                vec![
                    paragraph("second"),
                    Block::List(None, vec![vec![paragraph("nested")]]),
                ],
            ],
        ),
        Block::Quote(vec![paragraph("a quotation that is long enough to wrap")]),
        Block::Table(
            vec![Align::Left, Align::Right],
            vec![text("what"), text("how many")],
            vec![vec![text("processes seen by the box itself"), text("2")]],
        ),
        Block::Code(
            "sh".into(),
            "echo \"$HOME\" && unshare --map-root-user --uts # own\n".into(),
        ),
        Block::Rule,
    ];
    insta::assert_snapshot!("blocks", shown(blocks, 30));
}

#[test]
fn code_is_coloured_by_meaning() {
    let roles = |language: &str, text: &str| -> Vec<(String, Role)> {
        let spans = code::highlight(language, text).concat();
        let spans = spans
            .into_iter()
            .map(|s| (s.text.trim().to_string(), s.role));
        spans.filter(|(text, _)| !text.is_empty()).collect()
    };
    for (language, code, part, role) in [
        ("sh", "echo hi # why", "# why", Role::Comment),
        ("sh", "echo \"hi\"", "\"hi\"", Role::Literal),
        ("rust", "fn main() {}", "main", Role::Function),
        ("c", "return 0;", "return", Role::Keyword),
        ("toml", "a = 1 # why", "# why", Role::Comment),
        ("toml", "[box]", "[box]", Role::Keyword),
        ("text", "plain", "plain", Role::Code),
        ("klingon", "qapla", "qapla", Role::Code),
    ] {
        let roles = roles(language, code);
        assert!(roles.contains(&(part.into(), role)), "{code}: {roles:?}");
    }
}

fn fact(id: &str, value: Option<Value>, source: &str, provenance: Provenance) -> Event {
    Event::Fact(Fact {
        id: id.parse().unwrap(),
        value,
        source: source.into(),
        provenance,
    })
}

fn seen(id: &str, value: Value, source: &str) -> Event {
    fact(id, Some(value), source, Provenance::Observed)
}

/// A small scenario, and a history that holds every kind of event.
fn example() -> (Scenario, History, Vec<Verdict>) {
    let name: crate::plan::BoxName = "box".parse().unwrap();
    let row = |label: &str, inside: Option<&str>, outside: Option<&str>| ShowRow {
        label: label.into(),
        inside: inside.map(|id| id.parse().unwrap()),
        outside: outside.map(|id| id.parse().unwrap()),
    };
    let spec: BoxSpec = toml::from_str("name = 'box'\nnamespaces = ['uts']").unwrap();
    let action: Action =
        toml::from_str("in = 'box'\ndo.run = ['hostname', 'kettle']\nsay = 'A new name.'").unwrap();
    let claim = |claim: &str| Expectation {
        claim: claim.into(),
        when: toml::from_str("fact = 'box/hostname'\nis = 'kettle'").unwrap(),
        and: Vec::new(),
        missing_ok: false,
        holds_anyway: None,
    };
    let scenario = Scenario {
        plan: Plan {
            cgroups: Vec::new(),
            boxes: vec![spec],
            actions: vec![action],
            attended: false,
            guarded: false,
            one_cpu: false,
            told: false,
        }
        .check()
        .unwrap(),
        predict: None,
        expectations: vec![
            claim("The box is renamed."),
            claim("It fails."),
            claim("Who knows?"),
        ],
        charts: Vec::new(),
        show: vec![
            row("hostname", Some("box/hostname"), Some("host/hostname")),
            row("kernel", Some("box/kernel"), Some("host/kernel")),
            row("boots", Some("box/boots"), None),
            row("time", None, Some("host/time")),
            row("later", Some("box/later"), Some("host/later")),
        ],
        figure: None,
        bars: Vec::new(),
        knobs: Vec::new(),
    };
    let word = |w: &str| Value::Text(w.into());
    let events = vec![
        Event::Started(Observer {
            kernel: "6.18.0".into(),
            uid: 1000,
            supervisor: 4890,
            scope: Some("glassbox-4889-1.scope".into()),
        }),
        Event::Syscall(Syscall {
            place: "host".parse().unwrap(),
            name: "clone3".into(),
            args: "{flags=CLONE_NEWUTS}".into(),
            result: Ok(4892),
            nanos: 150_000,
            why: "the box's pid 1".into(),
        }),
        Event::BoxUp {
            name: name.clone(),
            pid: 4892,
        },
        Event::Doing { action: 0 },
        Event::Output(Output {
            place: "box".parse().unwrap(),
            argv: vec!["hostname".into(), "a b".into()],
            ending: Ending::Exit(1),
            stdout: "kettle\n".into(),
            stderr: "\u{1b}[2J\n".into(),
        }),
        Event::Syscall(Syscall {
            place: "box".parse().unwrap(),
            name: "sethostname".into(),
            args: "\"kettle\", 6".into(),
            result: Err(Errno(libc::EPERM)),
            nanos: 900,
            why: String::new(),
        }),
        seen("box/hostname", word("kettle"), "uname(2)"),
        seen("host/hostname", word("vm"), "uname(2)"),
        seen("box/kernel", word("6.18"), "/proc/version"),
        fact(
            "host/kernel",
            Some(word("6.18")),
            "/proc/version",
            Provenance::Recorded {
                kernel: "6.12".into(),
            },
        ),
        fact(
            "box/boots",
            None,
            "",
            Provenance::Unavailable {
                because: "no such file".into(),
            },
        ),
        seen("host/time", Value::Number(3, Unit::Count), "a\nb"),
        seen(
            "host/ns.uts",
            Value::Number(4026531838, Unit::Inode),
            "/proc/self/ns/uts",
        ),
        seen(
            "box/ns.uts",
            Value::Number(4026532301, Unit::Inode),
            "/proc/self/ns/uts",
        ),
        Event::Refused(Refusal {
            need: Need::Namespace(Namespace::Time),
            stage: "unshare(CLONE_NEWTIME)".into(),
            errno: Some(Errno(libc::EINVAL)),
            cause: "this kernel has no time namespaces".into(),
            remedy: vec!["use Linux 5.6 or newer".into()],
        }),
        Event::Broken {
            message: "the pipe broke".into(),
        },
        Event::BoxDown {
            name,
            ending: Ending::Signal("SIGKILL".into()),
        },
        Event::Holding,
        Event::Cleaned,
    ];
    let verdicts = vec![
        Verdict::Holds {
            actual: "kettle".into(),
        },
        Verdict::Fails {
            expected: "a".into(),
            actual: "b".into(),
        },
        Verdict::Unknown {
            because: "`box/x` was not observed".into(),
        },
    ];
    (scenario, History::from(events), verdicts)
}

#[test]
fn evidence_sets_inside_beside_outside() {
    let (scenario, history, verdicts) = example();
    insta::assert_snapshot!(
        "evidence",
        plain(&evidence(&scenario, &history, &verdicts, 60))
    );
    let nothing = evidence(&scenario, &History::default(), &[], 60);
    assert!(plain(&nothing).contains("…"), "it may still come");
}

#[test]
fn the_figure_fits_wide_and_narrow() {
    let (mut scenario, history, _) = example();
    scenario.show.clear();
    scenario.expectations.clear();
    scenario.figure = Some(Figure::Namespaces);
    insta::assert_snapshot!(
        "figure-wide",
        plain(&evidence(&scenario, &history, &[], 130))
    );
    insta::assert_snapshot!(
        "figure-narrow",
        plain(&evidence(&scenario, &history, &[], 70))
    );
}

#[test]
fn the_run_is_told_call_by_call() {
    let (scenario, history, _) = example();
    insta::assert_snapshot!("syscalls", plain(&syscalls(&scenario, &history, 60)));
}

#[test]
fn consent_lists_what_a_plan_does() {
    let plan = Plan {
        cgroups: Vec::new(),
        boxes: vec![toml::from_str("name = 'box'\nnamespaces = ['uts', 'user']").unwrap()],
        actions: vec![
            toml::from_str("in = 'host'\ndo.listen.port = 80").unwrap(),
            toml::from_str("in = 'box'\ndo.run = ['rm', '-rf', 'a b']").unwrap(),
            toml::from_str("in = 'box'\ndo.spawn = { workload = 'sleep', count = 3 }").unwrap(),
        ],
        attended: false,
        guarded: false,
        one_cpu: false,
        told: false,
    };
    insta::assert_snapshot!("consent", plain(&consent(&plan, 60)));
}

/// Text that is hard to set: wide, joined, combining, controlling.
pub(super) fn awkward() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z]{1,12}",
        3 => Just(" ".to_string()),
        1 => Just("容器".to_string()),
        1 => Just("👨‍👩‍👧‍👦".to_string()),
        1 => Just("🇩🇪".to_string()),
        1 => Just("e\u{301}".to_string()),
        1 => Just("\u{301}".to_string()),
        1 => Just("\u{200b}\u{200d}".to_string()),
        1 => "\\PC{0,6}",
        1 => any::<char>().prop_map(String::from),
        1 => Just("क्षि".to_string()),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|parts| parts.concat())
}

pub(super) fn marks(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

pub(super) fn checked(lines: &[Line], width: usize) -> String {
    for line in lines {
        assert!(
            line.width() <= width,
            "{} > {width}: {line:?}",
            line.width()
        );
        assert!(!line.text().chars().any(char::is_control), "{line:?}");
    }
    lines.iter().map(Line::text).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn prose_survives(parts in prop::collection::vec(awkward(), 1..4), width in 20usize..90) {
        let blocks = parts.iter().map(|part| paragraph(&part.replace('\n', " "))).collect();
        let out = checked(&document(&Document { blocks }, width), width);
        let expected: String = parts.iter().map(|p| visible(&p.replace('\n', " "))).collect();
        prop_assert_eq!(marks(&out), marks(&expected));
    }

    #[test]
    fn code_survives(code in awkward(), width in 20usize..90) {
        let blocks = vec![Block::Code(String::new(), code.clone())];
        let out = checked(&document(&Document { blocks }, width), width);
        let out: String = out.chars().filter(|c| !"│↪".contains(*c)).collect();
        let expected: String = code.strip_suffix('\n').unwrap_or(&code).split('\n').map(visible).collect();
        let expected: String = expected.chars().filter(|c| !"│↪".contains(*c)).collect();
        prop_assert_eq!(marks(&out), marks(&expected));
    }

    #[test]
    fn structures_fit(
        cells in prop::collection::vec(awkward(), 6),
        depth in 0usize..12,
        width in 20usize..120,
    ) {
        // A mark is told by its code point only where it has no base.
        let cells: Vec<String> = cells.iter().map(|cell| format!("x{cell}")).collect();
        let t = |i: usize| text(&cells[i]);
        let mut inner = vec![
            Block::Table(vec![Align::Right; 2], vec![t(0), t(1)], vec![vec![t(2), t(3)], vec![t(4)]]),
            Block::Heading(1, t(5)),
        ];
        for level in 0..depth {
            inner = match level % 2 {
                0 => vec![Block::Quote(inner)],
                _ => vec![Block::List(Some(99), vec![inner])],
            };
        }
        let lines = document(&Document { blocks: inner }, width);
        let out = marks(&checked(&lines, width));
        for cell in &cells {
            prop_assert!(marks(&visible(&cell.replace('\n', " "))).chars().all(|c| out.contains(c)));
        }
    }

    #[test]
    fn observations_fit(texts in prop::collection::vec(awkward(), 8), width in 20usize..140) {
        // A mark is told by its code point only where it has no base.
        let texts: Vec<String> = texts.iter().map(|text| format!("x{}", text.replace('\n', "\nx"))).collect();
        let (mut scenario, _, verdicts) = example();
        scenario.figure = Some(Figure::Namespaces);
        scenario.show[0].label = texts[0].clone();
        scenario.expectations[1].claim = texts[1].clone();
        let place = "box".parse().unwrap();
        let events = vec![
            seen("box/hostname", Value::Text(texts[2].clone()), &texts[3]),
            Event::Output(Output {
                place,
                argv: vec![texts[4].clone()],
                ending: Ending::Exit(0),
                stdout: texts[5].clone(),
                stderr: String::new(),
            }),
            Event::Broken { message: texts[6].clone() },
            fact("box/ns.uts", None, "", Provenance::Unavailable { because: texts[7].clone() }),
        ];
        let history = History::from(events);
        let out = marks(&checked(&evidence(&scenario, &history, &verdicts, width), width));
        if width >= 60 {
            for part in [0, 2] {
                prop_assert!(marks(&visible(&texts[part].replace('\n', " "))).chars().all(|c| out.contains(c)));
            }
        }
        checked(&syscalls(&scenario, &history, width), width);
        checked(&consent(&scenario.plan, width), width);
    }
}
