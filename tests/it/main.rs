//! One file per concept; the name of a test is the sentence that it holds noex to.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod support;

mod smoke;
