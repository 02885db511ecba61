//! The first of the three tasks: the thread that reads targets.

use std::io;
use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, oneshot};

use super::{Cause, Error, start_thread};
use crate::model::{Earlier, Read, Secrets};
use crate::source::{self, Reader};

/// What the source knows before its first target.
pub(super) struct Opened {
    pub(super) input: Vec<Arc<str>>,
    pub(super) free_input: bool,
}

/// What decides which targets are read: what an earlier run has finished, and how its records show URLs.
pub(super) struct Go {
    pub(super) earlier: Earlier,
    pub(super) secrets: Secrets,
}

/// The thread that reads targets.
pub(super) struct Source {
    opened: Option<oneshot::Receiver<Result<Opened, source::Error>>>,
    go: Option<oneshot::Sender<Go>>,
    total: Arc<OnceLock<u64>>,
    ended: oneshot::Receiver<Result<u64, source::Error>>,
}

pub(super) fn start_source(settings: source::Settings, targets: mpsc::Sender<Read>) -> io::Result<Source> {
    let (tell_opened, opened) = oneshot::channel();
    let (tell_ended, ended) = oneshot::channel();
    let (go, told_go) = oneshot::channel();
    let total = Arc::new(OnceLock::new());
    let count = Arc::clone(&total);
    let read = move || {
        let reader = match source::open(settings) {
            Ok(reader) => reader,
            Err(error) => return drop(tell_opened.send(Err(error))),
        };
        let (input, free_input) = reader.columns();
        if tell_opened.send(Ok(Opened { input, free_input })).is_err() {
            return; // the run was stopped while the input had nothing to say
        }
        let Ok(go) = told_go.blocking_recv() else { return };
        // Told before the channel closes; with nobody left to hear it there is nobody to tell.
        let _ = tell_ended.send(hand_on(reader, go, &count, &targets));
        drop(targets);
    };
    start_thread("source", read)?;
    Ok(Source { opened: Some(opened), go: Some(go), total, ended })
}

/// Hands on what is left to do, as long as somebody takes it, and answers how many lines were passed over.
fn hand_on(reader: Reader, go: Go, total: &OnceLock<u64>, targets: &mpsc::Sender<Read>) -> Result<u64, source::Error> {
    let records = go.earlier.len();
    let Some((mut reader, finished)) = reader.resume(go.earlier, go.secrets, || !targets.is_closed())? else { return Ok(0) };
    if records > 0 {
        tracing::info!(records, finished, "going on with an earlier run");
        if finished == 0 {
            tracing::warn!(
                records,
                "none of the output's records belongs to a target of this list: is it the output of another one?"
            );
        }
    }
    if let Some(count) = reader.total() {
        let _ = total.set(count); // nobody else does
    }
    for read in &mut reader {
        if targets.blocking_send(read?).is_err() {
            break; // the crawl takes no more
        }
    }
    Ok(reader.passed_over())
}

impl Source {
    pub(super) async fn opened(&mut self) -> Result<Opened, Error> {
        let opened = self.opened.as_mut().expect("asked once");
        Ok(opened.await.map_err(|_| Cause::Bug("source"))??)
    }

    /// Has it begin to read targets.
    pub(super) fn begin(&mut self, go: Go) {
        // A thread that has panicked is found out at its end.
        let _ = self.go.take().expect("begun once").send(go);
    }

    /// How many targets there are to fetch, as soon as that is known.
    pub(super) fn total(&self) -> Arc<OnceLock<u64>> {
        Arc::clone(&self.total)
    }

    /// How many lines were passed over.
    pub(super) async fn ended(self) -> Result<u64, Cause> {
        self.ended.await.map_err(|_| Cause::Bug("source"))?.map_err(Cause::Input)
    }
}
