//! The beats of a run: what happened, in the pieces in which it is told. Made of
//! events alone, so a run under way, one that has ended and one that is read from
//! a record are told alike.

use crate::plan::{Event, FactRef, History, Output, Plan, Syscall, Verb};
use std::ops::Range;

/// One beat: a sentence, and what happened with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// The actions of the plan that belong to it.
    pub actions: Range<usize>,
    /// The events of the history that do.
    pub events: Range<usize>,
}

/// What a beat did to what a fact says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was observed for the first time.
    New,
    /// It says something else than before.
    Changed,
}

/// The beats that have begun. There is always one: what is made before the first
/// action belongs to the first beat.
pub fn beats(plan: &Plan, history: &History) -> Vec<Beat> {
    let begun = plan.beats();
    let end = |number: usize| begun.get(number + 1).copied();
    let actions = |number: usize| begun[number]..end(number).unwrap_or(plan.actions.len());
    let mut beats = vec![Beat {
        actions: actions(0),
        events: 0..0,
    }];
    for (at, event) in history.events().iter().enumerate() {
        if let Event::Doing { action } = event {
            let number = begun.partition_point(|first| first <= action).max(1) - 1;
            while beats.len() <= number {
                beats.push(Beat {
                    actions: actions(beats.len()),
                    events: at..at,
                });
            }
        }
        if let Some(beat) = beats.last_mut() {
            beat.events.end = at + 1;
        }
    }
    beats
}

impl Beat {
    /// What the lesson says to it.
    pub fn sentence<'p>(&self, plan: &'p Plan) -> Option<&'p str> {
        let mut actions = plan.actions[self.actions.clone()].iter();
        actions.find_map(|action| action.say.as_deref())
    }

    /// The index of the stage that it ends with, if it has come to it.
    pub fn stage(&self, plan: &Plan, history: &History) -> Option<usize> {
        let last = self.actions.end.checked_sub(1)?;
        let stage = matches!(plan.actions.get(last)?.verb, Verb::Stage(_));
        let begun = self.of(history).contains(&Event::Doing { action: last });
        (stage && begun).then_some(last)
    }

    /// Its events.
    pub fn of<'h>(&self, history: &'h History) -> &'h [Event] {
        history.events().get(self.events.clone()).unwrap_or(&[])
    }

    /// All that had happened before it.
    pub fn before(&self, history: &History) -> History {
        first(history, self.events.start)
    }

    /// All that had happened by its end.
    pub fn until(&self, history: &History) -> History {
        first(history, self.events.end)
    }

    /// What programs wrote in it.
    pub fn outputs<'h>(&self, history: &'h History) -> impl Iterator<Item = &'h Output> {
        self.of(history).iter().filter_map(|event| match event {
            Event::Output(output) => Some(output),
            _ => None,
        })
    }

    /// The calls that were made for what its sentence says; all of them if what is
    /// done for that takes none.
    pub fn calls<'h>(
        &self,
        plan: &Plan,
        history: &'h History,
    ) -> impl Iterator<Item = &'h Syscall> {
        let said = |event: &Event| match event {
            Event::Doing { action } => plan.actions.get(*action).is_some_and(|it| it.say.is_some()),
            _ => false,
        };
        let events = self.of(history);
        let from = events.iter().position(said).unwrap_or(0);
        let is_call = |event: &Event| matches!(event, Event::Syscall(_));
        let from = if events[from..].iter().any(is_call) {
            from
        } else {
            0
        };
        events[from..].iter().filter_map(|event| match event {
            Event::Syscall(call) => Some(call),
            _ => None,
        })
    }

    /// What it did to what a fact says; `None` if that is as before.
    pub fn change(&self, history: &History, id: &FactRef) -> Option<Change> {
        let events = history.events();
        let newest = |range: Range<usize>| {
            let mut events = events.get(range).unwrap_or(&[]).iter().rev();
            events.find_map(|event| match event {
                Event::Fact(fact) if fact.id.is_named_by(id) => Some(fact),
                _ => None,
            })
        };
        let now = newest(self.events.clone())?;
        match newest(0..self.events.start) {
            None => Some(Change::New),
            Some(before) => (before.value != now.value).then_some(Change::Changed),
        }
    }
}

fn first(history: &History, count: usize) -> History {
    let events = history.events();
    History::from(events[..count.min(events.len())].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Action, Fact, Provenance, Unit, Value};

    fn plan() -> Plan {
        let action = |text: &str| -> Action { toml::from_str(text).unwrap() };
        Plan {
            actions: vec![
                action("in = 'host'\ndo.probe = ['pid']"),
                action("in = 'host'\ndo.probe = ['pid']\nsay = 'one'"),
                action("in = 'host'\ndo.probe = ['pid']"),
                action("in = 'host'\ndo.probe = ['pid']\nsay = 'two'"),
                action("in = 'host'\ndo.stage = 'look'"),
                action("in = 'host'\ndo.probe = ['pid']"),
            ],
            ..Plan::default()
        }
    }

    fn fact(id: &str, n: i64) -> Event {
        Event::Fact(Fact {
            id: id.parse().unwrap(),
            value: Some(Value::Number(n, Unit::Count)),
            source: "s".into(),
            provenance: Provenance::Observed,
        })
    }

    fn doing(action: usize) -> Event {
        Event::Doing { action }
    }

    #[test]
    fn a_run_falls_into_beats_as_it_goes_on() {
        let plan = plan();
        let mut history = History::default();
        assert_eq!(beats(&plan, &history).len(), 1, "nothing has happened yet");
        for event in [
            doing(0),
            fact("host/a", 1),
            doing(1),
            doing(2),
            fact("host/b@x", 1),
        ] {
            history.push(event);
        }
        assert_eq!(beats(&plan, &history)[0].events, 0..5);
        for event in [
            doing(3),
            fact("host/a", 1),
            fact("host/b", 2),
            fact("host/c", 3),
            doing(4),
            Event::Paused,
            doing(5),
            Event::Holding,
            Event::Cleaned,
        ] {
            history.push(event);
        }
        let found = beats(&plan, &history);
        let told = |beat: &Beat| (beat.sentence(&plan), beat.stage(&plan, &history));
        assert_eq!(
            found.iter().map(told).collect::<Vec<_>>(),
            [(Some("one"), None), (Some("two"), Some(4)), (None, None)]
        );
        assert_eq!(found[1].events, 5..11);
        assert_eq!(found[2].events.end, history.events().len());
        for (beat, id, change) in [
            (0, "host/a", Some(Change::New)),
            (0, "host/b", Some(Change::New)),
            (1, "host/a", None),
            (1, "host/b", Some(Change::Changed)),
            (1, "host/b@x", None),
            (1, "host/c", Some(Change::New)),
            (2, "host/c", None),
        ] {
            let found = found[beat].change(&history, &id.parse().unwrap());
            assert_eq!(found, change, "{beat} {id}");
        }
        assert_eq!(found[0].until(&history).events().len(), 5);
    }

    #[test]
    fn what_was_recorded_without_its_actions_is_one_beat() {
        let history = History::from(vec![fact("host/a", 1), fact("host/a", 2)]);
        let found = beats(&plan(), &history);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].events, 0..2);
    }
}
