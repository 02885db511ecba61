//! Opening the output file: what may be there already, and what becomes of it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, fchown};
use std::path::{Path, PathBuf};

use super::claims::beside;
use super::lock::{self, ensure_free, open_locked};
use super::place::{Opened, Swap};
use super::{Error, Existing};

/// Other names of standard output. Opened anew, a file behind one of them would be written from its start.
const STDOUT: [&str; 3] = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// What is added to the name of an output for the file that will replace it: of a run that overwrites, of one that tries again
/// what failed, and while a damaged file is written anew.
pub(super) const PARTIAL: &str = ".partial";
pub(super) const RETRY: &str = ".retry";
pub(super) const REPAIR: &str = ".repair";

/// The same for what says that a run writes a database there.
pub(super) const DATABASE_LOCK: &str = "-lock";

/// As many links as Linux follows.
const LINKS: usize = 40;

/// Whether a path is another name of standard output.
pub(super) fn is_stdout(path: &Path) -> bool {
    STDOUT.iter().any(|name| path == Path::new(name))
}

/// Whether a path is a terminal device.
pub(super) fn is_terminal(path: &Path) -> bool {
    use std::io::IsTerminal;
    fs::metadata(path).is_ok_and(|file| file.file_type().is_char_device())
        && File::open(path).is_ok_and(|file| file.is_terminal())
}

/// Opens an output file and locks it. Pipes and devices are opened as they are, whatever `existing` says.
///
/// # Errors
/// A regular file is there and `existing` refuses it, another run holds it, or the system does not let us.
pub(super) fn open(path: &Path, existing: Existing) -> Result<Opened, Error> {
    let found = match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(Error::open(path, io::ErrorKind::IsADirectory.into())),
        Ok(found) if found.is_file() => Some(found),
        Ok(_) => {
            let device = OpenOptions::new().write(true).open(path).map_err(|cause| Error::open(path, cause))?;
            return Ok(Opened { file: device, path: Some(path.to_owned()), swap: None });
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
        Err(cause) => return Err(Error::open(path, cause)),
    };
    let mut options = OpenOptions::new();
    match existing {
        Existing::Overwrite => return open_beside(path, PARTIAL, false),
        Existing::ResumeOverwrite => return open_beside(path, PARTIAL, true),
        // Without a file there is nothing to try again.
        Existing::RetryFailed if is_there(path, existing) => return open_beside(path, RETRY, true),
        Existing::Refuse => options.write(true).create_new(true),
        Existing::Append => options.read(true).append(true).create(true),
        Existing::Resume | Existing::RetryFailed => options.read(true).write(true).create(true),
    };
    // A new file is made where a link points, and nowhere else; and none where a run that replaces it is to put its own.
    let target = follow(path);
    ensure_nobody_replaces(&target)?;
    let file = open_locked(&options, &target).map_err(|error| match error {
        Error::Exists { path } => lock::existing(&path),
        error => error,
    })?;
    // It may have begun just now.
    ensure_nobody_replaces(&target).inspect_err(|_| {
        if found.is_none() {
            remove_empty(&file, &target);
        }
    })?;
    Ok(Opened { file, path: Some(path.to_owned()), swap: None })
}

/// Whether a run that goes on has something to go on with.
pub(super) fn is_there(path: &Path, existing: Existing) -> bool {
    let names: &[&str] = match existing {
        Existing::ResumeOverwrite => &[PARTIAL],
        Existing::RetryFailed => &["", RETRY],
        _ => &[""],
    };
    let target = follow(path);
    names.iter().any(|name| fs::symlink_metadata(beside(&target, name)).is_ok())
}

/// Opens a file beside the one that it will replace: a new one, or with `keep` the one that is there.
fn open_beside(path: &Path, name: &str, keep: bool) -> Result<Opened, Error> {
    let target = follow(path);
    let partial = beside(&target, name);
    ensure_no_database(&target)?;
    let file = open_new(&partial)?;
    let old = open_old(&target).inspect_err(|_| remove_empty(&file, &partial))?;
    // Before the first byte: what only some may read must not pass through a file that everybody can.
    let ready = old.as_ref().map_or(Ok(()), |old| take_after(&file, old));
    let ready = ready.and_then(|()| if keep { Ok(()) } else { file.set_len(0) });
    ready.map_err(|cause| Error::open(&partial, cause))?;
    Ok(Opened { file, path: Some(partial), swap: Some(Swap { target, old }) })
}

/// Opens and locks a file that only a run makes.
fn open_new(path: &Path) -> Result<File, Error> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(Error::open(path, io::Error::other("something that is no file is in the way")));
    }
    open_locked(OpenOptions::new().read(true).write(true).create(true).truncate(false), path)
}

/// Opens an empty file beside one that is held, to write that one anew; answers the two names.
pub(super) fn open_repair(path: &Path, old: &File) -> Result<(File, PathBuf, PathBuf), Error> {
    let target = follow(path);
    let repair = beside(&target, REPAIR);
    let file = open_new(&repair)?;
    let ready = take_after(&file, old).and_then(|()| file.set_len(0));
    ready.map_err(|cause| Error::open(&repair, cause))?;
    Ok((file, repair, target))
}

/// Opens the file that is to be replaced, for its lock and to learn that we may write it.
fn open_old(target: &Path) -> Result<Option<File>, Error> {
    if fs::metadata(target).is_err() {
        return Ok(None);
    }
    open_locked(OpenOptions::new().read(true).write(true), target).map(Some)
}

/// Gives a file another one's permissions, and its owner where the system lets us.
pub(super) fn take_after(file: &File, old: &File) -> io::Result<()> {
    let (mine, its) = (file.metadata()?, old.metadata()?);
    if (mine.uid(), mine.gid()) != (its.uid(), its.gid()) {
        let _ = fchown(file, Some(its.uid()), Some(its.gid()));
    }
    file.set_permissions(its.permissions())
}

/// Removes a file that this run has just made and holds.
pub(super) fn remove_empty(file: &File, path: &Path) {
    let (Ok(file), Ok(found)) = (file.metadata(), fs::symlink_metadata(path)) else { return };
    if file.len() == 0 && lock::same_file(&file, &found) {
        let _ = fs::remove_file(path);
    }
}

/// Says whether another run writes a file that is to take the place of this one, or a database in its place.
fn ensure_nobody_replaces(target: &Path) -> Result<(), Error> {
    [PARTIAL, RETRY].into_iter().try_for_each(|name| ensure_free(&beside(target, name)))?;
    ensure_no_database(target)
}

/// Says whether another run writes a database under this name: it locks another file.
fn ensure_no_database(target: &Path) -> Result<(), Error> {
    ensure_free(&beside(target, DATABASE_LOCK)).map_err(|error| match error {
        Error::Busy { holder, .. } => Error::Busy { path: target.to_owned(), holder },
        other => other,
    })
}

/// `out.csv.partial` beside `out.csv`: where an overwriting run writes until it is complete.
#[must_use]
pub fn partial_of(target: &Path) -> PathBuf {
    beside(&follow(target), PARTIAL)
}

/// The path at the end of symbolic links, also when no file is there.
pub(super) fn follow(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let Ok(link) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(link);
    }
    path
}

#[cfg(test)]
mod others;
#[cfg(test)]
mod tests;
