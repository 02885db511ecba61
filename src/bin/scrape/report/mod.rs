//! What a run came to, for programs: `--summary` and `--metrics`. Both say the same, are written whole however the run ends, and hold
//! nothing secret.

mod json;
mod prometheus;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, bail};
use scrape::Origin;

use crate::args::Args;
use crate::ending::End;
use crate::whole::{Whole, resolved};

/// The files that are asked for.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    summary: Option<Whole>,
    metrics: Option<Whole>,
}

impl Reports {
    /// The files for what was asked, which are looked at before anything is fetched.
    pub(crate) fn new(args: &Args) -> anyhow::Result<Self> {
        if args.dry_run {
            return Ok(Self::default());
        }
        apart(args)?;
        // Who reads metrics is another user than who scrapes.
        let file = |flag, path: &Option<PathBuf>| path.as_deref().map(|path| Whole::new(flag, path, 0o644)).transpose();
        Ok(Self { summary: file("--summary", &args.summary)?, metrics: file("--metrics", &args.metrics)? })
    }

    /// Writes them. The error says which could not be.
    pub(crate) fn write(&self, end: &End) -> anyhow::Result<()> {
        let now = SystemTime::now();
        if let Some(file) = &self.metrics {
            let name = file.path().file_stem().unwrap_or_default().to_string_lossy();
            write(file, &prometheus::text(end, now, &name), "metrics")?;
        }
        if let Some(file) = &self.summary {
            write(file, &json::text(end, now), "summary")?;
        }
        Ok(())
    }
}

fn write(file: &Whole, text: &str, what: &str) -> anyhow::Result<()> {
    file.write(text).with_context(|| format!("{}: cannot write the {what}", file.path().display()))
}

/// Refuses to write over what the run reads or writes itself.
fn apart(args: &Args) -> anyhow::Result<()> {
    let inputs = args.inputs.iter().filter_map(|input| match Origin::from_arg(input) {
        Origin::File(path) => Some(("the input", path)),
        _ => None,
    });
    let named = |what: &'static str, path: &Option<PathBuf>| path.clone().map(|path| (what, path));
    let others = [
        named("what --cookie-jar names", &args.cookie_jar),
        named("what --pace-state names", &args.pace_state),
        named("what --summary names", &args.summary),
        named("what --metrics names", &args.metrics),
    ];
    let outputs = args.output.iter().map(|path| ("the output", path.clone()));
    let others: Vec<_> =
        inputs.chain(outputs).chain(others.into_iter().flatten()).map(|(what, path)| (what, resolved(&path))).collect();
    for (flag, path) in [("--summary", &args.summary), ("--metrics", &args.metrics)] {
        let Some(path) = path.as_deref().filter(|path| *path != Path::new("/dev/null")) else { continue };
        let own = resolved(path);
        let is_other = |(what, other): &&(&str, PathBuf)| *other == own && !what.contains(flag);
        if let Some((what, _)) = others.iter().find(is_other) {
            bail!("{} is {what}: {flag} needs a file of its own", path.display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
