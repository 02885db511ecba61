//! The summary in the text format of Prometheus, for the textfile collector of `node_exporter`. All values are gauges: each is what the
//! last run came to, and the next one starts again.
//!
//! The names begin with `scrape_run_` because Prometheus itself makes a `scrape_duration_seconds` and others of every target. Files of one
//! folder may not have a series in common, or the collector takes none: each has its own name in the label `run`.

use std::fmt::{Display, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scrape::model::{Counts, Ended, Latency};
use scrape::{ErrorKind, Summary};

use crate::ending::End;

/// The text for the file of a run of this name.
pub(super) fn text(end: &End, now: SystemTime, run: &str) -> String {
    let mut to = Metrics { text: String::new(), run };
    whole(&mut to, end, now);
    targets(&mut to, &end.summary);
    traffic(&mut to, &end.summary);
    hosts(&mut to, &end.summary);
    fields(&mut to, end);
    to.text
}

fn whole(to: &mut Metrics<'_>, end: &End, now: SystemTime) {
    let summary = &end.summary;
    to.gauge("scrape_run_info", "The program that ran.").sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    if let Some(started) = summary.started {
        to.gauge("scrape_run_start_time_seconds", "When the run began, in seconds since the epoch.")
            .sample(&[], since_epoch(started));
    }
    to.gauge("scrape_run_end_time_seconds", "When the run ended, in seconds since the epoch.").sample(&[], since_epoch(now));
    to.gauge("scrape_run_duration_seconds", "How long the run took.").sample(&[], seconds(summary.elapsed));
    to.gauge("scrape_run_exit_code", "The exit code of the run.").sample(&[], end.exit as u8);
    let mut ended = to.gauge("scrape_run_ended", "Why the run ended: 1 for the reason.");
    for reason in [Ended::Finished, Ended::Stopped, Ended::FirstFailure, Ended::Deadline, Ended::OutputClosed, Ended::Broken] {
        ended.sample(&[("reason", reason.name())], u8::from(reason == summary.ended));
    }
}

fn targets(to: &mut Metrics<'_>, summary: &Summary) {
    let Summary { read, ok, failed, skipped, left, kinds, answers, .. } = summary;
    to.gauge("scrape_run_input_targets", "Targets read from the input: the sum of scrape_run_targets.").sample(&[], read);
    let mut targets = to.gauge("scrape_run_targets", "Targets by what became of them.");
    for (outcome, count) in [("ok", ok), ("failed", failed), ("skipped", skipped), ("left", left)] {
        targets.sample(&[("outcome", outcome)], count);
    }
    let complete = u8::from(summary.input_complete);
    to.gauge("scrape_run_input_complete", "Whether the input was read to its end.").sample(&[], complete);
    let lines = summary.passed_over;
    to.gauge("scrape_run_input_passed_over_lines", "Lines of the input that are blank or comments.").sample(&[], lines);
    let mut failures = to.gauge("scrape_run_failures", "Failed records by the kind of failure.");
    for kind in ErrorKind::ALL {
        failures.sample(&[("kind", kind.name())], kinds.get(&kind).unwrap_or(&0));
    }
    let mut statuses = to.gauge("scrape_run_responses", "Records by the last HTTP status that they received.");
    for (status, count) in answers {
        statuses.sample(&[("status", &status.to_string())], count);
    }
}

fn traffic(to: &mut Metrics<'_>, summary: &Summary) {
    let Summary { requests, robots, retries, redirects, bytes, received, waits, latency, .. } = summary;
    let mut sent = to.gauge("scrape_run_requests", "Requests sent, by what for.");
    sent.sample(&[("purpose", "page")], requests - robots);
    sent.sample(&[("purpose", "robots")], robots);
    to.gauge("scrape_run_retries", "Attempts beyond the first of a target.").sample(&[], retries);
    to.gauge("scrape_run_redirects", "Redirects followed on the way to pages.").sample(&[], redirects);
    let mut body = to.gauge("scrape_run_body_bytes", "Length of the bodies of pages, decoded and as received.");
    body.sample(&[("form", "decoded")], bytes);
    body.sample(&[("form", "received")], received);
    let help = "How long places were free and no request might start, by what the next one waited for.";
    let mut waited = to.gauge("scrape_run_wait_seconds", help);
    for (reason, time) in waits {
        waited.sample(&[("reason", reason)], seconds(*time));
    }
    let Latency { count, sum, min, p50, p90, p95, p99, max } = *latency;
    if count > 0 {
        let seconds = |millis| seconds(Duration::from_millis(millis));
        let mut times =
            to.metric("scrape_run_attempt_duration_seconds", "How long the last attempts of targets took.", "summary");
        for (quantile, time) in [("0", min), ("0.5", p50), ("0.9", p90), ("0.95", p95), ("0.99", p99), ("1", max)] {
            times.sample(&[("quantile", quantile)], seconds(time));
        }
        times.part("_sum", seconds(sum));
        times.part("_count", count);
    }
}

/// What stands for all other hosts: no host is called so, for each has its port in its name.
const OTHERS: &str = "other";

fn hosts(to: &mut Metrics<'_>, summary: &Summary) {
    let most = Summary::MOST_HOSTS;
    let all = || {
        let named = summary.hosts.iter().map(|host| (&*host.host, host.counts));
        named.chain((summary.other_hosts != Counts::default()).then_some((OTHERS, summary.other_hosts)))
    };
    let help = format!("Records by host, of the {most} with the most; the others are together.");
    let mut records = to.gauge("scrape_run_host_records", &help);
    for (host, counts) in all() {
        records.sample(&[("host", host), ("outcome", "ok")], counts.ok);
        records.sample(&[("host", host), ("outcome", "failed")], counts.failed);
    }
    let mut bytes = to.gauge("scrape_run_host_body_bytes", "Length of the decoded bodies by host, as above.");
    for (host, counts) in all() {
        bytes.sample(&[("host", host)], counts.bytes);
    }
}

fn fields(to: &mut Metrics<'_>, end: &End) {
    let help = "Records without an error in which the field has a value: compare scrape_run_targets{outcome=\"ok\"}.";
    let mut fields = to.gauge("scrape_run_field_matched_records", help);
    for own in &end.summary.fields {
        fields.sample(&[("field", &own.field)], own.matched);
    }
    let mut judged = to.gauge("scrape_run_fail_if", "Whether an expression of --fail-if is true.");
    let mut told: Vec<&str> = Vec::new();
    for own in &end.judged {
        // The same one twice would be the same series twice.
        if !told.contains(&own.expression.as_str()) {
            told.push(&own.expression);
            judged.sample(&[("expression", &own.expression)], u8::from(own.is_true));
        }
    }
}

fn since_epoch(time: SystemTime) -> String {
    seconds(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// To the millisecond.
fn seconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_secs(), time.subsec_millis())
}

/// The text so far, and the name of the run.
struct Metrics<'r> {
    text: String,
    run: &'r str,
}

/// A metric that is being written. One without samples is not written at all.
struct Metric<'a> {
    to: &'a mut String,
    run: &'a str,
    name: &'static str,
    head: Option<String>,
}

impl Metrics<'_> {
    fn gauge(&mut self, name: &'static str, help: &str) -> Metric<'_> {
        self.metric(name, help, "gauge")
    }

    fn metric(&mut self, name: &'static str, help: &str, kind: &str) -> Metric<'_> {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        Metric { to: &mut self.text, run: self.run, name, head: Some(format!("# HELP {name} {help}\n# TYPE {name} {kind}\n")) }
    }
}

impl Metric<'_> {
    fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.line("", labels, &value);
    }

    /// A sample beside those of the metric's own name.
    fn part(&mut self, suffix: &str, value: impl Display) {
        self.line(suffix, &[], &value);
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: &dyn Display) {
        self.to.push_str(&self.head.take().unwrap_or_default());
        let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels = std::iter::once(("run", self.run))
            .chain(labels.iter().copied())
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
        let labels = labels.collect::<Vec<_>>().join(",");
        writeln!(self.to, "{}{suffix}{{{labels}}} {value}", self.name).expect("a String takes whatever is written");
    }
}
