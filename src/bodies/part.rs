//! A body that is being written: a file of its own beside the name that it takes once it is whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

/// A file that nobody else writes. It is removed unless it takes its name.
pub(super) struct Part {
    // Removed first and closed then: until its lock is gone nobody takes it over.
    path: TempPath,
    file: File,
}

impl Part {
    /// An empty file beside a name, in the folder that is made for both where it is missing.
    ///
    /// A name of its own would keep whoever else writes the same body away, but what a killed run leaves would stay for ever. So the
    /// names are the same for everybody, and a lock says that somebody still writes.
    pub(super) fn beside(path: &Path) -> io::Result<Self> {
        for number in 0_u32.. {
            let part = name_of(path, number);
            let (file, is_new) = match create(&part) {
                Ok(file) => (file, true),
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => match OpenOptions::new().write(true).open(&part) {
                    Ok(file) => (file, false),
                    // It has taken its name meanwhile, or is what another user's run has left.
                    Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => continue,
                    Err(cause) => return Err(cause),
                },
                Err(cause) => return Err(cause),
            };
            let is_ours = match file.try_lock() {
                Ok(()) => is_at(&file, &part)?,
                Err(TryLockError::WouldBlock) => false,
                // Where there are no locks, what somebody else has made is left alone.
                Err(TryLockError::Error(cause)) if cause.kind() == io::ErrorKind::Unsupported => is_new,
                Err(TryLockError::Error(cause)) => return Err(cause),
            };
            if is_ours {
                let part = Self { path: TempPath::try_from_path(part)?, file };
                part.file.set_len(0)?;
                return Ok(part);
            }
        }
        Err(io::Error::other("every name for a part is taken"))
    }

    /// The file, to be written to.
    pub(super) const fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Takes its name. Whoever did so first has written the same, unless what is there is to be replaced.
    pub(super) fn take_name(self, path: &Path, replace: bool) -> io::Result<()> {
        let Self { path: part, file } = self;
        let taken = if replace { part.persist(path) } else { part.persist_noclobber(path) };
        let outcome = match taken {
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            taken => taken.map_err(|error| error.error),
        };
        drop(file); // and with it the lock, only now
        outcome
    }
}

/// `.cdef….html.0.part` beside `cdef….html`: hidden, so that no pattern for bodies finds it.
fn name_of(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{number}.part"));
    path.with_file_name(name)
}

/// Makes a file that was not there, and its folder, but not what that is in: a directory that vanished during the run is not made again.
fn create(part: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    match (options.open(part), part.parent()) {
        (Err(cause), Some(folder)) if cause.kind() == io::ErrorKind::NotFound => match fs::create_dir(folder) {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cause),
            _ => options.open(part),
        },
        (outcome, _) => outcome,
    }
}

/// Whether an open file is still the one of this name: its writer may have ended between our opening and locking it.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(meant) => Ok((held.dev(), held.ino()) == (meant.dev(), meant.ino())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    }
}
