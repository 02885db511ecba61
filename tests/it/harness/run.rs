//! A run that has ended: its exit code and what it wrote, with the questions that tests ask of it.

use std::time::Duration;

use serde_json::Value;

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; `None` after a signal.
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    /// From the start of the process to its end.
    pub(crate) took: Duration,
}

/// The last line of the talk: `in 5 = ok 1 + failed 2 + skipped 1 + left 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) total: u64,
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    pub(crate) left: u64,
}

impl Summary {
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split_whitespace().collect();
        let ["in", total, "=", "ok", ok, "+", "failed", failed, "+", "skipped", skipped, "+", "left", left] = words[..] else {
            return None;
        };
        let number = |word: &str| word.parse().ok();
        let summary = Self {
            total: number(total)?,
            ok: number(ok)?,
            failed: number(failed)?,
            skipped: number(skipped)?,
            left: number(left)?,
        };
        Some(summary)
    }
}

impl Run {
    /// Fails loud, with all that was said, unless the exit code is this one.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.exit, Some(code), "exit code; stdout:\n{}\nstderr:\n{}", self.text(), self.stderr);
        self
    }

    /// Stdout as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("stdout is UTF-8")
    }

    /// Stdout as JSONL, in the order of the lines.
    #[track_caller]
    pub(crate) fn records(&self) -> Vec<Value> {
        records(self.text())
    }

    /// The one record on stdout.
    #[track_caller]
    pub(crate) fn record(&self) -> Value {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "records on stdout:\n{}\nstderr:\n{}", self.text(), self.stderr);
        records.remove(0)
    }

    /// The record of the target with this ordinal.
    #[track_caller]
    pub(crate) fn at(&self, index: u64) -> Value {
        let mut found = self.records();
        found.retain(|record| record["index"] == index);
        assert_eq!(found.len(), 1, "records of target {index} in:\n{}\nstderr:\n{}", self.text(), self.stderr);
        found.remove(0)
    }

    /// A field of every record, in the order of the lines.
    #[track_caller]
    pub(crate) fn each(&self, name: &str) -> Vec<Value> {
        self.records().iter().map(|record| field(record, name).clone()).collect()
    }

    /// How many records the summary of a run that broke counts; after it stderr says why.
    #[track_caller]
    pub(crate) fn summary_of_broken(&self) -> u64 {
        let summary = self.stderr.lines().find_map(Summary::parse);
        let summary = summary.unwrap_or_else(|| panic!("no summary in:\n{}", self.stderr));
        summary.ok + summary.failed
    }

    /// The numbers of the summary, which is the last line on stderr. They always add up.
    #[track_caller]
    pub(crate) fn summary(&self) -> Summary {
        let summary = self.stderr.lines().last().and_then(Summary::parse);
        let summary = summary.unwrap_or_else(|| panic!("no summary at the end of:\n{}", self.stderr));
        let sum = summary.ok + summary.failed + summary.skipped + summary.left;
        assert_eq!(summary.total, sum, "the identity of {summary:?}");
        summary
    }
}

/// A member of a record, by its path: `data.title`.
#[track_caller]
pub(crate) fn field<'a>(record: &'a Value, path: &str) -> &'a Value {
    let found = path.split('.').try_fold(record, |value, name| value.get(name));
    found.unwrap_or_else(|| panic!("no {path} in {record}"))
}

/// The records of a JSONL text, each line of which must be a whole one.
#[track_caller]
pub(crate) fn records(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "a torn last line in:\n{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Run, Summary, records};

    fn run(stdout: &str, stderr: &str) -> Run {
        Run { exit: Some(0), stdout: stdout.into(), stderr: stderr.to_owned(), took: std::time::Duration::ZERO }
    }

    #[test]
    fn records_are_found_by_their_ordinal() {
        let run = run("{\"index\":2,\"data\":{\"a\":1}}\n{\"index\":1,\"data\":{\"a\":2}}\n", "");
        assert_eq!(run.at(1)["data"]["a"], 2);
        assert_eq!(run.each("data.a"), [1, 2]);
    }

    #[test]
    #[should_panic(expected = "a torn last line")]
    fn a_torn_line_is_no_record() {
        records("{}\n{");
    }

    #[test]
    fn the_summary_is_the_last_line() {
        let summary = run("", "talk\nin 4 = ok 1 + failed 1 + skipped 1 + left 1\n").summary();
        assert_eq!(summary, Summary { total: 4, ok: 1, failed: 1, skipped: 1, left: 1 });
    }

    #[test]
    #[should_panic(expected = "the identity")]
    fn a_summary_that_does_not_add_up_is_noticed() {
        run("", "in 4 = ok 1 + failed 1 + skipped 1 + left 0\n").summary();
    }

    #[test]
    #[should_panic(expected = "exit code")]
    fn another_exit_code_is_noticed() {
        run("", "").code(3);
    }
}
