//! How the screen is divided and scrolled.

/// How the screen is divided and where it is scrolled to.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) size: (u16, u16),
    pub(super) focus: Pane,
    pub(super) tab: Tab,
    /// Only the pane with the focus is shown.
    pub(super) zoom: bool,
    /// The first line shown of the explanation.
    pub(super) prose: usize,
    /// The first line shown of each tab.
    pub(super) tabs: [usize; 4],
}

/// The two halves of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pane {
    /// The explanation.
    Prose,
    /// The stage with its tabs.
    Stage,
}

/// The tabs of the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Evidence,
    Syscalls,
    ByHand,
    InDocker,
}

impl Tab {
    pub(super) const ALL: [Tab; 4] = [Tab::Evidence, Tab::Syscalls, Tab::ByHand, Tab::InDocker];

    pub(super) fn title(self) -> &'static str {
        match self {
            Tab::Evidence => "Evidence",
            Tab::Syscalls => "Syscalls",
            Tab::ByHand => "By hand",
            Tab::InDocker => "In Docker",
        }
    }
}
