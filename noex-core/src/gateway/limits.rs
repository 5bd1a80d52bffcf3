use std::time::Duration;

/// What a gateway takes from its clients at most, and how long it waits for them.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use noex::gateway::Limits;
///
/// let limits = Limits::default().connections(100).call(Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
pub struct Limits {
    pub(crate) frame: usize,
    pub(crate) nesting: usize,
    pub(crate) chain: usize,
    pub(crate) connections: usize,
    pub(crate) pending: usize,
    pub(crate) methods: usize,
    pub(crate) name: usize,
    pub(crate) queued: usize,
    pub(crate) register: Duration,
    pub(crate) partial: Duration,
    pub(crate) write: Duration,
    pub(crate) call: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            frame: 16 << 20,
            nesting: 32,
            chain: 16,
            connections: 4096,
            pending: 16_384,
            methods: 1024,
            name: 128,
            queued: 64 << 20,
            register: Duration::from_secs(2),
            partial: Duration::from_secs(10),
            write: Duration::from_secs(10),
            call: Duration::from_secs(300),
        }
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {
        impl Limits {
            $(
                $(#[$doc])*
                pub fn $name(mut self, most: $type) -> Self {
                    self.$name = most;
                    self
                }
            )*
        }
    };
}

setters! {
    /// The bytes of one message; 16 MiB by default.
    frame: usize;
    /// How deep a message nests; 32 by default.
    nesting: usize;
    /// How many services a chain of calls has; 16 by default.
    chain: usize;
    /// The connections at a time; 4096 by default. One more is answered `BUSY` and closed.
    connections: usize;
    /// The calls of one connection, and to one connection, that wait for an answer; 16 384 by
    /// default. One more is answered `BUSY`.
    pending: usize;
    /// The methods of one service; 1024 by default.
    methods: usize;
    /// The bytes of a service's or method's name and of an id; 128 by default.
    name: usize;
    /// The bytes that wait to be written to one connection; 64 MiB by default. A call to it is
    /// then answered `BUSY`; a caller that does not read its answers is cut off.
    queued: usize;
    /// How long a connection may take to register; 2 s by default.
    register: Duration;
    /// How long a frame may take from its first byte to its last; 10 s by default.
    partial: Duration;
    /// How long a write may take when the other end does not read; 10 s by default.
    write: Duration;
    /// How far away a call's deadline may be; 5 min by default. A later one is brought forward.
    call: Duration;
}
