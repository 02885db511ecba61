//! Where the bytes go, and what can be done there: write, take back the end of what was written, have the disk confirm it, give the
//! file its name.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::lock::{self, same_file};
use super::{Error, Finished};

/// A place for bytes.
pub(super) trait Sink: Send {
    /// Writes some of the bytes, as `io::Write` does.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Sees to it that what was written is there for others to read.
    fn flush(&mut self) -> io::Result<()>;

    /// Takes the last bytes back, after a write that failed half-way.
    ///
    /// # Errors
    /// The place cannot: what is written is written.
    fn take_back(&mut self, count: u64) -> io::Result<()>;

    /// Waits until the disk has what was written, and with `named` also what else is known of the file, and its name. Where there is no
    /// disk behind the place there is nothing to wait for.
    fn sync(&mut self, _named: bool) -> io::Result<()> {
        Ok(())
    }

    /// Looks whether the file still has its name.
    ///
    /// # Errors
    /// Somebody has deleted, moved or replaced it: [`Error::Gone`].
    fn look(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Gives the file the name that it takes once it is complete, if there is one.
    fn rename(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Waits until the disk has the new name.
    fn sync_name(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The place's name in errors.
    fn name(&self) -> String;

    /// The name that the place was opened by, if it has one in the file system.
    fn path(&self) -> Option<&Path> {
        None
    }

    /// The name that the file takes once it is complete.
    fn swap(&self) -> Option<&Swap> {
        None
    }
}

/// Does a step again for as long as signals come in between.
pub(super) fn uninterrupted<T>(mut step: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match step() {
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Ends a place: what was written is on the disk, then the file has its name, then the disk has the name. `complete` says that every
/// record of the run is in it; if not, a file that was to replace another keeps the name that it has.
pub(super) fn close(sink: &mut dyn Sink, complete: bool) -> Result<Finished, Error> {
    // Some file systems (network, quota) tell only now that a write failed.
    uninterrupted(|| sink.sync(true)).map_err(|source| Error::Sync { place: sink.name(), source })?;
    sink.look()?;
    let (Some(swap), Some(partial)) = (sink.swap(), sink.path().map(Path::to_owned)) else { return Ok(Finished::default()) };
    if !complete {
        return Ok(Finished { partial: vec![partial] });
    }
    let target = swap.target.clone();
    if swap.is_taken() {
        return Err(Error::Replaced { partial, target });
    }
    match uninterrupted(|| sink.rename()) {
        Ok(()) => {}
        Err(source) => return Err(Error::Swap { partial, target, source }),
    }
    uninterrupted(|| sink.sync_name()).map_err(|source| Error::SyncName { target, source })?;
    Ok(Finished::default())
}

/// A writer of the library's user.
pub(super) struct Lent(pub Box<dyn Write + Send>);

impl Sink for Lent {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    fn take_back(&mut self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn name(&self) -> String {
        "the output".to_owned()
    }
}

/// An open file, device or pipe.
pub(super) struct Opened {
    /// The file itself.
    pub file: File,
    /// The name it was opened by; none is standard output.
    pub path: Option<PathBuf>,
    /// The name that it takes once it is complete.
    pub swap: Option<Swap>,
}

/// A file that is to take another one's place.
pub(super) struct Swap {
    /// The name to take.
    pub target: PathBuf,
    /// The file that has the name now, held open for its lock, and to be read where its records are gone on with.
    pub old: Option<File>,
}

impl Swap {
    /// Whether the name belongs to another file than when the run began. A run that has made one there and finds this run at work
    /// takes it away again: that is waited for.
    fn is_taken(&self) -> bool {
        let old = self.old.as_ref().and_then(|old| old.metadata().ok());
        let until = Instant::now() + lock::LONGER * 2;
        loop {
            let Ok(found) = fs::symlink_metadata(&self.target) else { return false };
            if old.as_ref().is_some_and(|old| same_file(old, &found)) {
                return false;
            }
            if found.len() > 0 || Instant::now() >= until {
                return true;
            }
            thread::park_timeout(lock::NAP);
        }
    }
}

impl Opened {
    /// Standard output, past the standard library's line buffer.
    pub(super) fn stdout() -> Result<Self, Error> {
        let file = io::stdout().as_fd().try_clone_to_owned();
        let file = file.map_err(|source| Error::Write { place: "standard output".to_owned(), source })?;
        Ok(Self { file: file.into(), path: None, swap: None })
    }

    /// Cuts the file at a length and goes on from there.
    pub(super) fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::Start(length)).map(drop)
    }

    /// Whether there is a disk behind it.
    fn is_file(&self) -> bool {
        self.file.metadata().is_ok_and(|file| file.is_file())
    }
}

/// Waits until the disk has the names of a folder.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = match File::open(folder.unwrap_or(".".as_ref())) {
        // A folder that may be written and not read cannot be asked for.
        Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        opened => opened?,
    };
    or_cannot(folder.sync_all())
}

/// Takes a file system that has no such operation for one that needs none, as databases do.
fn or_cannot(synced: io::Result<()>) -> io::Result<()> {
    let cannot = [Errno::INVAL, Errno::NOTSUP, Errno::NOSYS];
    synced.or_else(
        |cause| if Errno::from_io_error(&cause).is_some_and(|errno| cannot.contains(&errno)) { Ok(()) } else { Err(cause) },
    )
}

impl Sink for Opened {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                // Whoever shares the output may have made it non-blocking for both of us: then we wait by ourselves.
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], None)?;
                }
                outcome => return outcome,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn take_back(&mut self, count: u64) -> io::Result<()> {
        let (file, end) = (self.file.metadata()?, self.file.stream_position()?);
        // Behind a shared standard output another process may have written since: its bytes are not ours to cut.
        if !file.is_file() || file.len() != end {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.cut(end.saturating_sub(count))
    }

    fn sync(&mut self, named: bool) -> io::Result<()> {
        match &self.path {
            _ if !self.is_file() => Ok(()),
            // Whatever it may be that was put behind standard output.
            None => or_cannot(self.file.sync_data()),
            Some(path) if named => self.file.sync_all().and_then(|()| sync_folder_of(path)),
            Some(_) => self.file.sync_data(),
        }
    }

    fn look(&self) -> Result<(), Error> {
        let (Some(path), Ok(own)) = (&self.path, self.file.metadata()) else { return Ok(()) };
        let is_gone = match fs::metadata(path) {
            _ if !own.is_file() => false,
            Ok(found) => !same_file(&own, &found),
            Err(cause) => matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
        };
        if is_gone {
            return Err(Error::Gone { path: path.clone(), is_deleted: own.nlink() == 0 });
        }
        // What is written from here on would stand behind a hole.
        let is_cut = own.is_file() && (&self.file).stream_position().is_ok_and(|end| own.len() < end);
        if is_cut { Err(Error::Cut { path: path.clone() }) } else { Ok(()) }
    }

    fn rename(&mut self) -> io::Result<()> {
        let (Some(swap), Some(partial)) = (&self.swap, &self.path) else { return Ok(()) };
        fs::rename(partial, &swap.target)
    }

    fn sync_name(&mut self) -> io::Result<()> {
        self.swap.as_ref().map_or(Ok(()), |swap| sync_folder_of(&swap.target))
    }

    fn swap(&self) -> Option<&Swap> {
        self.swap.as_ref()
    }

    fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string())
    }

    fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn an_output_that_somebody_made_non_blocking_is_waited_for() {
        let (mut reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let mut output = Opened { file: OwnedFd::from(writer).into(), path: None, swap: None };
        let bytes = vec![b'x'; 1 << 20];
        std::thread::scope(|scope| {
            let read = scope.spawn(move || {
                let mut all = Vec::new();
                reader.read_to_end(&mut all).map(|_| all.len())
            });
            let mut sent = 0;
            while sent < bytes.len() {
                sent += output.write(&bytes[sent..]).unwrap();
            }
            drop(output);
            assert_eq!(read.join().unwrap().unwrap(), bytes.len());
        });
    }
}
