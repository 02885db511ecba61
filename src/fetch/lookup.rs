//! Who knows the addresses of names: the system, or whoever stands in for it.

use std::fmt::Debug;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

/// So many lookups ask the system at a time: fewer than tokio's pool has threads (512), which pages are read on too.
const AT_A_TIME: usize = 384;

/// The addresses of a name, on their way.
pub type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Finds the addresses of names. Asked once for each connection, and what it answers is what is dialled.
pub trait Lookup: Debug + Send + Sync {
    /// The addresses of a name, in the order in which they are to be tried. Their ports are not looked at.
    ///
    /// # Errors
    /// The name has no address: [`NotFound`](io::ErrorKind::NotFound) where asking again would not help.
    fn look_up(&self, name: &str) -> Found;
}

/// The system's resolver. It works on the runtime's pool for what blocks and caches what it caches; a lookup that nobody waits for
/// any more is dropped if it has not begun. One that has cannot be stopped: a program that must not wait for it ends its runtime
/// with `shutdown_background`.
#[derive(Clone, Debug)]
pub struct System {
    /// A permit a lookup, held for as long as the system takes: those that hang leave the pool's other threads alone.
    room: Arc<Semaphore>,
    ask: fn(&str) -> io::Result<Vec<SocketAddr>>,
}

impl Default for System {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(AT_A_TIME)), ask: |name| Ok((name, 0).to_socket_addrs()?.collect()) }
    }
}

impl Lookup for System {
    fn look_up(&self, name: &str) -> Found {
        let (name, ask, room) = (name.to_owned(), self.ask, Arc::clone(&self.room));
        Box::pin(async move {
            let permit = room.acquire_owned().await.expect("nobody closes this semaphore");
            #[expect(clippy::disallowed_methods, reason = "it is awaited, and what it holds goes with it")]
            let asked = tokio::task::spawn_blocking(move || {
                let found = ask(&name);
                drop(permit);
                found
            });
            asked.await.map_err(io::Error::other)?
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    use tokio::runtime::Builder;

    use super::*;

    /// Whether the lookups that hang may go on.
    static RELEASED: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

    fn hang(_: &str) -> io::Result<Vec<SocketAddr>> {
        let (released, changed) = &RELEASED;
        drop(changed.wait_while(released.lock().unwrap(), |released| !*released).unwrap());
        Err(io::ErrorKind::NotFound.into())
    }

    #[test]
    fn lookups_that_hang_leave_threads_for_what_else_blocks() {
        let runtime = Builder::new_current_thread().enable_time().max_blocking_threads(3).build().unwrap();
        let system = System { room: Arc::new(Semaphore::new(2)), ask: hang };
        runtime.block_on(async {
            let moment = Duration::from_millis(20);
            for _ in 0..10 {
                assert!(tokio::time::timeout(moment, system.look_up("a.example")).await.is_err(), "it hangs");
            }
            #[expect(clippy::disallowed_methods, reason = "the test awaits it")]
            let other = tokio::task::spawn_blocking(|| 7);
            assert_eq!(other.await.unwrap(), 7);
            *RELEASED.0.lock().unwrap() = true;
            RELEASED.1.notify_all();
            let error = system.look_up("a.example").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "a lookup that has ended makes room");
        });
    }
}
