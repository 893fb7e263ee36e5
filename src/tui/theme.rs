//! Roles and parts of the screen → styles. Nothing is told by colour alone:
//! signs and words carry the meaning, and without colour modifiers remain.

use crate::render::Role;
use ratatui::style::{Color, Modifier, Style};

/// A set of colours. The background is always the terminal's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Theme {
    Dark,
    Light,
    HighContrast,
}

/// The parts of the screen that aren't text of a lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The border of a pane.
    Border,
    /// The border of the pane with the focus.
    Focus,
    /// Header and footer.
    Bar,
    /// A key in the footer.
    Key,
    /// The row under the cursor, the tab that is shown.
    Selected,
}

impl Theme {
    pub(super) const ALL: [Theme; 3] = [Theme::Dark, Theme::Light, Theme::HighContrast];

    /// As `--theme` and the progress call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Theme::Dark => "dark",
            Theme::Light => "light",
            Theme::HighContrast => "high-contrast",
        }
    }

    /// The theme for a background of this colour: red, green and blue.
    pub(super) fn on(background: (u8, u8, u8)) -> Theme {
        // Middle grey, as the eye sees it, has about this luminance.
        match luminance(background) > 0.18 {
            true => Theme::Light,
            false => Theme::Dark,
        }
    }

    pub(super) fn next(self) -> Theme {
        match self {
            Theme::Dark => Theme::Light,
            Theme::Light => Theme::HighContrast,
            Theme::HighContrast => Theme::Dark,
        }
    }

    pub(super) fn role(self, role: Role, color: bool) -> Style {
        styled(
            self.role_color(role),
            role_modifier(role, self, color),
            color,
        )
    }

    pub(super) fn part(self, part: Part, color: bool) -> Style {
        let foreground = match (part, self) {
            (Part::Border, Theme::Dark) => Color::DarkGray,
            (Part::Border, Theme::Light) => Color::Indexed(244),
            (Part::Focus, Theme::Dark) => Color::Cyan,
            (Part::Focus, Theme::Light) => Color::Indexed(25),
            (Part::Key, Theme::Dark) => Color::Cyan,
            (Part::Key, Theme::Light) => Color::Indexed(25),
            (Part::Border | Part::Focus | Part::Key, Theme::HighContrast) => Color::Reset,
            (Part::Bar | Part::Selected, _) => Color::Reset,
        };
        let modifier = match part {
            Part::Border | Part::Bar => Modifier::empty(),
            Part::Focus | Part::Key => Modifier::BOLD,
            Part::Selected => Modifier::BOLD,
        };
        styled(foreground, modifier, color)
    }

    /// The colours of big mode: text and background, both of the fixed part of the
    /// palette of 256, so that their contrast is known.
    pub(super) fn ground(self) -> (Color, Color) {
        match self {
            Theme::Dark | Theme::HighContrast => (Color::Indexed(231), Color::Indexed(16)),
            Theme::Light => (Color::Indexed(16), Color::Indexed(231)),
        }
    }

    /// The look of a role in big mode: at least 7:1 on its background.
    pub(super) fn big(self, role: Role, color: bool) -> Style {
        let index = match (self, role) {
            (Theme::HighContrast, _) => None,
            (_, Role::Body | Role::Strong | Role::Emphasis | Role::Observed) => None,
            (Theme::Dark, Role::Heading | Role::Label | Role::Keyword) => Some(123),
            (Theme::Dark, Role::Code | Role::Function | Role::Link) => Some(223),
            (Theme::Dark, Role::Literal | Role::Good) => Some(120),
            (Theme::Dark, Role::Comment | Role::Dim) => Some(250),
            (Theme::Dark, Role::Changed | Role::Warn) => Some(228),
            (Theme::Dark, Role::Bad) => Some(217),
            (Theme::Light, Role::Heading | Role::Label | Role::Keyword) => Some(18),
            (Theme::Light, Role::Code | Role::Function | Role::Link) => Some(54),
            (Theme::Light, Role::Literal | Role::Good) => Some(22),
            (Theme::Light, Role::Comment | Role::Dim) => Some(239),
            (Theme::Light, Role::Changed | Role::Warn) => Some(52),
            (Theme::Light, Role::Bad) => Some(88),
        };
        let foreground = index.map_or(self.ground().0, Color::Indexed);
        styled(foreground, role_modifier(role, self, color), color)
    }

    fn role_color(self, role: Role) -> Color {
        match self {
            Theme::Dark => match role {
                Role::Body | Role::Strong | Role::Emphasis => Color::Reset,
                Role::Heading | Role::Label => Color::Cyan,
                Role::Code => Color::Indexed(180),
                Role::Keyword => Color::Magenta,
                Role::Literal => Color::Green,
                Role::Comment => Color::Indexed(245),
                Role::Function => Color::Indexed(117),
                Role::Link => Color::Indexed(117),
                Role::Dim => Color::Indexed(245),
                Role::Observed => Color::Reset,
                Role::Changed => Color::Yellow,
                Role::Good => Color::Green,
                Role::Bad => Color::LightRed,
                Role::Warn => Color::Indexed(214),
            },
            Theme::Light => match role {
                Role::Body | Role::Strong | Role::Emphasis => Color::Reset,
                Role::Heading | Role::Label => Color::Indexed(25),
                Role::Code => Color::Indexed(94),
                Role::Keyword => Color::Indexed(90),
                Role::Literal => Color::Indexed(22),
                Role::Comment => Color::Indexed(241),
                Role::Function => Color::Indexed(24),
                Role::Link => Color::Indexed(24),
                Role::Dim => Color::Indexed(241),
                Role::Observed => Color::Reset,
                Role::Changed => Color::Indexed(130),
                Role::Good => Color::Indexed(22),
                Role::Bad => Color::Indexed(124),
                Role::Warn => Color::Indexed(130),
            },
            Theme::HighContrast => Color::Reset,
        }
    }
}

/// The relative luminance of a colour, from 0 to 1, as WCAG 2.2 defines it.
pub(super) fn luminance((red, green, blue): (u8, u8, u8)) -> f64 {
    let linear = |part: u8| match f64::from(part) / 255.0 {
        part if part <= 0.04045 => part / 12.92,
        part => ((part + 0.055) / 1.055).powf(2.4),
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

fn role_modifier(role: Role, theme: Theme, color: bool) -> Modifier {
    let strong = theme == Theme::HighContrast;
    let plain = strong || !color;
    match role {
        Role::Heading | Role::Strong | Role::Changed | Role::Good | Role::Bad => Modifier::BOLD,
        Role::Emphasis => Modifier::ITALIC,
        Role::Link => Modifier::UNDERLINED,
        // Where no colour tells a command from the words around it.
        Role::Code if plain => Modifier::BOLD,
        Role::Label | Role::Keyword | Role::Warn if strong => Modifier::BOLD,
        Role::Body
        | Role::Code
        | Role::Keyword
        | Role::Literal
        | Role::Comment
        | Role::Function
        | Role::Dim
        | Role::Label
        | Role::Observed
        | Role::Warn => Modifier::empty(),
    }
}

fn styled(foreground: Color, modifier: Modifier, color: bool) -> Style {
    let style = Style::new().add_modifier(modifier);
    match foreground {
        Color::Reset => style,
        foreground if color => style.fg(foreground),
        _ => style,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 17] = [
        Role::Body,
        Role::Heading,
        Role::Strong,
        Role::Emphasis,
        Role::Code,
        Role::Keyword,
        Role::Literal,
        Role::Comment,
        Role::Function,
        Role::Link,
        Role::Dim,
        Role::Label,
        Role::Observed,
        Role::Changed,
        Role::Good,
        Role::Bad,
        Role::Warn,
    ];

    /// Red, green and blue of the fixed part of the palette of 256: a cube, then greys.
    fn rgb(color: Color) -> (u8, u8, u8) {
        let Color::Indexed(index @ 16..) = color else {
            panic!("{color} is what the terminal likes it to be");
        };
        let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
        match index {
            16..=231 => {
                let at = index - 16;
                (level(at / 36), level(at / 6 % 6), level(at % 6))
            }
            _ => {
                let grey = 8 + 10 * (index - 232);
                (grey, grey, grey)
            }
        }
    }

    /// As WCAG 2.2 defines it.
    fn contrast(one: Color, other: Color) -> f64 {
        let (one, other) = (luminance(rgb(one)), luminance(rgb(other)));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn big_text_has_the_contrast_of_aaa() {
        let black_on_white = contrast(Color::Indexed(16), Color::Indexed(231));
        assert!((black_on_white - 21.0).abs() < 0.01);
        for theme in Theme::ALL {
            let (text, ground) = theme.ground();
            assert!(contrast(text, ground) >= 7.0);
            for role in ROLES {
                let style = theme.big(role, true);
                let colour = style.fg.unwrap();
                let found = contrast(colour, ground);
                assert!(found >= 7.0, "{} {colour}: {found:.1}", theme.name());
            }
        }
    }

    #[test]
    fn the_background_chooses() {
        for (background, expected) in [
            ((0, 0, 0), Theme::Dark),
            ((0x1e, 0x1e, 0x2e), Theme::Dark),
            ((0xfd, 0xf6, 0xe3), Theme::Light),
            ((255, 255, 255), Theme::Light),
        ] {
            assert_eq!(Theme::on(background), expected);
        }
    }
}
