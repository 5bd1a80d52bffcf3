use std::io;

/// Why bytes are no frame. The connection cannot go on after it: where the next frame begins is
/// not known any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame of no bytes.
    #[error("a frame of length zero")]
    Empty,
    /// A frame that says it is longer than allowed.
    #[error("a frame of {length} bytes, of {limit} that are allowed")]
    TooLong {
        /// What it says, in bytes.
        length: usize,
        /// What is allowed, in bytes.
        limit: usize,
    },
    /// The stream ended within a frame.
    #[error("the stream ended within a frame")]
    Cut,
    /// The stream failed.
    #[error("the stream failed")]
    Io(#[from] io::Error),
}
