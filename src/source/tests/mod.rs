//! What a user may rely on, from inputs to targets.

mod globs;
mod inputs;
mod strays;
mod tables;
mod targets;
mod twice;

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read};

use super::*;
use crate::model::{ErrorKind, Target};

/// An input that arrives in pieces, each of them after an interrupted call.
pub(super) struct Pieces {
    rest: VecDeque<Vec<u8>>,
    interrupt: bool,
    /// What is told after the last piece, instead of the end.
    then: Option<io::Error>,
}

impl Pieces {
    pub(super) fn new(pieces: Vec<Vec<u8>>) -> Self {
        // An empty piece would mean the end.
        Self { rest: pieces.into_iter().filter(|piece| !piece.is_empty()).collect(), interrupt: true, then: None }
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.interrupt = !self.interrupt;
        if !self.interrupt {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let Some(piece) = self.rest.front_mut() else { return self.then.take().map_or(Ok(0), Err) };
        let length = (&piece[..]).read(into)?;
        piece.drain(..length);
        if piece.is_empty() {
            self.rest.pop_front();
        }
        Ok(length)
    }
}

fn bytes(name: &str, bytes: impl AsRef<[u8]>) -> Origin {
    Origin::Reader { name: name.to_owned(), from: Box::new(io::Cursor::new(bytes.as_ref().to_vec())) }
}

fn pieces(name: &str, pieces: &[&str]) -> Origin {
    let pieces = pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect();
    Origin::Reader { name: name.to_owned(), from: Box::new(Pieces::new(pieces)) }
}

fn of(inputs: impl Into<Vec<Origin>>) -> Settings {
    Settings { inputs: inputs.into(), ..Settings::default() }
}

fn read(settings: Settings) -> Vec<Target> {
    open(settings).unwrap().filter_map(|read| read.unwrap().target).collect()
}

/// The URL, or the message that stands for it.
fn said(target: &Target) -> String {
    match &target.url {
        Ok(url) => url.to_string(),
        Err(failure) => {
            assert_eq!(failure.kind, ErrorKind::InvalidUrl);
            failure.message.clone()
        }
    }
}

fn all(settings: Settings) -> Vec<String> {
    read(settings).iter().map(said).collect()
}

fn more(settings: Settings) -> Vec<bool> {
    open(settings).unwrap().map(|read| read.unwrap().more).collect()
}

/// An error and its causes, as the program prints them.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.extend([": ", &error.to_string()]);
        cause = error.source();
    }
    text
}

fn refused(settings: Settings) -> (String, bool) {
    let error = open(settings).err().unwrap();
    (chain(&error), error.is_usage())
}

fn file(folder: &tempfile::TempDir, name: &str, content: &str) -> (Origin, PathBuf) {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (Origin::File(path.clone()), path)
}
