//! The first of the three tasks: the thread that reads targets.

use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{Cause, Error, start_thread};
use crate::model::Read;
use crate::source;

/// What the source knows before its first target.
pub(super) struct Opened {
    pub(super) input: Vec<Arc<str>>,
    pub(super) free_input: bool,
    pub(super) total: Option<u64>,
}

/// The thread that reads targets.
pub(super) struct Source {
    opened: Option<oneshot::Receiver<Result<Opened, source::Error>>>,
    ended: oneshot::Receiver<Result<u64, source::Error>>,
}

pub(super) fn start_source(settings: source::Settings, targets: mpsc::Sender<Read>) -> io::Result<Source> {
    let (tell_opened, opened) = oneshot::channel();
    let (tell_ended, ended) = oneshot::channel();
    let read = move || {
        let mut reader = match source::open(settings) {
            Ok(reader) => reader,
            Err(error) => return drop(tell_opened.send(Err(error))),
        };
        let (input, free_input) = reader.columns();
        if tell_opened.send(Ok(Opened { input, free_input, total: reader.total() })).is_err() {
            return; // the run was stopped while the input had nothing to say
        }
        let mut outcome = Ok(());
        for read in &mut reader {
            match read {
                Ok(read) => {
                    if targets.blocking_send(read).is_err() {
                        break; // the crawl takes no more
                    }
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        // Told before the channel closes; with nobody left to hear it there is nobody to tell.
        let _ = tell_ended.send(outcome.map(|()| reader.passed_over()));
        drop(targets);
    };
    start_thread("source", read)?;
    Ok(Source { opened: Some(opened), ended })
}

impl Source {
    pub(super) async fn opened(&mut self) -> Result<Opened, Error> {
        let opened = self.opened.as_mut().expect("asked once");
        Ok(opened.await.map_err(|_| Cause::Bug("source"))??)
    }

    /// How many lines were passed over.
    pub(super) async fn ended(self) -> Result<u64, Cause> {
        self.ended.await.map_err(|_| Cause::Bug("source"))?.map_err(Cause::Input)
    }
}
