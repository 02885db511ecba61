//! Why there can be no output, or no more of it.

use std::io;
use std::path::{Path, PathBuf};

use super::FORMATS;
use crate::model::Clean;

/// What the sink can fail with. The operating system's cause, where there is one, is the error's `source()`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The output file exists, and nothing says what to do with it.
    #[error("{} already exists: --resume goes on with it, --overwrite replaces it, --append adds to its end, another name leaves it alone", .path.display())]
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
    /// The records of the file to go on with have other fields or columns than this run's.
    #[error(
        "cannot go on with {}: its {what} are not those of this run (line {line}: {how}): ask for the same as the run that began it, \
         or choose another name",
        .path.display()
    )]
    Differs {
        /// The file.
        path: PathBuf,
        /// The line in which it shows, from 1.
        line: u64,
        /// What differs: "fields", "columns" or "input columns".
        what: &'static str,
        /// The names that it has or lacks.
        how: String,
    },
    /// The file to go on with is in another format, or no output at all.
    #[error("cannot go on with {} as {format}: {}", .path.display(), looks_like(*.looks))]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        looks: Option<&'static str>,
        /// The format that it was to have.
        format: &'static str,
    },
    /// One of several outputs is new, while another has records already.
    #[error(
        "{} has records already and {} has none yet: every record goes to all outputs, so that nothing would be left of them; \
         go on without the new one, or begin all of them under other names",
        .path.display(), .missing.display()
    )]
    Lacks {
        /// The file that has records.
        path: PathBuf,
        /// The one that is not there.
        missing: PathBuf,
    },
    /// No output is a file.
    #[error("nothing remembers what is finished: --resume needs an output that is a file (-o FILE), and no pipe or device")]
    NoMemory,
    /// The file to go on with cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's cause.
        source: io::Error,
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
            | Self::NoArray { .. }
            | Self::Differs { .. }
            | Self::NotOurs { .. }
            | Self::Lacks { .. }
            | Self::NoMemory => true,
            Self::Read { .. }
            | Self::Open { .. }
            | Self::NoDirectory { .. }
            | Self::Busy { .. }
            | Self::Write { .. }
            | Self::Swap { .. } => false,
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

/// What a file that is not ours looks like.
fn looks_like(looks: Option<&str>) -> String {
    looks.map_or_else(
        || "it does not begin like an output of this program: choose another name".to_owned(),
        |looks| format!("it looks like {looks}"),
    )
}

/// Every extension of every format: `.jsonl .ndjson .json .csv .tsv`.
fn known_extensions() -> String {
    let dotted = |extension: &&str| format!(".{extension}");
    FORMATS.iter().flat_map(|format| format.extensions).map(dotted).collect::<Vec<_>>().join(" ")
}

/// Every format's name.
fn known_names() -> String {
    FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ")
}
