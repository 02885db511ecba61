//! The text that a run ends with.

use std::fmt::Display;
use std::time::SystemTime;

use bytesize::ByteSize;
use scrape::ErrorKind;
use scrape::model::{Clean, Culprit, Ended, Slowed, Summary};

use serde_json::{Map, Value, json};

use super::logs::json_line;
use super::progress::{per_second, short};
use super::{Paint, paint};
use crate::ending::End;
use crate::resume::Resume;

/// A few lines, of which the last is the summary's identity.
pub(super) fn text(end: &End, colour: bool) -> String {
    let summary = &end.summary;
    let mut lines = vec![pace(summary, colour)];
    if !summary.kinds.is_empty() {
        lines.push(format!("{} {}", paint("failed:", Paint::Red, colour), failures(summary)));
    }
    lines.extend(ended_by(summary));
    lines.extend(slowed(summary));
    lines.extend(passed_over(summary));
    lines.extend(left(summary));
    lines.extend(partial(summary));
    let bad = end.judged.iter().filter(|judged| judged.is_true);
    lines.extend(bad.map(|judged| format!("{} {judged}", paint("--fail-if", Paint::Red, colour))));
    lines.extend(end.resume.as_ref().map(Resume::text));
    lines.push(summary.identity());
    lines.join("\n") + "\n"
}

/// The same as one line of a JSON log, whose message is the identity.
pub(super) fn json(end: &End, now: SystemTime) -> String {
    let summary = &end.summary;
    let Summary { read, ok, failed, skipped, left, kinds, statuses, bytes, requests, robots, retries, .. } = summary;
    let Summary { slowed, elapsed, input_complete, .. } = summary;
    let slowed: Vec<_> =
        slowed.iter().map(|it| json!({ "host": it.host, "rate": it.rate, "in_flight": it.in_flight, "why": it.why })).collect();
    let kinds: Map<String, Value> = kinds.iter().map(|(kind, count)| (kind.to_string(), (*count).into())).collect();
    let statuses: Map<String, Value> = statuses.iter().map(|(status, count)| (status.to_string(), (*count).into())).collect();
    json_line(
        "INFO",
        &summary.identity(),
        now,
        json!({
            "read": read, "ok": ok, "failed": failed, "skipped": skipped, "passed_over": summary.passed_over, "left": left, "kinds": kinds, "statuses": statuses, "bytes": bytes,
            "requests": requests, "robots": robots, "retries": retries, "slowed": slowed, "elapsed_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX), "ended": summary.ended.name(),
             "ended_by": summary.ended_by.as_ref().map(|it| json!({ "url": it.url, "error": it.kind, "error_message": it.message })),
             "fail_if": end.judged.iter().filter(|judged| judged.is_true).map(ToString::to_string).collect::<Vec<_>>(),
             "resume": end.resume.as_ref().and_then(Resume::command), "input_complete": input_complete,
             "partial": summary.partial.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        }),
    )
}

fn pace(summary: &Summary, colour: bool) -> String {
    let Summary { ok, failed, bytes, requests, robots, retries, elapsed, .. } = summary;
    let ended = match summary.ended {
        Ended::Finished if *failed == 0 => paint("done", Paint::Green, colour),
        Ended::Finished => "done".to_owned(),
        Ended::Deadline => paint("stopped by the deadline", Paint::Yellow, colour),
        Ended::FirstFailure => paint("stopped by the first failure", Paint::Red, colour),
        Ended::Stopped | Ended::OutputClosed => paint("stopped", Paint::Yellow, colour),
        Ended::Broken => paint("broken off", Paint::Red, colour),
    };
    let rate = per_second(ok + failed, *elapsed);
    let size = ByteSize(*bytes).display().iec();
    let robots = if *robots > 0 { format!(" ({robots} for robots.txt)") } else { String::new() };
    let requests = counted(*requests, "request", "requests") + &robots;
    let retries = counted(*retries, "retry", "retries");
    format!("{ended} after {}: {rate:.1} records/s, {size}, {requests}, {retries}", short(*elapsed))
}

/// The kinds with their counts, the most frequent first; of `http_status` also the statuses.
fn failures(summary: &Summary) -> String {
    most_first(summary.kinds.iter().map(|(kind, count)| {
        let statuses = || most_first(summary.statuses.iter().map(|(status, count)| (format!("{status}: {count}"), *count)));
        let detail = if *kind == ErrorKind::HttpStatus && !summary.statuses.is_empty() {
            format!(" ({})", statuses())
        } else {
            String::new()
        };
        (format!("{kind} {count}{detail}"), *count)
    }))
}

fn most_first(items: impl Iterator<Item = (String, u64)>) -> String {
    let mut items: Vec<_> = items.collect();
    items.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    items.into_iter().map(|(text, _)| text).collect::<Vec<_>>().join(", ")
}

/// So many hosts are named in the text; the JSON line names up to a thousand.
const MOST_SLOWED: usize = 5;

/// The hosts whose answers changed their pace, the slowest first.
fn slowed(summary: &Summary) -> Option<String> {
    let mut hosts: Vec<_> = summary.slowed.iter().collect();
    hosts.sort_by(|a, b| a.rate.unwrap_or(f64::INFINITY).total_cmp(&b.rate.unwrap_or(f64::INFINITY)));
    let mut texts: Vec<_> = hosts.iter().take(MOST_SLOWED).map(|host| pace_of(host)).collect();
    if hosts.len() > MOST_SLOWED {
        texts.push(format!("{} more", hosts.len() - MOST_SLOWED));
    }
    (!texts.is_empty()).then(|| format!("adapted to hosts: {}", texts.join(", ")))
}

/// A host and the pace that it came to: `a.example:443 to 2.1/s (429/503)`.
fn pace_of(host: &Slowed) -> String {
    let rate = host.rate.map(|rate| if rate >= 0.1 { format!("{rate:.1}/s") } else { format!("{:.1}/m", rate * 60.0) });
    let in_flight = host.in_flight.map(|most| format!("{most} at a time"));
    let pace: Vec<_> = rate.into_iter().chain(in_flight).collect();
    let pace = if pace.is_empty() { "full speed again".to_owned() } else { format!("to {}", pace.join(" and ")) };
    format!("{} {pace} ({})", Clean(&host.host), host.why)
}

/// The record whose failure ended the run.
fn ended_by(summary: &Summary) -> Option<String> {
    let Culprit { url, kind, message } = summary.ended_by.as_ref()?;
    Some(format!("the first failure: {} ({kind}: {})", Clean(url), Clean(message)))
}

/// The lines that are no targets.
fn passed_over(summary: &Summary) -> Option<String> {
    let lines = || counted(summary.passed_over, "line is blank or a comment", "lines are blank or comments");
    (summary.passed_over > 0).then(lines)
}

/// What the run did not get to.
fn left(summary: &Summary) -> Option<String> {
    let targets = (summary.left > 0).then(|| counted(summary.left, "target is left", "targets are left"));
    let list = (!summary.input_complete).then(|| "the list was not read to its end".to_owned());
    let what: Vec<_> = targets.into_iter().chain(list).collect();
    (!what.is_empty()).then(|| what.join(" and "))
}

/// Where the records are, if they did not get the place that was meant for them.
pub(super) fn partial(summary: &Summary) -> Option<String> {
    let partial: Vec<_> = summary.partial.iter().map(|path| Clean(&path.display().to_string()).to_string()).collect();
    (!partial.is_empty())
        .then(|| format!("what was to be replaced is untouched; this run's records are in {}", partial.join(", ")))
}

fn counted(count: u64, one: impl Display, many: impl Display) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;

    use crate::exit::Exit;

    /// The text of a run that came to this.
    fn text(summary: &Summary, colour: bool) -> String {
        super::text(&end(summary.clone()), colour)
    }

    fn end(summary: Summary) -> End {
        End { summary, exit: Exit::Success, judged: Vec::new(), resume: None, error: None }
    }

    fn finished() -> Summary {
        Summary {
            read: 1000,
            ok: 990,
            failed: 8,
            skipped: 2,
            kinds: BTreeMap::from([(ErrorKind::Dns, 1), (ErrorKind::Timeout, 2), (ErrorKind::HttpStatus, 5)]),
            statuses: BTreeMap::from([(404, 2), (503, 3)]),
            bytes: 35_861_299,
            requests: 1023,
            retries: 13,
            elapsed: Duration::from_millis(83_200),
            input_complete: true,
            ..Summary::default()
        }
    }

    #[test]
    fn a_summary_ends_with_the_identity() {
        let expected = "\
            done after 1m 23s: 12.0 records/s, 34.2 MiB, 1023 requests, 13 retries\n\
            failed: http_status 5 (503: 3, 404: 2), timeout 2, dns 1\n\
            in 1000 = ok 990 + failed 8 + skipped 2 + left 0\n";
        assert_eq!(text(&finished(), false), expected);
    }

    #[test]
    fn hosts_that_were_slowed_down_are_named_the_slowest_first() {
        let host = |host: &str, rate, in_flight| Slowed { host: host.into(), rate, in_flight, why: "429/503" };
        let slowed =
            vec![host("a.example:80", None, Some(3)), host("b.example:80", Some(0.05), None), host("c:80", Some(2.13), Some(1))];
        let summary = Summary { robots: 3, slowed, ..finished() };
        let text = text(&summary, false);
        assert!(text.contains("1023 requests (3 for robots.txt), 13 retries"), "{text}");
        let expected = "adapted to hosts: b.example:80 to 3.0/m (429/503), c:80 to 2.1/s and 1 at a time (429/503), a.example:80 to 3 at a time (429/503)\n";
        assert!(text.contains(expected), "{text}");
        let many = Summary { slowed: vec![host("a:80", Some(1.0), None); 7], ..finished() };
        assert!(self::text(&many, false).contains(", 2 more\n"));
    }

    #[test]
    fn a_run_that_was_cut_short_says_what_is_left() {
        let left = "1 target is left and the list was not read to its end";
        let partial = vec!["out.csv.partial".into()];
        let cut = Summary { read: 1001, left: 1, input_complete: false, ended: Ended::Deadline, partial, ..finished() };
        let text = text(&cut, false);
        assert!(text.starts_with("stopped by the deadline after 1m 23s: "), "{text}");
        assert_eq!(text.lines().nth(2), Some(left));
        assert_eq!(text.lines().nth(3), Some("what was to be replaced is untouched; this run's records are in out.csv.partial"));
        assert_eq!(text.lines().last(), Some("in 1001 = ok 990 + failed 8 + skipped 2 + left 1"));
    }

    #[test]
    fn a_json_log_has_the_summary_as_one_object() {
        let line = json(&end(finished()), SystemTime::UNIX_EPOCH);
        let object: Value = serde_json::from_str(&line).unwrap();
        assert!(line.ends_with("}\n") && line.lines().count() == 1);
        assert_eq!(object["message"], finished().identity());
        assert_eq!(
            (&object["kinds"]["timeout"], &object["statuses"]["404"], &object["elapsed_ms"]),
            (&json!(2), &json!(2), &json!(83_200))
        );
    }

    #[test]
    fn a_run_with_nothing_to_do_has_a_summary_too() {
        let expected = "done after 0s: 0.0 records/s, 0 B, 0 requests, 0 retries\nin 0 = ok 0 + failed 0 + skipped 0 + left 0\n";
        assert_eq!(text(&Summary { input_complete: true, ..Summary::default() }, false), expected);
    }

    #[test]
    fn colours_are_modest_and_never_in_the_identity() {
        let coloured = text(&finished(), true);
        assert!(coloured.contains("\u{1b}[31mfailed:\u{1b}[0m http_status 5"));
        assert!(coloured.ends_with("\nin 1000 = ok 990 + failed 8 + skipped 2 + left 0\n"));
        let all_well = Summary { ok: 998, failed: 0, kinds: BTreeMap::new(), ..finished() };
        assert!(text(&all_well, true).starts_with("\u{1b}[32mdone\u{1b}[0m after"));
    }
}
