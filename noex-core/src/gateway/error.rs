use std::borrow::Cow;
use std::fmt;
use std::io;

use serde::Serialize;

/// What went wrong, as it stands in `error.code` of a RESPONSE.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// The deadline passed before an answer came. Whether the method ran is not known.
    Timeout,
    /// No service of that name is connected. The call was not delivered.
    ServiceNotFound,
    /// The service has no such method. The call was not run.
    MethodNotFound,
    /// The service's connection ended before its answer. Whether the method ran is not known.
    ServiceDisconnected,
    /// A message that cannot be read, or breaks a rule of the protocol.
    InvalidMessage,
    /// The chain of calls is longer than allowed.
    MaxDepthExceeded,
    /// The service called is in the chain already.
    CircularCall,
    /// A cap is reached: connections, pending calls, a queue. Not delivered; try later.
    Busy,
    /// The name is taken by another connection.
    DuplicateService,
    /// The connection has not registered yet.
    NotRegistered,
    /// The method ran and failed.
    MethodFailed,
    /// The parameters are not what the method takes.
    InvalidParams,
    /// The service failed without an error of its own: a panic.
    Internal,
    /// One that this version does not know, or a service's own.
    Other(Box<str>),
}

const CODES: &[(ErrorCode, &str)] = &[
    (ErrorCode::Timeout, "TIMEOUT"),
    (ErrorCode::ServiceNotFound, "SERVICE_NOT_FOUND"),
    (ErrorCode::MethodNotFound, "METHOD_NOT_FOUND"),
    (ErrorCode::ServiceDisconnected, "SERVICE_DISCONNECTED"),
    (ErrorCode::InvalidMessage, "INVALID_MESSAGE"),
    (ErrorCode::MaxDepthExceeded, "MAX_DEPTH_EXCEEDED"),
    (ErrorCode::CircularCall, "CIRCULAR_CALL"),
    (ErrorCode::Busy, "BUSY"),
    (ErrorCode::DuplicateService, "DUPLICATE_SERVICE"),
    (ErrorCode::NotRegistered, "NOT_REGISTERED"),
    (ErrorCode::MethodFailed, "METHOD_FAILED"),
    (ErrorCode::InvalidParams, "INVALID_PARAMS"),
    (ErrorCode::Internal, "INTERNAL_ERROR"),
];

impl ErrorCode {
    /// As it is written in a message.
    pub fn as_str(&self) -> &str {
        match self {
            ErrorCode::Other(code) => code,
            known => CODES
                .iter()
                .find(|(code, _)| code == known)
                .map_or("INTERNAL_ERROR", |(_, text)| text),
        }
    }
}

impl From<&str> for ErrorCode {
    fn from(text: &str) -> Self {
        CODES
            .iter()
            .find(|(_, known)| *known == text)
            .map_or_else(|| ErrorCode::Other(text.into()), |(code, _)| code.clone())
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a call through the gateway has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The gateway or the service answered with an error.
    #[error("{code}: {message}")]
    Refused {
        /// What kind.
        code: ErrorCode,
        /// In words.
        message: Box<str>,
    },
    /// No answer came in time. Whether the method ran is not known.
    #[error("no answer in time")]
    Timeout,
    /// There is no connection to the gateway now. Nothing was sent.
    #[error("not connected to the gateway")]
    NotConnected,
    /// The connection ended before the answer. Whether the method ran is not known.
    #[error("the connection to the gateway ended before the answer")]
    Disconnected,
    /// The socket cannot be connected to.
    #[error("cannot connect to the gateway")]
    Connect(#[source] io::Error),
    /// The parameters cannot be written as JSON.
    #[error("the parameters cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// The answer is not of the type asked for.
    #[error("the answer is not of the type asked for")]
    Decode(#[source] serde_json::Error),
    /// The message would be longer than a frame may be.
    #[error("a message of {length} bytes, of {limit} that are allowed")]
    TooLong {
        /// Its length, in bytes.
        length: usize,
        /// What is allowed, in bytes.
        limit: usize,
    },
    /// More is queued for the gateway than is allowed. Nothing was sent.
    #[error("too much is queued for the gateway")]
    Overloaded,
}

impl GatewayError {
    /// The code that the protocol has for it.
    pub fn code(&self) -> ErrorCode {
        match self {
            GatewayError::Refused { code, .. } => code.clone(),
            GatewayError::Timeout => ErrorCode::Timeout,
            GatewayError::NotConnected | GatewayError::Disconnected | GatewayError::Connect(_) => {
                ErrorCode::ServiceDisconnected
            }
            GatewayError::Encode(_) | GatewayError::TooLong { .. } => ErrorCode::InvalidMessage,
            GatewayError::Decode(_) => ErrorCode::Internal,
            GatewayError::Overloaded => ErrorCode::Busy,
        }
    }
}

/// What a method answers when it fails: a code and words.
///
/// Any error becomes one by `?`, with the code `METHOD_FAILED`; a [`GatewayError`] of a nested
/// call keeps its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MethodError {
    code: Cow<'static, str>,
    message: Cow<'static, str>,
}

impl MethodError {
    /// With a code of one's own, which callers see as [`ErrorCode::Other`].
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        MethodError {
            code: code.into(),
            message: message.into(),
        }
    }

    pub(crate) fn coded(code: &ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        MethodError::new(code.as_str().to_owned(), message)
    }

    /// The code, as it is written in the RESPONSE.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The words.
    pub fn message(&self) -> &str {
        &self.message
    }
}

// `MethodError` itself is no `Error`, as `Exit` is not: otherwise this could not be.
impl<E: std::error::Error + 'static> From<E> for MethodError {
    fn from(error: E) -> Self {
        let nested = (&error as &(dyn std::error::Error + 'static)).downcast_ref::<GatewayError>();
        let code = nested.map_or(ErrorCode::MethodFailed, GatewayError::code);
        let message = match nested {
            Some(GatewayError::Refused { message, .. }) => message.to_string(),
            _ => error.to_string(),
        };
        MethodError::coded(&code, message)
    }
}
