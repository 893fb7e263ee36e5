use super::heard::{Heard, meaning};
use super::split::{Splitter, Unit};
use crate::tui::msg::Msg;
use crate::tui::theme::Theme;
use crossterm::event::{KeyCode, KeyModifiers, MouseEventKind};
use std::time::{Duration, Instant};

/// What is heard when these pieces come, each so many milliseconds after the one
/// before; and then nothing more.
fn hear(pieces: &[(u64, &[u8])]) -> Vec<String> {
    let mut splitter = Splitter::default();
    let mut now = Instant::now();
    let mut units = Vec::new();
    for (wait, bytes) in pieces {
        let then = now + Duration::from_millis(*wait);
        while let Some(deadline) = splitter.deadline().filter(|deadline| *deadline < then) {
            units.extend(splitter.silence(deadline));
        }
        now = then;
        units.extend(splitter.feed(bytes, now));
    }
    while let Some(deadline) = splitter.deadline() {
        units.extend(splitter.silence(deadline));
    }
    units.into_iter().filter_map(meaning).map(word).collect()
}

fn word(heard: Heard) -> String {
    match heard {
        Heard::Background(Theme::Light) => "light".into(),
        Heard::Background(_) => "dark".into(),
        Heard::Attributes => "attributes".into(),
        Heard::Msg(Msg::Paste(text)) => format!("paste {text}"),
        Heard::Msg(Msg::Mouse(event)) => match event.kind {
            MouseEventKind::Down(_) => format!("click {} {}", event.column, event.row),
            _ => "mouse".into(),
        },
        Heard::Msg(Msg::Key(event)) => {
            let alt = match event.modifiers.contains(KeyModifiers::ALT) {
                true => "alt-",
                false => "",
            };
            let control = match event.modifiers.contains(KeyModifiers::CONTROL) {
                true => "ctrl-",
                false => "",
            };
            match event.code {
                KeyCode::Char(c) => format!("{control}{alt}{c}"),
                code => format!("{control}{alt}{code}").to_lowercase(),
            }
        }
        Heard::Msg(_) => "?".into(),
    }
}

#[test]
fn what_is_pressed_is_heard() {
    for (bytes, expected) in [
        ("n", "n"),
        ("é→容", "é → 容"),
        ("\r\t\x7f\x03", "enter tab backspace ctrl-c"),
        (
            "\x1b[A\x1b[1;5C\x1bOP\x1b[[B\x1b[24~",
            "up ctrl-right f1 f2 f12",
        ),
        ("\x1bx", "alt-x"),
        ("\x1bé", "alt-é"),
        ("\x1b", "esc"),
        ("\x1b\x1b[B", "esc down"),
        ("\x1b[<0;74;2M\x1b[M !\"n", "click 73 1 click 0 1 n"),
        ("\x1b[200~q n\x1b[201~n", "paste q n n"),
        ("\x1b[200~\x1b[201~n", "paste  n"),
        // No key, and no harm to the next one.
        ("\x1b[9999;9zn", "n"),
        ("\x1b[12\x03n", "ctrl-c n"),
        ("\x1b[  @n", "n"),
        ("\x1b]11;?\x1b\\n", "n"),
        ("\x1bP1$r0m\x1b\\\x1b_Gi=1;OK\x1b\\n", "n"),
    ] {
        let bytes = bytes.as_bytes();
        assert_eq!(hear(&[(0, bytes)]).join(" "), expected);
        // It comes as it likes, but for the sequences' introducer without a wait.
        let single: Vec<_> = bytes.chunks(1).map(|byte| (1, byte)).collect();
        assert_eq!(hear(&single).join(" "), expected, "byte by byte");
    }
    assert_eq!(hear(&[(0, b"a\xff\xc3b\x80c")]).join(" "), "a b c");
}

/// Cut at every byte, both parts a while apart; then a key.
#[test]
fn replies_are_no_keys_wherever_they_are_cut() {
    for (reply, expected) in [
        ("\x1b]11;rgb:ffff/ffff/ffff\x1b\\", "light"),
        ("\x1b]11;rgb:1e/1e/2e\x07", "dark"),
        ("\x1b[?62;22;52c", "attributes"),
        ("\x1b[24;80R", ""),
        ("\x1b[>0;276;0c", ""),
        ("\x1bP>|xterm(390)\x1b\\", ""),
    ] {
        let bytes = reply.as_bytes();
        for wait in [1, 90, 300, 800] {
            for at in 1..bytes.len() {
                let (one, two) = bytes.split_at(at);
                let heard = hear(&[(0, one), (wait, two), (300, b"n")]);
                // An ESC that stood alone for long was a key; of DCS nobody asked, so
                // its rest is only kept from being one where it came in time.
                let late = at == 1 && wait > 100;
                let mut rest: Vec<_> = heard.iter().map(String::as_str).collect();
                if late {
                    assert_eq!(rest.remove(0), "esc");
                    if reply.starts_with("\x1bP") || reply.starts_with("\x1b[>") {
                        continue;
                    }
                }
                let words: Vec<_> = expected.split_whitespace().chain(["n"]).collect();
                assert_eq!(rest, words, "{reply:?} cut at {at}, {wait} ms");
            }
        }
    }
}

#[test]
fn what_never_ends_holds_up_no_key() {
    for (begun, expected) in [
        ("\x1b[200~abc", "paste abc"),
        ("\x1b[200~abc\x1b[20", "paste abc"),
        ("\x1b]11;rgb:ffff", ""),
        ("\x1b]", ""),
        ("\x1bP1$r", ""),
        ("\x1b[", ""),
        ("\x1b[?62;", ""),
        ("\x1b[<0;1", ""),
        ("\x1bO", ""),
        ("\u{e9}\u{20ac}", "é €"),
    ] {
        let bytes = begun.as_bytes();
        let words = expected.split_inclusive(' ').collect::<String>();
        for key in [&b"n"[..], b"\x1b[B", b"\x03"] {
            let heard = hear(&[(0, bytes), (2001, key), (1, b"q")]);
            let name = match key {
                b"n" => "n",
                b"\x03" => "ctrl-c",
                _ => "down",
            };
            let expected = format!("{words} {name} q");
            assert_eq!(heard.join(" "), expected.trim_start(), "{begun:?}");
            // A single key comes through much sooner.
            if !begun.ends_with("\x1b[20") {
                let heard = hear(&[(0, bytes), (1001, key), (1, b"q")]);
                assert_eq!(heard.join(" "), expected.trim_start(), "{begun:?}");
            }
        }
    }
    // A paste that pauses goes on.
    let slow = hear(&[
        (0, b"\x1b[200~quit"),
        (900, b" now, rxn"),
        (900, b"q\x1b[201~"),
        (5, b"n"),
    ]);
    assert_eq!(slow, ["paste quit", "paste  now, rxn", "paste q", "n"]);
}

#[test]
fn nothing_is_lost_of_a_burst() {
    let burst = vec![b'x'; 20_000];
    let parts: Vec<_> = burst.chunks(4096).map(|part| (0, part)).collect();
    assert_eq!(hear(&parts).len(), burst.len());
    let arrows = b"\x1b[B".repeat(7000);
    let parts: Vec<_> = arrows.chunks(4096).map(|part| (0, part)).collect();
    assert!(hear(&parts).iter().all(|key| key == "down"));
    assert_eq!(hear(&parts).len(), 7000);
}

/// Whatever comes: two seconds of nothing later a key is a key.
#[test]
fn no_input_takes_the_keyboard_away() {
    use proptest::prelude::*;
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        prop::sample::select(vec![
            &b"\x1b"[..],
            b"\x1b[",
            b"\x1b]",
            b"\x1b[200~",
            b"\x1b[201~",
            b"\x1b[M",
            b"\x1bP"
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    let pieces = prop::collection::vec((0u64..1500, piece), 0..8);
    proptest!(|(pieces in pieces)| {
        let mut pieces: Vec<(u64, &[u8])> =
            pieces.iter().map(|(wait, bytes)| (*wait, &bytes[..])).collect();
        pieces.push((6000, b"n"));
        let heard = hear(&pieces);
        prop_assert_eq!(heard.last().map(String::as_str), Some("n"));
    });
    assert_eq!(
        Splitter::default().feed(b"n", Instant::now()),
        [Unit::Bytes(b"n".to_vec())]
    );
}
