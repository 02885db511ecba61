//! Why there can be no output, or no more of it.

use std::io;
use std::path::{Path, PathBuf};

use super::{DatabaseError, FORMATS};
use crate::model::Clean;

/// What the sink can fail with. The operating system's cause, where there is one, is the error's `source()`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The output file exists, and nothing says what to do with it.
    #[error("{} already exists: --overwrite replaces it, --append goes on after its end, another name leaves it alone", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file's extension names a format that is not written.
    #[error("{} would not be what its name says: the formats are {}, or -f names one of {}", .path.display(), known_extensions(), known_names())]
    ForeignExtension {
        /// The file.
        path: PathBuf,
    },
    /// A table would have two columns of the same name.
    #[error("the field {name:?} has the name of another column: call it something else, or write JSONL (-f jsonl)")]
    Clash {
        /// The field's name.
        name: String,
    },
    /// The table to append to has other columns.
    #[error("cannot append to {}: its columns are {} and this run's are {}", .path.display(), Clean(found), Clean(ours))]
    Columns {
        /// The file.
        path: PathBuf,
        /// The columns of the file, joined by commas.
        found: String,
        /// The columns of this run, joined by commas.
        ours: String,
    },
    /// The file to append to is no JSON array.
    #[error("cannot append to {}: it is no complete JSON array", .path.display())]
    NoArray {
        /// The file.
        path: PathBuf,
    },
    /// The output file cannot be opened or made.
    #[error("cannot open {} for writing", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The operating system's cause.
        source: io::Error,
    },
    /// The directory of the output file does not exist.
    #[error("cannot make {}: there is no directory {}", .path.display(), .directory.display())]
    NoDirectory {
        /// The file.
        path: PathBuf,
        /// The missing directory.
        directory: PathBuf,
    },
    /// Another run holds the output file.
    #[error("{} is being written by another run{}", .path.display(), .holder.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Busy {
        /// The file.
        path: PathBuf,
        /// The other run's process, where the system tells.
        holder: Option<u32>,
    },
    /// An output that is a database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A write failed. Where bytes can be taken back, the output ends after a whole record.
    #[error("cannot write {place}")]
    Write {
        /// The file, or "standard output".
        place: String,
        /// The operating system's cause.
        source: io::Error,
    },
    /// The complete new file could not take the old one's place; both are still there.
    #[error("cannot put {} in the place of {}", .partial.display(), .target.display())]
    Swap {
        /// The new file.
        partial: PathBuf,
        /// The name it should have had.
        target: PathBuf,
        /// The operating system's cause.
        source: io::Error,
    },
}

impl Error {
    /// Whether the settings are at fault (found before any request), and not the machine.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        match self {
            Self::Exists { .. }
            | Self::ForeignExtension { .. }
            | Self::Clash { .. }
            | Self::Columns { .. }
            | Self::NoArray { .. } => true,
            Self::Database(error) => error.is_usage(),
            Self::Open { .. } | Self::NoDirectory { .. } | Self::Busy { .. } | Self::Write { .. } | Self::Swap { .. } => false,
        }
    }

    /// The error for an output file that could not be opened.
    pub(super) fn open(path: &Path, cause: io::Error) -> Self {
        let path = path.to_owned();
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        match cause.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists { path },
            io::ErrorKind::NotFound if let Some(directory) = directory.filter(|directory| !directory.exists()) => {
                Self::NoDirectory { directory: directory.to_owned(), path }
            }
            _ => Self::Open { path, source: cause },
        }
    }
}

/// Every extension of every format: `.jsonl .ndjson .json .csv .tsv .db`.
fn known_extensions() -> String {
    let dotted = |extension: &&str| format!(".{extension}");
    FORMATS.iter().flat_map(|format| format.extensions).map(dotted).collect::<Vec<_>>().join(" ")
}

/// Every format's name.
fn known_names() -> String {
    FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ")
}
