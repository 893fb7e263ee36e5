//! The picture of layers: what an overlay mount shows, and from which layer
//! each name of it comes. Drawn only from a [`Stack`] that was observed.
//!
//! Where all names fit beside each other, the layers are stacked as the
//! overview draws them (`stacked`); otherwise the names stand below each other
//! as a tree and the layers side by side (`tree`). Both are drawn from one
//! reading of the stack: `picture`.

mod picture;
mod stacked;
mod tree;

use super::line::{Line, Role, Span};
use super::text::wrap;
use crate::plan::{FactRef, History, Provenance, Stack, Value};
use picture::Picture;

/// The newest observation of a stack, or why there is none.
pub(super) fn figure(id: &FactRef, history: &History, width: usize) -> Vec<Line> {
    let say = |text: String, role| wrap(&[Span::new(text, role)], width);
    let Some(fact) = history.fact(id) else {
        // Until the end it may still come.
        return match history.is_over() {
            true => say("The layers were not observed.".into(), Role::Dim),
            false => say("The layers: …".into(), Role::Dim),
        };
    };
    if let Provenance::Unavailable { because } = &fact.provenance {
        let text = format!("? The layers are unavailable: {because}");
        return say(text, Role::Warn);
    }
    let Some(Value::Stack(stack)) = &fact.value else {
        return say(format!("? `{id}` is no stack of layers."), Role::Warn);
    };
    let mut lines = Vec::new();
    if let Provenance::Recorded { kernel } = &fact.provenance {
        lines.extend(say(format!("recorded on {kernel}"), Role::Warn));
    }
    lines.extend(layers(stack, width));
    if !fact.source.is_empty() {
        lines.extend(say(fact.source.clone(), Role::Dim));
    }
    lines
}

/// The picture of a stack.
pub fn layers(stack: &Stack, width: usize) -> Vec<Line> {
    let picture = Picture::new(stack);
    let drawn = stacked::draw(&picture, width);
    let mut lines = drawn.unwrap_or_else(|| tree::draw(&picture, width));
    if picture.names.is_empty() {
        let text = "No layer holds a name yet.";
        lines.extend(wrap(&[Span::new(text, Role::Dim)], width));
    }
    if stack.cut {
        let text = "… There are more names than are listed here.";
        lines.extend(wrap(&[Span::new(text, Role::Warn)], width));
    }
    lines
}

#[cfg(test)]
#[path = "layers_tests.rs"]
mod tests;
