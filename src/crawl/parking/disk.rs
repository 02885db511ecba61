//! The file that nobody sees: it has no name and is gone with the process, however that ends.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

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
            none => none.insert(open(&folders(std::env::var_os("TMPDIR")))?),
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

/// Where the file may be, best first: what the user said, or a folder that is on a disk: `/tmp` is memory on many systems.
fn folders(tmpdir: Option<OsString>) -> Vec<PathBuf> {
    match tmpdir.filter(|folder| !folder.is_empty()) {
        Some(folder) => vec![folder.into()],
        None => vec!["/var/tmp".into(), std::env::temp_dir()],
    }
}

/// Opens a file in the first of the folders that takes one.
fn open(folders: &[PathBuf]) -> io::Result<File> {
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for folder in folders {
        match open_in(folder) {
            Ok(file) => return Ok(file),
            Err(error) => {
                let text = format!("cannot make a temporary file in {}: {error}", folder.display());
                failed = io::Error::new(error.kind(), text);
            }
        }
    }
    Err(failed)
}

fn open_in(folder: &Path) -> io::Result<File> {
    let file = tempfile::tempfile_in(folder)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn the_file_has_no_name_and_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Unnamed(Some(open(&["/nowhere".into(), folder.path().into()]).unwrap()));
        disk.write(b"secret", 10).unwrap();
        let mut read = [0; 6];
        disk.read(&mut read, 10).unwrap();
        assert_eq!(&read, b"secret");
        let about = disk.0.as_ref().unwrap().metadata().unwrap();
        assert_eq!((about.len(), about.mode() & 0o777, about.nlink()), (16, 0o600, 0));
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        disk.cut(0).unwrap();
        assert!(disk.read(&mut read, 10).is_err());
    }

    #[test]
    fn a_folder_that_the_user_named_is_the_only_one() {
        assert_eq!(folders(Some("/x".into())), [PathBuf::from("/x")]);
        assert_eq!(folders(Some("".into()))[0], PathBuf::from("/var/tmp"));
        let error = open(&["/nowhere".into()]).unwrap_err();
        assert!(error.to_string().contains("/nowhere"), "{error}");
    }

    #[test]
    fn there_is_no_file_before_something_is_written() {
        let mut disk = Unnamed::default();
        disk.cut(0).unwrap();
        assert!(disk.read(&mut [0], 0).is_err());
        assert!(disk.0.is_none());
    }
}
