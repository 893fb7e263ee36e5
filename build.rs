//! A lesson that is added or removed rebuilds the binary that embeds it.

fn main() {
    println!("cargo::rerun-if-changed=lessons");
}
