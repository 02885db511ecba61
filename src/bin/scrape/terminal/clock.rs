//! What makes the progress move while nothing else does.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// A thread that does something at intervals until it is dropped, which waits for its end.
pub(super) struct Clock {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Clock {
    /// Starts it; a machine that has no thread to spare goes without progress.
    pub(super) fn start(every: Duration, mut tick: impl FnMut() + Send + 'static) -> Option<Self> {
        let (stop, stopped) = sync_channel(0);
        let run = move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                tick();
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the clock is joined when it is dropped, and carries no work")]
        let thread = Builder::new().name("progress".to_owned()).spawn(run).ok()?;
        Some(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of its own was logged by the hook.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_ticks_until_it_is_dropped() {
        let (ticked, ticks) = sync_channel(1);
        let clock = Clock::start(Duration::from_millis(1), move || {
            let _ = ticked.try_send(());
        });
        assert!(ticks.recv().is_ok() && ticks.recv().is_ok());
        drop(clock);
        // At most one tick was still underway; after it nobody is left to tick.
        assert!(ticks.iter().count() <= 1);
    }
}
