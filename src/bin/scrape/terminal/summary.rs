//! The text that a run ends with.

use std::fmt::Display;

use bytesize::ByteSize;
use scrape::ErrorKind;
use scrape::model::{Ended, Summary};

use super::progress::{per_second, short};
use super::{Paint, paint};

/// A few lines, of which the last is the summary's identity.
pub(super) fn text(summary: &Summary, colour: bool) -> String {
    let mut lines = vec![pace(summary, colour)];
    if !summary.kinds.is_empty() {
        lines.push(format!("{} {}", paint("failed:", Paint::Red, colour), failures(summary)));
    }
    lines.extend(left(summary));
    lines.push(summary.identity());
    lines.join("\n") + "\n"
}

fn pace(summary: &Summary, colour: bool) -> String {
    let Summary { ok, failed, bytes, requests, retries, elapsed, .. } = summary;
    let ended = match summary.ended {
        Ended::Finished if *failed == 0 => paint("done", Paint::Green, colour),
        Ended::Finished => "done".to_owned(),
        Ended::Deadline => paint("stopped by the deadline", Paint::Yellow, colour),
        Ended::Stopped | Ended::OutputClosed => paint("stopped", Paint::Yellow, colour),
    };
    let rate = per_second(ok + failed, *elapsed);
    let size = ByteSize(*bytes).display().iec();
    let requests = counted(*requests, "request", "requests");
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

/// What the run did not get to, and how to get to it.
fn left(summary: &Summary) -> Option<String> {
    let targets = (summary.left > 0).then(|| counted(summary.left, "target is left", "targets are left"));
    let list = (!summary.input_complete).then(|| "the list was not read to its end".to_owned());
    let what: Vec<_> = targets.into_iter().chain(list).collect();
    (!what.is_empty()).then(|| format!("{}: with -o FILE, --resume goes on from here", what.join(" and ")))
}

fn counted(count: u64, one: impl Display, many: impl Display) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;

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
    fn a_run_that_was_cut_short_says_what_is_left() {
        let left = "1 target is left and the list was not read to its end: with -o FILE, --resume goes on from here";
        let cut = Summary { read: 1001, left: 1, input_complete: false, ended: Ended::Deadline, ..finished() };
        let text = text(&cut, false);
        assert!(text.starts_with("stopped by the deadline after 1m 23s: "), "{text}");
        assert_eq!(text.lines().nth(2), Some(left));
        assert_eq!(text.lines().last(), Some("in 1001 = ok 990 + failed 8 + skipped 2 + left 1"));
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
