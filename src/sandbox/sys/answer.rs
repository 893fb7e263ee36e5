//! What a call made through libc answers.

use crate::base::Errno;
use std::io;

/// The raw result of a system call made through libc as value or errno.
pub(super) fn answer(result: i64) -> Result<i64, Errno> {
    if result < 0 {
        Err(Errno(
            io::Error::last_os_error().raw_os_error().unwrap_or(0),
        ))
    } else {
        Ok(result)
    }
}
