//! Read-only views of the kernel.
