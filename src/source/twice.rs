//! Inputs that can be read twice. A file is read at offsets of our own, so that both readings are of the one that was opened,
//! whatever gets its name; of a pipe a copy is kept in a file without a name, as far as it was read.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::unnamed;

/// Something that is read, and can be read from its start again.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    store: Arc<Mutex<Store>>,
    start: u64,
}

#[derive(Debug)]
enum Store {
    /// Nothing came yet.
    Empty,
    File(Arc<File>),
    /// It is not going to be read again.
    Unwanted,
}

impl Kept {
    /// A regular file, from where it stands.
    pub(super) fn file(mut file: File) -> io::Result<Self> {
        let start = file.stream_position()?;
        Ok(Self { store: Arc::new(Mutex::new(Store::File(Arc::new(file)))), start })
    }

    /// Anything else; what is read of the second one is kept for the first.
    pub(super) fn copy(from: Box<dyn Read + Send>) -> (Self, Box<dyn Read + Send>) {
        let kept = Self { store: Arc::new(Mutex::new(Store::Empty)), start: 0 };
        (kept.clone(), Box::new(Copied { from, kept, length: 0 }))
    }

    /// All that there is, from the start on.
    pub(super) fn read(&self) -> Box<dyn Read + Send> {
        match &*self.store() {
            Store::File(file) => Box::new(At { file: Arc::clone(file), offset: self.start }),
            Store::Empty | Store::Unwanted => Box::new(io::empty()),
        }
    }

    /// Keeps no copy any longer.
    pub(super) fn forget(&self) {
        *self.store() = Store::Unwanted;
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // What is behind it is whole between any two calls.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file at an offset of our own.
struct At {
    file: Arc<File>,
    offset: u64,
}

impl Read for At {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(into, self.offset)?;
        self.offset += length as u64;
        Ok(length)
    }
}

/// What is read while a copy is kept.
struct Copied {
    from: Box<dyn Read + Send>,
    kept: Kept,
    length: u64,
}

impl Read for Copied {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(into)?;
        if length > 0 {
            self.keep(&into[..length]).map_err(|error| {
                let text =
                    format!("cannot keep the copy of it that is to be read again, for which TMPDIR names a folder: {error}");
                io::Error::new(error.kind(), text)
            })?;
        }
        Ok(length)
    }
}

impl Copied {
    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut store = self.kept.store();
        if matches!(*store, Store::Empty) {
            *store = Store::File(Arc::new(unnamed()?));
        }
        if let Store::File(file) = &*store {
            file.write_all_at(bytes, self.length)?;
            self.length += bytes.len() as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn all(mut from: Box<dyn Read + Send>) -> String {
        let mut text = String::new();
        from.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_file_is_read_twice_from_where_it_stood_whatever_gets_its_name() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"0123456789").unwrap();
        let mut open = file.reopen().unwrap();
        open.read_exact(&mut [0; 4]).unwrap();
        let kept = Kept::file(open).unwrap();
        let mut first = kept.read();
        first.read_exact(&mut [0; 2]).unwrap();
        std::fs::remove_file(file.path()).unwrap();
        assert_eq!((all(kept.read()), all(first)), ("456789".to_owned(), "6789".to_owned()));
    }

    #[test]
    fn of_a_pipe_there_is_a_copy_as_far_as_it_was_read() {
        let (kept, mut first) = Kept::copy(Box::new(&b"0123456789"[..]));
        assert_eq!(all(kept.read()), "");
        first.read_exact(&mut [0; 4]).unwrap();
        assert_eq!(all(kept.read()), "0123");
        assert_eq!(all(first), "456789");
        assert_eq!((all(kept.read()), all(kept.read())), ("0123456789".to_owned(), "0123456789".to_owned()));
        let (kept, mut first) = Kept::copy(Box::new(&b"0123456789"[..]));
        first.read_exact(&mut [0; 4]).unwrap();
        kept.forget();
        assert_eq!((all(first), all(kept.read())), ("456789".to_owned(), String::new()));
    }
}
