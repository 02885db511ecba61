//! The time limits of one attempt: the whole of it, the silence in it, and how slow its body may come.

use std::pin::Pin;
use std::str::FromStr;
use std::task::Poll;
use std::time::Duration;

use bytesize::ByteSize;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Settings;
use super::dial::{self, Dial};
use crate::model::{ErrorKind, Failure};

/// Over how long the speed of a body is measured where nothing else is said.
const SPEED_OVER: Duration = Duration::from_secs(30);

/// The least speed of a body: so many bytes in every so much time.
///
/// ```
/// use scrape::fetch::MinSpeed;
/// use std::time::Duration;
/// assert_eq!("1K".parse(), Ok(MinSpeed { bytes: 30_000, over: Duration::from_secs(30) })); // a second, over 30 seconds
/// assert_eq!("5K/10s".parse(), Ok(MinSpeed { bytes: 5000, over: Duration::from_secs(10) }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinSpeed {
    /// So many bytes at least,
    pub bytes: u64,
    /// in every time as long as this.
    pub over: Duration,
}

/// Why a text is no speed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no speed: write 1K (bytes a second, over 30 seconds) or 5K/10s (so much in every 10 seconds)")]
pub struct MinSpeedError {
    text: String,
}

impl FromStr for MinSpeed {
    type Err = MinSpeedError;

    fn from_str(text: &str) -> Result<Self, MinSpeedError> {
        let speed = || {
            let (size, over) = text.split_once('/').map_or((text, None), |(size, over)| (size, Some(over)));
            let bytes = size.trim().parse::<ByteSize>().ok()?.as_u64();
            let (bytes, over) = match over {
                Some(over) => (bytes, humantime::parse_duration(over.trim()).ok()?),
                None => (bytes.checked_mul(SPEED_OVER.as_secs())?, SPEED_OVER),
            };
            // Shorter than a pause between two packets would be no speed; longer than a day is no limit.
            let is_sound = bytes > 0 && (Duration::from_millis(100)..=Duration::from_hours(24)).contains(&over);
            is_sound.then_some(Self { bytes, over })
        };
        speed().ok_or_else(|| MinSpeedError { text: text.to_owned() })
    }
}

/// The time limits of one request, kept with one timer.
#[derive(Debug)]
pub(super) struct Limits {
    timer: Pin<Box<Sleep>>,
    /// The whole attempt's limit, for its message.
    timeout: Duration,
    /// When the attempt must have ended.
    pub(super) total: Instant,
    /// The longest silence.
    read: Duration,
    /// When the current silence has lasted too long.
    silent_until: Instant,
    speed: Option<Speed>,
}

/// The speed of a body: what has come in the current time of its measure.
#[derive(Debug)]
struct Speed {
    min: MinSpeed,
    /// Since when it is measured: `None` before the body begins.
    from: Option<Instant>,
    bytes: u64,
}

impl Limits {
    /// The limits of a request that starts now, in an attempt of which so much has passed.
    pub(super) fn new(settings: &Settings, spent: Duration) -> Self {
        let (now, read) = (Instant::now(), settings.read_timeout);
        let total = now + settings.timeout.saturating_sub(spent);
        let speed = settings.min_speed.map(|min| Speed { min, from: None, bytes: 0 });
        Self { timer: Box::pin(sleep_until(total)), timeout: settings.timeout, total, read, silent_until: now + read, speed }
    }

    /// Waits for the answer's head. The silence begins when there is a connection; opening one has its own limit, in the client.
    pub(super) async fn head<T>(&mut self, answer: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::pin!(answer);
        loop {
            self.timer.as_mut().reset(self.total.min(self.silent_until));
            tokio::select! {
                biased;
                answer = &mut answer => return Ok(answer),
                () = self.timer.as_mut() => {}
            }
            let now = Instant::now();
            if now >= self.total {
                let doing = if dial::state() == Dial::Started { "no connection" } else { "no answer" };
                return Err(self.out_of_time(doing));
            }
            self.silent_until = match dial::state() {
                Dial::Done(at) | Dial::Overtaken(at) if at + self.read > now => at + self.read,
                Dial::Started => now + self.read,
                _ => return Err(Failure::new(ErrorKind::Timeout, format!("no answer within --read-timeout ({:?})", self.read))),
            };
        }
    }

    /// Waits for the next piece of the body, before which there were `so_far` bytes; no longer than `patience`, where there is one.
    /// `None`: nothing came, and the silence is measured anew.
    pub(super) async fn chunk<T>(
        &mut self,
        chunk: impl Future<Output = T>,
        so_far: usize,
        patience: Option<Duration>,
    ) -> Result<Option<T>, Failure> {
        tokio::pin!(chunk);
        // A piece that is here already costs no timer.
        let polled = std::future::poll_fn(|context| Poll::Ready(chunk.as_mut().poll(context))).await;
        if let Poll::Ready(chunk) = polled {
            return Ok(Some(chunk));
        }
        let began = Instant::now();
        self.silent_until = began + self.read;
        let patient_until = patience.map(|patience| began + patience);
        loop {
            let slow_at = self.speed.as_mut().map(Speed::ends);
            let next = [slow_at, patient_until].into_iter().flatten().fold(self.total.min(self.silent_until), Instant::min);
            self.timer.as_mut().reset(next);
            tokio::select! {
                biased;
                chunk = &mut chunk => return Ok(Some(chunk)),
                () = self.timer.as_mut() => {}
            }
            let now = Instant::now();
            if now >= self.total {
                return Err(self.out_of_time(&format!("the body had not ended after {so_far} bytes")));
            }
            if now >= self.silent_until {
                let message = format!("the body stalled after {so_far} bytes for --read-timeout ({:?})", self.read);
                return Err(Failure::new(ErrorKind::Timeout, message));
            }
            self.speed(now, so_far)?;
            if patient_until.is_some_and(|until| now >= until) {
                return Ok(None);
            }
        }
    }

    /// Counts what came, and fails a body that is too slow although it never stops.
    pub(super) fn came(&mut self, bytes: usize, so_far: usize) -> Result<(), Failure> {
        let Some(speed) = &mut self.speed else { return Ok(()) };
        let now = Instant::now();
        speed.from.get_or_insert(now);
        // What comes after the end of the time counts for the next one.
        self.speed(now, so_far)?;
        if let Some(speed) = &mut self.speed {
            speed.bytes += bytes as u64;
        }
        Ok(())
    }

    /// Waits for something of our own, which is no fault of the server: it uses up none of its time.
    pub(super) async fn pause(&mut self, own: impl Future<Output = ()>) {
        tokio::pin!(own);
        if std::future::poll_fn(|context| Poll::Ready(own.as_mut().poll(context))).await.is_ready() {
            return;
        }
        let from = Instant::now();
        dial::hold_back();
        own.await;
        let waited = from.elapsed();
        dial::go_on(waited);
        self.total += waited;
        if let Some(Speed { from: Some(from), .. }) = &mut self.speed {
            *from += waited;
        }
    }

    /// Fails a body that has been too slow, when it is time to say so.
    fn speed(&mut self, now: Instant, so_far: usize) -> Result<(), Failure> {
        let Some(speed) = &mut self.speed else { return Ok(()) };
        if now < speed.ends() {
            return Ok(());
        }
        let MinSpeed { bytes, over } = speed.min;
        if speed.bytes < bytes {
            let message = format!(
                "the body was too slow after {so_far} bytes: {} bytes in {over:?}, less than --min-speed ({bytes} in {over:?})",
                speed.bytes
            );
            return Err(Failure::new(ErrorKind::Timeout, message));
        }
        (speed.from, speed.bytes) = (Some(now), 0);
        Ok(())
    }

    fn out_of_time(&self, doing: &str) -> Failure {
        Failure::new(ErrorKind::Timeout, format!("{doing} within --timeout ({:?})", self.timeout))
    }
}

impl Speed {
    /// When the current time of its measure ends; the first one begins when this is first asked.
    fn ends(&mut self) -> Instant {
        *self.from.get_or_insert_with(Instant::now) + self.min.over
    }
}

#[cfg(test)]
mod tests;
