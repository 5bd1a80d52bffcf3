use std::fmt;

/// What a process is, or was last, busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum MessageKind {
    /// Nothing yet.
    None,
    /// `init`.
    Init,
    /// A call.
    Call,
    /// A cast.
    Cast,
    /// An info message: sent by hand, by a timer, or by a task.
    Info,
    /// A monitor's DOWN.
    Down,
    /// A trapped exit signal.
    Exit,
    /// The idle timeout.
    Timeout,
    /// A continue.
    Continue,
    /// Introspection.
    System,
    /// `terminate`.
    Terminate,
}

impl MessageKind {
    const ALL: [MessageKind; 11] = [
        MessageKind::None,
        MessageKind::Init,
        MessageKind::Call,
        MessageKind::Cast,
        MessageKind::Info,
        MessageKind::Down,
        MessageKind::Exit,
        MessageKind::Timeout,
        MessageKind::Continue,
        MessageKind::System,
        MessageKind::Terminate,
    ];

    pub(crate) fn from_u8(number: u8) -> Self {
        Self::ALL
            .get(usize::from(number))
            .copied()
            .unwrap_or(MessageKind::None)
    }

    fn word(self) -> &'static str {
        match self {
            MessageKind::None => "none",
            MessageKind::Init => "init",
            MessageKind::Call => "call",
            MessageKind::Cast => "cast",
            MessageKind::Info => "info",
            MessageKind::Down => "down",
            MessageKind::Exit => "exit",
            MessageKind::Timeout => "timeout",
            MessageKind::Continue => "continue",
            MessageKind::System => "system",
            MessageKind::Terminate => "terminate",
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
