//! How far the run is: counts that its observer feeds and a clock draws, ten times a second on the bar or every ten seconds as
//! a line. No text of a page or a URL is in it. Feeding is cheap (two counters and a copy), as it is done between requests.
//!
//! Where records go into a pipe, its reader may print on the screen that the bar is on (`scrape … | jq`). Then the bar is taken
//! away before records are written, and comes back when the reader has had time to print.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use indicatif::ProgressBar;
use scrape::model::Status;
use scrape::{Observe, Record, Waits};

use super::canvas::{self, width};
use super::clock::Clock;
use super::out::{Form, Out};
use super::waits::Voice;
use super::{LogFormat, logs};

/// Between two frames of the bar: the countdown moves also while nothing completes.
const FRAME: Duration = Duration::from_millis(100);
/// How long a pipe's reader has to print what it was given before the bar comes back.
const QUIET: Duration = Duration::from_millis(150);
/// Between two progress lines, and what the rate is measured over.
const WINDOW: Duration = Duration::from_secs(10);

/// What is told about the run while it runs. Clones tell the same terminal.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    meter: Arc<Meter>,
    /// Who says what the run waits for.
    voice: Option<Voice>,
}

#[derive(Default)]
struct Meter {
    ok: AtomicU64,
    failed: AtomicU64,
    status: Mutex<Status>,
    turn: Mutex<Turn>,
}

impl Observe for Watch {
    fn record(&mut self, record: &Record) {
        let count = if record.error.is_some() { &self.meter.failed } else { &self.meter.ok };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn writing(&mut self) {
        lock(&self.meter.turn).give(Instant::now());
    }

    fn status(&mut self, status: &Status) {
        *lock(&self.meter.status) = *status;
    }

    fn waiting(&mut self, waits: &Waits) {
        if let Some(voice) = &self.voice {
            voice.say(waits);
        }
    }
}

impl Watch {
    pub(super) fn new(voice: Voice) -> Self {
        Self { voice: Some(voice), ..Self::default() }
    }

    /// Draws the bar; where its screen is shared, only while nobody else may print there.
    pub(super) fn draw_on(&self, bar: ProgressBar, shared: bool) -> Option<Clock> {
        let (watch, mut pace) = (self.clone(), Pace::new(Instant::now()));
        Clock::start(FRAME, move || {
            let now = Instant::now();
            let facts = watch.facts(&mut pace, now);
            // Held while the bar is drawn, so that no record is written meanwhile.
            let mut turn = lock(&watch.meter.turn);
            if !shared || turn.take(&bar, now) {
                bar.set_message(facts.lines(width().into()).join("\n"));
            }
        })
    }

    pub(super) fn log_to(&self, out: Out, format: LogFormat) -> Option<Clock> {
        let (watch, mut pace) = (self.clone(), Pace::new(Instant::now()));
        Clock::start(WINDOW, move || {
            let line = watch.facts(&mut pace, Instant::now()).line();
            out.write(&logs::progress_line(&line, format, SystemTime::now()), Form::Line);
        })
    }

    fn facts(&self, pace: &mut Pace, now: Instant) -> Facts {
        let [ok, failed] = [&self.meter.ok, &self.meter.failed].map(|count| count.load(Ordering::Relaxed));
        let status = *lock(&self.meter.status);
        let next_in = status.next_at.map(|at| at.saturating_duration_since(now));
        Facts { ok, failed, status, next_in, rate: pace.rate(now, ok + failed), elapsed: now.duration_since(pace.began) }
    }
}

/// Whose turn it is to write on a screen that the bar shares with the reader of the records.
#[derive(Default)]
struct Turn {
    /// The bar, while it is on the screen.
    bar: Option<ProgressBar>,
    written: Option<Instant>,
}

impl Turn {
    /// The reader's turn begins: the bar is taken away.
    fn give(&mut self, now: Instant) {
        self.written = Some(now);
        if let Some(bar) = self.bar.take() {
            bar.set_message("");
        }
    }

    /// Answers whether it is the bar's turn.
    fn take(&mut self, bar: &ProgressBar, now: Instant) -> bool {
        let quiet = self.written.is_none_or(|written| now.saturating_duration_since(written) >= QUIET);
        if quiet && self.bar.is_none() {
            bar.suspend(canvas::leave_line);
            self.bar = Some(bar.clone());
        }
        quiet
    }
}

/// A lock that a panic has not spoilt: what is behind it is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records a second over the last [`WINDOW`].
struct Pace {
    began: Instant,
    samples: VecDeque<(Instant, u64)>,
}

impl Pace {
    fn new(began: Instant) -> Self {
        Self { began, samples: VecDeque::from([(began, 0)]) }
    }

    fn rate(&mut self, now: Instant, done: u64) -> f64 {
        self.samples.push_back((now, done));
        while self.samples.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            self.samples.pop_front();
        }
        let (since, before) = self.samples[0];
        per_second(done - before, now.duration_since(since))
    }
}

/// How many a second; 0 where no time has passed.
pub(super) fn per_second(count: u64, time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let count = count as f64;
    if time.is_zero() { 0.0 } else { count / time.as_secs_f64() }
}

/// A duration as a person says it: tenths below ten seconds, whole seconds above.
pub(super) fn short(time: Duration) -> String {
    let step = if time < Duration::from_secs(10) { 100 } else { 1000 };
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(millis / step * step)).to_string()
}

/// What a frame shows.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    ok: u64,
    failed: u64,
    status: Status,
    next_in: Option<Duration>,
    rate: f64,
    elapsed: Duration,
}

impl Facts {
    /// The bar, a line, and below it what the run is at. No line is wider than the terminal.
    fn lines(&self, width: usize) -> [String; 2] {
        let counts = self.counts();
        let first = match self.status.total {
            Some(total) => format!("{}{counts}", bar(self.done(), total, width.saturating_sub(counts.len()))),
            None => format!("{} {counts}", ["|", "/", "-", "\\"][(self.elapsed.as_millis() / FRAME.as_millis()) as usize % 4]),
        };
        let second = format!("{}: {}", seconds(self.elapsed), self.waits());
        [first, second].map(|mut line| {
            line.truncate(width);
            line
        })
    }

    /// Everything in one line, for a log.
    fn line(&self) -> String {
        format!("{}, {} elapsed, {}", self.counts(), seconds(self.elapsed), self.waits())
    }

    fn done(&self) -> u64 {
        self.ok + self.failed
    }

    fn counts(&self) -> String {
        let total = self.status.total.map(|total| format!("/{total}")).unwrap_or_default();
        let eta = self.eta().map(|eta| format!(", ETA {}", seconds(eta))).unwrap_or_default();
        format!("{}{total} done, {} ok, {} failed, {:.1}/s{eta}", self.done(), self.ok, self.failed, self.rate)
    }

    fn eta(&self) -> Option<Duration> {
        let to_do = self.status.total?.checked_sub(self.done()).filter(|to_do| *to_do > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "shown in whole seconds")]
        let seconds = to_do as f64 / self.rate;
        // More than a century, or no rate at all, is not worth saying; and it would be too much for a `Duration`.
        (!self.status.draining && seconds < 3e9).then(|| Duration::from_secs_f64(seconds.ceil()))
    }

    fn waits(&self) -> String {
        let Status { in_flight, queued, retrying, waiting_hosts, draining, .. } = self.status;
        let mut waits = vec![format!("{in_flight} in flight")];
        if draining {
            return format!("stopping, {}", waits[0]);
        }
        let hosts = if waiting_hosts == 1 { "host waiting" } else { "hosts waiting" };
        let more = [(queued, "queued"), (retrying, "retrying"), (waiting_hosts, hosts)];
        waits.extend(more.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
        if let Some(next_in) = self.next_in.filter(|next_in| !next_in.is_zero()) {
            // Rounded up, so that it counts down to one and is gone.
            let whole = next_in.as_secs() + u64::from(next_in.subsec_nanos() > 0);
            waits.push(format!("next in {}", seconds(Duration::from_secs(whole))));
        }
        waits.join(", ")
    }
}

/// A duration in whole seconds.
pub(super) fn seconds(time: Duration) -> String {
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}

/// A bar and a space within so many columns; nothing where there is no room for one.
fn bar(done: u64, total: u64, room: usize) -> String {
    let cells = room.saturating_sub(3).min(40);
    if cells < 8 {
        return String::new();
    }
    let share = u128::from(done.min(total)) * cells as u128 / u128::from(total.max(1));
    let full = usize::try_from(share).expect("a share of the cells is at most the cells");
    let head = if full == cells { "" } else { ">" };
    format!("[{}{head}{}] ", "=".repeat(full), " ".repeat(cells - full - head.len()))
}

#[cfg(test)]
mod tests;
