//! How a run is asked to stop: first to drain, then to end now; and how it is asked what it waits for.

use std::sync::Arc;

use tokio::sync::{Notify, watch};

/// How urgent a stop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Halt {
    /// Go on.
    Go,
    /// Send nothing new; let what is in flight finish within its own limits and the grace time.
    Drain,
    /// Stop at once. What was written stays valid.
    Now,
}

/// The hand on the brake.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Halt>, Arc<Notify>);

/// What a run listens to. A run whose [`Stopper`] is gone cannot be stopped and goes on to its end.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<Halt>, Arc<Notify>);

/// A brake and what is connected to it.
///
/// ```
/// use scrape::{Halt, stop};
/// let (stopper, _stop) = stop();
/// assert_eq!(stopper.press(), Halt::Drain); // the first signal
/// assert_eq!(stopper.press(), Halt::Now); // the second one
/// ```
#[must_use]
pub fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(Halt::Go);
    let asks = Arc::new(Notify::new());
    (Stopper(sender, Arc::clone(&asks)), Stop(receiver, asks))
}

impl Stopper {
    /// One step further: first drain, then now. Answers what is asked for with it.
    #[expect(clippy::must_use_candidate, reason = "pressing is the point")]
    pub fn press(&self) -> Halt {
        let mut halt = Halt::Now;
        self.0.send_modify(|now| {
            *now = if *now == Halt::Go { Halt::Drain } else { Halt::Now };
            halt = *now;
        });
        halt
    }

    /// Asks what the run waits for. It is answered once by whatever part of the run is waiting; what is asked meanwhile is the same
    /// question.
    pub fn ask(&self) {
        self.1.notify_one();
    }
}

impl Stop {
    /// What is asked for at the moment.
    #[must_use]
    pub fn halt(&self) -> Halt {
        *self.0.borrow()
    }

    /// Where questions are heard.
    pub(super) fn asks(&self) -> Arc<Notify> {
        Arc::clone(&self.1)
    }

    /// Waits until at least `halt` is asked for.
    pub async fn reached(&mut self, halt: Halt) {
        if self.0.wait_for(|now| *now >= halt).await.is_err() {
            std::future::pending::<()>().await; // nobody can ask any more
        }
    }
}
