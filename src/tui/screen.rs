//! How the screen is divided and scrolled.

/// How the screen is divided and where it is scrolled to.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) size: (u16, u16),
    pub(super) focus: Pane,
    pub(super) tab: Tab,
    /// Only the pane with the focus is shown.
    pub(super) zoom: bool,
    /// The beat alone, large enough for a room.
    pub(super) big: bool,
    /// The first line shown of the explanation.
    pub(super) prose: usize,
    /// The first line shown of each tab, below what is pinned.
    pub(super) tabs: [usize; 4],
    /// Where there is room for one pane only: the one with the focus has it all.
    pub(super) whole: bool,
    /// How many lines of the explanation and of each tab have been on the screen,
    /// from the top.
    pub(super) read: [usize; 5],
}

impl Screen {
    /// The first line shown of a pane.
    pub(super) fn scroll(&self, pane: Pane) -> usize {
        match pane {
            Pane::Prose => self.prose,
            Pane::Stage => self.tabs[self.tab as usize],
        }
    }

    /// Where a pane's share of `read` stands.
    pub(super) fn share(&self, pane: Pane) -> usize {
        match pane {
            Pane::Prose => 0,
            Pane::Stage => 1 + self.tab as usize,
        }
    }

    /// The evidence shows something else: from its start, and unread.
    pub(super) fn renew(&mut self) {
        self.tabs[Tab::Evidence as usize] = 0;
        self.read[1 + Tab::Evidence as usize] = 0;
    }
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

    /// As the progress calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Tab::Evidence => "evidence",
            Tab::Syscalls => "syscalls",
            Tab::ByHand => "by-hand",
            Tab::InDocker => "in-docker",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Tab::Evidence => "Evidence",
            Tab::Syscalls => "Syscalls",
            Tab::ByHand => "By hand",
            Tab::InDocker => "In Docker",
        }
    }
}
