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

/// The most targets that are handed over at a time. More of them would not spare a wake-up worth the name.
const MOST: usize = 64;

/// The far end of the targets' channel, and how many of them are handed over at a time.
pub(super) struct Batches {
    out: mpsc::Sender<Vec<Read>>,
    most: usize,
}

/// A channel for batches of targets that holds no more of them than `bound`, those in its ends' hands included: there is one batch that
/// is filled, one on its way, and one that is taken in.
pub(super) fn targets(bound: usize) -> (Batches, mpsc::Receiver<Vec<Read>>) {
    let (out, targets) = mpsc::channel(1);
    (Batches { out, most: (bound / 3).clamp(1, MOST) }, targets)
}

impl Batches {
    /// Hands on what there is, as long as somebody takes it. What is at hand goes together; before the next target has to be waited
    /// for, all that came before it are on their way.
    fn send(&self, reader: &mut Reader) -> Result<(), source::Error> {
        let mut batch = Vec::new();
        let mut outcome = Ok(());
        for read in reader {
            let more = match read {
                Ok(read) => {
                    let more = read.more;
                    batch.push(read);
                    more
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            };
            if (!more || batch.len() >= self.most) && self.out.blocking_send(std::mem::take(&mut batch)).is_err() {
                break; // the crawl takes no more
            }
        }
        if !batch.is_empty() {
            let _ = self.out.blocking_send(batch); // and if it takes no more, that ends here anyway
        }
        outcome
    }
}

pub(super) fn start_source(settings: source::Settings, targets: Batches) -> io::Result<Source> {
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
fn hand_on(reader: Reader, go: Go, total: &OnceLock<u64>, targets: &Batches) -> Result<u64, source::Error> {
    let records = go.earlier.len();
    let Some((mut reader, finished)) = reader.resume(go.earlier, go.secrets, || !targets.out.is_closed())? else { return Ok(0) };
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
    targets.send(&mut reader)?;
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

#[cfg(test)]
mod tests {
    use std::io::{self, Read as _, Write as _};
    use std::thread;

    use super::*;

    fn reader(from: Box<dyn io::Read + Send>) -> Reader {
        let inputs = vec![source::Origin::Reader { name: "test".to_owned(), from }];
        source::open(source::Settings { inputs, ..source::Settings::default() }).unwrap()
    }

    fn urls(batch: Vec<Read>) -> Vec<String> {
        batch.into_iter().filter_map(|read| read.target).map(|target| target.given().to_owned()).collect()
    }

    #[test]
    fn what_is_at_hand_is_handed_over_together_and_within_the_bound() {
        for (bound, most) in [(2, 1), (6, 2), (100, 33), (4000, MOST)] {
            let list: Vec<_> = (0..500).map(|n| format!("http://a.example/{n}")).collect();
            let mut input = reader(Box::new(io::Cursor::new(list.join("\n") + "\n")));
            let (out, mut batches) = targets(bound);
            let mut got = Vec::new();
            thread::scope(|scope| {
                scope.spawn(move || out.send(&mut input).unwrap());
                while let Some(batch) = batches.blocking_recv() {
                    assert!(batch.len() == most || got.len() + batch.len() == 500, "{} of {most}", batch.len());
                    got.extend(urls(batch));
                }
            });
            assert_eq!(got, list);
        }
    }

    #[test]
    fn what_came_is_handed_over_before_more_is_waited_for() {
        let (from, mut pipe) = io::pipe().unwrap();
        let (out, mut batches) = targets(1000);
        thread::scope(|scope| {
            let reading = scope.spawn(move || out.send(&mut reader(Box::new(from))));
            for n in 0..5 {
                write!(pipe, "http://a.example/{n}\nhttp://b.example/{n}\n").unwrap();
                let mut got = urls(batches.blocking_recv().unwrap());
                if got.len() == 1 {
                    got.extend(urls(batches.blocking_recv().unwrap())); // half of it was read before the rest was there
                }
                assert_eq!(got, [format!("http://a.example/{n}"), format!("http://b.example/{n}")]);
            }
            drop(pipe);
            assert!(batches.blocking_recv().is_none());
            reading.join().unwrap().unwrap();
        });
    }

    #[test]
    fn what_came_before_an_input_broke_is_handed_over_and_a_crawl_that_takes_no_more_ends_it() {
        struct Broken;
        impl io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let begin = io::Cursor::new("http://a.example/1\nhttp://a.example/2\n");
        let (out, mut batches) = targets(1000);
        let error = thread::scope(|scope| {
            let ended = scope.spawn(|| out.send(&mut reader(Box::new(begin.chain(Broken)))));
            let mut got = Vec::new();
            while got.len() < 2 {
                got.extend(urls(batches.blocking_recv().unwrap()));
            }
            ended.join().unwrap().unwrap_err()
        });
        assert!(error.to_string().contains("test"), "{error}");
        drop(batches);
        let lines = io::Cursor::new("http://a.example/1\n".repeat(100_000));
        let mut lines = reader(Box::new(lines));
        out.send(&mut lines).unwrap();
        assert!(lines.next().is_some(), "it was not read to its end");
    }
}
