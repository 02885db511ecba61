//! A pipe that is read to its end on a thread of its own, and can be waited on meanwhile.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use super::{LIMIT, thread};

#[derive(Default)]
struct Poured {
    bytes: Vec<u8>,
    ended: bool,
}

/// Everything that has come out of a pipe so far.
pub(crate) struct Tap {
    poured: Arc<(Mutex<Poured>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

impl Tap {
    /// Reads `pipe` until it ends.
    pub(crate) fn on(mut pipe: impl Read + Send + 'static) -> Self {
        let poured = Arc::<(Mutex<Poured>, Condvar)>::default();
        let shared = Arc::clone(&poured);
        let reader = thread("tap", move || {
            let mut piece = [0; 8192];
            loop {
                let read = pipe.read(&mut piece).unwrap_or(0);
                let mut poured = shared.0.lock().expect("nobody panics while reading");
                poured.bytes.extend_from_slice(&piece[..read]);
                poured.ended = read == 0;
                shared.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Self { poured, reader: Some(reader) }
    }

    /// Waits until `find` finds something in what has come so far. Fails loud when the time is up or the pipe ended without it.
    pub(crate) fn wait<T>(&self, what: &str, mut find: impl FnMut(&[u8]) -> Option<T>) -> T {
        let start = Instant::now();
        let mut poured = self.poured.0.lock().expect("nobody panics while reading");
        loop {
            if let Some(found) = find(&poured.bytes) {
                return found;
            }
            let rest = LIMIT.saturating_sub(start.elapsed());
            let over = if poured.ended { "the end" } else { "the time limit" };
            let text = String::from_utf8_lossy(&poured.bytes);
            assert!(!poured.ended && !rest.is_zero(), "no {what} before {over} of:\n{text}");
            poured = self.poured.1.wait_timeout(poured, rest).expect("nobody panics while reading").0;
        }
    }

    /// Everything, once the pipe has ended; an error with what there was if it has not ended in time.
    pub(crate) fn drain(mut self) -> Result<Vec<u8>, String> {
        let poured = self.poured.0.lock().expect("nobody panics while reading");
        let (mut poured, _) =
            self.poured.1.wait_timeout_while(poured, LIMIT, |poured| !poured.ended).expect("nobody panics while reading");
        if !poured.ended {
            return Err(String::from_utf8_lossy(&poured.bytes).into_owned());
        }
        let bytes = std::mem::take(&mut poured.bytes);
        drop(poured);
        if let Some(reader) = self.reader.take() {
            reader.join().expect("a tap does not panic");
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::Tap;

    #[test]
    fn a_tap_can_be_waited_on_and_drained() {
        let tap = Tap::on(&b"one\ntwo\n"[..]);
        assert_eq!(tap.wait("second line", |bytes| bytes.split(|b| *b == b'\n').nth(1).map(<[u8]>::to_vec)), b"two");
        assert_eq!(tap.drain().unwrap(), b"one\ntwo\n");
    }

    #[test]
    #[should_panic(expected = "no such thing before the end of:\none")]
    fn what_never_comes_is_not_waited_for_beyond_the_end() {
        Tap::on(&b"one\n"[..]).wait("such thing", |_| None::<()>);
    }
}
