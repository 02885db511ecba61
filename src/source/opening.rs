//! From what was asked for to a reader: opens every input, once or so that it can be read again.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

use super::glob::Glob;
use super::list::Argument;
use super::reader::{Opened, Rules};
use super::twice::Kept;
use super::{Entry, Error, Kind, Opening, Origin, Reader, SOURCES, Settings};
use crate::model::redact;

/// An input that is known to open.
enum Checked {
    Url(String, Glob),
    Bytes { name: String, from: Bytes, entry: Kind },
}

/// Where the bytes of an input come from.
enum Bytes {
    /// A regular file, which never keeps its reader waiting.
    File(File),
    Other(Box<dyn Read + Send>),
    Kept(Kept),
}

/// How to read all inputs again.
pub(super) struct Again {
    inputs: Vec<Checked>,
    url_field: String,
    rules: Rules,
}

impl Again {
    /// Starts on it.
    pub(super) fn open(self) -> Result<Reader, Error> {
        start(self.inputs, &self.url_field, self.rules)
    }

    /// Keeps nothing for it any longer.
    pub(super) fn forget(self) {
        for input in self.inputs {
            if let Checked::Bytes { from: Bytes::Kept(kept), .. } = input {
                kept.forget();
            }
        }
    }
}

/// Opens every input before the first is read, and reads the headers of those that have one, so that a mistake shows and the
/// output's columns are known before the first request.
///
/// # Errors
/// A file that cannot be opened, a table without a usable header, or a URL argument with a broken glob.
pub fn open(settings: Settings) -> Result<Reader, Error> {
    let Settings { inputs, format, url_field, glob, unique, limit, https_only, twice } = settings;
    let rules = Rules { glob, unique, limit, https_only };
    let checked = inputs.into_iter().map(|origin| check(origin, format)).collect::<Result<Vec<_>, _>>()?;
    if !twice {
        return start(checked, &url_field, rules);
    }
    let (first, inputs) = checked.into_iter().map(Checked::twice).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    let reader = start(first, &url_field, rules)?;
    Ok(reader.repeatable(Some(Again { inputs, url_field, rules })))
}

fn start(inputs: Vec<Checked>, url_field: &str, rules: Rules) -> Result<Reader, Error> {
    let count = inputs.iter().try_fold(0, |sum: u64, input| match input {
        Checked::Url(_, urls) => Some(sum.saturating_add(urls.total())),
        Checked::Bytes { .. } => None,
    });
    let total = count.filter(|_| !rules.unique).map(|count| rules.limit.map_or(count, |limit| limit.min(count)));
    let free_input = inputs.iter().any(|input| matches!(input, Checked::Bytes { entry, .. } if entry.free_input));
    let opened = inputs.into_iter().map(|input| match input {
        Checked::Url(url, _) => Ok(Opened { source: Box::new(Argument::new(url)), waits: false, glob: true }),
        Checked::Bytes { name, from, entry } => {
            let (from, waits): (Box<dyn Read + Send>, _) = match from {
                Bytes::File(file) => (Box::new(file), false),
                Bytes::Kept(kept) => (kept.read(), false),
                Bytes::Other(from) => (from, true),
            };
            (entry.open)(Opening { name, from, url_field }).map(|source| Opened { source, waits, glob: rules.glob })
        }
    });
    Ok(Reader::new(opened.collect::<Result<_, _>>()?, free_input, total, &rules))
}

impl Checked {
    /// The same to be read now and once again later.
    fn twice(self) -> Result<(Self, Self), Error> {
        match self {
            Self::Url(url, urls) => Ok((Self::Url(url.clone(), urls.clone()), Self::Url(url, urls))),
            Self::Bytes { name, from, entry } => {
                let (first, second) = match from {
                    Bytes::File(file) => {
                        let kept = Kept::file(file).map_err(|source| Error::open(&name, source))?;
                        (Bytes::Kept(kept.clone()), kept)
                    }
                    Bytes::Other(from) => {
                        let (kept, from) = Kept::copy(from);
                        (Bytes::Other(from), kept)
                    }
                    Bytes::Kept(kept) => (Bytes::Kept(kept.clone()), kept),
                };
                let again = Self::Bytes { name: name.clone(), from: Bytes::Kept(second), entry };
                Ok((Self::Bytes { name, from: first, entry }, again))
            }
        }
    }
}

/// Opens an input without reading from it.
fn check(origin: Origin, format: Option<Kind>) -> Result<Checked, Error> {
    let of = |path: &Path| format.or_else(|| Entry::by_extension(path)).unwrap_or(&SOURCES[0]);
    match origin {
        Origin::Url(url) => match Glob::parse(&url) {
            Ok(urls) => Ok(Checked::Url(url, urls)),
            Err(source) => Err(Error::Glob { argument: redact(&url).into_owned(), source }),
        },
        Origin::Reader { name, from } => {
            let entry = of(Path::new(&name));
            Ok(Checked::Bytes { name, from: Bytes::Other(from), entry })
        }
        Origin::Stdin => {
            let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
            checked("stdin".to_owned(), file, of(Path::new("")))
        }
        Origin::File(path) => checked(path.display().to_string(), File::open(&path), of(&path)),
    }
}

/// A directory can be opened too, but not read; and only a regular file never keeps its reader waiting.
fn checked(name: String, file: io::Result<File>, entry: Kind) -> Result<Checked, Error> {
    let found = file.and_then(|file| {
        let about = file.metadata()?;
        if about.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok((file, about.is_file())) }
    });
    match found {
        Ok((file, true)) => Ok(Checked::Bytes { name, from: Bytes::File(file), entry }),
        Ok((file, false)) => Ok(Checked::Bytes { name, from: Bytes::Other(Box::new(file)), entry }),
        Err(source) => Err(Error::open(&name, source)),
    }
}
