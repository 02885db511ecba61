//! What bodies may take of memory, all workers together. A worker that finds no room waits and does not read its socket meanwhile: then
//! the system's buffers fill up, and the server waits too.
//!
//! [`Room`] decides; this waits and wakes. Each worker has a small part to itself, so that small pages neither wait nor ask.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::policy::{Room, robots};

/// The largest buffer that the HTTP client reads into, one a connection: nobody can tell it to take less.
const BUFFER: u64 = 8192 + 4096 * 100;

/// The most that a connection reads ahead of who reads its body: that buffer, and the chunk that came from it.
pub(super) const READ_AHEAD: u64 = 2 * BUFFER;

/// What each worker has to itself, if that is little of all.
const APART: u64 = 64 << 10;

/// A bound on the bytes of all bodies at a time: as received, decoded, and held until their fields are read. Clones share it.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Each worker's own.
    apart: u64,
    /// What one worker may hold beyond that.
    most: u64,
    next: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    room: Room,
    waiting: HashMap<u64, oneshot::Sender<()>>,
}

impl Memory {
    /// A bound of `total` bytes for so many workers, none of whose bodies is larger than `max_body`; [`least`](Self::least) bytes if
    /// that is more. What their connections read ahead is part of it, as far as that leaves room for bodies: hardly ever do a thousand
    /// large ones come fast at a time.
    #[must_use]
    pub fn new(total: u64, max_body: u64, workers: usize) -> Self {
        let most = Self::least(max_body);
        let total = total.max(most);
        let workers = (workers as u64).max(1);
        let apart = APART.min((total - most) / 2 / workers);
        let ahead = workers.saturating_mul(BUFFER).min(total / 2);
        let total = (total - ahead).max(most + 2 * apart * workers);
        let room = Room::new(total - apart * workers, most);
        let state = Mutex::new(State { room, waiting: HashMap::new() });
        Self(Arc::new(Shared { apart, most, next: AtomicU64::new(0), state }))
    }

    /// What the largest body can take by itself: as it was received, decoded, and once more while what is decoded grows.
    #[must_use]
    pub fn least(max_body: u64) -> u64 {
        max_body.max(robots::MAX_BYTES as u64 + 1).saturating_mul(3).saturating_add(2 * READ_AHEAD)
    }

    /// The account of one more body.
    pub(super) fn held(&self) -> Held {
        Held { memory: Some(self.clone()), id: None, bytes: 0 }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is behind it is whole between any two calls.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Wakes those whose turn it is. Who has stopped waiting meanwhile leaves when it is dropped.
    fn wake(&mut self, served: Vec<u64>) {
        for id in served {
            if let Some(waiting) = self.waiting.remove(&id) {
                let _ = waiting.send(());
            }
        }
    }
}

/// What is held of a [`Memory`] for one body, until it is dropped. The default one is bounded by nothing.
#[derive(Debug, Default)]
pub struct Held {
    memory: Option<Memory>,
    /// Known to the room, because it once wanted more than each worker's own.
    id: Option<u64>,
    bytes: u64,
}

impl Held {
    /// What one body can take at most.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.memory.as_ref().map_or(u64::MAX, |memory| memory.0.most)
    }

    /// Whether it will never be refused anything.
    pub(super) fn is_all(&self) -> bool {
        self.bytes >= self.most()
    }

    /// Holds `bytes` in all, if that needs no wait.
    pub(super) fn try_hold(&mut self, bytes: u64) -> bool {
        let Some((memory, id, more)) = self.beyond(bytes) else { return true };
        let is_held = memory.state().room.try_ask(id, more);
        self.bytes = if is_held { bytes } else { self.bytes };
        is_held
    }

    /// Holds `bytes` in all, and waits until they are free.
    pub async fn hold(&mut self, bytes: u64) {
        let Some((memory, id, more)) = self.beyond(bytes) else { return };
        let turn = {
            let mut state = memory.state();
            if state.room.ask(id, more) {
                None
            } else {
                let (wake, turn) = oneshot::channel();
                state.waiting.insert(id, wake);
                Some(turn)
            }
        };
        if let Some(turn) = turn {
            turn.await.expect("who is named by the room is woken, and nobody else takes the sender");
        }
        self.bytes = bytes;
    }

    /// Holds no more than `bytes` from now on.
    pub(super) fn lower(&mut self, bytes: u64) {
        if bytes >= self.bytes {
            return;
        }
        self.bytes = bytes;
        if let (Some(memory), Some(id)) = (&self.memory, self.id) {
            let mut state = memory.state();
            let served = state.room.give_back(id, bytes.saturating_sub(memory.0.apart));
            state.wake(served);
        }
    }

    /// What the room is to be asked for, if holding `bytes` needs asking.
    fn beyond(&mut self, bytes: u64) -> Option<(Memory, u64, u64)> {
        let memory = self.memory.clone()?;
        if bytes <= self.bytes || bytes <= memory.0.apart {
            self.bytes = self.bytes.max(bytes);
            return None;
        }
        let id = *self.id.get_or_insert_with(|| memory.0.next.fetch_add(1, Ordering::Relaxed));
        let more = (bytes - memory.0.apart).min(memory.0.most);
        Some((memory, id, more))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let (Some(memory), Some(id)) = (&self.memory, self.id) {
            let mut state = memory.state();
            state.waiting.remove(&id);
            let served = state.room.leave(id);
            state.wake(served);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::task::JoinSet;
    use tokio::time::{Instant, sleep_until};

    use super::*;

    const BODY: u64 = 10_000_000;

    #[tokio::test]
    async fn small_bodies_never_ask() {
        let memory = Memory::new(256_000_000, BODY, 20);
        let mut held: Vec<_> = (0..20).map(|_| memory.held()).collect();
        for held in &mut held {
            held.hold(APART).await;
            assert!(held.id.is_none());
        }
        assert!(held[0].try_hold(APART + 1) && held[0].id.is_some());
    }

    #[test]
    fn a_bound_too_small_for_one_body_is_raised_to_it() {
        let memory = Memory::new(1, BODY, 1000);
        let mut held = memory.held();
        assert!(memory.0.apart == 0 && !held.is_all());
        assert!(!held.try_hold(Memory::least(BODY)), "nobody but the first has that much, and the first asks differently");
        held.hold(Memory::least(BODY)).now_or_never().expect("it is the first");
        assert!(held.is_all() && held.try_hold(5));
        let endless = Memory::new(256_000_000, u64::MAX, 20);
        assert!(endless.held().most() == u64::MAX && Held::default().try_hold(u64::MAX));
    }

    /// Bodies that grow step by step, each step after a while, all at once: every one comes to its end within the bound.
    #[tokio::test(start_paused = true)]
    async fn all_bodies_end_under_any_bound() {
        for (seed, total) in [(1, 1), (2, 40_000_000), (3, 64_000_000), (4, 256_000_000)] {
            let memory = Memory::new(total, BODY, 200);
            let bound = usize::try_from(total.max(Memory::least(BODY))).unwrap();
            let sum = Arc::new(AtomicUsize::new(0));
            let mut bodies = JoinSet::new();
            let mut dice = fastrand::Rng::with_seed(seed);
            for _ in 0..200 {
                let (memory, sum, mut dice) = (memory.clone(), Arc::clone(&sum), dice.fork());
                #[expect(clippy::disallowed_methods, reason = "the test joins them")]
                bodies.spawn(async move {
                    let (mut held, mut own) = (memory.held(), 0);
                    for _ in 0..dice.usize(1..20) {
                        let bytes = dice.u64(0..Memory::least(BODY));
                        held.hold(bytes).await;
                        let more = usize::try_from(bytes).unwrap().saturating_sub(own);
                        own += more;
                        assert!(sum.fetch_add(more, Ordering::SeqCst) + more <= bound);
                        sleep_until(Instant::now() + Duration::from_millis(dice.u64(0..50))).await;
                        if dice.bool() {
                            let keep = own / 2;
                            sum.fetch_sub(own - keep, Ordering::SeqCst);
                            own = keep;
                            held.lower(own as u64);
                        }
                    }
                    sum.fetch_sub(own, Ordering::SeqCst);
                });
            }
            let all = async {
                while let Some(ended) = bodies.join_next().await {
                    ended.unwrap();
                }
            };
            tokio::time::timeout(Duration::from_hours(1), all).await.expect("nobody waits for ever");
            assert!(memory.state().waiting.is_empty());
        }
    }

    #[tokio::test]
    async fn who_stops_waiting_lets_the_others_in() {
        let memory = Memory::new(1, BODY, 1);
        let most = Memory::least(BODY);
        let (mut one, mut two, mut three) = (memory.held(), memory.held(), memory.held());
        one.hold(most).await;
        {
            let (second, third) = (two.hold(1), three.hold(1));
            assert!(second.now_or_never().is_none() && third.now_or_never().is_none());
        }
        drop(two);
        drop(one);
        three.hold(most).await;
        assert_eq!(memory.state().waiting.len(), 0);
    }
}
