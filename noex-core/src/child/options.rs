use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::event::ProcessEvents;
use crate::server::Backoff;

/// Over what a child is talked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Channel {
    /// A socket that the child has as descriptor 3, named in `NODE_CHANNEL_FD`: Node's channel.
    Node,
    /// A socket that the child has as its standard input, named in `NODE_CHANNEL_FD` too.
    Stdin,
    /// Lines on the child's standard input and output.
    Stdio,
}

/// What of an operating system's resources a child may use; set by `prlimit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// Open descriptors.
    OpenFiles(u64),
    /// Bytes of address space. Node reserves many gigabytes that it never uses.
    AddressSpace(u64),
    /// Seconds of processor time.
    CpuSeconds(u64),
}

/// A signal by which a process is asked to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGTERM`.
    #[default]
    Term,
    /// `SIGINT`.
    Int,
    /// `SIGHUP`.
    Hup,
    /// `SIGQUIT`.
    Quit,
    /// `SIGKILL`, which no process can ignore.
    Kill,
}

/// What is started, how it is talked with, and what it may cost.
///
/// | option | default |
/// | --- | --- |
/// | [`channel`](ProcessOptions::channel) | by the constructor |
/// | environment, directory | this program's |
/// | [`auto_restart`](ProcessOptions::auto_restart) | no: the end of the process is the end of its server |
/// | [`backoff`](ProcessOptions::backoff) | 100 ms, doubling up to 5 s |
/// | [`grace`](ProcessOptions::grace) | 2 s between signal and `SIGKILL` |
/// | [`queue`](ProcessOptions::queue) | 1024 messages |
/// | [`write_deadline`](ProcessOptions::write_deadline) | 10 s |
/// | [`line_cap`](ProcessOptions::line_cap) | 64 MiB |
#[derive(Clone, Debug)]
pub struct ProcessOptions {
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) env: BTreeMap<OsString, OsString>,
    pub(super) clear_env: bool,
    pub(super) directory: Option<PathBuf>,
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
    pub(super) channel: Channel,
    pub(super) limits: Vec<Limit>,
    pub(super) die_with_parent: bool,
    pub(super) max_restarts: Option<u32>,
    pub(super) backoff: Backoff,
    pub(super) grace: Duration,
    pub(super) queue: usize,
    pub(super) write_deadline: Duration,
    pub(super) line_cap: usize,
    pub(super) events: ProcessEvents,
}

impl ProcessOptions {
    /// A program in whatever language, which reads and writes messages as lines of its standard
    /// input and output.
    pub fn new(program: impl Into<OsString>) -> Self {
        ProcessOptions {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            clear_env: false,
            directory: None,
            user: None,
            group: None,
            channel: Channel::Stdio,
            limits: Vec::new(),
            die_with_parent: false,
            max_restarts: None,
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(5)),
            grace: Duration::from_secs(2),
            queue: 1024,
            write_deadline: Duration::from_secs(10),
            line_cap: 64 << 20,
            events: ProcessEvents::new(),
        }
    }

    /// A script for Node, as `child_process.fork` would start it.
    pub fn node(script: impl Into<OsString>) -> Self {
        ProcessOptions::new("node")
            .arg(script)
            .channel(Channel::Node)
    }

    /// A Rust program that calls [`worker()`](super::worker()).
    pub fn rust(program: impl Into<OsString>) -> Self {
        ProcessOptions::new(program).channel(Channel::Stdin)
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Starts it with nothing of this program's environment but `PATH`.
    #[must_use]
    pub fn clear_env(mut self) -> Self {
        self.clear_env = true;
        self
    }

    /// Its working directory.
    #[must_use]
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Runs it as another user, which this program must be allowed to do.
    #[must_use]
    pub fn user(mut self, uid: u32) -> Self {
        self.user = Some(uid);
        self
    }

    /// Runs it as another group.
    #[must_use]
    pub fn group(mut self, gid: u32) -> Self {
        self.group = Some(gid);
        self
    }

    /// Over what it is talked with.
    #[must_use]
    pub fn channel(mut self, channel: Channel) -> Self {
        self.channel = channel;
        self
    }

    /// Limits it, by starting it through `prlimit`, which must be there.
    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.push(limit);
        self
    }

    /// Has the kernel kill it when this program ends in whatever way, by starting it through
    /// `setpriv --pdeathsig`. Linux only. Its own children are not covered.
    ///
    /// A program that is not there is then seen as exit code 127, not when starting.
    #[must_use]
    pub fn die_with_parent(mut self) -> Self {
        self.die_with_parent = true;
        self
    }

    /// Restarts it itself when it ends in any other way than with code 0, up to `max_restarts`
    /// times in a row. Then, and without this, its end is the end of the server, and a supervisor's business.
    #[must_use]
    pub fn auto_restart(mut self, max_restarts: u32) -> Self {
        self.max_restarts = Some(max_restarts);
        self
    }

    /// How long to wait before a restart, and after what life the count begins again.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How long it may take to stop after the signal.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How many messages may wait until it reads. At least 1.
    #[must_use]
    pub fn queue(mut self, messages: usize) -> Self {
        self.queue = messages.max(1);
        self
    }

    /// How long it may leave a message unread before it is killed.
    #[must_use]
    pub fn write_deadline(mut self, deadline: Duration) -> Self {
        self.write_deadline = deadline;
        self
    }

    /// How long a line of it may be, in bytes; a longer one is passed over and told as an error.
    #[must_use]
    pub fn line_cap(mut self, bytes: usize) -> Self {
        self.line_cap = bytes;
        self
    }

    /// Where its events are told.
    #[must_use]
    pub fn events(mut self, events: &ProcessEvents) -> Self {
        self.events = events.clone();
        self
    }
}
