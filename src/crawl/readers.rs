//! Where pages are read: those that a glance is enough for beside the sockets, the others on threads of their own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use tokio::sync::Semaphore;

use crate::extract::Effort;

/// So many bytes of a page are read where it arrives: handing it over costs more than they hold up the sockets, at some 4 µs a KiB.
const GLANCE: usize = 16 << 10;

/// The same where there is one processor only, and nothing goes on beside the sockets anyway.
const LONG_GLANCE: usize = 48 << 10;

/// How much of a page is read where it arrives, and how many are read on other threads.
#[derive(Debug)]
pub(super) struct Readers {
    /// What is read of a page where it arrives.
    pub(super) glance: Effort,
    /// One permit a processor: more pages at a time would only take memory and turns from each other.
    turns: Semaphore,
}

impl Readers {
    /// For so many processors.
    pub(super) fn new(processors: usize) -> Self {
        let glance = Effort::Glance(if processors > 1 { GLANCE } else { LONG_GLANCE });
        Self { glance, turns: Semaphore::new(processors.max(1)) }
    }

    /// Has some work done on a thread when there is a turn, and waits for what comes of it, which may be a panic. `None`: the runtime
    /// has ended.
    pub(super) async fn call<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<thread::Result<T>> {
        let _turn = self.turns.acquire().await.expect("nobody closes this semaphore");
        #[expect(clippy::disallowed_methods, reason = "whoever gives it something to do waits for that")]
        tokio::task::spawn_blocking(move || catch_unwind(AssertUnwindSafe(work))).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn no_more_is_done_at_a_time_than_there_are_processors_and_all_of_it() {
        let readers = Readers::new(2);
        let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let calls = (0..100).map(|n| {
            let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
            readers.call(move || {
                peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::yield_now();
                now.fetch_sub(1, Ordering::SeqCst);
                n
            })
        });
        let done: Vec<_> = join_all(calls).await.into_iter().map(|done| done.unwrap().unwrap()).collect();
        assert!(done.into_iter().eq(0..100));
        assert!(peak.load(Ordering::SeqCst) <= 2);
    }

    #[tokio::test]
    async fn a_panic_is_the_callers_and_the_thread_goes_on() {
        let readers = Readers::new(1);
        let (bad, good) = tokio::join!(readers.call(|| panic!("cursed")), readers.call(|| 1));
        let bad: thread::Result<()> = bad.unwrap();
        assert_eq!(bad.unwrap_err().downcast_ref(), Some(&"cursed"));
        assert_eq!(good.unwrap().unwrap(), 1);
        assert_eq!(readers.call(|| 2).await.unwrap().unwrap(), 2);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_not_done() {
        let readers = Readers::new(1);
        let (release, held) = mpsc::sync_channel(1);
        let mut busy = Box::pin(readers.call(move || held.recv()));
        assert!(busy.as_mut().now_or_never().is_none());
        let (mark, marked) = mpsc::sync_channel(1);
        let mut given_up = Box::pin(readers.call(move || mark.send(())));
        assert!(given_up.as_mut().now_or_never().is_none());
        drop(given_up);
        let next = readers.call(|| ());
        release.send(()).unwrap();
        busy.await.unwrap().unwrap().unwrap();
        next.await.unwrap().unwrap();
        assert_eq!(marked.recv(), Err(mpsc::RecvError), "it was dropped as it was");
    }
}
