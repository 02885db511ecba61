//! Which files the outputs take, seen before any of them is opened: no two outputs may take the same one.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::file::{DATABASE_LOCK, PARTIAL, REPAIR, RETRY, follow, is_stdout};
use super::{Destination, Error, Settings, sqlite};

/// What an output takes.
pub(super) struct Claim {
    /// Its name in messages.
    name: String,
    /// The file itself, then those that may be written beside it.
    files: Vec<Name>,
    /// It is a file, or will be one: its bytes can be had confirmed by the disk.
    pub is_file: bool,
}

impl Claim {
    /// What an output takes; none for a writer of the library's user.
    pub(super) fn of(place: &Destination) -> Option<Self> {
        let path = match place {
            Destination::File(path) if !is_stdout(path) => path,
            Destination::Stdout | Destination::File(_) => return Some(Self::stdout()),
            Destination::Writer(_) => return None,
        };
        let target = follow(path);
        let endings = [PARTIAL, RETRY, REPAIR, DATABASE_LOCK].into_iter().chain(sqlite::BESIDE);
        let beside: Vec<_> = endings.map(|ending| beside(&target, ending)).collect();
        let files = std::iter::once(&target).chain(&beside).map(|path| Name::of(path)).collect();
        let is_file = fs::metadata(path).map_or(true, |found| found.is_file());
        Some(Self { name: path.display().to_string(), files, is_file })
    }

    fn stdout() -> Self {
        let found = io::stdout().as_fd().try_clone_to_owned().and_then(|stdout| File::from(stdout).metadata()).ok();
        let is_file = found.as_ref().is_some_and(Metadata::is_file);
        // A path that nothing else has.
        let path = PathBuf::new();
        let files = vec![Name { path, identity: found.as_ref().and_then(identity), is_new: false }];
        Self { name: "standard output".to_owned(), files, is_file }
    }

    /// Whether the file itself is one of those that another output takes.
    fn is_in(&self, other: &Self) -> bool {
        other.files.iter().any(|file| self.files[0].is_same(file))
    }

    /// Removes a file that was not there before, of an output that holds it and has written no more than this.
    pub(super) fn undo(&self, path: &Path, written: u64) {
        let target = follow(path);
        let made = Name::of(&target).path;
        let is_new = self.files.iter().any(|file| file.is_new && file.path == made);
        if is_new && fs::symlink_metadata(&target).is_ok_and(|file| file.is_file() && file.len() == written) {
            let _ = fs::remove_file(target);
        }
    }
}

/// Refuses outputs of which one would write over another.
pub(super) fn distinct(claims: &[Claim]) -> Result<(), Error> {
    for (at, one) in claims.iter().enumerate() {
        if let Some(other) = claims[..at].iter().find(|other| one.is_in(other) || other.is_in(one)) {
            return Err(Error::Same { one: other.name.clone(), other: one.name.clone() });
        }
    }
    Ok(())
}

impl Settings {
    /// Checks what can be known before anything is opened. [`open`](super::open) does so too.
    ///
    /// # Errors
    /// Two outputs are one file, or one would be written where the other is until it is complete; or [`fsync`](Self::fsync) asks
    /// for what none of them has.
    pub fn check(&self) -> Result<(), Error> {
        let claims: Vec<_> = self.outputs.iter().filter_map(|to| Claim::of(&to.place)).collect();
        distinct(&claims)?;
        if self.fsync.is_some() && !claims.iter().any(|claim| claim.is_file) {
            return Err(Error::NoFile);
        }
        Ok(())
    }
}

/// A file, by what it is called and, where there is one, by what it is.
struct Name {
    path: PathBuf,
    identity: Option<(u64, u64)>,
    is_new: bool,
}

impl Name {
    fn of(path: &Path) -> Self {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(".".as_ref());
        let known = folder.canonicalize().ok().zip(path.file_name()).map(|(folder, name)| folder.join(name));
        let identity = fs::metadata(path).ok().as_ref().and_then(identity);
        Self { path: known.unwrap_or_else(|| path.to_owned()), identity, is_new: fs::symlink_metadata(path).is_err() }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.path == other.path || self.identity.is_some() && self.identity == other.identity
    }
}

/// What a file is, whatever it is called; devices may be written by any number of outputs (`/dev/null`).
fn identity(file: &Metadata) -> Option<(u64, u64)> {
    (!file.file_type().is_char_device()).then(|| (file.dev(), file.ino()))
}

/// `out.csv.partial` beside `out.csv`.
pub(super) fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(target.file_name().unwrap_or_default());
    name.push(ending);
    target.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn check(names: &[&Path]) -> Result<(), Error> {
        let claims: Vec<_> = names.iter().filter_map(|name| Claim::of(&Destination::File(name.to_path_buf()))).collect();
        distinct(&claims)
    }

    #[test]
    fn one_file_is_one_file_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("sub")).unwrap();
        fs::write(path("old.csv"), "").unwrap();
        fs::hard_link(path("old.csv"), path("hard.csv")).unwrap();
        symlink("old.csv", path("soft.csv")).unwrap();
        symlink("new.csv", path("dangling.csv")).unwrap();
        symlink("sub", path("other")).unwrap();
        for (one, other) in [
            ("new.csv", "new.csv"),
            ("new.csv", "./new.csv"),
            ("new.csv", "sub/../new.csv"),
            ("new.csv", "dangling.csv"),
            ("old.csv", "hard.csv"),
            ("hard.csv", "soft.csv"),
            ("sub/x.csv", "other/x.csv"),
            ("new.csv", "new.csv.partial"),
            ("old.csv.retry", "soft.csv"),
            ("no/such/x.csv", "no/such/x.csv"),
        ] {
            for names in [[one, other], [other, one]] {
                let error = check(&names.map(path).each_ref().map(PathBuf::as_path)).unwrap_err();
                assert!(error.is_usage() && error.to_string().contains(one), "{names:?}: {error}");
            }
        }
        for (one, other) in [("old.csv", "new.csv"), ("old.csv", "old.json"), ("x.csv", "sub/x.csv"), ("x.csv", "x.csv.old")] {
            check(&[&path(one), &path(other)]).unwrap();
        }
        check(&["/dev/null", "/dev/zero"].map(Path::new)).unwrap();
    }

    #[test]
    fn standard_output_is_one_place_by_all_its_names() {
        let error = check(&["/dev/stdout", "/dev/fd/1"].map(Path::new)).unwrap_err();
        assert_eq!(error.to_string(), "standard output is given twice: each output needs a place of its own");
        let claims = [Destination::Stdout, Destination::Writer(Box::new(io::sink())), Destination::File("x.csv".into())];
        distinct(&claims.iter().filter_map(Claim::of).collect::<Vec<_>>()).unwrap();
    }
}
