//! Everything that the screen shows and that keys change.

use super::msg::RunId;
use super::play::Play;
use super::popup::Popup;
use super::question::{Asked, Questioning};
use super::rows::Content;
use super::screen::{Pane, Screen, Tab};
use super::search::Index;
use super::theme::Theme;
use crate::check::Question;
use crate::course::{Course, KnobValues, Lesson, Scenario, Step};
use crate::plan::{History, Verb};
use crate::progress::Progress;
use crate::render::Signs;
use crate::session::{self, Agreed, Record};

/// The state of the program.
pub(super) struct Model {
    pub(super) course: Course,
    /// Lesson and step of each place in reading order.
    places: Vec<(usize, usize)>,
    /// The place that is open.
    pub(super) at: usize,
    /// What the learner did, for each place.
    pub(super) states: Vec<StepState>,
    pub(super) runs: Runs,
    /// Whether the run that waits for the learner's consent is to go through.
    pub(super) agreed_through: bool,
    pub(super) screen: Screen,
    /// The topmost is the last.
    pub(super) popups: Vec<Popup>,
    pub(super) settings: Settings,
    /// What was kept before: of steps that were not opened since, and what this
    /// version knows nothing of.
    pub(super) kept: Progress,
    pub(super) index: Index,
    /// The lines of the panes, derived from the rest after each change.
    pub(super) content: Content,
    pub(super) phase: Phase,
}

/// Whether there is anything to draw, and whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The screen shows the model.
    Shown,
    /// The model changed since it was drawn.
    Changed,
    /// The learner is leaving.
    Quit,
}

/// What is the user's to choose and holds for all steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) theme: Theme,
    /// The terminal's background chooses it, until the learner does.
    pub(super) follows: bool,
    /// Where each value comes from is shown below it.
    pub(super) sources: bool,
    /// The claims are shown one by one.
    pub(super) claims: bool,
    pub(super) color: bool,
    pub(super) mouse: bool,
    /// The characters that the terminal shows.
    pub(super) signs: Signs,
    pub(super) panic_key: bool,
}

/// The run under way, and the one that waits for its end. There is never more
/// than one at a time on the kernel.
#[derive(Debug, Default)]
pub(super) struct Runs {
    pub(super) current: Option<Running>,
    /// The place whose demo starts once the current run has been cleaned up.
    pub(super) queued: Option<usize>,
    pub(super) last_id: u64,
}

/// A run under way.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: RunId,
    /// The place it belongs to.
    pub(super) place: usize,
    pub(super) scenario: Scenario,
    pub(super) history: History,
    /// The action at which it waited and was told to go on; `None` once it has.
    pub(super) released: Option<usize>,
    /// Nobody waits for its result any more: its events are dropped.
    pub(super) stopped: bool,
}

/// What the learner did with a step.
#[derive(Debug, Default)]
pub(super) struct StepState {
    pub(super) visited: bool,
    /// Since the program was started: what was kept of it is in this state.
    pub(super) opened: bool,
    /// Its claims held here once.
    pub(super) done: bool,
    /// The knobs that were moved.
    pub(super) knobs: KnobValues,
    /// The knob that the keys turn.
    pub(super) knob: usize,
    /// Which beat of the last run is shown.
    pub(super) play: Play,
    /// The demo with its knobs set; the error is a bug of the lesson.
    pub(super) scenario: Option<Result<Scenario, String>>,
    pub(super) prediction: Asked,
    pub(super) quiz: Questioning,
    /// The last run that came to its end.
    pub(super) record: Option<Record>,
    /// What follows the observation is shown without one: a search led there.
    pub(super) told: bool,
    /// Why the last run could not be started.
    pub(super) not_started: Option<String>,
    /// The plans that the learner agreed to: a knob can make another of it.
    pub(super) agreed: Vec<Agreed>,
}

impl Model {
    /// The course, opened at a place in reading order.
    pub(super) fn new(course: Course, at: usize, settings: Settings) -> Model {
        let places: Vec<_> = course
            .lessons
            .iter()
            .enumerate()
            .flat_map(|(l, lesson)| (0..lesson.steps.len()).map(move |s| (l, s)))
            .collect();
        let states = places.iter().map(|_| StepState::default()).collect();
        let index = Index::new(&course);
        let mut model = Model {
            course,
            places,
            at,
            states,
            runs: Runs::default(),
            agreed_through: false,
            screen: Screen {
                size: (80, 24),
                focus: Pane::Prose,
                tab: Tab::Evidence,
                zoom: false,
                big: false,
                prose: 0,
                tabs: [0; 4],
                whole: false,
                read: [0; 5],
            },
            popups: Vec::new(),
            settings,
            kept: Progress::default(),
            index,
            content: Content::default(),
            phase: Phase::Changed,
        };
        model.open(at);
        model.changed();
        model
    }

    /// Opens a place: the explanation from its start, and the evidence.
    pub(super) fn open(&mut self, at: usize) {
        self.at = at;
        self.screen.focus = match self.screen.big {
            true => Pane::Stage,
            false => Pane::Prose,
        };
        self.screen.tab = Tab::Evidence;
        self.screen.prose = 0;
        self.screen.tabs = [0; 4];
        self.screen.read = [0; 5];
        self.instantiate();
        let state = self.state_mut();
        state.visited = true;
        if !std::mem::replace(&mut state.opened, true) {
            self.recall_step();
        }
    }

    /// Sets the demo's knobs into it.
    pub(super) fn instantiate(&mut self) {
        let at = self.at;
        let Some(demo) = self.step().demo() else {
            return;
        };
        let scenario = demo.scenario(&self.states[at].knobs);
        self.states[at].scenario = Some(scenario);
    }

    pub(super) fn count(&self) -> usize {
        self.places.len()
    }

    pub(super) fn lesson_at(&self, place: usize) -> &Lesson {
        &self.course.lessons[self.places[place].0]
    }

    pub(super) fn step_at(&self, place: usize) -> &Step {
        let (lesson, step) = self.places[place];
        &self.course.lessons[lesson].steps[step]
    }

    /// The step's number within its lesson, from 1, and how many there are.
    pub(super) fn position(&self) -> (usize, usize) {
        (self.places[self.at].1 + 1, self.lesson().steps.len())
    }

    pub(super) fn lesson(&self) -> &Lesson {
        self.lesson_at(self.at)
    }

    pub(super) fn step(&self) -> &Step {
        self.step_at(self.at)
    }

    pub(super) fn state(&self) -> &StepState {
        &self.states[self.at]
    }

    pub(super) fn state_mut(&mut self) -> &mut StepState {
        &mut self.states[self.at]
    }

    /// The demo with its knobs set, if the step has one.
    pub(super) fn scenario(&self) -> Option<&Scenario> {
        self.state().scenario.as_ref()?.as_ref().ok()
    }

    /// The run of this step that is under way.
    pub(super) fn running(&self) -> Option<&Running> {
        self.runs
            .current
            .as_ref()
            .filter(|run| run.place == self.at && !run.stopped)
    }

    /// Whether a knob's turn reaches the run that is under way: it is at a
    /// `watch`, and has such a knob.
    pub(super) fn live(&self) -> bool {
        let knobs = self.step().demo().into_iter().flat_map(|demo| &demo.knobs);
        let watching = |run: &Running| {
            let action = run.history.action();
            let action = action.and_then(|index| run.scenario.plan.actions.get(index));
            action.is_some_and(|action| matches!(action.verb, Verb::Watch(_)))
                && run.history.samples().next().is_some()
        };
        knobs.into_iter().any(|knob| knob.live) && self.running().is_some_and(watching)
    }

    /// The stage at which the run under way waits for the learner, as the index
    /// of its action.
    pub(super) fn paused(&self) -> Option<usize> {
        let run = self.running()?;
        // Their word is on its way: a second one would be for another one.
        run.history.paused().filter(|_| run.released.is_none())
    }

    /// Whether this step's demo runs now or is about to.
    pub(super) fn busy(&self) -> bool {
        self.running().is_some() || self.runs.queued == Some(self.at)
    }

    /// The scenario and events to show: those of the run under way, else of the last.
    pub(super) fn observed(&self) -> Option<(&Scenario, &History)> {
        match (self.running(), &self.state().record) {
            (Some(run), _) => Some((&run.scenario, &run.history)),
            (None, Some(record)) => Some((&record.scenario, &record.history)),
            (None, None) => None,
        }
    }

    /// The plan of the demo as it stands, once it may be carried out.
    ///
    /// # Errors
    /// What the learner has to be asked first; `None` without a demo.
    pub(super) fn consent(&self) -> Result<Agreed, Option<session::Question>> {
        let scenario = self.scenario().ok_or(None)?;
        session::ask(&self.course.origin, &scenario.plan).or_else(|question| {
            let mut agreed = self.state().agreed.iter();
            let same = agreed.find(|agreed| agreed.plan() == question.plan());
            same.cloned().ok_or(Some(question))
        })
    }

    /// The question that waits for an answer: the prediction before the run,
    /// a question of the quiz after it.
    pub(super) fn open_question(&self) -> Option<&Question> {
        if self.busy() {
            return None;
        }
        let state = self.state();
        if state.record.is_none() {
            let question = self.scenario()?.predict.as_ref()?;
            return state.prediction.answer.is_none().then_some(question);
        }
        // It comes after the last picture.
        if state.play.at.is_some() || !state.quiz.begun {
            return None;
        }
        let quiz = self.step().quiz()?;
        let question = quiz.question.get(state.quiz.at)?;
        let answered = state.quiz.asked(state.quiz.at).answer.is_some();
        (!answered).then_some(question)
    }

    /// The learner's side of the open question.
    pub(super) fn open_answer(&mut self) -> Option<&mut Asked> {
        self.open_question()?;
        let state = self.state_mut();
        Some(match state.record {
            None => &mut state.prediction,
            Some(_) => state.quiz.asked_mut(),
        })
    }

    /// Whether what follows the mark `result` is shown: with an observation, a
    /// recording or a refusal, or where a search led to it.
    pub(super) fn told(&self) -> bool {
        let state = self.state();
        state.record.is_some() || state.not_started.is_some() || state.told
    }

    /// Whether the quiz, if there is one, has been gone through.
    pub(super) fn quiz_done(&self) -> bool {
        let (quiz, way) = (self.step().quiz(), &self.state().quiz);
        quiz.is_none_or(|quiz| way.begun && way.at >= quiz.question.len())
    }

    pub(super) fn changed(&mut self) {
        self.content.stale = true;
        if self.phase == Phase::Shown {
            self.phase = Phase::Changed;
        }
    }
}
