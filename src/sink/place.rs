//! Where the bytes go, and what can be done there: write, take back the end of what was written, close.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags, poll};

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

    /// Ends the output. `complete` says that every record of the run is in it.
    fn close(self: Box<Self>, complete: bool) -> Result<Finished, Error>;

    /// The place's name in errors.
    fn name(&self) -> String;
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

    fn close(self: Box<Self>, _: bool) -> Result<Finished, Error> {
        Ok(Finished::default())
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

    /// Makes sure that the disk has everything.
    fn sync(&self) -> io::Result<()> {
        if self.path.is_some() && self.file.metadata()?.is_file() { self.file.sync_all() } else { Ok(()) }
    }
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

    fn close(self: Box<Self>, complete: bool) -> Result<Finished, Error> {
        // Some file systems (network, quota) tell only now that a write failed.
        self.sync().map_err(|source| Error::Write { place: self.name(), source })?;
        let (Some(swap), Some(partial)) = (&self.swap, &self.path) else { return Ok(Finished::default()) };
        if !complete {
            return Ok(Finished { partial: vec![partial.clone()] });
        }
        let target = &swap.target;
        fs::rename(partial, target).map_err(|source| Error::Swap { partial: partial.clone(), target: target.clone(), source })?;
        // The swap is done; that a file system cannot sync directories does not undo it.
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let _ = File::open(folder.unwrap_or(".".as_ref())).and_then(|folder| folder.sync_all());
        Ok(Finished::default())
    }

    fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string())
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
