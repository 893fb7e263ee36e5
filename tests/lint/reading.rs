//! What a pack that is right becomes: the model.

use super::{FILES, MORE, codes, little_pack, shown, write};
use glassbox::course::{self, Align, Block, Inline, KnobValue, Step};

/// A step with this prose.
fn step(prose: &str) -> Step {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "01-box/lesson.toml", FILES[0].1);
    write(dir.path(), "01-box/07-more.md", format!("{MORE}\n{prose}"));
    let found = course::lint(dir.path()).diagnostics;
    let course = course::load(dir.path()).unwrap_or_else(|_| panic!("{}", shown(&found)));
    course.lessons[0].steps[0].clone()
}

fn text(text: &str) -> Inline {
    Inline::Text(text.into())
}

fn paragraph(words: &str) -> Block {
    Block::Paragraph(vec![text(words)])
}

#[test]
fn prose_becomes_blocks() {
    for (prose, expected) in [
        ("One\ntwo.", paragraph("One two.")),
        (
            "# One `two`",
            Block::Heading(1, vec![text("One "), Inline::Code("two".into())]),
        ),
        (
            "a **b *c*** [d](https://example.org)\\\ne",
            Block::Paragraph(vec![
                text("a "),
                Inline::Strong(vec![text("b "), Inline::Emphasis(vec![text("c")])]),
                text(" "),
                Inline::Link(vec![text("d")], "https://example.org".into()),
                Inline::Break,
                text("e"),
            ]),
        ),
        (
            "- a\n- b",
            Block::List(None, vec![vec![paragraph("a")], vec![paragraph("b")]]),
        ),
        (
            "3. a\n\n   b\n4. c\n   - d",
            Block::List(
                Some(3),
                vec![
                    vec![paragraph("a"), paragraph("b")],
                    vec![
                        paragraph("c"),
                        Block::List(None, vec![vec![paragraph("d")]]),
                    ],
                ],
            ),
        ),
        (
            "> a\n>\n> b",
            Block::Quote(vec![paragraph("a"), paragraph("b")]),
        ),
        (
            "```sh\nls\n\nps\n```",
            Block::Code("sh".into(), "ls\n\nps".into()),
        ),
        ("    ls", Block::Code(String::new(), "ls".into())),
        ("---", Block::Rule),
        ("<!-- pause -->", Block::Pause),
        (
            "| a | b | c |\n|:-:|--:|---|\n| 1 | `2` |",
            Block::Table(
                vec![Align::Center, Align::Right, Align::Left],
                vec![vec![text("a")], vec![text("b")], vec![text("c")]],
                vec![vec![
                    vec![text("1")],
                    vec![Inline::Code("2".into())],
                    vec![],
                ]],
            ),
        ),
        (
            "a ~~b~~ c",
            Block::Paragraph(vec![
                text("a "),
                Inline::Struck(vec![text("b")]),
                text(" c"),
            ]),
        ),
        (
            "- [x] done\n- [ ] not",
            Block::List(
                None,
                vec![vec![paragraph("[x] done")], vec![paragraph("[ ] not")]],
            ),
        ),
        (
            "> [!WARNING]\n> It stays.",
            Block::Quote(vec![
                Block::Paragraph(vec![Inline::Strong(vec![text("Warning")])]),
                paragraph("It stays."),
            ]),
        ),
    ] {
        assert_eq!(step(prose).prose.blocks, [expected], "{prose}");
    }
}

#[test]
fn footnotes_are_numbered_and_set_where_they_belong() {
    let step = step(
        "a[^later] b[^word] c[^LATER]\n\n[^word]: word\n\n## In Docker\n\nd[^third]\n\n[^later]: Two words.\n\n    And more.\n[^third]: - a\n",
    );
    assert_eq!(
        step.prose.blocks,
        [
            paragraph("a[1] b[2] c[1]"),
            paragraph("[1] Two words."),
            paragraph("And more."),
            paragraph("[2] word"),
        ]
    );
    let third = Block::List(None, vec![vec![paragraph("a")]]);
    assert_eq!(
        step.in_docker.blocks,
        [paragraph("d[3]"), paragraph("[3]"), third]
    );
}

#[test]
fn what_follows_the_mark_is_the_result_but_for_the_tabs() {
    let demo = "```demo\n[[action]]\nin = 'host'\ndo.probe = ['pid']\n[[expect]]\nclaim = 'c'\nwhen = { fact = 'host/pid', at-least = 1 }\n```\n";
    let step = step(&format!(
        "a[^one]\n\n{demo}\n<!-- result -->\n\nb[^two]\n\n## By hand\n\nc\n\n## More\n\n[^one]: 1\n\n[^two]: 2\n"
    ));
    assert_eq!(step.prose.blocks, [paragraph("a[1]"), paragraph("[1] 1")]);
    let more = Block::Heading(2, vec![Inline::Text("More".into())]);
    assert_eq!(
        step.result.blocks,
        [paragraph("b[2]"), more, paragraph("[2] 2")]
    );
    assert_eq!(step.by_hand.blocks, [paragraph("c")]);
}

#[test]
fn a_mark_where_nothing_is_observed_is_a_mistake() {
    let dir = little_pack();
    write(
        dir.path(),
        "01-box/03-more.md",
        format!("{MORE}a\n\n<!-- result -->\n\nb\n"),
    );
    assert_eq!(
        codes(dir.path()),
        [("result-without-demo", "01-box/03-more.md".to_string())]
    );
}

#[test]
fn headings_of_one_name_are_told_apart() {
    step("## Same\n\n[b](#same-1) [c](#same-2)\n\n## Same\n\n### Same");
}

#[test]
fn a_heading_that_only_looks_like_a_tab_is_prose() {
    for heading in ["## Why Docker", "## On Docker", "## By band", "# Hand"] {
        let step = step(&format!("{heading}\n\ntext"));
        assert_eq!(step.prose.blocks.len(), 2, "{heading}");
    }
}

#[test]
fn tabs_end_at_the_next_heading_of_their_level() {
    let step = step(
        "a\n\n## By hand\n\nb\n\n### c\n\n## In Docker\n\nd\n\n<!-- note: one\ntwo --> \n\n## e\n\nf <!-- note: three -->\n",
    );
    let words = |blocks: &[Block]| -> Vec<String> {
        let word = |block: &Block| match block {
            Block::Heading(level, text) => format!("{level} {text:?}"),
            Block::Paragraph(text) => format!("{text:?}"),
            other => format!("{other:?}"),
        };
        blocks.iter().map(word).collect()
    };
    assert_eq!(
        words(&step.prose.blocks),
        [r#"[Text("a")]"#, r#"2 [Text("e")]"#, r#"[Text("f ")]"#]
    );
    assert_eq!(
        words(&step.by_hand.blocks),
        [r#"[Text("b")]"#, r#"3 [Text("c")]"#]
    );
    assert_eq!(words(&step.in_docker.blocks), [r#"[Text("d")]"#]);
    assert_eq!(step.notes, ["one\ntwo", "three"]);
    assert_eq!(
        (step.number, step.file.to_str()),
        (7, Some("01-box/07-more.md"))
    );
}

#[test]
fn a_demo_takes_the_types_of_its_knobs() {
    let dir = little_pack();
    let course = course::load(dir.path()).unwrap();
    let demo = course.lessons[0].steps[0].demo().unwrap();
    assert!(demo.predicts);
    let start = demo.scenario(&Default::default()).unwrap();
    let text = |s: &str| KnobValue::Text(s.into());
    assert_eq!(
        start.knobs,
        [
            ("name".into(), text("teapot")),
            ("count".into(), KnobValue::Number(1))
        ]
    );
    let set = [
        ("count".into(), KnobValue::Number(4)),
        ("name".into(), text("kettle")),
    ]
    .into();
    let plan = serde_json::to_string(&*demo.scenario(&set).unwrap().plan).unwrap();
    assert!(
        plan.contains(r#""count":4"#) && plan.contains(r#"["hostname","kettle"]"#),
        "{plan}"
    );
    assert!(!plan.contains("${"));
    let quiz = course.lessons[0].steps[1].quiz().unwrap();
    assert_eq!(quiz.question.len(), 1);
}

#[test]
fn line_endings_and_byte_order_marks_are_no_mistakes() {
    let dir = little_pack();
    for (file, text) in FILES {
        write(
            dir.path(),
            file,
            format!("\u{feff}{}", text.replace('\n', "\r\n")),
        );
    }
    assert_eq!(shown(&course::lint(dir.path()).diagnostics), "");
    let course = course::load(dir.path()).unwrap();
    let little = course::load(little_pack().path()).unwrap();
    let demos = |course: &course::Course| -> Vec<_> {
        course
            .steps()
            .map(|(_, step)| step.demo().cloned())
            .collect()
    };
    assert_eq!(demos(&course), demos(&little));
}

#[test]
fn the_documented_step_is_right() {
    let docs = include_str!("../../docs/lessons.md");
    let start = docs.find("````markdown\n").unwrap() + "````markdown\n".len();
    let end = docs[start..].find("\n````\n").unwrap() + start + 1;
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "01-box/lesson.toml", FILES[0].1);
    write(dir.path(), "01-box/03-uts.md", &docs[start..end]);
    assert_eq!(shown(&course::lint(dir.path()).diagnostics), "");
}

#[test]
fn the_embedded_course_has_no_mistake() {
    let linted = course::lint_embedded();
    assert!(!linted.has_errors(), "{}", shown(&linted.diagnostics));
    assert!(course::embedded().is_ok());
}

#[test]
fn a_demo_can_be_read_without_a_lesson() {
    let demo = course::demo_from_toml(
        "[[action]]\nin = 'host'\ndo.probe = ['ns']\n[[expect]]\nclaim = 'x'\nwhen = { fact = 'host/ns.uts', at-least = 1 }\n",
    );
    assert!(demo.is_ok());
    let found = course::demo_from_toml("[[action]]\nin = 'box'\ndo.probe = ['nss']\n").unwrap_err();
    assert_eq!(
        shown(&found),
        "no-claim demo:1:1 the demo claims nothing, so nothing tells when it goes wrong | give it an `[[expect]]`\n\
         undeclared-box demo:2:6 the box `box` is not declared | declare it: `[[box]]` with `name = \"box\"`\n\
         unknown-probe demo:3:13 there is no probe `nss` | did you mean `ns`?\n"
    );
}

#[test]
fn two_knobs_together_open_no_way_out() {
    let demo = |namespace: &str, place: &str| {
        format!(
            "[[knob]]\nname = 'ns'\nlabel = 'ns'\nvalues = ['mount', 'uts']\n\
             [[knob]]\nname = 'place'\nlabel = 'place'\nvalues = ['a', 'b']\n\
             [[box]]\nname = 'a'\nnamespaces = ['mount']\n\
             [[box]]\nname = 'b'\nnamespaces = ['{namespace}']\n\
             [[action]]\nin = '{place}'\ndo.mkdir = '/x'\nas = 'made'\nsay = '${{ns}} ${{place}}'\n\
             [[expect]]\nclaim = 'x'\nwhen = {{ fact = '{place}/made', is = 'ok' }}\n"
        )
    };
    assert!(course::demo_from_toml(&demo("${ns}", "a")).is_ok());
    assert!(course::demo_from_toml(&demo("mount", "${place}")).is_ok());
    let found = course::demo_from_toml(&demo("${ns}", "${place}")).unwrap_err();
    assert_eq!(
        shown(&found),
        "not-contained demo:17:4 `mkdir` in `b` would reach beyond the demo, \
         with the knob `ns` at `uts` and the knob `place` at `b` \
         | files are written only below a mount namespace's own mounts\n"
    );
}

#[test]
fn hostile_text_is_judged_in_bounded_time() {
    let many = |piece: &str| piece.repeat(200_000 / piece.len());
    let demo = |text: &str| format!("```demo\n{text}\n```\n");
    for prose in [
        many("> "),
        many("- "),
        many("*a "),
        many("["),
        many("![a"),
        many("<!-- "),
        many("x <b> "),
        many("`a``b"),
        many("|-"),
        demo(&many("a.")),
        demo(&format!("a={}", many("["))),
        demo(&format!("a={}", many("{a="))),
        demo(&many("x=1\n")),
        demo(&many("[[box]]\nname='b'\n")),
        demo(&format!("{}='x'", many("k"))),
        demo(&format!("figure='{}'", many("${a}"))),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "01-box/lesson.toml", FILES[0].1);
        write(dir.path(), "01-box/07-more.md", format!("{MORE}\n{prose}"));
        let started = std::time::Instant::now();
        let found = course::lint(dir.path()).diagnostics;
        assert!(found.len() <= 2000);
        let taken = started.elapsed();
        assert!(taken.as_secs() < 20, "{taken:?}: {}", &prose[..20]);
    }
}

/// A value whose type refuses it is told where it stands, with the form that is
/// expected.
#[test]
fn a_limit_that_cannot_be_read_is_told_with_its_form() {
    for (limit, code, message, help) in [
        ("cpu-max = \"0%\"", "bad-percentage", "`0%`", "`1%`"),
        ("cpu-max = \"20\"", "bad-percentage", "`20`", "`20%`"),
        ("cpu-max = \"-5%\"", "bad-percentage", "`-5%`", "`20%`"),
        ("memory = \"32MB\"", "bad-size", "`32MB`", "MiB"),
        ("memory = \"-1MiB\"", "bad-size", "`-1MiB`", "MiB"),
        ("read-rate = \"fast\"", "bad-size", "`fast`", "MiB"),
        ("pids = \"few\"", "bad-value", "`few`", "max"),
        ("pids = -1", "out-of-range", "`pids`", "0"),
        ("cpu-weight = 0", "out-of-range", "`cpu-weight`", "10000"),
    ] {
        let text = format!(
            "[[cgroup]]\nname = \"g\"\nlimits = {{ {limit} }}\n[[action]]\nin = \"host\"\ndo.probe = [\"group:g\"]\n[[expect]]\nclaim = \"c\"\nwhen = {{ fact = \"host/g.processes\", is = 0 }}\n"
        );
        let found = course::demo_from_toml(&text).unwrap_err();
        let [only] = found.as_slice() else {
            panic!("{limit}: {found:?}");
        };
        let value = text.find(" = ").unwrap();
        assert!(only.span.unwrap().start > value, "{limit}");
        assert_eq!((only.code, only.line), (code, 3), "{limit}");
        assert!(only.message.contains(message), "{limit}: {}", only.message);
        let told = only.help.as_deref().unwrap_or_default();
        assert!(told.contains(help), "{limit}: {told}");
    }
}
