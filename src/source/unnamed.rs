//! A file that nobody sees: it has no name and is gone with the process, however that ends.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Makes one where there is room, for its owner alone.
pub(crate) fn unnamed() -> io::Result<File> {
    open(&folders(std::env::var_os("TMPDIR")))
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
    use std::os::unix::fs::{FileExt, MetadataExt};

    use super::*;

    #[test]
    fn the_file_has_no_name_and_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = open(&["/nowhere".into(), folder.path().into()]).unwrap();
        file.write_all_at(b"secret", 10).unwrap();
        let about = file.metadata().unwrap();
        assert_eq!((about.len(), about.mode() & 0o777, about.nlink()), (16, 0o600, 0));
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_the_user_named_is_the_only_one() {
        assert_eq!(folders(Some("/x".into())), [PathBuf::from("/x")]);
        assert_eq!(folders(Some("".into()))[0], PathBuf::from("/var/tmp"));
        let error = open(&["/nowhere".into()]).unwrap_err();
        assert!(error.to_string().contains("/nowhere"), "{error}");
    }
}
