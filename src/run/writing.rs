//! The last of the three tasks: the thread that writes records, and counts what it wrote.

use std::future::pending;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::Interest;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};

use super::tally::Tally;
use super::{Cause, Error, LAST_WRITE, Observe, lock, start_thread};
use crate::model::{Columns, Earlier, Record, Summary};
use crate::sink::{self, End};

/// How the writing ended.
struct Written {
    outcome: Result<End, sink::Error>,
    partial: Vec<PathBuf>,
}

/// The thread that writes records.
pub(super) struct Sink {
    opened: oneshot::Receiver<Result<Earlier, sink::Error>>,
    complete: oneshot::Sender<bool>,
    ended: oneshot::Receiver<Written>,
    tally: Arc<Mutex<Tally>>,
}

pub(super) fn start_sink<O: Observe>(
    settings: sink::Settings,
    columns: Columns,
    mut records: mpsc::Receiver<Record>,
    observe: Arc<Mutex<O>>,
) -> io::Result<Sink> {
    let (tell_opened, opened) = oneshot::channel();
    let (complete, told_complete) = oneshot::channel();
    let (tell_ended, ended) = oneshot::channel();
    let tally = Arc::new(Mutex::new(Tally::new(&columns.data)));
    let counts = Arc::clone(&tally);
    let write = move || {
        let mut writer = match sink::open(settings, &columns) {
            Ok(writer) => writer,
            Err(error) => return drop(tell_opened.send(Err(error))),
        };
        if tell_opened.send(Ok(writer.take_earlier())).is_err() {
            // Stopped meanwhile. What is gone on with has lost its end, and gets it back.
            let _ = writer.end(false);
            return;
        }
        let told = Arc::clone(&observe);
        writer.before_write(move || lock(&told).writing());
        let written = writer.run(&mut records, &mut |record| {
            lock(&counts).add(record);
            lock(&observe).record(record);
        });
        // From here on the crawl's sends fail, and it ends.
        drop(records);
        let complete = written.is_ok() && told_complete.blocking_recv().unwrap_or(false);
        let (finished, ended) = writer.end(complete);
        let _ = tell_ended.send(Written { outcome: written.and_then(|end| ended.map(|()| end)), partial: finished.partial });
    };
    start_thread("sink", write)?;
    Ok(Sink { opened, complete, ended, tally })
}

impl Sink {
    /// What is in the outputs already, and so need not be fetched.
    pub(super) async fn opened(&mut self) -> Result<Earlier, Error> {
        Ok((&mut self.opened).await.map_err(|_| Cause::Bug("sink"))??)
    }

    /// Gives the outputs of a run that does not begin a moment to be ended: one that waits for its reader has none.
    pub(super) async fn given_up(self) {
        drop((self.opened, self.complete));
        // Either way there is nobody to tell.
        let _ = tokio::time::timeout(LAST_WRITE, self.ended).await;
    }

    /// Tells how many records have been written.
    pub(super) fn written(&self) -> impl Fn() -> u64 + use<> {
        let tally = Arc::clone(&self.tally);
        move || lock(&tally).records()
    }

    /// Lets the sink write its end, until it is `too_late`: a reader that does not read must not hold the run for ever.
    pub(super) async fn finish(
        self,
        complete: bool,
        too_late: impl Future<Output = ()>,
    ) -> Result<(Summary, Result<End, sink::Error>), Error> {
        // The thread may have ended by itself: then its answer is there.
        let _ = self.complete.send(complete);
        let output = tokio::select! {
            biased;
            ended = self.ended => ended.map_err(|_| Cause::Bug("sink"))?,
            () = too_late => Written { outcome: Ok(End::Done), partial: vec![] },
        };
        // What a sink that is left behind still writes is in no count.
        let tally = std::mem::replace(&mut *lock(&self.tally), Tally::new(&[]));
        Ok((Summary { partial: output.partial, ..tally.sum_up() }, output.outcome))
    }
}

/// Resolves when nobody reads standard output any more, so that a run whose pages are slow ends then and not with its next record.
/// Never for any other destination, nor where the system cannot tell.
pub(super) async fn reader_gone(is_stdout: bool) {
    if is_stdout
        && let Ok(stdout) = io::stdout().as_fd().try_clone_to_owned()
        // Only its readiness is asked for, so the descriptor stays as it is: blocking, and whatever it may be.
        && let Ok(stdout) = pipe::Sender::from_owned_fd_unchecked(stdout)
        && stdout.ready(Interest::ERROR).await.is_ok()
    {
        return;
    }
    pending::<()>().await;
}
