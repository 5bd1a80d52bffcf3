//! What a process says of itself through `tracing`.

use tracing::Span;
use tracing::level_filters::LevelFilter;

use super::cell::Core;
use super::exit_reason::ExitReason;

/// The span in which the process's handlers run. It has no parent: what a
/// process does belongs to it, not to whoever sent the message. Its level is
/// the highest one so that no filter for levels takes it away.
///
/// `None` when nobody subscribes to anything.
pub(super) fn span(core: &Core) -> Option<Span> {
    if LevelFilter::current() == LevelFilter::OFF {
        return None;
    }
    let span = tracing::error_span!(
        target: "noex::process",
        parent: None,
        "process",
        pid = %core.pid(),
        name = core.name(),
    );
    if span.is_disabled() {
        return None;
    }
    core.note_span();
    Some(span)
}

/// Whether a handler that is run by its caller would log in its own span and
/// not in the caller's. Without a subscriber there is nothing to tell apart.
#[inline]
pub(super) fn span_will_cover(core: &Core) -> bool {
    LevelFilter::current() == LevelFilter::OFF || has_span(core)
}

#[cold]
fn has_span(core: &Core) -> bool {
    // Not by looking into the loop: only its runner may touch that.
    core.has_span() || Span::current().is_none()
}

/// The one error that an abnormal end logs.
pub(super) fn died(core: &Core, reason: &ExitReason, state: Option<&str>) {
    tracing::error!(
        target: "noex::process",
        pid = %core.pid(),
        name = core.name(),
        %reason,
        last_message = %core.kind(),
        state,
        "process ended abnormally",
    );
}
