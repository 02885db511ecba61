//! The exit codes: what a script may rely on.

use std::process::ExitCode;

use scrape::{Ended, Summary};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Success = 0,
    Broken = 1,
    Usage = 2,
    SomeFailed = 3,
    Deadline = 4,
    Interrupted = 130,
    Terminated = 143,
}

impl Exit {
    pub(crate) const ALL: [Self; 7] =
        [Self::Success, Self::Broken, Self::Usage, Self::SomeFailed, Self::Deadline, Self::Interrupted, Self::Terminated];

    /// What the code means, in the words of `--help`.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "every target succeeded, or the reader of the output had enough (| head)",
            Self::Broken => "the run broke: the input cannot be read or the output cannot be written",
            Self::Usage => "usage or configuration, before any request",
            Self::SomeFailed => {
                "finished, and some targets failed (with --fail-if: one of the expressions is true); or --fail-fast"
            }
            Self::Deadline => "the deadline came with targets left",
            Self::Interrupted => "interrupted (Ctrl-C)",
            Self::Terminated => "terminated (SIGTERM, SIGHUP)",
        }
    }

    /// The code of a run that ended by itself or by its deadline, or by the `signal` that stopped it. `has_failed`: more failed than
    /// may; that is asked only of a run that was not cut short.
    pub(crate) fn of(summary: &Summary, signal: Option<Self>, has_failed: bool) -> Self {
        let has_left = summary.left > 0 || !summary.input_complete;
        match summary.ended {
            Ended::Broken => Self::Broken,
            Ended::Stopped => signal.unwrap_or(Self::Interrupted),
            // Ctrl-C ends the reader of the output too, which may be noticed while the run still drains.
            Ended::OutputClosed => signal.unwrap_or(Self::Success),
            Ended::FirstFailure => Self::SomeFailed,
            Ended::Deadline if has_left => Self::Deadline,
            Ended::Deadline | Ended::Finished if has_failed => Self::SomeFailed,
            Ended::Deadline | Ended::Finished => Self::Success,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_with_the_code_of_what_happened() {
        let done = Summary { input_complete: true, ..Summary::default() };
        let with = |ended| Summary { ended, ..done.clone() };
        for has_failed in [false, true] {
            let of = |summary: &Summary, signal| Exit::of(summary, signal, has_failed);
            let finished = if has_failed { Exit::SomeFailed } else { Exit::Success };
            assert_eq!(of(&done, None), finished);
            assert_eq!(of(&Summary { failed: 1, ..done.clone() }, None), finished, "it was judged elsewhere");
            assert_eq!(of(&with(Ended::FirstFailure), None), Exit::SomeFailed);
            assert_eq!(of(&with(Ended::Broken), None), Exit::Broken);
            assert_eq!(of(&with(Ended::Stopped), Some(Exit::Terminated)), Exit::Terminated);
            assert_eq!(of(&with(Ended::OutputClosed), None), Exit::Success);
            assert_eq!(of(&with(Ended::OutputClosed), Some(Exit::Interrupted)), Exit::Interrupted, "Ctrl-C ends `| jq` too");
            assert_eq!(of(&with(Ended::Deadline), None), finished, "it came when nothing was left");
            assert_eq!(of(&Summary { left: 1, ..with(Ended::Deadline) }, None), Exit::Deadline);
            assert_eq!(of(&Summary { input_complete: false, ..with(Ended::Deadline) }, None), Exit::Deadline);
        }
    }
}
