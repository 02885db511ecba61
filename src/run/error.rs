//! What can break a run as a whole; a target that fails is a record.

use std::io;

use crate::extract::FieldError;
use crate::fetch::ClientError;
use crate::model::Summary;
use crate::{bodies, ledger, sink, source};

/// A run that broke, or could not begin. What was written until then stays valid.
#[derive(Debug)]
pub struct Error {
    /// What broke.
    pub cause: Cause,
    /// What had been done until then; `None` where no request was sent.
    pub summary: Option<Box<Summary>>,
}

/// What can break a run.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// Two fields of one name, or the like.
    #[error(transparent)]
    Extract(#[from] FieldError),
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The input cannot be opened or read on.
    #[error(transparent)]
    Input(#[from] source::Error),
    /// The output cannot be opened or written.
    #[error(transparent)]
    Output(#[from] sink::Error),
    /// The system has no thread for the source or the sink.
    #[error("cannot start a thread (is ulimit -u reached?)")]
    Thread(#[from] io::Error),
    /// What is kept of hosts between runs cannot be opened.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// Bodies cannot be saved, or no more of them.
    #[error(transparent)]
    Body(#[from] bodies::Error),
    /// Targets that had been put aside cannot be read back.
    #[error("targets that waited in a temporary file cannot be read back: {0}")]
    Parked(String),
    /// The source or the sink panicked.
    #[error("a bug in scrape: its {0} thread panicked")]
    Bug(&'static str),
}

impl Error {
    /// Whether the plan is at fault: nothing was requested, and nothing would change without another plan.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match &self.cause {
            Cause::Extract(_) => true,
            Cause::Ledger(error) => error.is_usage(),
            Cause::Input(error) => error.is_usage(),
            Cause::Output(error) => error.is_usage(),
            Cause::Body(error) => error.is_usage(),
            Cause::Client(error) => error.is_usage(),
            Cause::Thread(_) | Cause::Parked(_) | Cause::Bug(_) => false,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.cause.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.source()
    }
}

impl<C: Into<Cause>> From<C> for Error {
    fn from(cause: C) -> Self {
        Self { cause: cause.into(), summary: None }
    }
}
