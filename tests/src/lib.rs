//! The tests of noex that use it as its users do. They are in `it/`, one file per
//! concept, in one binary.
