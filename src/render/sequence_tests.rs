//! The diagram, the parts and the contents of a conversation that the tap recorded:
//! a container by the CLI, then the same by plain requests.

use super::sequence::whole;
use super::{Line, Signs, contents, parts, plain, sequence};
use crate::plan::{Event, History, Message, Said};
use crate::record::Beat;

/// Recorded by `glassbox run architecture/cli --json`; long documents are cut.
const RECORDED: &str = include_str!("conversation.jsonl");
/// What the CLI's container was about.
const FIRST: usize = 24;

fn history() -> History {
    let lines = RECORDED.lines().map(|line| {
        let message: Message = serde_json::from_str(line).unwrap();
        Event::Message(message)
    });
    History::from(lines.collect::<Vec<_>>())
}

fn beat(events: std::ops::Range<usize>) -> Beat {
    Beat {
        actions: 0..0,
        events,
    }
}

fn fits(lines: &[Line], width: usize) {
    for line in lines {
        assert!(line.width() <= width, "{width}: {}", line.text());
    }
}

#[test]
fn a_conversation_is_drawn_in_every_width() {
    let history = history();
    let first = beat(0..FIRST);
    insta::assert_snapshot!("sequence_76", plain(&sequence(&history, &first, 40, 76)));
    insta::assert_snapshot!("sequence_116", plain(&sequence(&history, &first, 40, 116)));
    let text = plain(&sequence(&history, &first, 12, 76));
    assert!(Signs::Ascii.text(&text).is_ascii());
    insta::assert_snapshot!("sequence_ascii", Signs::Ascii.text(&text));
    // By plain requests, after the CLI.
    let second = beat(FIRST..40);
    insta::assert_snapshot!(
        "sequence_second",
        plain(&sequence(&history, &second, 14, 76))
    );
    for width in 20..140 {
        fits(&sequence(&history, &second, 12, width), width);
        fits(&parts(&history, &second, width), width);
        fits(&contents(&history, &second, width), width);
    }
}

#[test]
fn the_parts_light_up_when_they_act() {
    let history = history();
    for (name, range, width) in [
        ("parts_first", 0..FIRST, 76),
        ("parts_second", FIRST..40, 76),
        ("parts_narrow", 0..FIRST, 40),
    ] {
        insta::assert_snapshot!(name, plain(&parts(&history, &beat(range), width)));
    }
    let text = plain(&parts(&history, &beat(0..FIRST), 76));
    assert!(Signs::Ascii.text(&text).is_ascii());
    // Before anything was said nothing acts.
    let nothing = plain(&parts(&History::default(), &beat(0..0), 76));
    assert_eq!(
        nothing.matches('▸').count(),
        3,
        "the arrows and the legend:\n{nothing}"
    );
}

#[test]
fn older_messages_are_counted_and_none_is_lost() {
    let history = history();
    let said = |message: &&Event| match message {
        Event::Message(one) => !matches!(one.said, Said::Connected { .. } | Said::Closed { .. }),
        _ => false,
    };
    let events = history.events();
    for end in 1..=events.len() {
        let all = events[..end].iter().filter(said).count();
        for most in [3, 8, 12, 100] {
            let lines = sequence(&history, &beat(0..end), most, 76);
            assert!(lines.len() <= most, "{most}: {}", plain(&lines));
            let text = plain(&lines);
            let arrows = text.matches("▸│").count() + text.matches("│◂").count();
            let earlier = text.lines().find_map(|line| {
                let count = line.trim().strip_prefix("… ")?.strip_suffix(" earlier")?;
                count.parse::<usize>().ok()
            });
            assert_eq!(arrows + earlier.unwrap_or(0), all, "{text}");
        }
        assert_eq!(whole(&history, &beat(end..end), 76), Vec::new());
    }
}

#[test]
fn what_a_message_holds_is_shown_whole() {
    let text = plain(&contents(&history(), &beat(0..FIRST), 76));
    for part in [
        "c1 > POST /v1.50/containers/create?name=by-cli",
        "server: Glassbox/",
        "\"Cmd\": [",
        "$ docker run --name by-cli tools echo hello",
        "by-cli of tools has ended: exit 0",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}
