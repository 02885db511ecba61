//! How many files the process may have open, and how many requests at a time that lets it make.

use anyhow::bail;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use scrape::Plan;

/// What is opened beside connections: the list, the output and its folder, the runtime's own, name lookups. A body that is saved is one
/// more, and each processor may save one.
const OURS: u64 = 16;
/// For each further output: the file, and the one that it replaces.
const EACH_OUTPUT: u64 = 2;

/// Raises the limit of open files as far as it goes (cron starts with 1024), and lowers the concurrency to what it lets.
pub(crate) fn fit(plan: &mut Plan) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // If it cannot be raised the present limit counts.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    let Some(files) = getrlimit(Resource::Nofile).current else { return Ok(()) };
    let saving =
        if plan.bodies.folder.is_some() { std::thread::available_parallelism().map_or(1, usize::from) as u64 } else { 0 };
    let further = plan.sink.outputs.len().saturating_sub(1) as u64;
    let taken = open_now() + OURS + saving + EACH_OUTPUT * further;
    let fits = usize::try_from(files.saturating_sub(taken)).unwrap_or(usize::MAX);
    if fits == 0 {
        bail!("the limit of open files is {files}, too low for a single request: raise it to {} or more (ulimit -n)", taken + 1);
    }
    if plan.crawl.concurrency > fits {
        tracing::warn!(
            asked = plan.crawl.concurrency,
            fits,
            "the limit of open files (ulimit -n) lets fewer requests run at a time"
        );
        plan.crawl.concurrency = fits;
    }
    Ok(())
}

/// The descriptors that are open already, inherited ones included; the three standard streams where the system does not tell.
fn open_now() -> u64 {
    std::fs::read_dir("/dev/fd").map_or(3, |files| files.count() as u64)
}
