//! Waiting for a record, but no longer than until an instant: what the channel does not offer to a plain thread.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use tokio::sync::mpsc::Receiver;

/// The instant came before a record did.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Late;

/// The next record, or none at the end of the channel. Blocks its thread.
pub(super) fn receive<T>(records: &mut Receiver<T>, until: Option<Instant>) -> Result<Option<T>, Late> {
    let Some(until) = until else { return Ok(records.blocking_recv()) };
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(record) = records.poll_recv(&mut Context::from_waker(&waker)) {
            return Ok(record);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Late);
        }
        thread::park_timeout(left);
    }
}

/// Wakes a thread that is parked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc::channel;

    use super::*;

    #[test]
    fn what_comes_in_time_is_received_and_the_end_is_heard_at_once() {
        let later = Some(Instant::now() + Duration::from_hours(1));
        for until in [None, later] {
            let (sender, mut receiver) = channel(1);
            thread::scope(|scope| {
                scope.spawn(move || (0..100).for_each(|number| sender.blocking_send(number).unwrap()));
                for number in 0..100 {
                    assert_eq!(receive(&mut receiver, until), Ok(Some(number)));
                }
                assert_eq!(receive(&mut receiver, until), Ok(None));
            });
        }
    }

    #[test]
    fn nothing_is_waited_for_longer_than_was_said() {
        let (sender, mut receiver) = channel::<()>(1);
        let until = Instant::now() + Duration::from_millis(20);
        assert_eq!(receive(&mut receiver, Some(until)), Err(Late));
        assert!(Instant::now() >= until);
        sender.try_send(()).unwrap();
        assert_eq!(receive(&mut receiver, Some(until)), Ok(Some(())), "what is there is taken first");
    }
}
