//! What the run waits for before its crawl has begun and after it has ended: its input and its output. In between the crawl says so
//! itself.

use std::convert::Infallible;
use std::sync::Mutex;

use tokio::time::Instant;

use super::{Observe, lock};
use crate::crawl::Patience;
use crate::model::{News, Stage, Waits};

/// The input is being opened.
pub(super) fn input_opens() -> Waits {
    Waits { stage: Stage::Opening, input: true, ..Waits::default() }
}

/// The output is being opened.
pub(super) fn output_opens() -> Waits {
    Waits { stage: Stage::Opening, output: true, ..Waits::default() }
}

/// The last records are being written.
pub(super) fn output_ends() -> Waits {
    Waits { stage: Stage::Ending, output: true, ..Waits::default() }
}

/// Passes on what the crawl says.
pub(super) fn pass_on<O: Observe>(observe: &Mutex<O>, news: News<'_>) {
    let mut observe = lock(observe);
    match news {
        News::Status(status) => observe.status(status),
        News::Waits(waits) => observe.waiting(waits),
    }
}

/// Says what is waited for, whenever it is time to, until it is dropped. `done` counts what completes meanwhile.
pub(super) async fn attend<O: Observe>(
    observe: &Mutex<O>,
    patience: &mut Patience,
    waits: Waits,
    done: impl Fn() -> u64,
) -> Infallible {
    let mut before = done();
    loop {
        let asked = patience.due().await;
        let (now, count) = (Instant::now(), done());
        let moved = std::mem::replace(&mut before, count) != count;
        if moved {
            patience.moved(now);
        }
        if asked || !moved {
            lock(observe).waiting(&Waits { asked, waited: patience.waited(now), ..waits.clone() });
        }
    }
}
