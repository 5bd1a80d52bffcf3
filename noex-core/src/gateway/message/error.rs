/// Why a frame's bytes are no message. The connection can go on: the next frame is found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Not JSON, a header of the wrong type, or a header that comes twice.
    #[error("not a message: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Nested deeper than allowed.
    #[error("nested deeper than {limit}")]
    TooDeep {
        /// What is allowed.
        limit: usize,
    },
    /// A type that the protocol does not have.
    #[error("a message of an unknown type")]
    UnknownType,
    /// A header that this type of message needs.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A name or an id that is empty, too long, or has control characters.
    #[error("{0} is empty, too long, or has characters that names do not have")]
    BadName(&'static str),
    /// More methods than allowed.
    #[error("more than {limit} methods")]
    TooMany {
        /// What is allowed.
        limit: usize,
    },
}
