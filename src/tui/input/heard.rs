//! What a whole of the terminal's input means. The tables of keys are termina's.

use super::split::Unit;
use crate::tui::msg::Msg;
use crate::tui::theme::Theme;
use crossterm::event as out;
use termina::escape::csi::{Csi, Device};
use termina::escape::osc::{ColorOrQuery, DynamicColorNumber, Osc};
use termina::event as key;
use termina::{Event, Parser};

/// Something that the terminal has said.
#[derive(Debug)]
pub(super) enum Heard {
    /// A hand did it.
    Msg(Msg),
    /// The reply to OSC 11: for which background colours are to be chosen.
    Background(Theme),
    /// The reply to DA1, which every terminal gives.
    Attributes,
}

/// What a unit means; `None` for what doesn't concern the course.
pub(super) fn meaning(unit: Unit) -> Option<Heard> {
    let bytes = match unit {
        Unit::Paste(text) => return Some(Heard::Msg(Msg::Paste(text))),
        Unit::Bytes(bytes) => bytes,
    };
    // The answer to DA1 has a form of its own, and termina's tells less of it.
    if bytes.starts_with(b"\x1b[?") && bytes.ends_with(b"c") {
        return Some(Heard::Attributes);
    }
    // Strings that nobody asks for; termina knows not all of them.
    if let [0x1b, b'P' | b'_' | b'^' | b'X', _, ..] = bytes[..] {
        return None;
    }
    // A new one for each: what it doesn't know it may hold, and it would tell that in
    // the place of the next key.
    let mut parser = Parser::default();
    parser.parse(&bytes, false);
    let event = parser.pop()?;
    if parser.pop().is_some() {
        // It took the rest of a sequence that it doesn't know for keys.
        return None;
    }
    match event {
        Event::Key(event) => pressed(event).map(|event| Heard::Msg(Msg::Key(event))),
        Event::Mouse(event) => Some(Heard::Msg(Msg::Mouse(clicked(event)))),
        Event::Csi(Csi::Device(Device::DeviceAttributes(()))) => Some(Heard::Attributes),
        Event::Osc(Osc::ChangeDynamicColors(DynamicColorNumber::TextBackgroundColor, colours)) => {
            match colours.first()? {
                ColorOrQuery::Color(c) => {
                    let theme = Theme::on((c.red, c.green, c.blue));
                    Some(Heard::Background(theme))
                }
                ColorOrQuery::Query => None,
            }
        }
        // Replies that nobody asked for, focus, other strings.
        _ => None,
    }
}

fn pressed(event: key::KeyEvent) -> Option<out::KeyEvent> {
    let code = match event.code {
        key::KeyCode::Char(c) => out::KeyCode::Char(c),
        key::KeyCode::Enter => out::KeyCode::Enter,
        key::KeyCode::Backspace => out::KeyCode::Backspace,
        key::KeyCode::Tab => out::KeyCode::Tab,
        key::KeyCode::Escape => out::KeyCode::Esc,
        key::KeyCode::Left => out::KeyCode::Left,
        key::KeyCode::Right => out::KeyCode::Right,
        key::KeyCode::Up => out::KeyCode::Up,
        key::KeyCode::Down => out::KeyCode::Down,
        key::KeyCode::Home => out::KeyCode::Home,
        key::KeyCode::End => out::KeyCode::End,
        key::KeyCode::BackTab => out::KeyCode::BackTab,
        key::KeyCode::PageUp => out::KeyCode::PageUp,
        key::KeyCode::PageDown => out::KeyCode::PageDown,
        key::KeyCode::Insert => out::KeyCode::Insert,
        key::KeyCode::Delete => out::KeyCode::Delete,
        key::KeyCode::Function(n) => out::KeyCode::F(n),
        // Keys that do nothing here.
        key::KeyCode::KeypadBegin
        | key::KeyCode::CapsLock
        | key::KeyCode::ScrollLock
        | key::KeyCode::NumLock
        | key::KeyCode::PrintScreen
        | key::KeyCode::Pause
        | key::KeyCode::Menu
        | key::KeyCode::Null
        | key::KeyCode::Modifier(_)
        | key::KeyCode::Media(_) => return None,
    };
    let kind = match event.kind {
        key::KeyEventKind::Press => out::KeyEventKind::Press,
        key::KeyEventKind::Release => out::KeyEventKind::Release,
        key::KeyEventKind::Repeat => out::KeyEventKind::Repeat,
    };
    Some(out::KeyEvent::new_with_kind(
        code,
        modifiers(event.modifiers),
        kind,
    ))
}

fn clicked(event: key::MouseEvent) -> out::MouseEvent {
    let button = |button| match button {
        key::MouseButton::Left => out::MouseButton::Left,
        key::MouseButton::Right => out::MouseButton::Right,
        key::MouseButton::Middle => out::MouseButton::Middle,
    };
    out::MouseEvent {
        kind: match event.kind {
            key::MouseEventKind::Down(b) => out::MouseEventKind::Down(button(b)),
            key::MouseEventKind::Up(b) => out::MouseEventKind::Up(button(b)),
            key::MouseEventKind::Drag(b) => out::MouseEventKind::Drag(button(b)),
            key::MouseEventKind::Moved => out::MouseEventKind::Moved,
            key::MouseEventKind::ScrollDown => out::MouseEventKind::ScrollDown,
            key::MouseEventKind::ScrollUp => out::MouseEventKind::ScrollUp,
            key::MouseEventKind::ScrollLeft => out::MouseEventKind::ScrollLeft,
            key::MouseEventKind::ScrollRight => out::MouseEventKind::ScrollRight,
        },
        column: event.column,
        row: event.row,
        modifiers: modifiers(event.modifiers),
    }
}

fn modifiers(of: key::Modifiers) -> out::KeyModifiers {
    [
        (key::Modifiers::SHIFT, out::KeyModifiers::SHIFT),
        (key::Modifiers::ALT, out::KeyModifiers::ALT),
        (key::Modifiers::CONTROL, out::KeyModifiers::CONTROL),
        (key::Modifiers::SUPER, out::KeyModifiers::SUPER),
        (key::Modifiers::HYPER, out::KeyModifiers::HYPER),
        (key::Modifiers::META, out::KeyModifiers::META),
    ]
    .into_iter()
    .filter(|(from, _)| of.contains(*from))
    .fold(out::KeyModifiers::NONE, |all, (_, to)| all | to)
}
