//! Why a file cannot be the state of hosts.

use std::io;
use std::path::PathBuf;

/// What opening a [`Ledger`](super::Ledger) can fail with. What happens to it later is never an error: see there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is a directory, a device or a pipe.
    #[error("{} cannot keep what is learned of hosts: it is no regular file", .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// It, or its directory, cannot be read or made.
    #[error("cannot open or make {} to keep what is learned of hosts", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's cause.
        source: io::Error,
    },
    /// `SQLite` cannot work with it.
    #[error("cannot keep what is learned of hosts in {}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// `SQLite`'s cause.
        source: rusqlite::Error,
    },
    /// It may be read and not written.
    #[error("cannot keep what is learned of hosts in {}: it may only be read", .path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else has had it locked for seconds.
    #[error("cannot keep what is learned of hosts in {}: another program has it locked; end that, or name another file", .path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// It is somebody else's database.
    #[error("{} is the SQLite database of another program, and is left alone: name another file", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It was written by a newer version of this program.
    #[error("{} was written by a newer version of this program (format {found}; this one knows {known}): use that, or name another file", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's format.
        found: i64,
        /// The newest format that is known here.
        known: i64,
    },
    /// It is damaged and cannot be moved out of the way.
    #[error("{} is damaged and cannot be moved to {}: move it yourself", .path.display(), .to.display())]
    Aside {
        /// The file.
        path: PathBuf,
        /// Where it was to go.
        to: PathBuf,
        /// The operating system's cause.
        source: io::Error,
    },
}

impl Error {
    /// Whether another file is what helps, and not another time.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Locked { .. } | Self::Open { .. })
    }
}
