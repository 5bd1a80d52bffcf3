//! The socket file: made for its owner only, taken from the dead but never from the living, and
//! removed at the end.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::options::Peers;

/// A listener, and the file that goes away with it.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    peers: Peers,
    // Last, so that the file goes when nobody listens any more.
    _file: File,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    inode: u64,
}

impl Socket {
    pub(super) async fn bind(path: &Path, peers: Peers) -> io::Result<Socket> {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        remove_dead(path).await?;
        let listener = UnixListener::bind(path)?;
        let mode = match peers {
            Peers::OwnUser => 0o600,
            Peers::Anyone => 0o666,
        };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        let file = File {
            path: path.to_owned(),
            inode: fs::symlink_metadata(path)?.ino(),
        };
        Ok(Socket {
            listener,
            peers,
            _file: file,
        })
    }

    /// The next connection of somebody who may connect.
    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            if self.peers == Peers::Anyone || is_own(&stream) {
                return Ok(stream);
            }
            tracing::warn!("gateway: a process of another user was turned away");
        }
    }
}

/// The mode keeps others out already, except in the moment between bind and chmod, and except for
/// processes that got the descriptor from elsewhere.
fn is_own(stream: &UnixStream) -> bool {
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw())
}

/// Removes a socket that nobody listens on. Anything else that is there is left there.
async fn remove_dead(path: &Path) -> io::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        let words = format!("{} is there and is no socket", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, words));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => {
            let words = format!("somebody listens on {} already", path.display());
            Err(io::Error::new(io::ErrorKind::AddrInUse, words))
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // Another gateway may have taken the path meanwhile.
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
