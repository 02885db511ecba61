//! What was typed, as what it means: [`Args`] laid over the library's defaults.

use std::fs::Metadata;
use std::io::{self, IsTerminal};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use scrape::extract::Parser;
use scrape::fetch::Memory;
use scrape::model::Secrets;
use scrape::policy::guard::Mode;
use scrape::sink::{self, FormatEntry};
use scrape::source::Entry;
use scrape::{Destination, Existing, Origin, Plan, To};

use crate::args::{Args, Via};
use crate::asking::asking;
use crate::memory::size;

/// The plan of a run.
pub(crate) fn plan(args: Args) -> anyhow::Result<Plan> {
    let mut plan = Plan::default();
    source(&args, &mut plan)?;
    crawl(&args, &mut plan);
    fetch(&args, &mut plan)?;
    secure(&args, &mut plan);
    proxies(&args, &mut plan)?;
    memory(&args, &mut plan)?;
    sink(&args, &mut plan)?;
    plan.bodies.folder.clone_from(&args.save_bodies);
    plan.bodies.sync = args.fsync.is_some();
    not_onto_itself(&plan, args.cookie_jar.as_deref())?;
    plan.extract.parse = !args.fetch_only;
    set(&mut plan.extract.max_time, args.max_parse);
    set(&mut plan.extract.parser, args.parser);
    plan.extract.head_only = args.head_only;
    if args.head_only && plan.extract.parser == Parser::Dom {
        bail!("--parser dom needs pages as a whole, and --head-only leaves them early: take one of them");
    }
    if !args.select.is_empty() || args.fetch_only {
        plan.extract.fields = args.select;
    }
    Ok(plan)
}

fn source(args: &Args, plan: &mut Plan) -> anyhow::Result<()> {
    let source = &mut plan.source;
    source.inputs = args.inputs.iter().map(|input| Origin::from_arg(input)).collect();
    if args.inputs.is_empty() && args.demo.is_none() {
        if io::stdin().is_terminal() {
            bail!(
                "nothing to fetch: give a file of URLs, a URL, or pipe a list in\n\n    scrape urls.txt\n    scrape https://example.com/\n    scrape --demo"
            );
        }
        source.inputs = vec![Origin::Stdin];
    }
    source.format = args.input_format.as_deref().and_then(Entry::by_name);
    set(&mut source.url_field, args.url_field.clone());
    source.glob = args.glob;
    source.unique = args.unique;
    source.limit = args.limit;
    source.https_only = args.https_only;
    Ok(())
}

fn crawl(args: &Args, plan: &mut Plan) {
    let crawl = &mut plan.crawl;
    set(&mut crawl.concurrency, args.concurrency.map(Into::into));
    crawl.ordered = args.ordered;
    crawl.deadline = args.deadline;
    crawl.fail_fast = args.fail_fast;
    set(&mut crawl.grace, args.grace);
    crawl.pace_state.clone_from(&args.pace_state);
    crawl.secrets = Secrets::new(args.redact.iter().cloned());
    let frontier = &mut crawl.frontier;
    frontier.per_host = args.per_host.map(Into::into);
    frontier.rps.clone_from(&args.rps);
    frontier.host_rps.clone_from(&args.host_rps);
    set(&mut frontier.burst, args.burst);
    set(&mut frontier.max_redirects, args.max_redirects);
    set(&mut frontier.limit_by, args.limit_by);
    frontier.adapt = !args.no_adapt;
    set(&mut frontier.robots, args.robots);
    set(&mut frontier.retry_budget, args.retry_budget);
    set(&mut frontier.give_up, args.give_up);
    frontier.hosts = Arc::clone(&args.hosts);
    frontier.https_only = args.https_only;
    let retry = &mut frontier.retry;
    set(&mut retry.retries, args.retries);
    set(&mut retry.backoff, args.backoff);
    set(&mut retry.max_backoff, args.max_backoff);
    set(&mut retry.max_wait, args.max_wait);
    set(&mut retry.on, args.retry_on.clone());
    retry.all = args.retry_all;
}

fn fetch(args: &Args, plan: &mut Plan) -> anyhow::Result<()> {
    let stdin_is_list = plan.source.inputs.iter().any(|input| matches!(input, Origin::Stdin));
    let fetch = &mut plan.fetch;
    set(&mut fetch.timeout, args.timeout);
    set(&mut fetch.connect_timeout, args.connect_timeout);
    set(&mut fetch.read_timeout, args.read_timeout);
    set(&mut fetch.max_body, args.max_body);
    set(&mut fetch.accept, args.accept.as_deref().map(Into::into));
    fetch.hosts = Arc::clone(&args.hosts);
    set(&mut fetch.user_agent, args.user_agent.clone());
    fetch.resolve.clone_from(&args.resolve);
    fetch.guard.mode = match (args.deny_private, args.allow_private) {
        (true, _) => Mode::Always,
        (_, true) => Mode::Never,
        _ => Mode::default(),
    };
    asking(args, stdin_is_list, fetch)
}

fn secure(args: &Args, plan: &mut Plan) {
    let tls = &mut plan.fetch.tls;
    tls.authorities.clone_from(&args.cacert);
    tls.certificate.clone_from(&args.cert);
    tls.key.clone_from(&args.key);
    tls.insecure = args.insecure;
    set(&mut tls.min_version, args.min_tls);
}

fn proxies(args: &Args, plan: &mut Plan) -> anyhow::Result<()> {
    let fetch = &mut plan.fetch;
    fetch.no_proxy.clone_from(&args.noproxy);
    fetch.direct = args.proxy.contains(&Via::None);
    for via in &args.proxy {
        match via {
            Via::Proxy(_) if fetch.direct => bail!("an empty --proxy, which means none, and another one exclude each other"),
            Via::Proxy(proxy) => fetch.proxies.push(proxy.clone()),
            Via::None => {}
        }
    }
    Ok(())
}

fn memory(args: &Args, plan: &mut Plan) -> anyhow::Result<()> {
    let fetch = &mut plan.fetch;
    fetch.min_speed = args.min_speed;
    let least = Memory::least(fetch.max_body);
    // Who asks for larger bodies means it; who says both has to mean both.
    fetch.max_memory = args.max_memory.unwrap_or(fetch.max_memory.max(least));
    let has = fetch.max_memory;
    if has < least {
        bail!(
            "--max-memory {} is too little for one body of --max-body {}, which may take {}: as received, decoded, and while it grows",
            size(has),
            size(fetch.max_body),
            size(least)
        );
    }
    Ok(())
}

fn sink(args: &Args, plan: &mut Plan) -> anyhow::Result<()> {
    let sink = &mut plan.sink;
    sink.outputs = outputs(&args.output, args.format.as_deref().and_then(FormatEntry::named))?;
    let is_stdout = sink.outputs.iter().any(|output| matches!(output.place, Destination::Stdout));
    sink.terminal = is_stdout && io::stdout().is_terminal();
    // A habit from a file has nothing to say where the output is none.
    let resume = args.resume && !args.output.is_empty();
    sink.existing = match (resume, args.overwrite, args.append) {
        (true, true, _) => Existing::ResumeOverwrite,
        (true, false, _) if args.retry_failed => Existing::RetryFailed,
        (true, ..) => Existing::Resume,
        (_, true, _) => Existing::Overwrite,
        (.., true) => Existing::Append,
        _ => Existing::Refuse,
    };
    sink.csv_safe = args.csv_safe;
    sink.fsync = args.fsync;
    set(&mut sink.database.table, args.table.clone());
    sink.database.upsert = args.upsert;
    let is_database = |to: &To| to.entry().is_ok_and(FormatEntry::is_database);
    if let Some(flag) = args.of_database
        && !sink.outputs.iter().any(is_database)
    {
        bail!("--{flag} is for a database, and no output is one: name it out.db, or say -f sqlite");
    }
    Ok(sink.check()?)
}

/// Where the records go, each with the format that was asked for, where it is meant.
fn outputs(paths: &[PathBuf], format: Option<&'static FormatEntry>) -> anyhow::Result<Vec<To>> {
    let is_for = |path: &Path| paths.len() == 1 || FormatEntry::named_by(path).is_none();
    if let Some(format) = format
        && !paths.is_empty()
        && !paths.iter().any(|path| is_for(path))
    {
        bail!("-f {} is for none of the outputs: of several, each is written as its name says", format.name);
    }
    let output = |path: &PathBuf| To { place: Destination::named(path), format: format.filter(|_| is_for(path)) };
    Ok(if paths.is_empty() { vec![To { format, ..To::default() }] } else { paths.iter().map(output).collect() })
}

/// A file, whatever it is called.
fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().filter(Metadata::is_file).map(|file| (file.dev(), file.ino()))
}

/// Refuses to write the records over the list that they come from, or what is kept of hosts or cookies over either.
fn not_onto_itself(plan: &Plan, jar: Option<&Path>) -> anyhow::Result<()> {
    let outputs: Vec<_> = plan.sink.outputs.iter().filter_map(|output| file_of(&output.place)).collect();
    let overwrites = plan.sink.existing == Existing::Overwrite;
    if let Some(jar) = jar.filter(|jar| outputs.contains(jar)) {
        bail!("{} is the output: --cookie-jar needs a file of its own", jar.display());
    }
    for (flag, file) in [("--pace-state", plan.crawl.pace_state.as_deref()), ("--cookie-jar", jar)] {
        let Some((file, kept)) = file.and_then(|file| Some((file, identity(file)?))) else { continue };
        let inputs = plan
            .source
            .inputs
            .iter()
            .filter_map(|input| if let Origin::File(file) = input { Some(file.as_path()) } else { None });
        if inputs.chain(outputs.iter().copied()).any(|other| identity(other) == Some(kept)) {
            bail!("{} is the input or the output: {flag} needs a file of its own", file.display());
        }
    }
    for output in outputs {
        let beside = overwrites.then(|| sink::partial_of(output));
        for file in beside.iter().map(PathBuf::as_path).chain([output]) {
            let is_read = |input: &Origin| matches!(input, Origin::File(read) if identity(read).is_some_and(|read| identity(file) == Some(read)));
            if plan.source.inputs.iter().any(is_read) {
                bail!("{} is the input: the output needs another file", file.display());
            }
        }
    }
    Ok(())
}

/// The file that an output is.
fn file_of(place: &Destination) -> Option<&Path> {
    if let Destination::File(file) = place { Some(file) } else { None }
}

fn set<T>(setting: &mut T, typed: Option<T>) {
    if let Some(typed) = typed {
        *setting = typed;
    }
}
