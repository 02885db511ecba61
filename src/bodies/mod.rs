//! Decoded bodies on disk, named by what is in them: where a worker leaves the body of a page that was accepted.
//!
//! A body whose SHA-256 is `abcdef…` is `ab/cdef….html` of the folder, the extension being that of its content type. So a body is
//! there once however often it was fetched, by however many workers and runs, and its file never changes. It is written under
//! another name and takes its own only when it is whole: what a killed run leaves behind is a hidden `….part` beside, which whoever
//! writes the same body again takes over.
//!
//! Synchronous: [`Bodies::save`] writes, and belongs on a thread that may block.

mod media;
mod part;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use self::part::Part;
use crate::model::Page;

/// Whether and where bodies are saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The folder, made where it is missing. Default: bodies are saved nowhere.
    pub folder: Option<PathBuf>,
    /// A body is on the disk for good, whatever becomes of the machine, before there is a record of it. Default: false, which leaves
    /// it to the system when it writes.
    pub sync: bool,
}

/// Why a body cannot be saved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Records could not say where a body is.
    #[error("{} is not UTF-8, so that no record could name a body in it: --save-bodies needs another directory", .folder.display())]
    NotText {
        /// The folder.
        folder: PathBuf,
    },
    /// Nothing can be written to the folder.
    #[error("cannot save bodies in {}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The operating system's cause.
        source: io::Error,
    },
    /// A body could not be written. Nothing is there under its name.
    #[error("cannot save a body as {path}")]
    Write {
        /// The name.
        path: String,
        /// The operating system's cause.
        source: io::Error,
    },
}

impl Error {
    /// Whether the settings are at fault, and not the machine.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::NotText { .. })
    }
}

/// A folder of bodies. Shared by all workers; other runs may use it at the same time.
#[derive(Debug)]
pub struct Bodies {
    /// As it was given: names begin with it.
    folder: String,
    sync: bool,
}

impl Bodies {
    /// The folder of these settings, if they have one; it is made where it is missing, and a byte is written to learn whether it can be.
    ///
    /// # Errors
    /// It cannot be made, is no folder, or takes nothing.
    ///
    /// ```
    /// use scrape::bodies::{Bodies, Settings};
    /// # use scrape::model::Page;
    /// # let temporary = tempfile::tempdir()?;
    /// let folder = temporary.path().join("bodies");
    /// let bodies = Bodies::open(Settings { folder: Some(folder), sync: false })?.unwrap();
    /// # let url = "http://a.example/".parse()?;
    /// let page = Page { url, status: 200, content_type: Some("text/html".into()), body: "<title>x".into(), codings: vec![], asked: None, left_after: None };
    /// let path = bodies.save(&page)?;
    /// assert!(path.contains("/bodies/") && path.ends_with(".html"));
    /// assert_eq!(std::fs::read_to_string(path)?, "<title>x");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(settings: Settings) -> Result<Option<Self>, Error> {
        let Settings { folder, sync } = settings;
        let Some(folder) = folder else { return Ok(None) };
        let folder = folder.into_os_string().into_string().map_err(|folder| Error::NotText { folder: folder.into() })?;
        try_out(Path::new(&folder), sync).map_err(|source| Error::Folder { folder: folder.clone().into(), source })?;
        Ok(Some(Self { folder, sync }))
    }

    /// Saves the body of a page, free of content codings, unless it is there already. Answers its name: the folder as it was given,
    /// and the path below it.
    ///
    /// # Errors
    /// It could not be written. Nothing is there under its name.
    pub fn save(&self, page: &Page) -> Result<String, Error> {
        let name = name(&page.body, media::extension(page.media_type().as_deref()));
        let path = Path::new(&self.folder).join(&name).into_os_string();
        let path = path.into_string().expect("the folder and the name are UTF-8");
        match self.put(Path::new(&path), &page.body) {
            Ok(()) => Ok(path),
            Err(source) => Err(Error::Write { path, source }),
        }
    }

    /// Sees to it that a file with this body is there.
    fn put(&self, path: &Path, body: &[u8]) -> io::Result<()> {
        let there = is_there(path, body)?;
        if there != Found::Whole {
            let mut part = Part::beside(path)?;
            part.file().write_all(body)?;
            if self.sync {
                part.file().sync_all()?;
            }
            part.take_name(path, there == Found::Damaged)?;
        } else if self.sync {
            // Whoever wrote it need not have waited for the disk.
            File::open(path)?.sync_all()?;
        }
        if self.sync {
            sync_folder(path.parent().unwrap_or(Path::new("")))?;
            sync_folder(Path::new(&self.folder))?;
        }
        Ok(())
    }
}

/// What there is under the name of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// A file of another length: the machine went down before the disk had it.
    Damaged,
    Whole,
}

fn is_there(path: &Path, body: &[u8]) -> io::Result<Found> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::other("something that is no file has this name")),
        Ok(found) if found.len() == body.len() as u64 => Ok(Found::Whole),
        Ok(_) => Ok(Found::Damaged),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
        Err(cause) => Err(cause),
    }
}

/// The path of a body below the folder. Nothing of it is a server's own words.
fn name(body: &[u8], extension: &str) -> String {
    let mut name = String::with_capacity(2 * 32 + 2 + extension.len());
    for (at, byte) in Sha256::digest(body).iter().enumerate() {
        name.push_str(if at == 1 { "/" } else { "" });
        let _ = write!(name, "{byte:02x}"); // a String takes every write
    }
    name + "." + extension
}

/// Makes a folder and writes a byte to it, which does not stay.
fn try_out(folder: &Path, sync: bool) -> io::Result<()> {
    let is_new = !folder.exists();
    // Another run may make it at this very moment: what is there is looked at only afterwards.
    fs::create_dir_all(folder).map_err(|cause| {
        let is_other = cause.kind() == io::ErrorKind::AlreadyExists;
        if is_other { io::ErrorKind::NotADirectory.into() } else { cause }
    })?;
    Part::beside(&folder.join("trial"))?.file().write_all(b"\n")?;
    if sync && is_new {
        sync_folder(folder.parent().unwrap_or(Path::new("")))?;
    }
    Ok(())
}

/// Waits until the disk has the names in a folder.
fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match File::open(folder)?.sync_all() {
        // Some file systems have nothing to wait for, and say so like this.
        Err(cause) if matches!(cause.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests;
