//! The peers. Each is used as its own documentation shows it, with the fast settings that it offers.

mod actix;
mod erlang;
mod kameo;
mod noex;
mod ractor;
mod rsactor;
mod tokio;
mod xtra;

use std::fmt;

use crate::sample::Sample;
use crate::workload::Job;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerId {
    Noex,
    Tokio,
    TokioTimeout,
    Ractor,
    Kameo,
    Actix,
    Xtra,
    RsActor,
    Erlang,
}

impl PeerId {
    pub const ALL: [PeerId; 9] = [
        PeerId::Noex,
        PeerId::Tokio,
        PeerId::TokioTimeout,
        PeerId::Ractor,
        PeerId::Kameo,
        PeerId::Actix,
        PeerId::Xtra,
        PeerId::RsActor,
        PeerId::Erlang,
    ];

    pub fn id(self) -> &'static str {
        match self {
            PeerId::Noex => "noex",
            PeerId::Tokio => "tokio",
            PeerId::TokioTimeout => "tokio-timeout",
            PeerId::Ractor => "ractor",
            PeerId::Kameo => "kameo",
            PeerId::Actix => "actix",
            PeerId::Xtra => "xtra",
            PeerId::RsActor => "rsactor",
            PeerId::Erlang => "erlang",
        }
    }

    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|peer| peer.id() == id)
    }

    /// Why it cannot be measured here, if it cannot.
    pub fn missing(self) -> Option<String> {
        match self {
            PeerId::Erlang => erlang::missing(),
            _ => None,
        }
    }

    /// It runs in a process of its own anyway.
    pub fn is_foreign(self) -> bool {
        self == PeerId::Erlang
    }

    /// One measurement; `None` when the peer has nothing to be measured by this workload.
    pub fn measure(self, job: Job) -> Option<Sample> {
        match self {
            PeerId::Noex => noex::measure(job),
            PeerId::Tokio => tokio::measure::<false>(job),
            PeerId::TokioTimeout => tokio::measure::<true>(job),
            PeerId::Ractor => ractor::measure(job),
            PeerId::Kameo => kameo::measure(job),
            PeerId::Actix => actix::measure(job),
            PeerId::Xtra => xtra::measure(job),
            PeerId::RsActor => rsactor::measure(job),
            PeerId::Erlang => erlang::measure(job),
        }
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// Removes what the peers have put outside of this program.
pub fn clean_up() {
    erlang::clean_up();
}
