//! One output, one run: advisory locks that say so, and that end with the process however it ends.
//!
//! Who only looks whether a file is free holds its lock for a moment, so a lock that is taken is asked for again for a while. Nobody
//! waits without end, so no order of locks can make two runs wait for each other; and of two that meet half-way one wins, because
//! who holds the file itself is more patient than who holds the one beside it.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::Error;

/// How long a lock is asked for.
const MOMENT: Duration = Duration::from_millis(200);
/// The same for who holds the file itself.
const LONGER: Duration = Duration::from_millis(600);
/// How often.
const NAP: Duration = Duration::from_millis(2);

/// Opens a file and locks it for as long as it is open.
///
/// # Errors
/// It cannot be opened, or another run holds it.
pub(super) fn open_locked(options: &OpenOptions, path: &Path) -> Result<File, Error> {
    loop {
        let file = options.open(path).map_err(|cause| Error::open(path, cause))?;
        lock(&file, path, MOMENT)?;
        // Between the two, a run that ended may have swapped another file in under this name: that one is meant.
        let (held, meant) = (file.metadata(), fs::metadata(path));
        if held.is_ok_and(|held| meant.is_ok_and(|meant| same_file(&held, &meant))) {
            return Ok(file);
        }
    }
}

/// Says whether another run holds a file, if there is one. No lock remains.
///
/// # Errors
/// Another run does.
pub(super) fn ensure_free(path: &Path) -> Result<(), Error> {
    match File::open(path) {
        Ok(file) => lock(&file, path, LONGER),
        Err(_) => Ok(()),
    }
}

/// Why a file that exists cannot be made: another run is writing it, or it is simply there.
pub(super) fn existing(path: &Path) -> Error {
    let until = Instant::now() + MOMENT;
    loop {
        let Ok(file) = File::open(path) else { break };
        if let Err(error @ Error::Busy { .. }) = lock(&file, path, Duration::ZERO) {
            return error;
        }
        // Who has just made it may not have come to lock it yet.
        if file.metadata().is_ok_and(|file| file.len() > 0) || Instant::now() >= until {
            break;
        }
        drop(file);
        thread::park_timeout(NAP);
    }
    Error::Exists { path: path.to_owned() }
}

/// Locks an open file. A file system without locks is no reason to write nothing.
fn lock(file: &File, path: &Path, patience: Duration) -> Result<(), Error> {
    let until = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < until => thread::park_timeout(NAP),
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: path.to_owned(), holder: holder(file) }),
            Err(TryLockError::Error(cause)) if cause.kind() != std::io::ErrorKind::Unsupported => {
                return Err(Error::open(path, cause));
            }
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
        }
    }
}

/// Whether two looks at a file saw the same one.
pub(super) fn same_file(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// The process that holds a file, where the system lists its locks (Linux).
fn holder(file: &File) -> Option<u32> {
    let file = file.metadata().ok()?;
    holder_in(&fs::read_to_string("/proc/locks").ok()?, file.dev(), file.ino())
}

/// Finds a file in the list of locks, whose lines are `1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF`: the process, then
/// the device's two numbers in hexadecimal and the inode.
fn holder_in(locks: &str, device: u64, inode: u64) -> Option<u32> {
    let major = (device >> 8) & 0xfff | (device >> 32) & 0xffff_f000;
    let minor = device & 0xff | (device >> 12) & 0xffff_ff00;
    let file = format!("{major:02x}:{minor:02x}:{inode}");
    let mut held = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    held.find(|words| words.get(5) == Some(&file.as_str()))?[4].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_in_the_list_of_locks() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 fd:01:56 0 EOF\n1: -> FLOCK ADVISORY WRITE 12 fd:01:57 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 13 103:100:57 0 EOF\n3: FLOCK  ADVISORY  WRITE -1 fd:01:58 0 EOF\n";
        assert_eq!(holder_in(locks, 0xfd01, 56), Some(11));
        assert_eq!(holder_in(locks, 0x0011_0300, 57), Some(13));
        assert_eq!(holder_in(locks, 0xfe01, 56), None);
        assert_eq!(holder_in(locks, 0xfd01, 58), None);
        assert_eq!(holder_in("", 0xfd01, 56), None);
    }

    #[test]
    fn a_locked_file_names_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let options = OpenOptions::new().write(true).create(true).truncate(false).clone();
        let first = open_locked(&options, &path).unwrap();
        let error = open_locked(&options, &path).unwrap_err();
        let Error::Busy { holder, .. } = &error else { panic!("{error}") };
        assert!(holder.is_none_or(|holder| holder == std::process::id()), "{error}");
        assert!(ensure_free(&path).is_err());
        assert!(error.to_string().contains("is being written by another run") && !error.is_usage());
        drop(first);
        ensure_free(&path).unwrap();
        open_locked(&options, &path).unwrap();
    }
}
