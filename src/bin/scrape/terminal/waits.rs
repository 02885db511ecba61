//! What the run waits for, in a line; and when somebody asked, with a line for each request under way and each waiting host.

use std::time::{Duration, Instant, SystemTime};

use bytesize::ByteSize;
use scrape::Waits;
use scrape::model::{Flying, HostWait, Phase, Stage};
use serde_json::json;

use super::LogFormat;
use super::logs::{json_line, progress_line};
use super::out::{Form, Out};
use super::progress::{seconds, short};

/// Things named in the line; the rest is counted.
const NAMED: usize = 3;
/// Characters of a URL in the line, and in a line of its own.
const URL: [usize; 2] = [80, 500];
/// A body that is silent for longer is said to be.
const SILENCE: Duration = Duration::from_secs(2);

/// Says what is waited for, in the shape of the logs.
#[derive(Clone)]
pub(super) struct Voice {
    pub(super) out: Out,
    pub(super) format: LogFormat,
    pub(super) quiet: bool,
}

impl Voice {
    /// Silent where that was asked for, unless somebody asked for this too.
    pub(super) fn say(&self, waits: &Waits) {
        if waits.asked || !self.quiet {
            let form = if self.format == LogFormat::Json { Form::Json } else { Form::Line };
            let clock = Clock { now: Instant::now(), wall: SystemTime::now() };
            let lines = lines(waits, self.format, clock);
            // In one piece, and each of them cleaned as the line that it is.
            let text: String = lines.iter().map(|line| form.clean(line)).collect();
            self.out.write(&text, Form::Text);
        }
    }
}

/// What time it is, on both clocks.
#[derive(Clone, Copy, Debug)]
struct Clock {
    now: Instant,
    wall: SystemTime,
}

impl Clock {
    /// An instant to come, for a person: in UTC where that needs no date, and how far it is.
    fn until(self, at: Instant) -> String {
        let left = at.saturating_duration_since(self.now);
        let whole = seconds(Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0)));
        if left > Duration::from_hours(20) {
            return format!("for {whole}");
        }
        let time = humantime::format_rfc3339_seconds(self.wall + left).to_string();
        format!("until {}, in {whole}", &time[11..])
    }
}

/// The lines with their newlines.
fn lines(waits: &Waits, format: LogFormat, clock: Clock) -> Vec<String> {
    let summary = summary(waits, clock);
    let mut lines = vec![match format {
        LogFormat::Text => progress_line(&summary, format, clock.wall),
        LogFormat::Json => json_line(
            "INFO",
            &summary,
            clock.wall,
            json!({
                "waited_ms": millis(waits.waited), "in_flight": waits.in_flight.len(), "waiting_hosts": waits.waiting_hosts,
                "waits_for_output": waits.output, "waits_for_input": waits.input,
            }),
        ),
    }];
    if waits.asked {
        lines.extend(waits.in_flight.iter().map(|flying| flying_line(flying, format, clock)));
        lines.extend(waits.hosts.iter().map(|host| host_line(host, format, clock)));
        let unnamed = waits.waiting_hosts.saturating_sub(waits.hosts.len());
        if unnamed > 0 && !waits.hosts.is_empty() {
            lines.push(progress_line(&format!("  and {}", counted(unnamed, "more host")), format, clock.wall));
        }
    }
    lines
}

fn flying_line(flying: &Flying, format: LogFormat, clock: Clock) -> String {
    let attempt = if flying.attempt > 1 { format!(", attempt {}", flying.attempt) } else { String::new() };
    let body = if flying.phase == Phase::Body { "body " } else { "" };
    let text = format!("  {}: {body}{}{attempt}", cut(&flying.url, URL[1]), doing(flying));
    match format {
        LogFormat::Text => progress_line(&text, format, clock.wall),
        LogFormat::Json => json_line(
            "INFO",
            text.trim_start(),
            clock.wall,
            json!({
                "url": flying.url, "attempt": flying.attempt, "phase": flying.phase.to_string(), "phase_ms": millis(flying.phase_for),
                "elapsed_ms": millis(flying.flying_for), "bytes": flying.bytes, "bytes_per_second": flying.rate,
            }),
        ),
    }
}

fn host_line(host: &HostWait, format: LogFormat, clock: Clock) -> String {
    let text = format!("  {}", host_text(host, clock));
    match format {
        LogFormat::Text => progress_line(&text, format, clock.wall),
        LogFormat::Json => json_line(
            "INFO",
            text.trim_start(),
            clock.wall,
            json!({
                "host": host.host, "why": host.why.to_string(), "queued": host.queued,
                "wait_ms": host.until.map(|at| millis(at.saturating_duration_since(clock.now))),
            }),
        ),
    }
}

/// Everything in one line: the most important by name, the rest counted.
fn summary(waits: &Waits, clock: Clock) -> String {
    let things = things(waits, clock);
    let rest: usize = things.iter().skip(NAMED).map(|(count, _)| count).sum();
    let mut named: Vec<_> = things.into_iter().take(NAMED).map(|(_, text)| text).collect();
    if rest > 0 {
        named.push(format!("and {}", counted(rest, "other")));
    }
    if named.is_empty() {
        named.push("nothing".to_owned());
    }
    let stopping = if waits.stage == Stage::Draining { "stopping, " } else { "" };
    format!("{stopping}waiting {}: {}", short(waits.waited), named.join("; "))
}

/// What is waited for, the most important first, each with the number of those that it stands for.
fn things(waits: &Waits, clock: Clock) -> Vec<(usize, String)> {
    let door = |text: &str| (1, text.to_owned());
    let output = match waits.stage {
        Stage::Opening => "opening the output",
        Stage::Ending => "the output to take the last records",
        _ => "the output to take records",
    };
    let input = if waits.stage == Stage::Opening { "opening the input" } else { "the input to go on" };
    let mut things = Vec::new();
    things.extend(waits.output.then(|| door(output)));
    things.extend(hosts(waits, clock));
    let mut groups: Vec<(&Flying, usize)> = Vec::new();
    for flying in &waits.in_flight {
        match groups.iter_mut().find(|(first, _)| std::mem::discriminant(&first.phase) == std::mem::discriminant(&flying.phase)) {
            Some((_, count)) => *count += 1,
            None => groups.push((flying, 1)),
        }
    }
    groups.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    things.extend(groups.into_iter().map(|(first, count)| {
        let url = cut(&first.url, URL[0]);
        let text = match &first.phase {
            Phase::Resolving(_) => doing(first),
            phase => format!("{} {url} {}", if *phase == Phase::Body { "body of" } else { "" }, doing(first)).trim().to_owned(),
        };
        (count, and_more(text, count, ""))
    }));
    things.extend(waits.input.then(|| door(input)));
    things
}

/// The hosts that wait, as one thing; or the turn of the next request, where no host does.
fn hosts(waits: &Waits, clock: Clock) -> Option<(usize, String)> {
    let next = waits.next_at.map(|at| clock.until(at));
    match (waits.hosts.first(), waits.waiting_hosts) {
        (Some(host), count) => Some((count, and_more(host_text(host, clock), count, "host"))),
        (None, 0) => Some((1, format!("the next request's turn, {}", next?))),
        (None, count) => Some((count, format!("{} {}", counted(count, "host"), next?))),
    }
}

fn host_text(host: &HostWait, clock: Clock) -> String {
    let until = host.until.map(|at| format!(" {}", clock.until(at))).unwrap_or_default();
    format!("{}{until} ({}, {})", cut(&host.host, URL[0]), host.why, counted(host.queued, "target"))
}

/// What a request is at.
fn doing(flying: &Flying) -> String {
    let time = short(flying.phase_for);
    match &flying.phase {
        Phase::Resolving(name) => format!("dns of {} for {time}", cut(name, URL[0])),
        Phase::Connecting => format!("connecting for {time}"),
        Phase::Waiting => format!("not answered for {time}"),
        Phase::Body => {
            let silence = flying.silent_for;
            let silent = if silence >= SILENCE { format!(", silent for {}", short(silence)) } else { String::new() };
            format!("at {}/s ({} so far{silent})", size(flying.rate), size(flying.bytes))
        }
        Phase::Memory => format!("waiting for memory (--max-memory) for {time}"),
        Phase::Reading => format!("being parsed for {time}"),
    }
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).display().si().to_string()
}

fn and_more(text: String, count: usize, what: &str) -> String {
    match (count, what) {
        (0 | 1, _) => text,
        (_, "") => format!("{text}, and {} more", count - 1),
        _ => format!("{text}, and {}", counted(count - 1, &format!("more {what}"))),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A text of at most so many characters: where it is longer, its middle is left out.
fn cut(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let tail = most / 4;
    let head = most - tail - 1;
    text.chars().take(head).chain(['…']).chain(text.chars().skip(length - tail)).collect()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
