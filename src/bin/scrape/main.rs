//! The command line: reads the arguments, runs the plan, says what happened, returns the code. All work is the library's.

mod args;
mod asking;
mod config;
mod demo;
mod dry_run;
mod ending;
mod exit;
mod files;
mod generate;
mod jar;
mod memory;
mod plan;
mod report;
mod resume;
mod signals;
mod terminal;
mod whole;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use scrape::model::Secrets;
use scrape::{Destination, Halt, Plan, Summary};
use tokio::runtime::{Builder, Runtime};

use args::{Args, DemoMode};
use config::Config;
use demo::Demo;
use dry_run::Form;
use ending::Ending;
use exit::Exit;
use jar::JarFile;
use signals::{Asks, Signals};
use terminal::{Talk, Terminal};

/// How long a thread that has nothing to do is kept: the system may have none to give when it is needed again.
const FOR_GOOD: Duration = Duration::from_hours(8784);

/// After so many turns of tasks it is looked what sockets, timers and signals say, and more requests start, if there is still something
/// to do then. They start 32 at a time and take five turns each until they are sent: with the usual 61 more would begin than get on,
/// and the first connection would wait for the last one to be made. Few turns take long, but one may read a page at a glance (0.2 ms).
const TURNS: u32 = 512;

fn main() -> ExitCode {
    let typed: Vec<_> = std::env::args_os().collect();
    let (args, config) = match config::read(typed.iter().cloned(), std::env::vars_os()) {
        Ok(read) => read,
        Err(config::Error::Typed(error)) => {
            // A closed pipe is nothing to complain about: `scrape --help | head`.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Success.into() };
        }
        Err(config::Error::Mistake(error)) => {
            Terminal::new(Talk::default(), Secrets::default()).error(&error);
            return Exit::Usage.into();
        }
    };
    let secrets = Secrets::new(args.redact.iter().cloned());
    let talk = Talk {
        quiet: args.quiet,
        verbose: args.verbose,
        progress: args.progress.unwrap_or_default(),
        color: args.color.unwrap_or_default(),
        log_format: args.log_format.unwrap_or_default(),
    };
    let terminal = Terminal::new(talk, secrets);
    terminal.install();
    let exit = start(&typed, args, &config, &terminal).unwrap_or_else(|(exit, error)| {
        terminal.error(&error);
        exit
    });
    exit.into()
}

/// What ends the program early: its code, and the chain of what went wrong.
type Failed = (Exit, anyhow::Error);

/// What the program did.
enum Ran {
    /// A run, with what came of it, and the code that the signal which ended it asks for.
    Through(Box<Result<Summary, scrape::Error>>, Option<Exit>),
    /// Something else.
    Otherwise(Exit),
}

fn start(typed: &[OsString], args: Args, config: &Config, terminal: &Terminal) -> Result<Exit, Failed> {
    let broken = |error| (Exit::Broken, error);
    if let Some(what) = args.generate {
        return generate::print(what).map(|()| Exit::Success).map_err(broken);
    }
    if args.print_config {
        return generate::lines(&config.lines()).map(|_| Exit::Success).map_err(broken);
    }
    // One thread drives all sockets: it is not the bottleneck, and it wakes nobody else. Pages are read on the blocking pool.
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().event_interval(TURNS).thread_name("scrape-reader").thread_keep_alive(FOR_GOOD).build();
    let runtime = runtime.context("cannot start the runtime").map_err(|error| (Exit::Broken, error))?;
    first_thread(&runtime).context("cannot start a thread (is ulimit -u reached?)").map_err(|error| (Exit::Broken, error))?;
    // Before anything that may take its time: whoever asks what the program waits for must not end it.
    let inside = runtime.enter();
    let asks = Asks::new().context("cannot listen to signals").map_err(|error| (Exit::Broken, error))?;
    drop(inside);
    let mode = args.demo;
    let form = if args.format.as_deref() == Some("json") { Form::Json } else { Form::Text };
    let dry = args.dry_run.then_some(form);
    let usage = |error| (Exit::Usage, error);
    let mut plan = plan::plan(args.clone()).map_err(usage)?;
    let ending = Ending::new(typed, &args, &plan).map_err(usage)?;
    let jar_path = args.cookie_jar;
    let jar = plan.fetch.cookies.clone().zip(jar_path).filter(|_| dry.is_none());
    let jar = jar.map(|(jar, path)| JarFile::new(jar, &path)).transpose().map_err(usage)?;
    files::fit(&mut plan).and_then(|()| memory::fit(&mut plan)).map_err(|error| (Exit::Broken, error))?;
    let ran = runtime.block_on(run(plan, mode, dry, terminal, asks));
    // Everything owed is written; a lookup that hangs in the system's resolver is not waited for.
    runtime.shutdown_background();
    let (outcome, signal) = match ran? {
        Ran::Otherwise(exit) => return Ok(exit),
        Ran::Through(outcome, signal) => (*outcome, signal),
    };
    let kept = match (&outcome, jar) {
        (Err(error), Some(_)) if error.is_usage() => Ok(()),
        (outcome, Some(jar)) => jar.save(outcome.is_err()),
        (_, None) => Ok(()),
    };
    ending.end(outcome, signal, kept, terminal)
}

/// Starts the thread that pages are read on, before anything needs it. From then on the runtime makes do with the threads that it has
/// where the system lets it start no more; without one it would panic.
fn first_thread(runtime: &Runtime) -> io::Result<()> {
    let name = |name: &str| std::thread::Builder::new().name(name.to_owned());
    #[expect(clippy::disallowed_methods, reason = "it ends at once, and is waited for")]
    let probe = name("scrape-probe").spawn(|| ())?;
    drop(probe.join()); // it does nothing that could panic
    drop(runtime.spawn_blocking(|| ()));
    Ok(())
}

async fn run(
    mut plan: Plan,
    mode: Option<DemoMode>,
    dry: Option<Form>,
    terminal: &Terminal,
    mut asks: Asks,
) -> Result<Ran, Failed> {
    let broken = |error: io::Error| (Exit::Broken, error.into());
    let site = match mode {
        Some(_) => Some(demo::start().await.map_err(broken)?),
        None => None,
    };
    if let Some(form) = dry {
        plan.source.inputs.extend(site.iter().flat_map(Demo::urls).map(scrape::Origin::Url));
        return survey(plan, form).map(Ran::Otherwise);
    }
    let mut signals = Signals::new().map_err(broken)?;
    if let Some(site) = &site {
        if mode == Some(DemoMode::Serve) {
            let is_read = generate::lines(&site.urls()).map_err(|error| (Exit::Broken, error))?;
            return Ok(Ran::Otherwise(if is_read { signals.next().await } else { Exit::Success }));
        }
        plan.fetch.direct = true;
        plan.source.inputs = site.urls().into_iter().map(scrape::Origin::Url).collect();
    }
    for output in plan.sink.outputs.iter_mut().filter(|output| matches!(output.place, Destination::Stdout)) {
        if plan.sink.terminal {
            output.place = Destination::Writer(terminal.stdout());
        }
    }
    let grace = plan.crawl.grace;
    let (stopper, stop) = scrape::stop();
    let watch = terminal.watch(plan.sink.outputs.iter().map(|output| &output.place));
    let run = scrape::run(plan, watch, stop);
    tokio::pin!(run);
    let mut signal = None;
    let outcome = loop {
        tokio::select! {
            outcome = &mut run => break outcome,
            () = asks.next() => stopper.ask(),
            exit = signals.next() => {
                signal.get_or_insert(exit);
                let how = match stopper.press() {
                    Halt::Drain if grace.is_zero() => "what is in flight is left".to_owned(),
                    Halt::Drain => format!("requests in flight may take {grace:?} more; once more stops at once"),
                    _ => "at once".to_owned(),
                };
                tracing::warn!("stopping: {how}");
            }
        }
    };
    Ok(Ran::Through(outcome.into(), signal))
}

/// Says what the run would do. Nothing has been opened for writing, and a signal ends the program as it ends any other.
fn survey(plan: Plan, form: Form) -> Result<Exit, Failed> {
    let settings = plan.crawl.clone();
    if plan.sink.existing.goes_on() {
        tracing::warn!("--dry-run does not look into the output: what --resume would skip is counted too");
    }
    let survey = scrape::survey(plan).map_err(failed)?;
    let lines: Vec<_> =
        dry_run::lines(&survey, &settings, form).iter().map(|line| settings.secrets.text(line).into_owned()).collect();
    generate::lines(&lines).map_err(|error| (Exit::Broken, error))?;
    Ok(if survey.bad > 0 { Exit::SomeFailed } else { Exit::Success })
}

fn failed(error: scrape::Error) -> Failed {
    (if error.is_usage() { Exit::Usage } else { Exit::Broken }, error.into())
}
