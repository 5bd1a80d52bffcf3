use std::sync::Arc;

use super::behaviour::GenServer;
use super::call::CallError;
use super::cast::SendFailure;
use super::message::ServerCell;

/// Whom a message goes to, when it is known.
pub(crate) enum Target<'a, S: GenServer> {
    Ref(&'a Arc<ServerCell<S>>),
    Found(Arc<ServerCell<S>>),
    // Boxed since a call is moved about with its target.
    NotFound(Box<NotFound>),
}

impl<S: GenServer> Target<'_, S> {
    #[inline]
    pub(crate) fn cell(&self) -> Result<&Arc<ServerCell<S>>, &NotFound> {
        match self {
            Target::Ref(cell) => Ok(cell),
            Target::Found(cell) => Ok(cell),
            Target::NotFound(why) => Err(why),
        }
    }
}

/// A name that leads to no server of the type.
#[derive(Clone, Debug)]
pub(crate) enum NotFound {
    NotRegistered {
        name: Arc<str>,
    },
    WrongType {
        name: Arc<str>,
        expected: &'static str,
        found: &'static str,
    },
}

impl From<NotFound> for CallError {
    fn from(why: NotFound) -> Self {
        match why {
            NotFound::NotRegistered { name } => CallError::NotRegistered { name },
            NotFound::WrongType {
                name,
                expected,
                found,
            } => CallError::WrongType {
                name,
                expected,
                found,
            },
        }
    }
}

impl From<NotFound> for SendFailure {
    fn from(why: NotFound) -> Self {
        match why {
            NotFound::NotRegistered { name } => SendFailure::NotRegistered { name },
            NotFound::WrongType {
                name,
                expected,
                found,
            } => SendFailure::WrongType {
                name,
                expected,
                found,
            },
        }
    }
}
