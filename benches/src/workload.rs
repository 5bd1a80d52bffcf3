//! What is measured: the workloads, their ids, and how much of each is one measurement.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// One kind of work that every peer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    Call,
    Cast1,
    Cast4,
    Call64x64,
    Call64x1,
    Start,
    StartDynamic,
    StopDynamic1k,
    StopDynamic10k,
    Stop,
    IdleBytes,
    CallName,
    Ring,
    PingPong,
    Skynet,
    CallBusy,
    CallPending,
    CallLoad,
    CallChain8,
    Restart,
}

/// Servers in the ring.
pub const RING: usize = 1000;
/// Servers in the chain, and so calls for each call of it.
pub const CHAIN: usize = 8;
/// Callers in the workloads of 64.
pub const CALLERS: usize = 64;
/// Clients of the busy server.
pub const BUSY_CLIENTS: usize = 2;
/// Casts that each of them sends before each of its calls.
pub const BUSY_CASTS: u64 = 8;
/// Callers of the loaded server.
pub const LOAD_CALLERS: usize = 8;
/// Casts that the loaded server gets beside them, each millisecond.
pub const LOAD_CASTS: u64 = 64;

impl Workload {
    pub const ALL: [Workload; 20] = [
        Workload::Call,
        Workload::Cast1,
        Workload::Cast4,
        Workload::Call64x64,
        Workload::Call64x1,
        Workload::Start,
        Workload::StartDynamic,
        Workload::StopDynamic1k,
        Workload::StopDynamic10k,
        Workload::Stop,
        Workload::IdleBytes,
        Workload::CallName,
        Workload::Ring,
        Workload::PingPong,
        Workload::Skynet,
        Workload::CallBusy,
        Workload::CallPending,
        Workload::CallLoad,
        Workload::CallChain8,
        Workload::Restart,
    ];

    pub fn id(self) -> &'static str {
        match self {
            Workload::Call => "call",
            Workload::Cast1 => "cast1",
            Workload::Cast4 => "cast4",
            Workload::Call64x64 => "call64x64",
            Workload::Call64x1 => "call64x1",
            Workload::Start => "start",
            Workload::StartDynamic => "start_dynamic",
            Workload::StopDynamic1k => "stop_dynamic_1k",
            Workload::StopDynamic10k => "stop_dynamic_10k",
            Workload::Stop => "stop",
            Workload::IdleBytes => "idle_bytes",
            Workload::CallName => "call_name",
            Workload::Ring => "ring",
            Workload::PingPong => "pingpong",
            Workload::Skynet => "skynet",
            Workload::CallBusy => "call_busy",
            Workload::CallPending => "call_pending",
            Workload::CallLoad => "call_load",
            Workload::CallChain8 => "call_chain8",
            Workload::Restart => "restart",
        }
    }

    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|workload| workload.id() == id)
    }

    /// What the figure is of.
    pub fn unit(self) -> &'static str {
        match self {
            Workload::Call | Workload::Call64x64 | Workload::Call64x1 => "ns per call",
            Workload::CallName => "ns per call by name",
            Workload::CallBusy => "ns per call and its 8 casts",
            Workload::CallPending => "ns per call whose handler awaits once",
            Workload::CallLoad => "ns, latency of a call",
            Workload::CallChain8 => "ns per call through 8 servers",
            Workload::Cast1 | Workload::Cast4 => "ns per cast, handled",
            Workload::Start => "ns per start with init",
            Workload::StartDynamic => "ns per start under a supervisor",
            Workload::StopDynamic1k => "ns per child, 1000 stopped together",
            Workload::StopDynamic10k => "ns per child, 10 000 stopped together",
            Workload::Stop => "ns per stop, awaited",
            Workload::IdleBytes => "bytes per idle server",
            Workload::Ring | Workload::PingPong => "ns per hop",
            Workload::Skynet => "ns for the whole tree",
            Workload::Restart => "ns from crash to answer",
        }
    }

    /// How many operations are one measurement: 20 to 400 ms of work for most peers, and
    /// the figure is the time of one.
    pub fn operations(self) -> u64 {
        let all = match self {
            Workload::Call | Workload::CallName => 400_000,
            Workload::Cast1 | Workload::Cast4 => 1_000_000,
            Workload::Call64x64 | Workload::Call64x1 => 64 * 6_000,
            Workload::Start | Workload::StartDynamic | Workload::Stop => 40_000,
            Workload::StopDynamic1k => 1_000,
            Workload::StopDynamic10k => 10_000,
            Workload::IdleBytes => 100_000,
            Workload::Ring | Workload::PingPong => 400_000,
            Workload::Skynet => 1,
            Workload::CallBusy => 40_000,
            Workload::CallPending => 100_000,
            Workload::CallLoad => 160_000,
            Workload::CallChain8 => 30_000,
            Workload::Restart => 5_000,
        };
        if is_smoke() { (all / 100).max(1) } else { all }
    }

    /// Measured in a process of its own, since the memory of a process is measured, or a
    /// heap that others have grown would falsify the time.
    pub fn wants_own_process(self) -> bool {
        matches!(self, Workload::IdleBytes | Workload::Skynet)
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// Leaves of the Skynet tree.
pub fn leaves() -> u64 {
    if is_smoke() { 1_000 } else { 1_000_000 }
}

static SMOKE: AtomicBool = AtomicBool::new(false);

/// From now on all workloads are so small that their figures say nothing, and their proofs
/// are all that counts.
pub fn only_smoke() {
    SMOKE.store(true, Ordering::Relaxed);
}

pub fn is_smoke() -> bool {
    SMOKE.load(Ordering::Relaxed)
}

/// The tokio runtime that the peers run on. For Erlang, its number of schedulers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Multi-thread, two workers.
    Multi,
    /// Current-thread.
    Current,
}

impl Flavour {
    pub const ALL: [Flavour; 2] = [Flavour::Multi, Flavour::Current];

    pub fn id(self) -> &'static str {
        match self {
            Flavour::Multi => "multi",
            Flavour::Current => "current",
        }
    }

    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flavour| flavour.id() == id)
    }

    pub fn threads(self) -> usize {
        match self {
            Flavour::Multi => 2,
            Flavour::Current => 1,
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// One measurement to be made of some peer.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    pub workload: Workload,
    pub flavour: Flavour,
}
