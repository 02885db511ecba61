//! Where the chunks go: a file that nobody sees, and that is gone with the process.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::source::unnamed;

/// A place for chunks.
pub(in crate::crawl) trait Disk {
    /// Writes all the bytes, or fails with an unknown part of them written.
    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Fills the buffer.
    fn read(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Gives back everything behind this length.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// A file without a name, made when something is first written.
#[derive(Debug, Default)]
pub(in crate::crawl) struct Unnamed(Option<File>);

impl Disk for Unnamed {
    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let file = match &mut self.0 {
            Some(file) => file,
            none => none.insert(unnamed()?),
        };
        file.write_all_at(bytes, offset)
    }

    fn read(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.as_ref().ok_or(io::ErrorKind::NotFound)?.read_exact_at(buffer, offset)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |file| file.set_len(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_until_it_is_cut_off() {
        let mut disk = Unnamed::default();
        disk.write(b"secret", 10).unwrap();
        let mut read = [0; 6];
        disk.read(&mut read, 10).unwrap();
        assert_eq!(&read, b"secret");
        disk.cut(0).unwrap();
        assert!(disk.read(&mut read, 10).is_err());
    }

    #[test]
    fn there_is_no_file_before_something_is_written() {
        let mut disk = Unnamed::default();
        disk.cut(0).unwrap();
        assert!(disk.read(&mut [0], 0).is_err());
        assert!(disk.0.is_none());
    }
}
