//! The mistakes: each a change to the little pack, and what lint must say.

/// One change, and the one diagnostic that it gets.
pub(crate) struct Mistake {
    /// The file, in the lesson's folder.
    pub(crate) file: &'static str,
    /// What stands there, exactly once.
    pub(crate) from: &'static str,
    /// What replaces it.
    pub(crate) to: &'static str,
    /// The diagnostic's code.
    pub(crate) code: &'static str,
    /// Its line and column.
    pub(crate) at: (usize, usize),
    /// A part of its message.
    pub(crate) message: &'static str,
    /// A part of its help.
    pub(crate) help: &'static str,
    /// Whether it is only a warning.
    pub(crate) warns: bool,
}

/// A row of the table.
const fn row(
    [file, from, to]: [&'static str; 3],
    code: &'static str,
    at: (usize, usize),
    [message, help]: [&'static str; 2],
) -> Mistake {
    Mistake {
        file,
        from,
        to,
        code,
        at,
        message,
        help,
        warns: false,
    }
}

/// The same, as a warning.
const fn warning(mistake: Mistake) -> Mistake {
    Mistake {
        warns: true,
        ..mistake
    }
}

pub(crate) const ALL: &[Mistake] = &[
    row(
        ["lesson.toml", "summary = ", "sumary = "],
        "unknown-key",
        (2, 1),
        ["`sumary`", "`summary`"],
    ),
    row(
        ["lesson.toml", "minutes = 5", "minutes = \"5\""],
        "wrong-type",
        (4, 11),
        ["a whole number", "quotes"],
    ),
    row(
        [
            "lesson.toml",
            "lock = \"A namespace limits what a process sees.\"\n",
            "",
        ],
        "missing-key",
        (1, 1),
        ["`lock`", "one-line lock"],
    ),
    row(
        ["lesson.toml", "\"A little pack\"", "A little pack"],
        "toml-syntax",
        (1, 9),
        ["without quotes", "quotes"],
    ),
    row(
        ["lesson.toml", "\"A little pack\"", "\" \""],
        "empty-text",
        (1, 9),
        ["`title`", "words"],
    ),
    row(
        ["lesson.toml", "minutes = 5", "minutes = -5"],
        "out-of-range",
        (4, 11),
        ["`minutes`", "from 0"],
    ),
    row(
        [
            "02-lock.md",
            "+++\nid = \"lock\"\ntitle = \"Lock\"\n+++\n",
            "",
        ],
        "missing-front-matter",
        (1, 1),
        ["no front matter", "+++"],
    ),
    row(
        ["02-lock.md", "title = \"Lock\"\n+++", "title = \"Lock\""],
        "unclosed-front-matter",
        (1, 1),
        ["no end", "+++"],
    ),
    row(
        [
            "02-lock.md",
            "+++\nid = \"lock\"\ntitle = \"Lock\"\n+++\n",
            "---\nid: lock\n---\n",
        ],
        "missing-front-matter",
        (1, 1),
        ["no front matter", "TOML"],
    ),
    row(
        ["02-lock.md", "id = \"lock\"", "id = \"Lock\""],
        "bad-id",
        (2, 6),
        ["`Lock`", "lowercase"],
    ),
    row(
        ["02-lock.md", "id = \"lock\"", "id = \"uts\""],
        "duplicate-id",
        (2, 6),
        ["01-uts.md", "its own"],
    ),
    row(
        ["01-uts.md", "start = \"teapot\"", "start = \"kettel\""],
        "bad-start",
        (16, 9),
        ["`kettel`", "kettle, teapot"],
    ),
    row(
        ["01-uts.md", "values = [1, 2, 4]", "values = [1, \"2\", 4]"],
        "mixed-values",
        (21, 14),
        ["two types", "only"],
    ),
    row(
        ["01-uts.md", "values = [1, 2, 4]", "values = []"],
        "no-values",
        (21, 10),
        ["`count`", "arrow"],
    ),
    row(
        ["01-uts.md", "values = [1, 2, 4]", "values = [\"1\", \"2\"]"],
        "wrong-type",
        (99, 52),
        ["from the knob `count`", "without quotes"],
    ),
    row(
        ["01-uts.md", "values = [1, 2, 4]", "values = [1, 2, -4]"],
        "out-of-range",
        (99, 52),
        ["with the knob `count` at `-4`", "from 0"],
    ),
    row(
        ["01-uts.md", "name = \"count\"", "name = \"name\""],
        "duplicate-knob",
        (19, 8),
        ["`name`", "own name"],
    ),
    row(
        [
            "01-uts.md",
            "\"hostname\", \"${name}\"",
            "\"hostname\", \"${nam}\"",
        ],
        "unknown-knob",
        (50, 24),
        ["`nam`", "`${name}`"],
    ),
    row(
        [
            "01-uts.md",
            "\"hostname\", \"${name}\"",
            "\"hostname\", \"${name\"",
        ],
        "unclosed-knob",
        (50, 23),
        ["no `}`", "${name}"],
    ),
    row(
        ["01-uts.md", "label = \"Host name\"", "label = \"${count}\""],
        "knob-in-knob",
        (14, 9),
        ["refer", "itself"],
    ),
    row(
        ["01-uts.md", "name = \"outer\"\n", "name = \"Outer\"\n"],
        "bad-box-name",
        (33, 8),
        ["`Outer`", "lowercase"],
    ),
    row(
        ["01-uts.md", "name = \"inner\"", "name = \"outer\""],
        "duplicate-box",
        (39, 8),
        ["`outer`", "own name"],
    ),
    row(
        [
            "01-uts.md",
            "in = \"outer\"\nnamespaces",
            "in = \"oter\"\nnamespaces",
        ],
        "undeclared-box",
        (40, 6),
        ["`oter`", "`outer`"],
    ),
    row(
        [
            "01-uts.md",
            "namespaces = [\"net\"]",
            "namespaces = [\"nets\"]",
        ],
        "bad-value",
        (41, 15),
        ["`nets`", "`net`"],
    ),
    row(
        [
            "01-uts.md",
            "namespaces = [\"net\"]",
            "namespaces = \"net\"",
        ],
        "wrong-type",
        (41, 14),
        ["a list", "brackets"],
    ),
    row(
        [
            "01-uts.md",
            "\"pid\", \"net\", \"time\"]",
            "\"pid\", \"time\"]",
        ],
        "not-contained",
        (74, 4),
        ["`veth`", "network namespace"],
    ),
    row(
        [
            "01-uts.md",
            "\"uts\", \"mount\", \"pid\", \"net\", \"time\"]",
            "\"uts\", \"mount\", \"pid\", \"net\"]",
        ],
        "needs-namespace",
        (36, 1),
        ["`clocks`", "\"time\""],
    ),
    row(
        [
            "01-uts.md",
            "namespaces = [\"net\"]",
            "namespaces = [\"net\"]\npropagation = \"slave\"",
        ],
        "needs-namespace",
        (42, 1),
        ["`propagation`", "\"mount\""],
    ),
    row(
        ["01-uts.md", "boottime = \"10d\"", "boottime = \"10 days\""],
        "bad-duration",
        (36, 23),
        ["`10 days`", "min, h, d"],
    ),
    row(
        [
            "01-uts.md",
            "do.run = [\"hostname\", \"${name}\"]",
            "do.rnu = [\"hostname\", \"${name}\"]",
        ],
        "unknown-verb",
        (50, 4),
        ["`rnu`", "`run`"],
    ),
    row(
        [
            "01-uts.md",
            "do.run = [\"hostname\", \"${name}\"]",
            "do.run = [\"hostname\", \"${name}\"]\ndo.set-hostname = \"x\"",
        ],
        "two-verbs",
        (51, 4),
        ["`set-hostname`", "exactly one"],
    ),
    row(
        ["01-uts.md", "do.run = [\"hostname\", \"${name}\"]\n", ""],
        "missing-key",
        (48, 1),
        ["`do`", "verb"],
    ),
    row(
        ["01-uts.md", "\"dir:/mnt\"", "\"dirr:/mnt\""],
        "unknown-probe",
        (60, 31),
        ["`dirr:/mnt`", "`dir`"],
    ),
    row(
        ["01-uts.md", "\"dir:/mnt\"", "\"dir:mnt\""],
        "bad-probe",
        (60, 31),
        ["absolute", "dir:/mnt"],
    ),
    row(
        [
            "01-uts.md",
            "of = \"outer\"\ndo.probe = [\"pid\"]",
            "of = \"outer\"\ndo.probe = [\"hostname\"]",
        ],
        "not-from-outside",
        (65, 13),
        ["`hostname`", "inside"],
    ),
    row(
        ["01-uts.md", "do.create = \"inner\"", "do.create = \"iner\""],
        "undeclared-box",
        (56, 13),
        ["`iner`", "`inner`"],
    ),
    row(
        [
            "01-uts.md",
            "in = \"outer\"\ndo.create",
            "in = \"host\"\ndo.create",
        ],
        "wrong-parent",
        (56, 13),
        ["`outer`", "agree"],
    ),
    row(
        [
            "01-uts.md",
            "do.await-end = \"inner\"",
            "do.await-end = \"box\"",
        ],
        "undeclared-box",
        (113, 16),
        ["`box`", "[[box]]"],
    ),
    row(
        ["01-uts.md", "type = \"tmpfs\"", "type = \"tmpf\""],
        "unknown-filesystem",
        (69, 21),
        ["`tmpf`", "`tmpfs`"],
    ),
    row(
        ["01-uts.md", "path = \"/mnt\"", "path = \"mnt\""],
        "bad-path",
        (69, 37),
        ["`mnt`", "/"],
    ),
    row(
        [
            "01-uts.md",
            "[\"outer\", \"inner\"], addresses",
            "[\"outer\"], addresses",
        ],
        "wrong-length",
        (74, 23),
        ["1 item", "exactly 2"],
    ),
    row(
        ["01-uts.md", "\"10.0.0.1/24\"", "\"10.0.0.1\""],
        "bad-address",
        (74, 56),
        ["`10.0.0.1`", "/24"],
    ),
    row(
        [
            "01-uts.md",
            "same-port-as = \"web\"",
            "same-port-as = \"wbe\"",
        ],
        "unknown-name",
        (84, 30),
        ["`wbe`", "`web`"],
    ),
    row(
        [
            "01-uts.md",
            "do.connect = \"web\"",
            "do.connect = \"joined\"",
        ],
        "unknown-name",
        (89, 14),
        ["`joined`", "web"],
    ),
    row(
        ["01-uts.md", "do.wait = \"busy\"", "do.wait = \"bussy\""],
        "unknown-name",
        (104, 11),
        ["`bussy`", "`busy`"],
    ),
    row(
        ["01-uts.md", "to = \"inner\"", "to = \"inne\""],
        "unknown-name",
        (108, 35),
        ["`inne`", "`inner`"],
    ),
    row(
        ["01-uts.md", "signal = \"KILL\"", "signal = \"KIL\""],
        "bad-value",
        (108, 22),
        ["`KIL`", "`KILL`"],
    ),
    row(
        ["01-uts.md", "{ burn = \"30ms\" }", "\"burn\""],
        "bad-value",
        (99, 25),
        ["`burn`", "burn = …"],
    ),
    row(
        ["01-uts.md", "as = \"killed\"", "at = \"killed\""],
        "only-with-probe",
        (109, 1),
        ["`at`", "do.probe"],
    ),
    row(
        [
            "01-uts.md",
            "inside = \"outer/hostname\"",
            "inside = \"outer/hostnme\"",
        ],
        "unknown-fact",
        (123, 10),
        ["`outer/hostnme`", "`outer/hostname`"],
    ),
    row(
        [
            "01-uts.md",
            "inside = \"outer/hostname\"",
            "inside = \"outer/capabilities\"",
        ],
        "unknown-fact",
        (123, 10),
        ["`outer/capabilities`", "probe `capabilities`"],
    ),
    row(
        [
            "01-uts.md",
            "inside = \"outer/hostname\"",
            "inside = \"box/hostname\"",
        ],
        "undeclared-box",
        (123, 10),
        ["`box`", "[[box]]"],
    ),
    row(
        [
            "01-uts.md",
            "outside = \"host/hostname@after\"",
            "outside = \"host/hostname@aftr\"",
        ],
        "unknown-moment",
        (124, 11),
        ["`aftr`", "`after`"],
    ),
    row(
        [
            "01-uts.md",
            "inside = \"outer/hostname\"",
            "inside = \"hostname\"",
        ],
        "bad-fact",
        (123, 10),
        ["`hostname`", "place/fact"],
    ),
    row(
        [
            "01-uts.md",
            "inside = \"outer/hostname\"\noutside = \"host/hostname@after\"\n",
            "",
        ],
        "empty-row",
        (121, 1),
        ["`hostname`", "`inside`"],
    ),
    warning(row(
        [
            "01-uts.md",
            "label = \"hostname\"",
            "label = \"the name that uname(2) gives\"",
        ],
        "label-too-long",
        (122, 9),
        ["28 columns", "24"],
    )),
    row(
        ["01-uts.md", "at-most = \"${count}\"", "is = \"${count}\""],
        "two-comparisons",
        (132, 51),
        ["`is`", "one test"],
    ),
    row(
        [
            "01-uts.md",
            "at-least = 1, at-most = \"${count}\"",
            "within = 1, is = \"${count}\"",
        ],
        "only-with-same-as",
        (132, 37),
        ["`within`", "same-as"],
    ),
    row(
        ["01-uts.md", "at-least = 1, at-most = \"${count}\"", ""],
        "no-comparison",
        (132, 8),
        ["nothing", "same-as"],
    ),
    row(
        ["02-lock.md", "number = \"box/pid\"\n", ""],
        "bad-question",
        (23, 1),
        ["no answer", "two choices"],
    ),
    row(
        [
            "02-lock.md",
            "number = \"box/pid\"",
            "number = \"box/pids\"",
        ],
        "unknown-fact",
        (25, 10),
        ["`box/pids`", "`box/pid`"],
    ),
    row(
        [
            "02-lock.md",
            "number = \"box/pid\"",
            "choice = [{ text = \"one\", when = { fact = \"box/pid\", is = 1 } }]",
        ],
        "bad-question",
        (23, 1),
        ["one choice", "two"],
    ),
    row(
        ["02-lock.md", "then = \"The", "then = \"${x} The"],
        "knob-in-quiz",
        (26, 8),
        ["knob", "fact"],
    ),
    row(
        ["02-lock.md", "```quiz", "```quizz"],
        "unknown-block",
        (22, 4),
        ["`quizz`", "`quiz`"],
    ),
    warning(row(
        ["02-lock.md", "```quiz", "```pyton"],
        "unknown-language",
        (22, 4),
        ["`pyton`", "`python`"],
    )),
    row(
        ["02-lock.md", "```quiz", "```demo"],
        "duplicate-block",
        (22, 1),
        ["", ""],
    ),
    row(
        [
            "01-uts.md",
            "[the next step](02-lock.md)",
            "[the next step](02-lok.md)",
        ],
        "dead-link",
        (7, 25),
        ["`02-lok.md`", "`02-lock.md`"],
    ),
    row(
        ["01-uts.md", "(step:lock)", "(step:lokc)"],
        "dead-link",
        (7, 52),
        ["`lokc`", "step:lock"],
    ),
    row(
        ["02-lock.md", "01-uts.md#by-hand", "01-uts.md#by-hnad"],
        "dead-link",
        (6, 24),
        ["#by-hnad", "#by-hand"],
    ),
    row(
        ["01-uts.md", "(02-lock.md)", "(../../etc/passwd)"],
        "link-leaves-pack",
        (7, 25),
        ["outside", "pack"],
    ),
    row(
        ["01-uts.md", "(02-lock.md)", "(file:///etc/passwd)"],
        "bad-link",
        (7, 25),
        ["`file:`", "https"],
    ),
    row(
        [
            "01-uts.md",
            "--uts sh -c 'hostname kettle; hostname'",
            "--uts sh -c 'hostname kettle; hostname; echo and so on'",
        ],
        "line-too-wide",
        (138, 1),
        ["79 columns", "76"],
    ),
    warning(row(
        [
            "01-uts.md",
            "| `CLONE_NEWUTS` |",
            "| `CLONE_NEWUTS_and_no_other_flag_of_the_manual_page` |",
        ],
        "table-too-wide",
        (141, 1),
        ["columns", "56"],
    )),
    warning(row(
        ["01-uts.md", "## In Docker", "## In docker"],
        "section-name",
        (150, 1),
        ["`In docker`", "## In Docker"],
    )),
    warning(row(
        ["01-uts.md", "## In Docker", "### c\n\n# in Dokcer"],
        "section-name",
        (152, 1),
        ["`in Dokcer`", "## In Docker"],
    )),
    warning(row(
        [
            "01-uts.md",
            "uts_namespaces(7) |",
            "uts_namespaces(7) | more |",
        ],
        "extra-cell",
        (143, 1),
        ["3 cells and the table 2 columns", "\\|"],
    )),
    warning(row(
        ["01-uts.md", "| `CLONE_NEWUTS` |", "| `CLONE|NEWUTS` |"],
        "extra-cell",
        (143, 1),
        ["3 cells", "another column"],
    )),
    warning(row(
        ["01-uts.md", "## In Docker", "Text[^b].\n\n## In Docker"],
        "lost-footnote",
        (150, 5),
        ["no footnote `b`", "[^b]: …"],
    )),
    warning(row(
        [
            "01-uts.md",
            "## In Docker",
            "Text.\n\n[^b]: word\n\n## In Docker",
        ],
        "unused-footnote",
        (152, 1),
        ["`b`", "[^b]"],
    )),
    row(
        [
            "01-uts.md",
            "## In Docker",
            "## Same\n\n## Same\n\n[x](#same-2)\n\n## In Docker",
        ],
        "dead-link",
        (154, 5),
        ["#same-2", "#same-1"],
    ),
    row(
        ["01-uts.md", "<!-- note: Ask", "<!-- note Ask"],
        "unknown-comment",
        (145, 1),
        ["`note`", "note: …"],
    ),
    row(
        ["01-uts.md", "to vote. -->", "to vote."],
        "unclosed-comment",
        (145, 1),
        ["no end", "-->"],
    ),
    warning(row(
        ["01-uts.md", "Look at [the", "> Look <pid> at [the"],
        "raw-html",
        (7, 8),
        ["HTML", "backticks"],
    )),
    row(
        [
            "01-uts.md",
            "figure = \"namespaces\"",
            "figure = \"namespace\"",
        ],
        "bad-value",
        (10, 10),
        ["`namespace`", "`namespaces`"],
    ),
    row(
        [
            "01-uts.md",
            "[[expect]]\nclaim = \"The host kept",
            "[expect]\nclaim = \"The host kept",
        ],
        "toml-syntax",
        (130, 3),
        ["", ""],
    ),
    row(
        [
            "01-uts.md",
            "in = \"inner\"\ndo.listen",
            "in = \"inner\"\ndo.listen = {}\ndo.listen",
        ],
        "toml-syntax",
        (85, 4),
        ["twice", "one"],
    ),
    row(
        [
            "01-uts.md",
            "claim = \"The host kept its own.\"",
            "claim = \"👩‍👩‍👧 é\", clam = ",
        ],
        "toml-syntax",
        (127, 14),
        ["", ""],
    ),
    row(
        [
            "01-uts.md",
            "when = { fact = \"outer/busy.count\", at-least",
            "when = { note = \"👩‍👩‍👧é\", fact = \"outer/busy.count\", at-least",
        ],
        "unknown-key",
        (132, 10),
        ["`note`", "expected one of"],
    ),
    row(
        [
            "01-uts.md",
            "workload = { burn = \"30ms\" }",
            "workload = { hog = \"600MiB\" }",
        ],
        "too-much",
        (99, 25),
        ["1.2 GiB", "1 GiB at most"],
    ),
    row(
        [
            "01-uts.md",
            "count = \"${count}\" }\nas",
            "count = 4000000000 }\nas",
        ],
        "too-much",
        (99, 52),
        ["4000000000 processes", "256 at most"],
    ),
    row(
        [
            "01-uts.md",
            "do.mount = { type = \"tmpfs\", path = \"/mnt\" }",
            "do.store = { path = \"/mnt\", size = \"512MiB\" }",
        ],
        "too-much",
        (69, 36),
        ["512 MiB is more", "256 MiB at most"],
    ),
    row(
        [
            "01-uts.md",
            "do.mount = { type = \"tmpfs\", path = \"/mnt\" }",
            "do.fill = { path = \"/mnt/f\", size = \"17MiB\" }",
        ],
        "too-much",
        (69, 37),
        ["17 MiB is more", "16 MiB at most"],
    ),
    row(
        [
            "01-uts.md",
            "do.mount = { type = \"tmpfs\", path = \"/mnt\" }",
            "do.copy = { from = \"/mnt/a\", to = \"/mnt/b\", count = 17 }",
        ],
        "too-much",
        (69, 53),
        ["`count` is 17", "1 to 16"],
    ),
    row(
        [
            "01-uts.md",
            "do.mount = { type = \"tmpfs\", path = \"/mnt\" }",
            "do.overlay = { lower = [\"/mnt/a\"], at = \"/mnt/b\", count = 0 }",
        ],
        "too-much",
        (69, 59),
        ["`count` is 0", "1 to 16"],
    ),
    row(
        ["01-uts.md", "path = \"/mnt\"", "path = \"/\""],
        "bad-path",
        (69, 37),
        ["never seen", "`/mnt`"],
    ),
    row(
        [
            "01-uts.md",
            "do.connect = \"web\"",
            "do.mkdir = \"/mnt/../etc\"",
        ],
        "bad-path",
        (89, 12),
        ["`..`", "begin"],
    ),
    row(
        [
            "01-uts.md",
            "in = \"host\"\nof = \"outer\"",
            "in = \"inner\"\nof = \"outer\"",
        ],
        "only-from-host",
        (64, 1),
        ["host", "`of`"],
    ),
    row(
        [
            "01-uts.md",
            "in = \"outer\"\ndo.connect = \"web\"",
            "in = \"host\"\ndo.make-queue = 7",
        ],
        "not-contained",
        (89, 4),
        ["`make-queue` in `host`", "ipc"],
    ),
    row(
        [
            "01-uts.md",
            "in = \"outer\"\ndo.run",
            "in = \"inner\"\ndo.run",
        ],
        "not-created-yet",
        (49, 6),
        ["`inner`", "`create`"],
    ),
    row(
        ["01-uts.md", "do.wait = \"busy\"", "do.create = \"inner\""],
        "created-twice",
        (104, 13),
        ["twice", "second"],
    ),
    row(
        [
            "01-uts.md",
            "do.wait = \"busy\"",
            "do.wait = \"busy\"\nas = \"done\"",
        ],
        "no-result",
        (105, 1),
        ["`wait`", "leave"],
    ),
    row(
        ["01-uts.md", "as = \"mounted\"", "as = \"mount ed\""],
        "bad-result-name",
        (70, 6),
        ["`mount ed`", "lowercase"],
    ),
    row(
        [
            "01-uts.md",
            "in = \"host\"\ndo.veth",
            "in = \"inner\"\ndo.veth",
        ],
        "only-from-host",
        (73, 6),
        ["veth", "host"],
    ),
    row(
        [
            "01-uts.md",
            "between = [\"outer\", \"inner\"]",
            "between = [\"inner\", \"inner\"]",
        ],
        "same-ends",
        (74, 23),
        ["same box", "two"],
    ),
    row(
        ["01-uts.md", "do.ping = \"10.0.0.2\"", "do.ping = \"inner\""],
        "bad-address",
        (94, 11),
        ["`inner`", "IPv4"],
    ),
    row(
        [
            "01-uts.md",
            "do.run = [\"hostname\", \"${name}\"]",
            "do.run = [] # ${name}",
        ],
        "empty-list",
        (50, 10),
        ["program", "arguments"],
    ),
    row(
        [
            "01-uts.md",
            "\"net\", \"time\"]",
            "\"net\", \"time\", \"net\"]",
        ],
        "duplicate-namespace",
        (34, 53),
        ["twice", "keep"],
    ),
    row(
        [
            "01-uts.md",
            "namespaces = [\"net\"]",
            "namespaces = [\"net\"]\nproc = true",
        ],
        "needs-namespace",
        (42, 1),
        ["/proc", "\"mount\""],
    ),
    row(
        ["01-uts.md", "values = [1, 2, 4]", "values = [1, 2, 2]"],
        "duplicate-value",
        (21, 17),
        ["`2`", "keep"],
    ),
    row(
        ["01-uts.md", "values = [1, 2, 4]", "values = [1.5, 2]"],
        "wrong-type",
        (21, 11),
        ["fraction", "text"],
    ),
    row(
        [
            "01-uts.md",
            "in = \"host\"\ndo.probe = [\"hostname\", \"ns\"]",
            "in = \"host\"\ndo.probe = [\"hostname\"]",
        ],
        "figure-without-facts",
        (10, 10),
        ["nothing to draw", "`ns` in `host`"],
    ),
    row(
        [
            "01-uts.md",
            "figure = \"namespaces\"",
            "figure = { layers = \"outer/stack:/mnt/view\" }",
        ],
        "figure-without-facts",
        (10, 10),
        [
            "`layers` has nothing to draw",
            "`stack:/mnt/view` in `outer`",
        ],
    ),
    row(
        [
            "01-uts.md",
            "figure = \"namespaces\"",
            "figure = { layers = \"outer/dir:/mnt\" }",
        ],
        "figure-without-facts",
        (10, 10),
        ["`layers` has nothing to draw", "a probe `stack` yields"],
    ),
    row(
        [
            "01-uts.md",
            "figure = \"namespaces\"",
            "figure = { layers = \"host:outer/stack:/mnt/view\" }",
        ],
        "figure-without-facts",
        (10, 10),
        ["`layers` has nothing to draw", "name the box alone"],
    ),
    row(
        [
            "01-uts.md",
            "figure = \"namespaces\"",
            "bars = [{ title = \" \", bar = [{ label = \"a\", fact = \"outer/busy.count\" }] }]",
        ],
        "empty-text",
        (10, 19),
        ["`title`", "learner"],
    ),
    row(
        [
            "01-uts.md",
            "figure = \"namespaces\"",
            "bars = [{ title = \"a\", bar = [] }]",
        ],
        "bad-bars",
        (10, 30),
        ["0 bars", "1 to 8"],
    ),
    row(
        [
            "01-uts.md",
            "figure = \"namespaces\"",
            "bars = [{ title = \"a\", bar = [{ label = \"b\", fact = \"outer/busy.cont\" }] }]",
        ],
        "unknown-fact",
        (10, 53),
        ["`outer/busy.cont`", "`outer/busy.count`"],
    ),
    row(
        [
            "01-uts.md",
            "in = \"host\"\ndo.await-end = \"inner\"\nas = \"ended\"",
            "in = \"outer\"\ndo.stage = \"The inner box has ended.\"",
        ],
        "only-from-host",
        (112, 6),
        ["stage", "host"],
    ),
    row(
        [
            "01-uts.md",
            "do.await-end = \"inner\"\nas = \"ended\"",
            "do.stage = \" \"",
        ],
        "empty-text",
        (113, 12),
        ["`stage`", "learner"],
    ),
    warning(row(
        [
            "02-lock.md",
            "[[expect]]\nclaim = \"It is the first.\"\nwhen = { fact = \"box/pid\", is = 1 }\n",
            "",
        ],
        "no-claim",
        (8, 1),
        ["claims nothing", "[[expect]]"],
    )),
    row(
        ["02-lock.md", "claim = \"It is the first.\"", "claim = \"\""],
        "empty-text",
        (18, 9),
        ["`claim`", "learner"],
    ),
    row(
        ["02-lock.md", "[[question]]", "[question]"],
        "wrong-type",
        (23, 1),
        ["a list", "[[question]]"],
    ),
    row(
        [
            "02-lock.md",
            "Back to",
            "- a\n\n  ```demo\n  x = 1\n  ```\n\nBack to",
        ],
        "nested-block",
        (8, 3),
        ["`demo`", "margin"],
    ),
    row(
        [
            "02-lock.md",
            "then = \"The first of its namespace.\"\n```",
            "then = \"The first of its namespace.\"",
        ],
        "unclosed-fence",
        (22, 1),
        ["no end", "close"],
    ),
    row(
        ["02-lock.md", "Back to", "Back <!-- pause --> to"],
        "inline-pause",
        (6, 6),
        ["within", "own"],
    ),
    row(
        ["02-lock.md", "Back to", "Back <!-- result --> to"],
        "inline-result",
        (6, 6),
        ["within", "own"],
    ),
    row(
        [
            "02-lock.md",
            "Back to",
            "- a list\n\n  <!-- result -->\n\nBack to",
        ],
        "inline-result",
        (8, 3),
        ["list", "own"],
    ),
    row(
        [
            "01-uts.md",
            "Say `--hostname`.",
            "<!-- result -->\n\nSay `--hostname`.",
        ],
        "result-in-tab",
        (152, 1),
        ["tab", "before"],
    ),
    row(
        [
            "02-lock.md",
            "Back to",
            "<!-- result -->\n\nBefore.\n\n<!-- result -->\n\nBack to",
        ],
        "duplicate-mark",
        (10, 1),
        ["two marks", "leave"],
    ),
    row(
        ["02-lock.md", "Back to", "<!-- reslut -->\n\nBack to"],
        "unknown-comment",
        (6, 1),
        ["`reslut`", "`<!-- result -->`"],
    ),
    warning(row(
        [
            "01-uts.md",
            "Look at",
            "A new box stays below.\n\n<!-- result -->\n\nLook at",
        ],
        "told-before",
        (9, 1),
        ["stay", "behind"],
    )),
    warning(row(
        [
            "01-uts.md",
            "\n## By hand",
            "\n<!-- result -->\n\n## By hand",
        ],
        "empty-result",
        (135, 1),
        ["no text", "leave"],
    )),
    row(
        [
            "02-lock.md",
            "Back to",
            "> > > > > > > > > > > > > > > > > > Back to",
        ],
        "too-deep",
        (6, 33),
        ["16", "fewer"],
    ),
    warning(row(
        [
            "02-lock.md",
            "Back to",
            "```text\n123456789 123456789 123456789 123456789 123456789 123456789\n```\n\nBack to",
        ],
        "figure-too-wide",
        (7, 1),
        ["59", "56"],
    )),
    row(
        ["02-lock.md", "```demo", "```toml"],
        "quiz-without-demo",
        (22, 1),
        ["judged", "demo"],
    ),
    row(
        [
            "02-lock.md",
            "[[action]]\nin = \"box\"\ndo.probe = [\"pid\"]\n",
            "",
        ],
        "empty-demo",
        (8, 1),
        ["nothing", "[[action]]"],
    ),
    row(
        ["01-uts.md", "{ burn = \"30ms\" }", "{ hog = \"30MB\" }"],
        "bad-size",
        (99, 33),
        ["`30MB`", "MiB"],
    ),
    row(
        ["01-uts.md", "{ burn = \"30ms\" }", "{ bern = \"30ms\" }"],
        "unknown-key",
        (99, 27),
        ["`bern`", "`burn`"],
    ),
    row(
        ["01-uts.md", "{ port = 0 }", "{ port = 70000 }"],
        "out-of-range",
        (79, 22),
        ["`port`", "65535"],
    ),
    row(
        [
            "01-uts.md",
            "[predict]\nask = \"What",
            "[[knob]]\nname = \"a\"\nlabel = \"A\"\nvalues = [\"x\"]\n[[knob]]\nname = \"b\"\nlabel = \"B\"\nvalues = [\"x\"]\n[predict]\nask = \"${a} ${b} What",
        ],
        "too-many-knobs",
        (27, 1),
        ["4 knobs", "3"],
    ),
    row(
        [
            "01-uts.md",
            "do.create = \"inner\"",
            "do.create = \"inner\"\nas = 7",
        ],
        "wrong-type",
        (57, 6),
        ["`as`", "quotes"],
    ),
    row(
        ["01-uts.md", "label = \"hostname\"\n", ""],
        "missing-key",
        (121, 1),
        ["`label`", "about"],
    ),
    row(
        [
            "01-uts.md",
            "in = \"inner\"\ndo.listen",
            "in = \"inner\"\nasx = \"x\"\ndo.listen",
        ],
        "unknown-key",
        (84, 1),
        ["`asx`", "`as`"],
    ),
    row(
        ["01-uts.md", "Say `--hostname`", "## By hand\n\nSay"],
        "duplicate-section",
        (152, 1),
        ["By hand", "one"],
    ),
    row(
        [
            "01-uts.md",
            "do.connect = \"web\"",
            "do.root-fs = { programs = [\"sh\", \"/bin/ls\"], to = \"/mnt/b\" }",
        ],
        "bad-program",
        (89, 34),
        ["`/bin/ls`", "without `/`"],
    ),
    row(
        [
            "01-uts.md",
            "do.connect = \"web\"",
            "do.root-fs = { programs = [\"\"], to = \"/mnt/b\" }",
        ],
        "bad-program",
        (89, 28),
        ["not the name", "without `/`"],
    ),
    row(
        [
            "01-uts.md",
            "do.connect = \"web\"",
            "do.root-fs = { programs = [], to = \"/mnt/b\" }",
        ],
        "empty-list",
        (89, 27),
        ["no programs", "one at least"],
    ),
    row(
        [
            "01-uts.md",
            "do.connect = \"web\"",
            "do.root-fs = { programs = [\"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\", \"sh\"], to = \"/mnt/b\" }",
        ],
        "too-much",
        (89, 27),
        ["33 programs", "32 at most"],
    ),
    row(
        [
            "01-uts.md",
            "do.connect = \"web\"",
            "do.root-fs = { programs = [\"sh\"], to = \"b\" }",
        ],
        "bad-path",
        (89, 40),
        ["`b`", "begin it"],
    ),
    row(
        [
            "01-uts.md",
            "do.connect = \"web\"",
            "do.image = { layout = \"/mnt/i\", tag = \"a/b\", layers = [\"/mnt/1\"] }",
        ],
        "bad-tag",
        (89, 39),
        ["`a/b`", "64 at most"],
    ),
    row(
        [
            "01-uts.md",
            "do.connect = \"web\"",
            "do.image = { layout = \"/mnt/i\", tag = \"\", layers = [\"/mnt/1\"] }",
        ],
        "bad-tag",
        (89, 39),
        ["can't name", "letters"],
    ),
    row(
        [
            "01-uts.md",
            "do.connect = \"web\"",
            "do.unpack = { layout = \"/mnt/i\", tag = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\", to = \"/mnt/o\" }",
        ],
        "bad-tag",
        (89, 40),
        ["can't name", "64 at most"],
    ),
    row(
        [
            "01-uts.md",
            "do.connect = \"web\"",
            "do.image = { layout = \"/mnt/i\", tag = \"t\", layers = [] }",
        ],
        "empty-list",
        (89, 53),
        ["no layers", "one at least"],
    ),
    row(
        [
            "01-uts.md",
            "do.connect = \"web\"",
            "do.image = { layout = \"/mnt/i\", tag = \"t\", layers = [\"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\"] }",
        ],
        "too-much",
        (89, 53),
        ["21 layers", "20 at most"],
    ),
];
