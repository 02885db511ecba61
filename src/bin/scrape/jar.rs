//! The file that the cookies of a run are written to at its end, whole or not at all.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use scrape::fetch::Jar;
use tempfile::NamedTempFile;

/// The cookies of a run, and where they are to go.
pub(crate) struct JarFile {
    jar: Arc<Jar>,
    path: PathBuf,
}

impl JarFile {
    /// The jar for a path, which is looked at before anything is fetched.
    pub(crate) fn new(jar: Arc<Jar>, path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            bail!("--cookie-jar: stdout is for records; name a file");
        }
        // A link stays one, and what it leads to is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if path.is_dir() {
            bail!("--cookie-jar: {} is a folder; name a file", path.display());
        }
        if !folder(&path).is_dir() {
            bail!("--cookie-jar: there is no folder {}", folder(&path).display());
        }
        if path.metadata().is_ok_and(|about| about.is_file()) || !path.exists() {
            let try_it = beside(&path).map(drop);
            try_it.with_context(|| format!("--cookie-jar: cannot write in the folder {}", folder(&path).display()))?;
        }
        Ok(Self { jar, path })
    }

    /// Writes the cookies, of a run that `broke` only if there are any: one that had not begun leaves what there was.
    pub(crate) fn save(&self, broke: bool) -> anyhow::Result<()> {
        if broke && self.jar.is_empty() {
            return Ok(());
        }
        let text = self.jar.text();
        let written = match self.path.metadata() {
            // A device or a pipe cannot be replaced.
            Ok(about) if !about.is_file() => fs::write(&self.path, text),
            Ok(about) => replace(&self.path, &text, Some(about.permissions())),
            Err(_) => replace(&self.path, &text, None),
        };
        written.with_context(|| format!("{}: cannot write the cookies", self.path.display()))
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new file in the same folder, which goes away by itself.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(".scrape-cookies").tempfile_in(folder(path))
}

/// Puts a file in place of another. A new one is its owner's only.
fn replace(path: &Path, text: &str, permissions: Option<Permissions>) -> io::Result<()> {
    let mut file = beside(path)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(permissions.unwrap_or_else(|| Permissions::from_mode(0o600)))?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}
