//! From a caller to a service and back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::answer;
use super::calls::{Made, Served};
use super::connection::Connection;
use super::{Counts, Hub};
use crate::gateway::clock;
use crate::gateway::context;
use crate::gateway::error::ErrorCode;
use crate::gateway::event::{CallRouted, GatewayEvent, ResponseRouted};
use crate::gateway::message::{Call, Field, Outcome, Response, append};

fn count(counter: &std::sync::atomic::AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Hub {
    /// Sends a call on its way, or answers why it cannot go.
    pub(super) fn call(&self, caller: &Arc<Connection>, call: &Call<'_>) {
        match self.try_call(caller, call) {
            Ok(()) => count(&self.counts.calls),
            Err((code, message)) => {
                count(&self.counts.refused);
                answer::refuse(caller, &call.id, &code, &message);
            }
        }
    }

    fn try_call(
        &self,
        caller: &Arc<Connection>,
        call: &Call<'_>,
    ) -> Result<(), (ErrorCode, String)> {
        let from = caller.name();
        let chain = context::chain(call.context.as_ref(), from, &call.to, self.limits.chain)
            .map_err(|code| {
                let message = match code {
                    ErrorCode::CircularCall => format!("{} is in the chain already", call.to),
                    _ => format!("a chain of more than {} services", self.limits.chain),
                };
                (code, message)
            })?;
        let asked = call.context.as_ref().and_then(|context| context.deadline);
        let wait = asked
            .map_or(self.timeout, clock::left)
            .min(self.limits.call);
        if wait == Duration::ZERO {
            return Err((ErrorCode::Timeout, "the deadline has passed".into()));
        }
        let service = self
            .directory
            .read()
            .pick(&call.to, &call.method, self.balance)
            .map_err(|code| {
                let message = match code {
                    ErrorCode::ServiceNotFound => format!("no service {} is connected", call.to),
                    _ => format!("{} has no method {}", call.to, call.method),
                };
                (code, message)
            })?;
        let given_id = self.book(caller, call, &service, Instant::now() + wait)?;

        let root = call
            .context
            .as_ref()
            .and_then(|context| context.root.as_deref());
        let root = match root.filter(|root| !root.is_empty() && root.len() <= self.limits.name) {
            Some(root) => std::borrow::Cow::Borrowed(root),
            None => std::borrow::Cow::Owned(self.ids.root()),
        };
        let deadline = clock::after(wait);
        let queued = service.outbox.push(|out| {
            append(
                out,
                &[
                    ("type", Field::Text("CALL")),
                    ("id", Field::Text(&given_id)),
                    ("timestamp", Field::Number(clock::now_ms())),
                    ("from", Field::Text(from)),
                    ("to", Field::Text(&call.to)),
                    ("method", Field::Text(&call.method)),
                    ("params", Field::raw(call.params)),
                    (
                        "progress",
                        if call.progress {
                            Field::Flag(true)
                        } else {
                            Field::Absent
                        },
                    ),
                    (
                        "context",
                        Field::Map(&[
                            ("root", Field::Text(&root)),
                            ("chain", Field::Texts(&chain)),
                            ("depth", Field::Number(chain.len() as u64)),
                            ("deadline", Field::Number(deadline)),
                        ]),
                    ),
                ],
            );
        });
        if queued.is_err() {
            // Whoever takes the entry out answers: if it is gone, the service's end has answered.
            if self.unbook(caller, &call.id) {
                return Err((ErrorCode::Busy, format!("{} does not keep up", call.to)));
            }
        }
        self.events.tell(|| {
            GatewayEvent::CallRouted(CallRouted {
                from: from.into(),
                to: call.to.to_string(),
                method: call.method.to_string(),
                request_id: call.id.to_string(),
                root: root.to_string(),
                depth: chain.len(),
            })
        });
        Ok(())
    }

    /// Enters a call at its service and at its caller. The id that the service sees is the
    /// caller's own, unless another call there has it.
    fn book(
        &self,
        caller: &Arc<Connection>,
        call: &Call<'_>,
        service: &Arc<Connection>,
        deadline: Instant,
    ) -> Result<Box<str>, (ErrorCode, String)> {
        let busy = |who: &str| {
            (
                ErrorCode::Busy,
                format!("too many calls of {who} are pending"),
            )
        };
        let gone = || {
            let message = format!("{} has just disconnected", call.to);
            (ErrorCode::ServiceNotFound, message)
        };
        let given_id: Box<str> = {
            let mut calls = service.calls.lock();
            if calls.closed {
                return Err(gone());
            }
            if calls.served.len() >= self.limits.pending {
                return Err(busy(&call.to));
            }
            let given_id: Box<str> = if calls.served.contains_key(&*call.id) {
                loop {
                    let other = format!("{}~{:x}", call.id, self.ids.next());
                    if !calls.served.contains_key(&*other) {
                        break other.into();
                    }
                }
            } else {
                call.id.as_ref().into()
            };
            let served = Served {
                caller: caller.clone(),
                callers_id: call.id.as_ref().into(),
            };
            calls.served.insert(given_id.clone(), served);
            service.pending.store(calls.served.len(), Ordering::Relaxed);
            given_id
        };
        let entered = {
            let mut calls = caller.calls.lock();
            if calls.made.contains_key(&*call.id) {
                Err((
                    ErrorCode::InvalidMessage,
                    format!("a call {} is pending", call.id),
                ))
            } else if calls.made.len() >= self.limits.pending {
                Err(busy(caller.name()))
            } else {
                let made = Made {
                    service: service.clone(),
                    given_id: given_id.clone(),
                    deadline,
                    progress: call.progress,
                };
                Ok(calls.make(call.id.as_ref().into(), made))
            }
        };
        match entered {
            Ok(sooner) => {
                if sooner {
                    caller.outbox.nudge();
                }
            }
            Err(refused) => {
                service.forget_served(&given_id);
                return Err(refused);
            }
        }
        // The service may have ended between the two entries, and then nobody else will see this one.
        if service.calls.lock().closed && self.unbook(caller, &call.id) {
            return Err(gone());
        }
        Ok(given_id)
    }

    /// Takes a call out again; `false` when somebody else has answered it.
    fn unbook(&self, caller: &Connection, id: &str) -> bool {
        let made = caller.calls.lock().made.remove(id);
        made.is_some_and(|made| {
            made.service.forget_served(&made.given_id);
            true
        })
    }

    /// Takes an answer to its caller: only from the connection that the call went to.
    pub(super) fn response(&self, service: &Connection, response: &Response<'_>) {
        let served = service.forget_served(&response.id);
        let made = served.as_ref().and_then(|served| {
            let mut calls = served.caller.calls.lock();
            calls.made.remove(&served.callers_id)
        });
        let (Some(served), Some(_)) = (served, made) else {
            // Late, or to a call of somebody else, or to none.
            count(&self.counts.unexpected);
            return;
        };
        let success = matches!(response.outcome, Outcome::Success(_));
        Counts::outcome(&self.counts, success);
        let caller = &served.caller;
        answer::respond(
            caller,
            &served.callers_id,
            Some(service.name()),
            response.outcome,
        );
        self.events.tell(|| {
            GatewayEvent::ResponseRouted(ResponseRouted {
                from: service.name().into(),
                to: caller.name().into(),
                success,
                request_id: served.callers_id.to_string(),
            })
        });
    }

    /// Hands on what a service has to tell before its answer, to a caller that asked for it.
    pub(super) fn progress(&self, service: &Connection, id: &str, data: &str) {
        let (caller, callers_id) = match service.calls.lock().served.get(id) {
            Some(served) => (served.caller.clone(), served.callers_id.clone()),
            None => return,
        };
        let wanted = caller
            .calls
            .lock()
            .made
            .get(&callers_id)
            .is_some_and(|made| made.progress);
        if wanted {
            answer::progress(&caller, &callers_id, data);
        }
    }

    /// A caller does not want its answer any more.
    pub(super) fn cancel(&self, caller: &Connection, id: &str) {
        let made = caller.calls.lock().made.remove(id);
        if let Some(made) = made {
            made.service.forget_served(&made.given_id);
            answer::cancel(&made.service, &made.given_id);
        }
    }

    /// Answers the calls of a connection whose deadline has passed.
    pub(super) fn expire(&self, caller: &Connection) {
        let expired = caller.calls.lock().expired(Instant::now());
        for (id, made) in expired {
            made.service.forget_served(&made.given_id);
            answer::cancel(&made.service, &made.given_id);
            Counts::outcome(&self.counts, false);
            answer::refuse(caller, &id, &ErrorCode::Timeout, "no answer in time");
        }
    }

    /// A connection has ended: nobody waits for its calls, and nobody will answer those to it.
    pub(super) fn hang_up(&self, connection: &Connection) {
        let (made, served) = {
            let mut calls = connection.calls.lock();
            calls.closed = true;
            (
                std::mem::take(&mut calls.made),
                std::mem::take(&mut calls.served),
            )
        };
        for made in made.into_values() {
            made.service.forget_served(&made.given_id);
            answer::cancel(&made.service, &made.given_id);
        }
        for served in served.into_values() {
            let owed = served.caller.calls.lock().made.remove(&served.callers_id);
            if owed.is_some() {
                Counts::outcome(&self.counts, false);
                answer::refuse(
                    &served.caller,
                    &served.callers_id,
                    &ErrorCode::ServiceDisconnected,
                    "the service disconnected before its answer",
                );
            }
        }
    }
}

impl Counts {
    fn outcome(&self, success: bool) {
        count(if success {
            &self.successes
        } else {
            &self.errors
        });
    }
}

impl Connection {
    fn forget_served(&self, id: &str) -> Option<Served> {
        let mut calls = self.calls.lock();
        let served = calls.served.remove(id);
        self.pending.store(calls.served.len(), Ordering::Relaxed);
        served
    }
}
