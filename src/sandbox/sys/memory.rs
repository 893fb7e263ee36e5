//! Memory: mappings of files, and message queues.

use super::answer::answer;
use crate::base::Errno;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A file in the address space, mmap(2), until this value is dropped.
pub(in crate::sandbox) struct Mapping {
    start: std::ptr::NonNull<libc::c_void>,
    length: usize,
}

impl Mapping {
    /// Maps the whole of a file to be read, shared with all who map it: what
    /// is mapped are the pages of the page cache themselves.
    ///
    /// # Errors
    /// EINVAL if it is empty, ENODEV if it can't be mapped.
    pub(in crate::sandbox) fn shared(
        file: BorrowedFd<'_>,
        length: usize,
    ) -> Result<Mapping, Errno> {
        let (readable, shared) = (libc::PROT_READ, libc::MAP_SHARED);
        // SAFETY: a null address lets the kernel choose one where nothing is,
        // so no memory of this process changes.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                readable,
                shared,
                file.as_raw_fd(),
                0,
            )
        };
        match std::ptr::NonNull::new(start) {
            Some(start) if start.as_ptr() != libc::MAP_FAILED => Ok(Mapping { start, length }),
            Some(_) | None => Err(Errno(
                io::Error::last_os_error().raw_os_error().unwrap_or(0),
            )),
        }
    }

    /// Where it begins.
    pub(in crate::sandbox) fn address(&self) -> usize {
        self.start.as_ptr() as usize
    }

    /// Reads a byte of each page, so that all of them are mapped. If somebody
    /// has made the file shorter meanwhile, SIGBUS ends the process.
    pub(in crate::sandbox) fn touch(&self, page: usize) {
        for offset in (0..self.length).step_by(page) {
            // SAFETY: the offset is below the length of a readable mapping,
            // which lives as long as `self`; volatile, because others may write
            // to the file.
            let byte = unsafe { self.start.as_ptr().cast::<u8>().add(offset).read_volatile() };
            std::hint::black_box(byte);
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is the one that mmap(2) gave to this value alone,
        // and no reference into it was ever handed out.
        unsafe { libc::munmap(self.start.as_ptr(), self.length) };
    }
}

/// msgget(2).
pub(in crate::sandbox) fn msgget(key: u32, flags: i32) -> Result<i64, Errno> {
    // SAFETY: takes two integers.
    answer(i64::from(unsafe {
        libc::msgget(key as libc::key_t, flags)
    }))
}
