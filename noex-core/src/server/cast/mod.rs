//! Messages without an answer: cast, info, and waiting for room.

mod error;
mod recipient;
mod wait;

pub use error::{SendError, SendFailure};
pub use recipient::Recipient;
pub use wait::CastWait;

use std::sync::Arc;

use super::behaviour::GenServer;
use super::call::drop_overloaded;
use super::message::{Message, ServerCell};
use crate::process::mailbox::{Full, Posted, Refused};

#[inline]
pub(crate) fn send<S: GenServer, T>(
    cell: &Arc<ServerCell<S>>,
    message: T,
    wrap: impl FnOnce(T) -> Message<S>,
) -> Result<(), SendError<T>> {
    match cell.queue().post(message, Full::ByPolicy, wrap) {
        Ok(Posted::Quiet) => Ok(()),
        Ok(Posted::Wake) => {
            cell.notify();
            Ok(())
        }
        other => settle(cell, other),
    }
}

#[cold]
fn settle<S: GenServer, T>(
    cell: &Arc<ServerCell<S>>,
    posted: Result<Posted<Message<S>>, Refused<T>>,
) -> Result<(), SendError<T>> {
    match posted {
        Ok(Posted::Quiet) => Ok(()),
        Ok(Posted::Wake) => {
            cell.notify();
            Ok(())
        }
        Ok(Posted::Displaced { oldest, wake }) => {
            drop_overloaded(oldest);
            if wake {
                cell.notify();
            }
            Ok(())
        }
        Err(Refused::Newest(message)) => {
            drop_overloaded(message);
            Ok(())
        }
        Err(Refused::Full(message)) => Err(SendError::new(message, SendFailure::Full)),
        Err(Refused::Closed(message)) => Err(SendError::new(message, SendFailure::NoProc)),
    }
}
