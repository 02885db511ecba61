//! Why there can be no output, or no more of it.

use std::io;
use std::path::{Path, PathBuf};

use super::{DatabaseError, FORMATS};
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
    /// Two outputs are one file, or one would be written where the other is until it is complete.
    #[error("{one} {}: each output needs a place of its own", if one == other { "is given twice".to_owned() } else { format!("and {other} would be written to the same file") })]
    Same {
        /// What one of them is called.
        one: String,
        /// What the other is called.
        other: String,
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
    #[error("cannot append to {}: it is no complete JSON array (--resume goes on with one that was cut short)", .path.display())]
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
    /// The outputs to go on with have not enough in common.
    #[error(
        "the outputs do not belong together: of the {count} records of {} only {common} are in all of them; \
         go on with one of them alone, or begin the others under other names",
        .path.display()
    )]
    Apart {
        /// A file that would lose most of its records.
        path: PathBuf,
        /// How many it has.
        count: usize,
        /// How many of them all outputs have.
        common: usize,
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
    /// The file to append to holds something else than lines of JSON.
    #[error("cannot append to {}: it does not begin with a JSON object", .path.display())]
    NoLines {
        /// The file.
        path: PathBuf,
    },
    /// The last record of the file to append to is not whole.
    #[error("cannot append to {}: its last record was cut short, or lacks its line end (--resume drops it and goes on from there)", .path.display())]
    Torn {
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
    /// A write to a file failed, which can be gone on with.
    #[error("cannot write {} ({}; {}--resume goes on from there)", .path.display(), if *.is_torn { "its last record is cut short" } else { "what it has stays" }, once_there_is_room(source))]
    Stuck {
        /// The file.
        path: PathBuf,
        /// It could not be cut back to its last whole record.
        is_torn: bool,
        /// The operating system's cause.
        source: io::Error,
    },
    /// The disk does not confirm what was written.
    #[error("cannot sync {place}: what was written since the last sync may be lost in a power cut")]
    Sync {
        /// The file, or "standard output".
        place: String,
        /// The operating system's cause.
        source: io::Error,
    },
    /// The file has lost its name while it was written.
    #[error("{} was {}", .path.display(), if *.is_deleted { "deleted while the run went on, and its records with it: they have to be fetched again" } else { "moved or replaced while the run went on: its records are in the file that had the name" })]
    Gone {
        /// The name.
        path: PathBuf,
        /// The file has no other name.
        is_deleted: bool,
    },
    /// The file became shorter while it was written.
    #[error("{} was cut while the run went on: what it had is gone, and --resume fetches it again", .path.display())]
    Cut {
        /// The file.
        path: PathBuf,
    },
    /// There is no output that a disk could confirm.
    #[error("--fsync has nothing to do: no output is a file (a pipe or a device has no disk behind it)")]
    NoFile,
    /// The name that a complete file was to take belongs to another file by now.
    #[error("{} was made or replaced by somebody else while the run went on, and is left as it is: this run's records are in {}", .target.display(), .partial.display())]
    Replaced {
        /// The new file.
        partial: PathBuf,
        /// The name it should have had.
        target: PathBuf,
    },
    /// The complete new file has taken the old one's place, but a power cut may bring the old one back.
    #[error("{} is complete, but the disk does not confirm its name: a power cut may bring the old file back", .target.display())]
    SyncName {
        /// The name.
        target: PathBuf,
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
            | Self::Same { .. }
            | Self::ForeignExtension { .. }
            | Self::Clash { .. }
            | Self::Columns { .. }
            | Self::NoFile
            | Self::NoLines { .. }
            | Self::Torn { .. }
            | Self::NoArray { .. }
            | Self::Differs { .. }
            | Self::NotOurs { .. }
            | Self::Lacks { .. }
            | Self::Apart { .. }
            | Self::NoMemory => true,
            Self::Database(error) => error.is_usage(),
            Self::Read { .. }
            | Self::Open { .. }
            | Self::NoDirectory { .. }
            | Self::Busy { .. }
            | Self::Write { .. }
            | Self::Stuck { .. }
            | Self::Sync { .. }
            | Self::Gone { .. }
            | Self::Cut { .. }
            | Self::Replaced { .. }
            | Self::SyncName { .. }
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

/// What has to happen first.
fn once_there_is_room(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => "once there is room, ",
        _ => "",
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
