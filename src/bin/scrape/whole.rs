//! A file that is written at the end of a run, whole or not at all: into a new one beside it, which then takes its name. Looked at
//! before the first request, so that a run is not in vain for a wrong path.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tempfile::NamedTempFile;

/// A file to be written.
#[derive(Debug)]
pub(crate) struct Whole {
    path: PathBuf,
    to: To,
    /// Who may do what with a new one; the owner of an old one has decided that.
    mode: u32,
}

#[derive(Debug)]
enum To {
    /// A file, which is replaced.
    File,
    /// A device or a pipe, which cannot be replaced.
    Open(File),
}

impl Whole {
    /// The file of this path, for what a `flag` asks for.
    pub(crate) fn new(flag: &str, path: &Path, mode: u32) -> anyhow::Result<Self> {
        if path == Path::new("-") || is_stdout(path) {
            bail!("{flag}: stdout is for records; name a file");
        }
        // What stands for another file, as /dev/stderr does, is not to be replaced by one.
        if path.starts_with("/dev") || path.starts_with("/proc") {
            let open = OpenOptions::new().append(true).open(path);
            let open = open.with_context(|| format!("{flag}: cannot write {}", path.display()))?;
            return Ok(Self { path: path.to_owned(), to: To::Open(open), mode });
        }
        // A link stays one, and what it leads to is replaced.
        let path = resolved(path);
        if path.is_dir() {
            bail!("{flag}: {} is a folder; name a file", path.display());
        }
        if path.metadata().is_ok_and(|about| !about.is_file()) {
            bail!("{flag}: {} is no file that can be replaced; name one", path.display());
        }
        let folder = folder(&path);
        if !folder.is_dir() {
            bail!("{flag}: there is no folder {}", folder.display());
        }
        beside(&path).map(drop).with_context(|| format!("{flag}: cannot write in the folder {}", folder.display()))?;
        Ok(Self { path, to: To::File, mode })
    }

    /// Its name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it.
    pub(crate) fn write(&self, text: &str) -> io::Result<()> {
        match &self.to {
            To::Open(file) => (&*file).write_all(text.as_bytes()),
            To::File => {
                let mut file = beside(&self.path)?;
                file.write_all(text.as_bytes())?;
                let old = self.path.metadata().ok().map(|old| old.permissions());
                file.as_file().set_permissions(old.unwrap_or_else(|| Permissions::from_mode(self.mode)))?;
                file.as_file().sync_all()?;
                file.persist(&self.path).map(drop).map_err(|error| error.error)
            }
        }
    }
}

/// A path without links, also where there is no file yet.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        let folder = folder(path).canonicalize();
        folder.ok().zip(path.file_name()).map_or_else(|| path.to_owned(), |(folder, name)| folder.join(name))
    })
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new file in the same folder, which goes away by itself. Nobody looks for one of such a name.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(".scrape-").tempfile_in(folder(path))
}

/// Whether a path is standard output by another name; what is dropped anyway is nobody's.
fn is_stdout(path: &Path) -> bool {
    let stdout = io::stdout().as_fd().try_clone_to_owned().and_then(|stdout| File::from(stdout).metadata());
    let is_same =
        path.metadata().is_ok_and(|own| stdout.is_ok_and(|stdout| (own.dev(), own.ino()) == (stdout.dev(), stdout.ino())));
    path == Path::new("/dev/stdout") || (is_same && resolved(path) != Path::new("/dev/null"))
}
