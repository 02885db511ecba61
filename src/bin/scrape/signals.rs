//! The signals that end a run, and those that ask what it waits for.

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};
use std::{fs, io};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;

/// SIGINT, and SIGTERM with SIGHUP, which a closed terminal or cron's machinery sends.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// None where it is ignored from the start: `nohup` means that a terminal which closes ends nothing.
    hang_up: Option<Signal>,
    last: Option<Instant>,
}

/// One wish may arrive twice: `timeout` signals its child and then the whole group, a closing terminal sends SIGHUP with it. Nobody
/// presses Ctrl-C twice as quickly.
const ECHO: Duration = Duration::from_millis(200);

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: if is_ignored(SignalKind::hangup()) { None } else { Some(signal(SignalKind::hangup())?) },
            last: None,
        })
    }

    /// Waits for the next one that is no echo of the one before; answers the exit code that it asks for.
    pub(crate) async fn next(&mut self) -> Exit {
        loop {
            let exit = tokio::select! {
                _ = self.interrupt.recv() => Exit::Interrupted,
                _ = self.terminate.recv() => Exit::Terminated,
                Some(()) = recv(&mut self.hang_up) => Exit::Terminated,
            };
            let now = Instant::now();
            if self.last.is_none_or(|last| now - last > ECHO) {
                self.last = Some(now);
                return exit;
            }
        }
    }
}

/// SIGUSR1, and SIGINFO where Ctrl-T sends it.
pub(crate) struct Asks(Vec<Signal>);

impl Asks {
    /// From now on nobody ends the program by asking, nor does a file that reaches the limit of its size (`ulimit -f`): the write
    /// fails instead. Needs a runtime.
    pub(crate) fn new() -> io::Result<Self> {
        // It stays caught when nobody listens any more.
        drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
        let kinds = [
            SignalKind::user_defined1(),
            #[cfg(any(
                target_os = "dragonfly",
                target_os = "freebsd",
                target_os = "macos",
                target_os = "netbsd",
                target_os = "openbsd"
            ))]
            SignalKind::info(),
        ];
        kinds.into_iter().map(signal).collect::<io::Result<_>>().map(Self)
    }

    /// Waits until somebody asks.
    pub(crate) async fn next(&mut self) {
        poll_fn(|context| {
            let asked = self.0.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if asked { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Waits for a signal; nothing where it is not listened to.
async fn recv(signal: &mut Option<Signal>) -> Option<()> {
    signal.as_mut()?.recv().await
}

/// Whether whoever started the program had it ignore a signal. Where the system does not tell (it has no `/proc`), it did not.
fn is_ignored(kind: SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}
