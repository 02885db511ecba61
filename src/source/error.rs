//! Why an input cannot be read, or not to its end.

use std::io;
use std::path::Path;

use super::{Entry, GlobError};
use crate::model::{UrlError, parse_url, redact};

/// An input that cannot be opened, understood or read on. A bad line is none: it is a target that says so.
///
/// The message names the input and, where there is one, the line; an operating system's reason follows as `source()`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input cannot be opened.
    #[error("cannot open {name}{hint}")]
    Open {
        /// Its path.
        name: String,
        /// What else the argument may have meant, in parentheses after a blank; or nothing.
        hint: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// Reading failed half-way.
    #[error("{place}: cannot read this line")]
    Read {
        /// File and line.
        place: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// An input in an encoding that none of its lines can be read in.
    #[error("{name}: is UTF-16: save it as UTF-8, or pipe it in with: iconv -f UTF-16 -t UTF-8")]
    Utf16 {
        /// The input's name.
        name: String,
    },
    /// A table without a single line.
    #[error("{name}: is empty: a table begins with a header that names its columns")]
    Empty {
        /// The input's name.
        name: String,
    },
    /// The first row of a table cannot be a header.
    #[error("{place}: the header cannot be used: {why}")]
    Header {
        /// File and line.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The header does not name the column of the URLs exactly once.
    #[error("{place}: {count} columns are called `{wanted}`; the columns are {columns}: choose one with --url-field")]
    UrlField {
        /// File and line.
        place: String,
        /// How many columns have the name: `no` or a number.
        count: String,
        /// The name that was asked for.
        wanted: String,
        /// The names that there are.
        columns: String,
    },
    /// A URL argument has a broken glob.
    #[error("cannot expand the argument \"{argument}\"")]
    Glob {
        /// The argument.
        argument: String,
        /// What is wrong with it, and where.
        source: GlobError,
    },
}

impl Error {
    /// Whether the command line is to be mended rather than the input: exit code 2 instead of 1.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::UrlField { .. } | Self::Glob { .. })
    }

    /// An input that cannot be opened; where it is not there, its name may have been meant as a URL.
    pub(super) fn open(name: &str, source: io::Error) -> Self {
        let hint = if source.kind() == io::ErrorKind::NotFound { hint(name) } else { String::new() };
        let name = if name.contains("://") { redact(name).into_owned() } else { name.to_owned() };
        Self::Open { name, hint, source }
    }
}

/// What the name of a missing file may have meant.
fn hint(name: &str) -> String {
    match parse_url(name) {
        Ok(_) if name.contains('/') || Entry::by_extension(Path::new(name)).is_none() => {
            format!(" (if it is a URL, write https://{})", redact(name))
        }
        Err(error @ UrlError::Scheme(_)) if name.contains("://") => format!(" ({error})"),
        _ => String::new(),
    }
}
