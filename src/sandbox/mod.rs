//! The sandbox.

/// Placeholder until the sandbox is here.
pub fn helper_main() -> Option<std::process::ExitCode> {
    None
}

/// Placeholder until the sandbox is here.
///
/// # Errors
/// None yet.
pub fn sweep(_dry_run: bool) -> std::io::Result<Vec<String>> {
    Ok(Vec::new())
}
