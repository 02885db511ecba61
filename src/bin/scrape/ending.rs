//! What is said and written when a run has ended, and the code that it ends with.

use std::ffi::OsString;

use anyhow::bail;
use scrape::model::Secrets;
use scrape::policy::{Judged, Threshold};
use scrape::{Ended, Plan, Summary};

use crate::args::Args;
use crate::exit::Exit;
use crate::report::Reports;
use crate::resume::Resume;
use crate::terminal::Terminal;
use crate::{Failed, failed};

/// What is to be done at the end.
#[derive(Debug)]
pub(crate) struct Ending {
    fail_if: Vec<Threshold>,
    resume: Option<Resume>,
    reports: Reports,
    secrets: Secrets,
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct End {
    /// What it came to; nothing where it could not begin.
    pub(crate) summary: Summary,
    /// The code that the program ends with.
    pub(crate) exit: Exit,
    /// What each expression of `--fail-if` came to.
    pub(crate) judged: Vec<Judged>,
    /// How to go on, where there is something left.
    pub(crate) resume: Option<Resume>,
    /// What broke it, without secrets.
    pub(crate) error: Option<String>,
}

impl Ending {
    /// What was asked for. `typed` is the command line.
    pub(crate) fn new(typed: &[OsString], args: &Args, plan: &Plan) -> anyhow::Result<Self> {
        let fields = if plan.extract.parse { &plan.extract.fields[..] } else { &[] };
        for threshold in &args.fail_if {
            let Some(wanted) = threshold.field() else { continue };
            if !fields.iter().any(|field| &**field.name() == wanted) {
                let names: Vec<_> = fields.iter().map(|field| &**field.name()).collect();
                let names =
                    if names.is_empty() { "none is extracted".to_owned() } else { format!("there are {}", names.join(", ")) };
                bail!("--fail-if '{threshold}': there is no field {wanted:?}; {names}");
            }
        }
        Ok(Self {
            fail_if: args.fail_if.clone(),
            resume: Resume::new(typed, args, plan),
            reports: Reports::new(args)?,
            secrets: plan.crawl.secrets.clone(),
        })
    }

    /// Says and writes what a run came to. `kept` is what became of what is kept beside its records.
    pub(crate) fn end(
        self,
        outcome: Result<Summary, scrape::Error>,
        signal: Option<Exit>,
        kept: anyhow::Result<()>,
        terminal: &Terminal,
    ) -> Result<Exit, Failed> {
        let (summary, broken) = match outcome {
            Ok(mut summary) => {
                if summary.ended == Ended::OutputClosed && signal.is_some() {
                    summary.ended = Ended::Stopped; // what stopped us stopped our reader too
                }
                (Some(summary), None)
            }
            Err(mut error) => (error.summary.take().map(|summary| *summary), Some(failed(error))),
        };
        let has_run = summary.is_some();
        let summary = summary.unwrap_or_else(|| Summary { ended: Ended::Broken, ..Summary::default() });
        let judged: Vec<_> = self.fail_if.iter().map(|threshold| threshold.judge(&summary)).collect();
        let has_failed = if judged.is_empty() { summary.failed > 0 } else { judged.iter().any(|judged| judged.is_true) };
        let broken = kept.err().map(|error| (Exit::Broken, error)).or(broken);
        let exit = broken.as_ref().map_or_else(|| Exit::of(&summary, signal, has_failed), |(exit, _)| *exit);
        let error = broken.as_ref().map(|(_, error)| self.secrets.text(&format!("{error:#}")).into_owned());
        let resume = self.resume.filter(|_| has_run).and_then(|resume| resume.of(&summary));
        let end = End { summary, exit, judged, resume, error };
        if has_run {
            terminal.summary(&end);
        }
        let written = self.reports.write(&end).map_err(|error| (Exit::Broken, error));
        match broken {
            Some(broken) => {
                if let Err((_, error)) = written {
                    terminal.error(&error);
                }
                Err(broken)
            }
            None => written.map(|()| exit),
        }
    }
}
