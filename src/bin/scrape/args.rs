//! What was typed: the only place that knows clap. What it means is [`plan`](crate::plan)'s business: the fields are options laid
//! over the library's settings, where each default is written once; `--help` takes them from there.

use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Command, CommandFactory, FromArgMatches, Parser, ValueEnum};
use http::{HeaderName, HeaderValue};
use scrape::policy::retry::statuses;
use scrape::policy::{Rate, RetryOn};
use scrape::sink::FORMATS;
use scrape::source::SOURCES;
use scrape::{ErrorKind, Field, Plan};

use crate::exit::Exit;
use crate::terminal::{Color, LogFormat, Progress};

/// Fetches a list of URLs and writes one record for each: success or failure, as it completes.
#[derive(Debug, Parser)]
#[command(name = "scrape", version, max_term_width = 100)]
pub(crate) struct Args {
    /// A file with URLs, `-` for stdin, or a URL (https://a.example/page/[1-50]); without one, stdin
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<OsString>,

    /// How the input is written; auto goes by the file's extension
    #[arg(long, value_name = "FORMAT", value_parser = input_formats(), help_heading = "Input")]
    pub(crate) input_format: Option<String>,
    /// The CSV column that holds the URL
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    pub(crate) url_field: Option<String>,
    /// Expand {a,b} and [1-100] in files too, as URL arguments always do
    #[arg(long, help_heading = "Input")]
    pub(crate) glob: bool,
    /// Fetch each URL once, however often it is listed (about 32 bytes of memory a URL)
    #[arg(long, help_heading = "Input")]
    pub(crate) unique: bool,
    /// Stop reading after this many targets
    #[arg(long, value_name = "N", help_heading = "Input")]
    pub(crate) limit: Option<u64>,

    /// Requests in flight at most
    #[arg(short, long, value_name = "N", help_heading = "Pace")]
    pub(crate) concurrency: Option<NonZeroUsize>,
    /// Requests in flight to one host at most
    #[arg(long, value_name = "N", help_heading = "Pace")]
    pub(crate) per_host: Option<NonZeroUsize>,
    /// Requests started, all hosts together: 5 (a second), 0.5, 30/m, 5/15s; may be repeated
    #[arg(long, alias = "rate-limit", value_name = "RATE", help_heading = "Pace")]
    pub(crate) rps: Vec<Rate>,
    /// The same for each host by itself
    #[arg(long, value_name = "RATE", help_heading = "Pace")]
    pub(crate) host_rps: Vec<Rate>,
    /// Requests that a rate which was not used up may let through at once
    #[arg(long, value_name = "N", help_heading = "Pace")]
    pub(crate) burst: Option<NonZeroU32>,

    /// One attempt as a whole, from the name lookup to the last byte
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Time")]
    pub(crate) timeout: Option<Duration>,
    /// Until a connection stands
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Time")]
    pub(crate) connect_timeout: Option<Duration>,
    /// The longest silence of a server
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Time")]
    pub(crate) read_timeout: Option<Duration>,
    /// Start no request later than this after the start of the run
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Time")]
    pub(crate) deadline: Option<Duration>,
    /// How long Ctrl-C or the deadline lets requests in flight go on
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Time")]
    pub(crate) grace: Option<Duration>,

    /// Attempts after the first one
    #[arg(long, value_name = "N", help_heading = "Retry")]
    pub(crate) retries: Option<u32>,
    /// The longest wait before the second attempt; doubles with each, and is spread at random
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Retry")]
    pub(crate) backoff: Option<Duration>,
    /// The longest wait before any attempt
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Retry")]
    pub(crate) max_backoff: Option<Duration>,
    /// The most that a server's Retry-After is obeyed
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Retry")]
    pub(crate) max_wait: Option<Duration>,
    /// Error kinds and statuses that are tried again, or none
    #[arg(long, value_name = "LIST", help_heading = "Retry")]
    pub(crate) retry_on: Option<RetryOn>,

    /// Send this header, to the listed origins only; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header, help_heading = "Request")]
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// How the program names itself
    #[arg(short = 'A', long, value_name = "TEXT", help_heading = "Request")]
    pub(crate) user_agent: Option<HeaderValue>,
    /// Redirects followed for one attempt
    #[arg(long, value_name = "N", help_heading = "Request")]
    pub(crate) max_redirects: Option<usize>,
    /// The largest body, decoded: 500K, 10M, 1G (powers of 1000; Ki, Mi, Gi are of 1024)
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Request")]
    pub(crate) max_body: Option<u64>,

    /// A field: its name and a CSS selector; NAME[]= takes all matches; ends in ::text, ::attr(x) or ::html
    #[arg(short, long = "select", value_name = "NAME=SELECTOR", help_heading = "Extract")]
    pub(crate) select: Vec<Field>,
    /// Extract nothing, parse nothing
    #[arg(long, conflicts_with = "select", help_heading = "Extract")]
    pub(crate) fetch_only: bool,
    /// The statuses that are pages, as 200-299,404
    #[arg(long, value_name = "LIST", value_parser = status_list, help_heading = "Extract")]
    pub(crate) accept: Option<Statuses>,

    /// Write to this file, in the format of its extension; - is stdout
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// The format, whatever the file is called
    #[arg(short, long, value_parser = formats(), help_heading = "Output")]
    pub(crate) format: Option<String>,
    /// Records in the order of the input
    #[arg(long, help_heading = "Output")]
    pub(crate) ordered: bool,
    /// Replace an existing file, as a whole and at the end of the run
    #[arg(long, conflicts_with = "append", requires = "output", help_heading = "Output")]
    pub(crate) overwrite: bool,
    /// Go on after the end of an existing file
    #[arg(long, requires = "output", help_heading = "Output")]
    pub(crate) append: bool,
    /// Mark CSV cells that a spreadsheet would run as a formula with a leading '
    #[arg(long, help_heading = "Output")]
    pub(crate) csv_safe: bool,

    /// Say nothing on stderr unless the run breaks
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Talk")]
    pub(crate) quiet: bool,
    /// Log failures; twice: requests; thrice: everything (RUST_LOG overrides)
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Talk")]
    pub(crate) verbose: u8,
    /// Whether to show the progress
    #[arg(long, value_enum, value_name = "WHEN", help_heading = "Talk")]
    pub(crate) progress: Option<Progress>,
    /// Whether to use colours on stderr (NO_COLOR is honoured)
    #[arg(long, value_enum, value_name = "WHEN", help_heading = "Talk")]
    pub(crate) color: Option<Color>,
    /// How log lines are written
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Talk")]
    pub(crate) log_format: Option<LogFormat>,

    /// Scrape a practice shop on loopback, to try everything offline; `--demo serve` keeps it open and lists its URLs
    #[arg(long, value_enum, value_name = "MODE", num_args = 0..=1, default_missing_value = "run", conflicts_with = "inputs", help_heading = "Other")]
    pub(crate) demo: Option<DemoMode>,
    /// Print a man page or a completion script
    #[arg(long, value_enum, value_name = "WHAT", exclusive = true, help_heading = "Other")]
    pub(crate) generate: Option<Generate>,
}

/// What the practice shop is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DemoMode {
    /// Scrape it
    Run,
    /// Keep it open
    Serve,
}

/// What can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Generate {
    /// A man page
    Man,
    /// Completions for bash
    Bash,
    /// Completions for zsh
    Zsh,
    /// Completions for fish
    Fish,
    /// Completions for PowerShell
    Powershell,
}

/// A list of status ranges.
pub(crate) type Statuses = std::sync::Arc<[RangeInclusive<u16>]>;

impl Args {
    /// Reads the command line. The error is clap's: a usage error, or the text of `--help` or `--version`.
    pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = command();
        let matches = command.try_get_matches_from_mut(words)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// The command with what `--help` takes from the library: defaults, error kinds, exit codes.
pub(crate) fn command() -> Command {
    let defaults = defaults();
    Args::command().after_long_help(after_help()).mut_args(|arg| {
        let default = defaults.iter().find(|(id, _)| arg.get_id() == id);
        let Some((_, default)) = default else { return arg };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        arg.help(format!("{help} [default: {default}]"))
    })
}

/// The defaults, from the one place where each is written.
fn defaults() -> Vec<(&'static str, String)> {
    let Plan { source, crawl, fetch, .. } = Plan::default();
    let retry = &crawl.frontier.retry;
    let time = |time: Duration| humantime::format_duration(time).to_string().replace(' ', "");
    vec![
        ("input_format", "auto".to_owned()),
        ("url_field", source.url_field),
        ("concurrency", crawl.concurrency.to_string()),
        ("burst", crawl.frontier.burst.to_string()),
        ("timeout", time(fetch.timeout)),
        ("connect_timeout", time(fetch.connect_timeout)),
        ("read_timeout", time(fetch.read_timeout)),
        ("grace", time(crawl.grace)),
        ("retries", retry.retries.to_string()),
        ("backoff", time(retry.backoff)),
        ("max_backoff", time(retry.max_backoff)),
        ("max_wait", time(retry.max_wait)),
        ("retry_on", RetryOn::DEFAULT.to_owned()),
        ("user_agent", fetch.user_agent.to_str().unwrap_or_default().to_owned()),
        ("max_redirects", crawl.frontier.max_redirects.to_string()),
        ("max_body", format!("{}M", fetch.max_body / 1_000_000)),
        ("select", "title=title".to_owned()),
        ("accept", fetch.accept.iter().map(|range| format!("{}-{}", range.start(), range.end())).collect::<Vec<_>>().join(",")),
        ("format", "jsonl".to_owned()),
        ("progress", "auto".to_owned()),
        ("color", "auto".to_owned()),
        ("log_format", "text".to_owned()),
    ]
}

fn after_help() -> String {
    use std::fmt::Write as _;
    let mut text = String::from("Error kinds (the record's \"error\"):\n");
    for kind in ErrorKind::ALL {
        let _ = writeln!(text, "  {:<13} {}", kind.name(), kind.meaning());
    }
    text.push_str("\nExit codes:\n");
    for exit in Exit::ALL {
        let _ = writeln!(text, "  {:<4} {}", exit as u8, exit.meaning());
    }
    let Plan { crawl, .. } = Plan::default();
    let _ = write!(
        text,
        "\nTimes are written 500ms, 10s, 2m, 1h; a bare number is seconds. The list is streamed: at most {} targets (or twice the\n\
         concurrency) are looked ahead, and with --ordered at most {} records are held back.\n\n\
         Examples:\n  \
         scrape urls.txt --concurrency 20 --rps 5\n  \
         scrape urls.txt -s 'title=title' -s 'links[]=a[href]::attr(href)' | jq -r .data.title\n  \
         cat urls.txt | scrape -f csv -o out.csv\n  \
         scrape 'https://example.com/page/[1-50]' -c 10\n  \
         scrape --demo",
        crawl.frontier.window,
        scrape::crawl::ORDERED_WINDOW,
    );
    text
}

fn input_formats() -> PossibleValuesParser {
    PossibleValuesParser::new(std::iter::once("auto").chain(SOURCES.iter().map(|entry| entry.name)))
}

fn formats() -> PossibleValuesParser {
    PossibleValuesParser::new(FORMATS.iter().map(|entry| entry.name))
}

/// Longer than any run, and short enough that no arithmetic on instants overflows.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let time = seconds.or_else(|| humantime::parse_duration(text).ok());
    time.filter(|time| *time <= LONGEST)
        .ok_or_else(|| "a time is 500ms, 10s, 2m, 1h or a number of seconds, a year at most".to_owned())
}

fn size(text: &str) -> Result<u64, String> {
    let size = text.trim().parse::<bytesize::ByteSize>();
    size.map(|size| size.as_u64()).map_err(|_| "a size is 500K, 10M, 1G or a number of bytes".to_owned())
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is 'Name: value'")?;
    let name = name.trim().parse().map_err(|_| format!("{:?} is no header name", name.trim()))?;
    let mut value = HeaderValue::from_str(value.trim()).map_err(|_| "a header's value is one line of visible text")?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn status_list(text: &str) -> Result<Statuses, String> {
    let list: Option<Vec<_>> = text.split(',').map(|item| statuses(item.trim())).collect();
    list.map(Into::into).ok_or_else(|| "statuses are 200, 404 or ranges as 200-299, separated by commas".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn help_shows_the_defaults_of_the_settings_and_they_read_back_as_the_same() {
        let help = command().render_long_help().to_string();
        let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        for (id, default) in defaults() {
            assert!(words(help.clone()).contains(&format!("[default: {default}]")), "{id}");
            let long = command().get_arguments().find(|arg| arg.get_id() == id).and_then(|arg| arg.get_long().map(str::to_owned));
            let typed = [OsString::from("scrape"), format!("--{}={default}", long.expect(id)).into()];
            let typed = Args::read(typed).unwrap_or_else(|error| panic!("{id}: {error}"));
            let plan = crate::plan::plan(typed).expect(id);
            let (meant, plain) = (format!("{:?}", plan.fetch), format!("{:?}", Plan::default().fetch));
            assert_eq!(meant, plain, "{id}");
            let seedless = |plan: Plan| scrape::crawl::Settings {
                frontier: scrape::frontier::Settings { seed: 0, ..plan.crawl.frontier },
                ..plan.crawl
            };
            assert_eq!(format!("{:?}", seedless(plan)), format!("{:?}", seedless(Plan::default())), "{id}");
        }
    }

    #[test]
    fn times_and_sizes_read_as_documented() {
        for (text, millis) in [("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("1h", 3_600_000), ("1.5", 1500), ("0", 0)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert!(["", "-1", "nan", "inf", "ten", "1000d", "1e30"].iter().all(|text| duration(text).is_err()));
        for (text, bytes) in [("10", 10), ("64K", 64_000), ("10M", 10_000_000), ("1G", 1_000_000_000), ("1Mi", 1 << 20)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }
}
