//! Names below each other as a tree, the view and the layers side by side: for
//! what is too much for one figure. More layers than fit make several bands.

use super::picture::{ACROSS, Mark, Name, Picture, Spot, mode, suffix};
use crate::render::chart::flow;
use crate::render::line::width as cells;
use crate::render::line::{Line, Role, Span};
use crate::render::text::visible;
use crate::render::text::{bullet, hang};
use std::ops::Range;

/// Cells before a column.
const GAP: usize = 2;
/// Cells between columns where room is scarce.
const NARROW_GAP: usize = 1;
/// The least that names get, and what they may be wrapped to for the sake of
/// one band.
const LEAST_NAME: usize = 8;
const FAIR_NAME: usize = 20;
/// How much each level of the tree is indented by.
const INDENT: usize = 2;
const VIEW: &str = "view";

/// The picture, whatever is in it.
pub(super) fn draw(picture: &Picture, width: usize) -> Vec<Line> {
    let plan = Plan::fitting(picture, width);
    let mut lines = Vec::new();
    for (index, band) in plan.bands.iter().enumerate() {
        if index > 0 {
            lines.push(Line::default());
        }
        if plan.bands.len() > 1 {
            let count = picture.stack.layers.len();
            let text = match band.len() {
                1 => format!("Layer {} of {count}:", band.end),
                _ => format!("Layers {} to {} of {count}:", band.start + 1, band.end),
            };
            lines.extend(bullet(
                Span::default(),
                &[Span::new(text, Role::Label)],
                width,
            ));
        }
        lines.extend(plan.band(picture, band.clone(), width));
    }
    lines.extend(legend(picture, width));
    lines.extend(match plan.numbered {
        true => numbers(picture, width),
        false => picture.places(width),
    });
    lines
}

/// How the columns are laid out.
struct Plan {
    /// The layers' heads are numbers instead of names.
    numbered: bool,
    /// The texts of small files stand beside the signs; else beside the names.
    inline: bool,
    name: usize,
    gap: usize,
    view: usize,
    /// The width of each layer's column.
    layers: Vec<usize>,
    /// Which layers stand side by side.
    bands: Vec<Range<usize>>,
}

impl Plan {
    fn fitting(picture: &Picture, width: usize) -> Plan {
        let count = picture.stack.layers.len();
        let natural = natural(picture);
        for (numbered, inline) in [(false, true), (true, true)] {
            let plan = Plan::new(picture, numbered, inline, GAP);
            let columns = plan.columns(0..count);
            if columns + natural.min(FAIR_NAME) <= width {
                return Plan {
                    name: natural.min(width - columns),
                    bands: std::iter::once(0..count).collect(),
                    ..plan
                };
            }
        }
        let plan = Plan::new(picture, true, false, NARROW_GAP);
        let name = natural.min(LEAST_NAME.max(width / 3));
        let mut bands = Vec::new();
        let mut start = 0;
        while start < count {
            let fits = |end: &usize| name + plan.columns(start..*end) <= width;
            let end = (start + 1..=count).take_while(fits).last();
            let end = end.unwrap_or(start + 1);
            bands.push(start..end);
            start = end;
        }
        // Without layers the view stands alone.
        if bands.is_empty() {
            bands.push(0..0);
        }
        let widest = bands.iter().map(|band| plan.columns(band.clone())).max();
        // What no column needs, the names get.
        let name = natural.min(width - widest.unwrap_or(0)).max(name);
        Plan {
            name,
            bands,
            ..plan
        }
    }

    fn new(picture: &Picture, numbered: bool, inline: bool, gap: usize) -> Plan {
        let size = |spot: Option<&Spot>| spot.map_or(0, |spot| cells(&sign(spot, inline)));
        let widest = |of: &dyn Fn(&Name) -> usize| picture.names.iter().map(of).max();
        let layers = picture.stack.layers.iter().enumerate();
        let layers = layers.map(|(index, layer)| {
            let head = match numbered {
                true => cells(&(index + 1).to_string()),
                false => cells(&visible(&layer.name)).max(2),
            };
            let spots = widest(&|name| size(name.layers[index].as_ref()));
            head.max(spots.unwrap_or(0))
        });
        Plan {
            numbered,
            inline,
            name: 0,
            gap,
            view: cells(VIEW).max(widest(&|name| size(name.view.as_ref())).unwrap_or(0)),
            layers: layers.collect(),
            bands: Vec::new(),
        }
    }

    /// What the columns of these layers take, with the view's and all gaps.
    fn columns(&self, band: Range<usize>) -> usize {
        let layers = self.layers[band].iter().map(|width| self.gap + width);
        self.gap + self.view + layers.sum::<usize>()
    }

    /// The tree, beside it these layers.
    fn band(&self, picture: &Picture, band: Range<usize>, width: usize) -> Vec<Line> {
        let mut lines = self.head(picture, band.clone());
        // The directories that the next name may lie in.
        let mut above: Vec<&str> = Vec::new();
        for name in &picture.names {
            while above.last().is_some_and(|dir| !within(&name.path, dir)) {
                above.pop();
            }
            let (indent, label) = self.label(name, &above);
            let sign = Span::new(" ".repeat(indent), Role::Body);
            let mut label = hang(sign.clone(), sign, &[label], self.name).into_iter();
            let mut first = label.next().unwrap_or_default();
            let missing = self.name.saturating_sub(first.width());
            pad(&mut first, missing);
            first.spans.extend(self.cells(name, band.clone()));
            lines.push(first);
            lines.extend(label);
            let texts = texts(name, band.clone());
            if !self.inline && !texts.is_empty() {
                let below = Span::new(" ".repeat(indent + INDENT), Role::Body);
                lines.extend(bullet(below, &texts, width));
            }
            above.push(&name.path);
        }
        lines
    }

    fn head(&self, picture: &Picture, band: Range<usize>) -> Vec<Line> {
        let mut names = Line::default();
        let mut modes = Line::default();
        let width = self.view;
        for (line, view) in [(&mut names, VIEW), (&mut modes, "")] {
            pad(line, self.name + self.gap);
            line.spans
                .push(Span::new(format!("{view:<width$}"), Role::Label));
        }
        for index in band {
            let layer = &picture.stack.layers[index];
            let name = match self.numbered {
                true => (index + 1).to_string(),
                false => visible(&layer.name),
            };
            for (line, text) in [
                (&mut names, name.as_str()),
                (&mut modes, mode(layer.writable)),
            ] {
                pad(line, self.gap);
                line.spans.push(Span::new(text, Role::Label));
                pad(line, self.layers[index].saturating_sub(cells(text)));
            }
        }
        match self.numbered {
            // The list of layers says it.
            true => vec![names],
            false => vec![names, modes],
        }
    }

    /// How far a name is indented, and what of its path is written.
    fn label(&self, name: &Name, above: &[&str]) -> (usize, Span) {
        let indent = INDENT * above.len();
        let (indent, text) = match above.last() {
            // Too deep for its place: the whole path says where it is.
            _ if indent * 2 > self.name => (0, name.path.as_str()),
            Some(dir) => (indent, &name.path[dir.len() + 1..]),
            None => (0, name.path.as_str()),
        };
        let role = match name.view {
            Some(_) => Role::Observed,
            None => Role::Dim,
        };
        let text = format!("{}{}", visible(text), suffix(name.kind()));
        (indent, Span::new(text, role))
    }

    /// The signs of a name, with the line from the view to its layers.
    fn cells(&self, name: &Name, band: Range<usize>) -> Vec<Span> {
        let blank = " ".repeat(self.gap);
        let mut spans = vec![Span::new(blank, Role::Body)];
        let columns = std::iter::once((self.view, name.view.as_ref(), name.reaches(band.start)))
            .chain(band.map(|layer| {
                let width = self.layers[layer];
                (width, name.layers[layer].as_ref(), name.passes(layer))
            }));
        let mut joined = false;
        for (index, (width, spot, joins)) in columns.enumerate() {
            if index > 0 {
                spans.push(fill(self.gap, joined));
            }
            let text = spot.map_or(String::new(), |spot| sign(spot, self.inline));
            let rest = width.saturating_sub(cells(&text));
            if let Some(spot) = spot {
                spans.push(Span::new(text, spot.mark.role()));
            }
            // A line that goes on begins behind the sign.
            spans.push(fill(rest, joins));
            joined = joins;
        }
        spans
    }
}

fn fill(by: usize, joined: bool) -> Span {
    match joined {
        true => Span::new(ACROSS.repeat(by), Role::Label),
        false => Span::new(" ".repeat(by), Role::Body),
    }
}

fn pad(line: &mut Line, by: usize) {
    if by > 0 {
        line.spans.push(Span::new(" ".repeat(by), Role::Body));
    }
}

fn sign(spot: &Spot, inline: bool) -> String {
    match spot.text.as_ref().filter(|_| inline) {
        Some(text) => format!("{} {text}", spot.mark.sign()),
        None => spot.mark.sign().into(),
    }
}

fn within(path: &str, dir: &str) -> bool {
    path.strip_prefix(dir)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// The widest name with its indent.
fn natural(picture: &Picture) -> usize {
    let mut above: Vec<&str> = Vec::new();
    let mut widest = 1;
    for name in &picture.names {
        while above.last().is_some_and(|dir| !within(&name.path, dir)) {
            above.pop();
        }
        let own = above.last().map_or(0, |dir| dir.len() + 1);
        let size = cells(&visible(&name.path[own..])) + suffix(name.kind()).len();
        widest = widest.max(INDENT * above.len() + size);
        above.push(&name.path);
    }
    widest
}

/// The texts of small files, where they don't stand beside their signs.
fn texts(name: &Name, band: Range<usize>) -> Vec<Span> {
    let of = |spot: &Option<Spot>| spot.as_ref().and_then(|spot| spot.text.clone());
    let view = of(&name.view);
    let told = name
        .from
        .iter()
        .any(|layer| of(&name.layers[*layer]) == view);
    let mut texts: Vec<(String, String)> = Vec::new();
    texts.extend(view.filter(|_| !told).map(|text| (VIEW.to_string(), text)));
    let layers = band.filter_map(|layer| Some(((layer + 1).to_string(), of(&name.layers[layer])?)));
    texts.extend(layers);
    let span = |(place, text)| Span::new(format!("{place}: {text}  "), Role::Dim);
    texts.into_iter().map(span).collect()
}

fn legend(picture: &Picture, width: usize) -> Vec<Line> {
    let marks = picture.marks().into_iter();
    let mut signs: Vec<(&str, &str)> = marks.map(|mark| (mark.sign(), mark.words())).collect();
    let lines = picture.names.iter().any(|name| name.reaches(0));
    if lines {
        signs.push((ACROSS, "comes from"));
    }
    // The sign of what is shown needs no words beside that line.
    signs.retain(|(sign, _)| !lines || *sign != Mark::Shown.sign());
    picture.legend(&signs, width)
}

/// The layers by their numbers.
fn numbers(picture: &Picture, width: usize) -> Vec<Line> {
    let stack = picture.stack;
    let mut items = vec![vec![
        Span::new(VIEW, Role::Label),
        Span::new(format!(" {}", visible(&stack.at)), Role::Dim),
    ]];
    for (index, layer) in stack.layers.iter().enumerate() {
        let name = format!("{} {}", index + 1, visible(&layer.name));
        let about = format!(" {} {}", mode(layer.writable), visible(&layer.path));
        items.push(vec![
            Span::new(name, Role::Label),
            Span::new(about, Role::Dim),
        ]);
    }
    flow(items, width)
}
