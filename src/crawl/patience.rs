//! When to say what a run waits for: nothing has completed for a while, or somebody asks.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, Sleep, sleep_until};

use super::stop::Stop;

/// Between two times that it is said of one silence.
const AGAIN: Duration = Duration::from_mins(1);

/// As good as for ever, and still a time that a clock can show.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);

/// Measures how long nothing has completed. Its timer and its ear are kept from wait to wait, as there is one for each request.
#[derive(Debug)]
pub(crate) struct Patience {
    length: Duration,
    asks: Arc<Notify>,
    asked: Pin<Box<OwnedNotified>>,
    timer: Pin<Box<Sleep>>,
    /// When something completed last.
    moved: Instant,
    /// When it is to be said, if nothing completes before.
    next: Instant,
}

impl Patience {
    /// Patience that lasts for `length`, from `now` on.
    pub(crate) fn new(length: Duration, stop: &Stop, now: Instant) -> Self {
        let length = length.min(FOR_EVER);
        let (asks, next) = (stop.asks(), now + length);
        let asked = Box::pin(Arc::clone(&asks).notified_owned());
        Self { length, asks, asked, timer: Box::pin(sleep_until(next)), moved: now, next }
    }

    /// Something completed.
    pub(crate) fn moved(&mut self, now: Instant) {
        (self.moved, self.next) = (now, now + self.length);
        // A timer that rings too early is set again then, which is once a silence and not once a request.
        if self.timer.deadline() > self.next {
            self.timer.as_mut().reset(self.next);
        }
    }

    /// How long nothing has completed.
    pub(crate) fn waited(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.moved)
    }

    /// Waits until it is time to say what is waited for; answers whether somebody asked.
    pub(crate) async fn due(&mut self) -> bool {
        loop {
            tokio::select! {
                biased;
                () = self.asked.as_mut() => {
                    self.asked = Box::pin(Arc::clone(&self.asks).notified_owned());
                    return true;
                }
                () = self.timer.as_mut() => {}
            }
            let now = Instant::now();
            let is_due = self.next <= now;
            if is_due {
                self.next = now + AGAIN;
            }
            self.timer.as_mut().reset(self.next);
            if is_due {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stop::stop;
    use super::*;

    const TEN: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn it_ends_once_a_silence_and_then_once_a_minute() {
        let (_stopper, stop) = stop();
        let start = Instant::now();
        let mut patience = Patience::new(TEN, &stop, start);
        for seconds in [10, 70, 130] {
            assert!(!patience.due().await);
            assert_eq!(start.elapsed().as_secs(), seconds);
        }
        let moved = Instant::now();
        patience.moved(moved);
        assert!(!patience.due().await);
        assert_eq!((moved.elapsed(), patience.waited(Instant::now())), (TEN, TEN));
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_completes_renews_it() {
        let (_stopper, stop) = stop();
        let mut patience = Patience::new(TEN, &stop, Instant::now());
        for _ in 0..5 {
            assert!(tokio::time::timeout(Duration::from_secs(7), patience.due()).await.is_err());
            patience.moved(Instant::now());
        }
        let moved = Instant::now();
        patience.due().await;
        assert_eq!(moved.elapsed(), TEN);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_is_answered_at_once_and_by_one_only() {
        let (stopper, stop) = stop();
        stopper.ask();
        stopper.ask();
        let start = Instant::now();
        let mut patience = Patience::new(TEN, &stop, start);
        assert!(patience.due().await);
        assert_eq!(start.elapsed(), Duration::ZERO);
        stopper.ask();
        drop(patience); // it had heard the question, and passes it on
        let mut other = Patience::new(TEN, &stop, start);
        assert!(other.due().await);
        assert!(!other.due().await, "nobody asked again");
    }

    #[tokio::test(start_paused = true)]
    async fn it_may_last_for_ever() {
        let (_stopper, stop) = stop();
        let mut patience = Patience::new(Duration::MAX, &stop, Instant::now());
        assert!(tokio::time::timeout(Duration::from_hours(1000), patience.due()).await.is_err());
    }
}
