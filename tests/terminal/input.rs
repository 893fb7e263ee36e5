//! What a terminal sends besides keys, or sends badly: bursts, pastes without an end,
//! replies in pieces and late. A key pressed after it is always a key.

use super::{Ended, Session};
use std::time::Duration;

/// Longer than the lull after which one key is no part of what came before.
const LULL: Duration = Duration::from_millis(400);

fn opened() -> Session {
    let mut session = Session::start(&[], 24, 80);
    session.shows("Explanation").shows(" 1/");
    session
}

#[test]
fn a_burst_arrives_whole_without_another_key() {
    let mut session = opened();
    let burst = format!("{}n", "j".repeat(19_999));
    session.press(&burst).shows(" 2/");
    let burst = format!("{}p", "\x1b[B".repeat(6_666));
    session.press(&burst).shows(" 1/").press("q");
    session.end().success();
}

#[test]
fn a_paste_without_an_end_leaves_the_keyboard() {
    let mut session = opened();
    for (begun, key, place) in [
        ("\x1b[200~quit now", "n", " 2/"),
        ("\x1b[200~rrr\x1b[20", "n", " 2/"),
        ("\x1b[200~", "n", " 3/"),
        ("\x1b]11;rgb:ffff/", "n", " 4/"),
        ("\x1bP1$r", "p", " 3/"),
        ("\x1b[<0;1", "p", " 2/"),
    ] {
        session.press(begun);
        std::thread::sleep(LULL);
        if begun.ends_with("[20") {
            // What may be the start of the end is waited for; its rest ends the paste.
            session.press("1~");
            continue;
        }
        if begun.starts_with("\x1b[<") {
            // A short sequence may have its last byte later.
            std::thread::sleep(3 * LULL);
        }
        session.press(key).shows(place);
        assert!(!session.text().contains("Running"), "{}", session.text());
    }
    // Where something may be typed, what has come of it is there.
    session.press("/").shows("Search");
    session.press("\x1b[200~cgroup").shows("cgroup");
    session.press("\x7f").shows("cgrou▏").press("\x1b");
    session.until("no search", |session| !session.text().contains("Search"));
    session.press("q");
    session.end().success();
}

#[test]
fn replies_in_two_parts_are_no_keys() {
    let mut session = opened();
    let mut here = true;
    for reply in [
        "\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\",
        "\x1b]11;rgb:ffff/ffff/ffff\x07",
        "\x1b[?62;22;52c",
        "\x1b[24;80R",
    ] {
        for at in 1..reply.len() {
            let (one, two) = reply.split_at(at);
            session.press(one);
            // What is to be seen is a pause, of any length.
            std::thread::sleep(Duration::from_millis(20));
            let (key, place) = match here {
                true => ("n", " 2/"),
                false => ("p", " 1/"),
            };
            session.press(two).press(key).shows(place);
            assert!(!session.text().contains("Search"), "{reply:?} cut at {at}");
            assert!(!session.text().contains("Outline"), "{reply:?} cut at {at}");
            here = !here;
        }
    }
    session.press("q");
    session.end().success();
}

#[test]
fn a_late_reply_still_chooses_the_colours() {
    let foreground = |session: &Session| {
        let screen = session.screen.screen();
        (0..80).find_map(|col| match screen.cell(0, col)?.fgcolor() {
            vt100::Color::Default => None,
            color => Some(color),
        })
    };
    let mut session = opened();
    let dark = foreground(&session);
    assert!(dark.is_some());
    session.press("\x1b]11;rgb:ffff/ff");
    std::thread::sleep(LULL);
    session.press("ff/ffff\x1b\\");
    session.until("other colours", |session| foreground(session) != dark);
    // The learner's own choice stays.
    session.press("t");
    let light = foreground(&session);
    session.until("other colours", |session| foreground(session) != light);
    let chosen = foreground(&session);
    session.press("\x1b]11;rgb:0/0/0\x1b\\n").shows(" 2/");
    assert_eq!(foreground(&session), chosen);
    session.press("q");
    session.end().success();
}
