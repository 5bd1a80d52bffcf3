//! What the run cell is made of. Under `--cfg noex_loom` it is `sync_loom.rs` instead, with the same
//! names, so that the cell can be model-checked without a `cfg` inside of it.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize};

pub(crate) use parking_lot::{Mutex, MutexGuard};
