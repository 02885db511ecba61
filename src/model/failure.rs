//! Why a target has no data: a closed set of kinds that scripts may match on, and one line for a person.

use std::fmt;

use serde::{Serialize, Serializer};

use super::asked::Asked;

/// What went wrong with one target. The set is closed and its names never change: they are the `error` column.
///
/// ```
/// use scrape::ErrorKind;
/// assert_eq!(ErrorKind::HttpStatus.name(), "http_status");
/// assert_eq!("too_large".parse(), Ok(ErrorKind::TooLarge));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// The line is no usable URL.
    InvalidUrl,
    /// The host's name could not be resolved.
    Dns,
    /// Refused, reset or closed before any header.
    Connect,
    /// The TLS handshake or the certificate failed.
    Tls,
    /// One of the attempt's time limits passed.
    Timeout,
    /// A status that is not accepted.
    HttpStatus,
    /// Not HTTP, or broken HTTP.
    Protocol,
    /// Too many redirects, a loop, or a forbidden scheme.
    Redirect,
    /// The body was cut short or reset.
    Body,
    /// The body, a header or the page is beyond a cap.
    TooLarge,
    /// The content coding is broken or unknown.
    Decode,
    /// Disallowed by robots.txt.
    Robots,
    /// The address is refused by the guard.
    Blocked,
    /// The host has been given up for now.
    CircuitOpen,
    /// A required field is missing.
    Extract,
    /// A bug in this program: reported, never a lost row.
    Internal,
}

impl ErrorKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 16] = [
        Self::InvalidUrl,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::HttpStatus,
        Self::Protocol,
        Self::Redirect,
        Self::Body,
        Self::TooLarge,
        Self::Decode,
        Self::Robots,
        Self::Blocked,
        Self::CircuitOpen,
        Self::Extract,
        Self::Internal,
    ];

    /// The name in the `error` column.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidUrl => "invalid_url",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::HttpStatus => "http_status",
            Self::Protocol => "protocol",
            Self::Redirect => "redirect",
            Self::Body => "body",
            Self::TooLarge => "too_large",
            Self::Decode => "decode",
            Self::Robots => "robots",
            Self::Blocked => "blocked",
            Self::CircuitOpen => "circuit_open",
            Self::Extract => "extract",
            Self::Internal => "internal",
        }
    }

    /// What the kind means, in the words of `--help`.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::InvalidUrl => "the line is no usable URL",
            Self::Dns => "the host name could not be resolved",
            Self::Connect => "refused, reset or closed before any header",
            Self::Tls => "the TLS handshake or the certificate failed",
            Self::Timeout => "one of the attempt's time limits passed",
            Self::HttpStatus => "a status that is not accepted",
            Self::Protocol => "not HTTP, or broken HTTP",
            Self::Redirect => "too many redirects, a loop, or a forbidden scheme",
            Self::Body => "the body was cut short or reset",
            Self::TooLarge => "the body, a header or the page is beyond a cap",
            Self::Decode => "the content coding is broken or unknown",
            Self::Robots => "disallowed by robots.txt",
            Self::Blocked => "the address is refused by the guard",
            Self::CircuitOpen => "the host has been given up for now",
            Self::Extract => "a required field is missing",
            Self::Internal => "a bug in this program",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for ErrorKind {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or(())
    }
}

impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One failed request: its kind, a line for a person, and what the retry rule needs to know about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct Failure {
    /// The kind, from the closed set.
    pub kind: ErrorKind,
    /// One line: what, where, and what to do where something can be done.
    pub message: String,
    /// The status of the response, where there was one.
    pub status: Option<u16>,
    /// The response's `Content-Type`, where there was one.
    pub content_type: Option<String>,
    /// What the server asked for with it.
    pub asked: Option<Asked>,
    /// Trying again cannot help although the kind is one that is retried ("no such host").
    pub permanent: bool,
}

impl Failure {
    /// A failure without a response.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), status: None, content_type: None, asked: None, permanent: false }
    }
}
