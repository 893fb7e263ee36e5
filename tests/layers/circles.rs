//! Which file of a crate imports which, and which of them do so in a circle.
//!
//! An import is a `use`, or a path that is written inline. It leads to the file
//! that defines what it names: a re-export is followed, and the file that
//! re-exports is imported as well. `mod` lines are no imports; nor is what is
//! for tests only. A path is read as text, so an import can't be missed for its
//! place: in a macro, in a function, in a type.

use super::tokens::tokens;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The names from the crate's root to a module.
type Names = Vec<String>;

/// Who imports whom: the files that each file imports.
pub(super) type Imports = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// A module: a file, or a part of one.
#[derive(Default)]
struct Module {
    file: PathBuf,
    /// What is defined in it, but for modules.
    items: BTreeSet<String>,
    /// What its `use`s bring in, by the name that it then has; several
    /// functions may use one name for different things.
    uses: BTreeMap<String, Vec<Names>>,
    /// The modules or enums of which everything is brought in.
    globs: Vec<Names>,
    /// The paths that are written in it.
    paths: BTreeSet<Names>,
}

/// The imports among files, given by their paths below src/ and their texts.
pub(super) fn imports<'f>(files: impl IntoIterator<Item = (&'f Path, &'f str)>) -> Imports {
    let texts: BTreeMap<&Path, Vec<String>> = files
        .into_iter()
        .map(|(file, text)| (file, without_tests(tokens(text))))
        .collect();
    let mut modules = BTreeMap::new();
    for (file, tokens) in &texts {
        if is_built(file, &texts) {
            read(file, tokens, &names_of(file), &mut modules);
        }
    }
    let whole = Crate { modules };
    let mut found = Imports::new();
    for (name, module) in &whole.modules {
        let others = whole.leads_to(name).into_iter();
        found
            .entry(module.file.clone())
            .or_default()
            .extend(others.filter(|to| *to != module.file));
    }
    found
}

/// The sets of files that import each other, directly or through others.
pub(super) fn circles(imports: &Imports) -> Vec<BTreeSet<PathBuf>> {
    let reached: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> = imports
        .keys()
        .map(|from| {
            let mut seen = BTreeSet::new();
            let mut open = vec![from];
            while let Some(file) = open.pop() {
                for to in imports.get(file).into_iter().flatten() {
                    if seen.insert(to) {
                        open.push(to);
                    }
                }
            }
            (from, seen)
        })
        .collect();
    let both = |a: &PathBuf, b: &PathBuf| reached[a].contains(b) && reached[b].contains(a);
    let found: BTreeSet<BTreeSet<PathBuf>> = imports
        .keys()
        .filter(|file| both(file, file))
        .map(|file| {
            let with = imports.keys().filter(|other| both(file, other));
            with.cloned().collect()
        })
        .collect();
    found.into_iter().collect()
}

struct Crate {
    modules: BTreeMap<Names, Module>,
}

impl Crate {
    /// The files that a module's imports lead to.
    fn leads_to(&self, name: &Names) -> BTreeSet<PathBuf> {
        let module = &self.modules[name];
        let mut files = BTreeSet::new();
        let uses = module.uses.values().flatten();
        for path in uses.chain(&module.paths) {
            self.follow(name, path, &mut BTreeSet::new(), &mut files);
        }
        for path in &module.globs {
            let seen = &mut BTreeSet::new();
            if let Some(whole) = self.follow(name, path, seen, &mut files) {
                self.everything(&whole, seen, &mut files);
            }
        }
        files
    }

    /// Follows a path from a module to what it names. Tells the module, if it
    /// names one.
    fn follow(
        &self,
        from: &Names,
        path: &[String],
        seen: &mut BTreeSet<(Names, String)>,
        files: &mut BTreeSet<PathBuf>,
    ) -> Option<Names> {
        // Where a bare first name is nothing of the crate's, it is another crate's.
        let mut ours = matches!(path[0].as_str(), "crate" | "glassbox" | "self" | "super");
        let (mut at, mut rest) = match path[0].as_str() {
            "crate" | "glassbox" => (Names::new(), &path[1..]),
            "self" => (from.clone(), &path[1..]),
            "super" => (parent(from), &path[1..]),
            _ => (from.clone(), path),
        };
        while rest.first().is_some_and(|name| name == "super") {
            (at, rest) = (parent(&at), &rest[1..]);
        }
        while let Some((name, after)) = rest.split_first() {
            let module = self.modules.get(&at)?;
            let mut child = at.clone();
            child.push(name.clone());
            if self.modules.contains_key(&child) {
                (at, rest, ours) = (child, after, true);
                continue;
            }
            if module.items.contains(name) {
                files.insert(module.file.clone());
                return None;
            }
            if !seen.insert((at.clone(), name.clone())) {
                return None;
            }
            let named = module.uses.get(name).into_iter().flatten().cloned();
            let any = module.globs.iter().map(|glob| {
                let mut path = glob.clone();
                path.push(name.clone());
                path
            });
            let (mut whole, before) = (None, files.len());
            for mut path in named.chain(any) {
                path.extend(after.iter().cloned());
                whole = self.follow(&at, &path, seen, files).or(whole);
            }
            // The file that re-exports it, or defines it in a way not read here.
            if ours || files.len() > before {
                files.insert(module.file.clone());
            }
            return whole;
        }
        files.insert(self.modules.get(&at)?.file.clone());
        Some(at)
    }

    /// All that a module has to give to who takes everything.
    fn everything(
        &self,
        name: &Names,
        seen: &mut BTreeSet<(Names, String)>,
        files: &mut BTreeSet<PathBuf>,
    ) {
        let module = &self.modules[name];
        for path in module.uses.values().flatten() {
            self.follow(name, path, seen, files);
        }
        for path in &module.globs {
            if seen.insert((name.clone(), path.join("::")))
                && let Some(whole) = self.follow(name, path, seen, files)
            {
                self.everything(&whole, seen, files);
            }
        }
    }
}

fn parent(name: &Names) -> Names {
    name[..name.len().saturating_sub(1)].to_vec()
}

/// The module that a file is: `a::b` for a/b.rs and a/b/mod.rs.
fn names_of(file: &Path) -> Names {
    let parts = file.with_extension("");
    let mut names: Names = parts
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if names.len() == 1 && names[0] == "lib" {
        return Names::new();
    }
    if names.last().is_some_and(|last| last == "mod") {
        names.pop();
    }
    names
}

/// Whether a file is part of the program: what is declared only behind
/// `#[cfg(test)]`, or by such a file, is not.
fn is_built(file: &Path, texts: &BTreeMap<&Path, Vec<String>>) -> bool {
    let names = names_of(file);
    let Some((name, above)) = names.split_last() else {
        return true;
    };
    let mut others = texts.iter().filter(|(other, _)| **other != file);
    let parent = others.find(|(other, _)| names_of(other) == above);
    parent.is_none_or(|(parent, tokens)| {
        let declared = tokens
            .windows(3)
            .any(|three| three[0] == "mod" && three[1] == *name && three[2] == ";");
        (declared || **parent == *"lib.rs" && name == "main") && is_built(parent, texts)
    })
}

/// Leaves out what stands behind `#[cfg(test)]`: an item up to its `;` or `}`.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        if !tokens[i..].iter().take(7).eq(MARK.iter()) {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        }
        i += MARK.len();
        let mut depth = 0;
        while i < tokens.len() {
            match tokens[i].as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            i += 1;
            let end = matches!(tokens[i - 1].as_str(), ";" | "}");
            // A `use` of several names ends with `;` behind its braces.
            let more = tokens.get(i).is_some_and(|next| next == ";");
            if depth == 0 && end && !more {
                break;
            }
        }
    }
    kept
}

/// Words before which a name stands that they define.
const DEFINING: [&str; 8] = [
    "fn", "struct", "enum", "union", "trait", "type", "const", "static",
];

/// Words that may stand between the two.
const BETWEEN: [&str; 5] = ["fn", "unsafe", "async", "extern", "mut"];

/// Reads a file into the modules that it holds.
fn read(file: &Path, tokens: &[String], name: &Names, modules: &mut BTreeMap<Names, Module>) {
    let own = |modules: &mut BTreeMap<Names, Module>, name: &Names| {
        modules.entry(name.clone()).or_default().file = file.into();
    };
    own(modules, name);
    let token = |i: usize| tokens.get(i).map_or("", String::as_str);
    let mut name = name.clone();
    // For each open brace, whether it is an inline module's.
    let mut braces: Vec<bool> = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let top = braces.iter().all(|module| *module);
        match token(i) {
            "mod" if token(i + 2) == "{" => {
                name.push(token(i + 1).into());
                own(modules, &name);
                braces.push(true);
                i += 3;
            }
            "{" => {
                braces.push(false);
                i += 1;
            }
            "}" => {
                if braces.pop() == Some(true) {
                    name.pop();
                }
                i += 1;
            }
            "use" if is_word(token(i + 1)) || matches!(token(i + 1), "{" | "::") => {
                let module = modules.get_mut(&name).unwrap();
                i = tree(tokens, i + 1, &Names::new(), module);
            }
            // Where something may be used is not what it uses.
            "in" if token(i.wrapping_sub(1)) == "(" && token(i.wrapping_sub(2)) == "pub" => {
                while token(i) != ")" {
                    i += 1;
                }
            }
            // `const fn f`: the second of them is followed by the name.
            word if top
                && DEFINING.contains(&word)
                && is_word(token(i + 1))
                && !BETWEEN.contains(&token(i + 1)) =>
            {
                let item = token(i + 1).to_string();
                modules.get_mut(&name).unwrap().items.insert(item);
                i += 2;
            }
            "macro_rules" if token(i + 1) == "!" => {
                let item = token(i + 2).to_string();
                modules.get_mut(&name).unwrap().items.insert(item);
                i += 3;
            }
            word if is_word(word) && token(i + 1) == "::" => {
                let mut path = vec![word.to_string()];
                let mut end = i + 1;
                while token(end) == "::" && is_word(token(end + 1)) {
                    path.push(token(end + 1).into());
                    end += 2;
                }
                // `x.parse::<T>()` is a method, `..Row::default()` is a path.
                let dots = (token(i.wrapping_sub(1)), token(i.wrapping_sub(2)));
                if dots.0 != "::" && (dots.0 != "." || dots.1 == ".") {
                    modules.get_mut(&name).unwrap().paths.insert(path);
                }
                i = end;
            }
            _ => i += 1,
        }
    }
}

fn is_word(token: &str) -> bool {
    token
        .chars()
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_')
}

/// Reads one tree of a `use`, with what stands before it; tells where it ends.
fn tree(tokens: &[String], mut i: usize, before: &Names, module: &mut Module) -> usize {
    let token = |i: usize| tokens.get(i).map_or("", String::as_str);
    let mut path = before.clone();
    loop {
        match token(i) {
            "::" => i += 1,
            "*" => {
                module.globs.push(path);
                return i + 1;
            }
            "{" => {
                i += 1;
                while !matches!(token(i), "}" | "") {
                    i = match token(i) {
                        "," => i + 1,
                        _ => tree(tokens, i, &path, module),
                    };
                }
                return i + 1;
            }
            "as" => {
                module
                    .uses
                    .entry(token(i + 1).into())
                    .or_default()
                    .push(path);
                return i + 2;
            }
            // `use a::{self, b}`: a itself.
            "self" if !path.is_empty() => i += 1,
            word if is_word(word) => {
                path.push(word.into());
                i += 1;
            }
            _ => {
                if let Some(last) = path.last() {
                    let last = last.clone();
                    module.uses.entry(last).or_default().push(path);
                }
                return i;
            }
        }
    }
}

/// The test of the test: little crates, and the files of them in a circle.
#[test]
fn a_circle_is_found_however_it_is_tied() {
    let root = ("lib.rs", "mod a; mod b; mod m;");
    for (why, files, expected) in [
        (
            "two `use`s",
            &[
                root,
                ("a.rs", "use crate::b::B; pub struct A;"),
                ("b.rs", "use crate::a::A; pub struct B;"),
            ][..],
            &["a.rs", "b.rs"][..],
        ),
        (
            "three files, and one that only looks in",
            &[
                ("lib.rs", "mod a; mod b; mod c; mod d;"),
                ("a.rs", "use crate::b::B; pub struct A;"),
                ("b.rs", "use super::c::*; pub struct B;"),
                ("c.rs", "fn f() { crate::a::A }"),
                ("d.rs", "use crate::a::A;"),
            ],
            &["a.rs", "b.rs", "c.rs"],
        ),
        (
            "a re-export: `super::X` is the sibling's",
            &[
                ("lib.rs", "mod m;"),
                ("m/mod.rs", "mod a; mod b; pub use a::A; pub use b::B;"),
                ("m/a.rs", "use super::B; pub struct A;"),
                ("m/b.rs", "use super::a::A; pub struct B;"),
            ],
            &["m/a.rs", "m/b.rs", "m/mod.rs"],
        ),
        (
            "a chain of re-exports with another name, from outside",
            &[
                ("lib.rs", "mod m; mod x; pub use m::Face;"),
                ("m/mod.rs", "mod a; pub use a::inner::A as Face;"),
                ("m/a.rs", "pub mod inner;"),
                ("m/a/inner.rs", "use crate::x::x; pub struct A;"),
                ("x.rs", "use crate::Face; pub fn x() {}"),
            ],
            &["lib.rs", "m/a/inner.rs", "m/mod.rs", "x.rs"],
        ),
        (
            "a re-export of everything",
            &[
                ("lib.rs", "mod m; mod x;"),
                ("m/mod.rs", "mod a; pub use a::*;"),
                ("m/a.rs", "use crate::x::x; pub struct A;"),
                ("x.rs", "use crate::m::A; pub fn x() {}"),
            ],
            &["m/a.rs", "m/mod.rs", "x.rs"],
        ),
        (
            "everything of a parent, with what it has by `use`",
            &[
                ("lib.rs", "mod m;"),
                ("m/mod.rs", "mod a; mod b; use b::b;"),
                ("m/a.rs", "use super::*; pub fn a() {}"),
                ("m/b.rs", "use super::a::a; pub fn b() {}"),
            ],
            &["m/a.rs", "m/b.rs", "m/mod.rs"],
        ),
        (
            "a path written inline, through a module that is in scope, in a macro",
            &[
                root,
                (
                    "a.rs",
                    "use crate::b; fn a() { println!(\"{}\", b::f()) } pub struct A;",
                ),
                (
                    "b.rs",
                    "pub fn f() -> super::a::A { let x = S { ..crate::a::A::new() }; }",
                ),
                ("m.rs", ""),
            ],
            &["a.rs", "b.rs"],
        ),
        (
            "a child that uses what its parent defines, and the parent the child",
            &[
                ("lib.rs", "mod m;"),
                ("m/mod.rs", "mod a; const fn helper() {} fn f() { a::a() }"),
                ("m/a.rs", "use super::helper; pub fn a() {}"),
            ],
            &["m/a.rs", "m/mod.rs"],
        ),
        (
            "groups within groups",
            &[
                root,
                (
                    "a.rs",
                    "use crate::{m::{self, deep::{X, Y}}, b::{B as Other}};",
                ),
                ("b.rs", "use crate::{a::{A}};  pub struct B;"),
                ("m.rs", "pub mod deep { use crate::b::B; pub struct X; }"),
            ],
            &["a.rs", "b.rs", "m.rs"],
        ),
        // And what is none.
        (
            "methods, fields, arguments and comments of that name",
            &[
                root,
                (
                    "a.rs",
                    "use crate::b::B; pub struct A; fn f(b: B) { b.b().c::<B>() }",
                ),
                (
                    "b.rs",
                    "// crate::a::A\nfn g(a: u8) { let s = \"crate::a\"; x.a::<u8>(); y.a }",
                ),
            ],
            &[],
        ),
        (
            "`mod` lines, where an item may be seen, another crate's names",
            &[
                ("lib.rs", "mod m;"),
                ("m/mod.rs", "mod a; pub use a::A;"),
                (
                    "m/a.rs",
                    "pub(in crate::m) struct A; use other::m::X; use std::m;",
                ),
            ],
            &[],
        ),
        (
            "tests, in the file or beside it",
            &[
                root,
                (
                    "a.rs",
                    "use crate::b::B; pub struct A; #[cfg(test)] mod tests; #[cfg(test)] use crate::m::{X};",
                ),
                ("a/tests.rs", "mod more; use super::*;"),
                ("a/tests/more.rs", "use crate::m::M;"),
                (
                    "b.rs",
                    "pub struct B; #[cfg(test)] mod tests { use crate::a::A; } #[cfg(test)] fn f() { crate::a::A }",
                ),
                ("m.rs", "use crate::a::A; pub struct X;"),
            ],
            &[],
        ),
    ] {
        let files = files.iter().map(|(file, text)| (Path::new(*file), *text));
        let found: BTreeSet<PathBuf> = circles(&imports(files)).into_iter().flatten().collect();
        let expected: BTreeSet<PathBuf> = expected.iter().map(PathBuf::from).collect();
        assert_eq!(found, expected, "{why}");
    }
}
