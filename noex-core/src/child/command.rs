//! From options to a command that can be spawned, and our end of its channel.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use command_fds::{CommandFdExt, FdMapping};
use tokio::process::Command;

use super::options::{Channel, Limit, ProcessOptions};

/// The number that Node's own parent uses.
const NODE_FD: i32 = 3;

pub(super) struct Prepared {
    pub(super) command: Command,
    /// Our end of the socket, where the channel is one.
    pub(super) socket: Option<UnixStream>,
}

pub(super) fn prepare(options: &ProcessOptions) -> io::Result<Prepared> {
    let mut words = launchers(options);
    words.push(options.program.clone());
    words.extend(options.args.iter().cloned());
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    if options.clear_env {
        command.env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
    }
    // We speak JSON only, whatever channel this program itself may hang on.
    command.env_remove("NODE_CHANNEL_SERIALIZATION_MODE");
    command.env_remove("NODE_CHANNEL_FD");
    command.envs(&options.env);
    if let Some(directory) = &options.directory {
        command.current_dir(directory);
    }
    if let Some(uid) = options.user {
        command.uid(uid);
    }
    if let Some(gid) = options.group {
        command.gid(gid);
    }
    command.process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let socket = connect(&mut command, options.channel)?;
    Ok(Prepared { command, socket })
}

fn connect(command: &mut Command, channel: Channel) -> io::Result<Option<UnixStream>> {
    if channel == Channel::Stdio {
        command.stdin(Stdio::piped());
        return Ok(None);
    }
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let theirs = OwnedFd::from(theirs);
    if channel == Channel::Stdin {
        command.env("NODE_CHANNEL_FD", "0").stdin(theirs);
    } else {
        command.env("NODE_CHANNEL_FD", NODE_FD.to_string());
        let mapping = FdMapping {
            parent_fd: theirs,
            child_fd: NODE_FD,
        };
        command
            .fd_mappings(vec![mapping])
            .map_err(io::Error::other)?;
    }
    Ok(Some(ours))
}

/// The programs through which it is started, since what they do would need unsafe code here.
fn launchers(options: &ProcessOptions) -> Vec<OsString> {
    let mut words = Vec::new();
    if !options.limits.is_empty() {
        words.push("prlimit".into());
        for limit in &options.limits {
            let word = match limit {
                Limit::OpenFiles(files) => format!("--nofile={files}"),
                Limit::AddressSpace(bytes) => format!("--as={bytes}"),
                Limit::CpuSeconds(seconds) => format!("--cpu={seconds}"),
            };
            words.push(word.into());
        }
        words.push("--".into());
    }
    if options.die_with_parent {
        words.extend(["setpriv", "--pdeathsig", "KILL", "--"].map(OsString::from));
    }
    words
}
