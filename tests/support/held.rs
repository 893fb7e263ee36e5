//! Containers and other processes that stand until a test has looked at them.

use super::{Bounded, Limit, PATIENCE};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A process that goes on until its standard input ends.
pub struct Held {
    child: Bounded,
    input: Option<ChildStdin>,
}

impl Held {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn start(mut command: Command) -> (Held, BufReader<ChildStdout>) {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .within(PATIENCE)
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        (Held { child, input }, output)
    }

    pub fn end(mut self) {
        drop(self.input.take());
        self.child.wait();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.input.take());
        // Bounded all the same; after a failed assertion none may follow.
        let _ = Child::wait(&mut self.child);
    }
}

/// The next line; a runtime that fails ends its output.
pub fn line(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line.trim_end().to_string()
}

/// Lines for a shell that stands in a mount namespace of its own: a small root
/// filesystem in ./image, of two programs and their libraries.
pub const IMAGE: &str = "
set -e
mount -t tmpfs room .
cd \"$PWD\"
mkdir -p image/bin image/proc image/dev image/sys upper work rootfs
for name in sh sleep; do
    program=$(command -v $name)
    cp -L \"$program\" image/bin/$name
    ldd \"$program\" | grep -oE '/[^ ]+' | while read -r library; do
        mkdir -p \"image$(dirname \"$library\")\"
        cp -L \"$library\" \"image$library\"
    done
done
# Some runtimes refuse a hybrid of both versions, where the second is empty,
# and yet make a directory in its place.
if mountpoint -q /sys/fs/cgroup/unified; then
    mkdir groups
    mount -t tmpfs groups groups
    mkdir groups/unified
    for hierarchy in /sys/fs/cgroup/*; do
        case $hierarchy in */unified) continue ;; esac
        mkdir \"groups/${hierarchy##*/}\"
        mount --bind \"$hierarchy\" \"groups/${hierarchy##*/}\"
    done
    mount --move groups /sys/fs/cgroup
fi
";
