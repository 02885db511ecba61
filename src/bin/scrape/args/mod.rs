//! What was typed: the only place that knows clap. What it means is [`plan`](crate::plan)'s business: the fields are options laid
//! over the library's settings, where each default is written once; `--help` takes them from there.

mod help;
mod options;
mod values;
mod words;

use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use http::{HeaderName, HeaderValue, Method};
use scrape::Field;
use scrape::extract;
use scrape::fetch::{Known, MinSpeed, MinTls, User};
use scrape::model::parse_method;
use scrape::policy::{HostRules, LimitBy, Rate, RetryOn, Share, Threshold, robots};
use scrape::sink::Every;

pub(crate) use self::help::command;
pub(crate) use self::options::{Opt, SECRET, Shape, Typed, Value, options, typed_only};
pub(crate) use self::values::Via;
use self::values::{
    LIMITS, PARSERS, ROBOTS, Statuses, TLS_VERSIONS, choice, cookie, count, duration, formats, header, input_formats, number,
    proxy, size, status_list, time_limit, user,
};
pub(crate) use self::words::{Word, words};
use crate::terminal::{Color, LogFormat, Progress};

/// Fetches a list of URLs and writes one record for each: success or failure, as it completes.
#[derive(Clone, Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
#[command(name = "scrape", version, max_term_width = 100, args_override_self = true)]
pub(crate) struct Args {
    /// A file with URLs, `-` for stdin, or a URL as `https://a.example/page/[1-50]`; without one, stdin
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
    #[arg(long, value_name = "N", value_parser = number::<u64>, help_heading = "Input")]
    pub(crate) limit: Option<u64>,

    /// Requests in flight at most
    #[arg(short, long, value_name = "N", value_parser = count::<NonZeroUsize>, help_heading = "Pace")]
    pub(crate) concurrency: Option<NonZeroUsize>,
    /// Requests in flight to one host at most
    #[arg(long, value_name = "N", value_parser = count::<NonZeroUsize>, help_heading = "Pace")]
    pub(crate) per_host: Option<NonZeroUsize>,
    /// Requests started, all hosts together: 5 (a second), 0.5, 30/m, 5/15s; may be repeated
    #[arg(long, visible_alias = "rate-limit", value_name = "RATE", help_heading = "Pace")]
    pub(crate) rps: Vec<Rate>,
    /// The same for each host by itself
    #[arg(long, value_name = "RATE", help_heading = "Pace")]
    pub(crate) host_rps: Vec<Rate>,
    /// Requests that a rate which was not used up may let through at once
    #[arg(long, value_name = "N", value_parser = count::<NonZeroU32>, help_heading = "Pace")]
    pub(crate) burst: Option<NonZeroU32>,
    /// What shares the limits of one host
    #[arg(long, value_name = "WHAT", value_parser = choice(LIMITS), help_heading = "Pace")]
    pub(crate) limit_by: Option<LimitBy>,
    /// Do not slow down for a host that answers slowly or refuses, where no rate is given for it
    #[arg(long, help_heading = "Pace")]
    pub(crate) no_adapt: bool,
    /// Whose robots.txt is obeyed
    #[arg(long, value_name = "WHEN", value_parser = choice(ROBOTS), help_heading = "Pace")]
    pub(crate) robots: Option<robots::Mode>,
    /// Keep what is learned of hosts in this file, for the next run, and share their rates with runs at the same time (but not --rps)
    #[arg(long, value_name = "FILE", help_heading = "Pace")]
    pub(crate) pace_state: Option<PathBuf>,

    /// One attempt as a whole, from the name lookup to the last byte
    #[arg(long, value_name = "TIME", value_parser = time_limit, help_heading = "Time")]
    pub(crate) timeout: Option<Duration>,
    /// Until a connection stands
    #[arg(long, value_name = "TIME", value_parser = time_limit, help_heading = "Time")]
    pub(crate) connect_timeout: Option<Duration>,
    /// The longest silence of a server
    #[arg(long, value_name = "TIME", value_parser = time_limit, help_heading = "Time")]
    pub(crate) read_timeout: Option<Duration>,
    /// The least speed of a body: 1K (bytes a second, over 30 s), 5K/10s (so much in every 10 s); what is slower is a timeout
    #[arg(long, value_name = "SPEED", help_heading = "Time")]
    pub(crate) min_speed: Option<MinSpeed>,
    /// Start no request later than this after the start of the run
    #[arg(long, value_name = "TIME", value_parser = time_limit, help_heading = "Time")]
    pub(crate) deadline: Option<Duration>,
    /// How long Ctrl-C, the deadline or --fail-fast lets requests in flight go on
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Time")]
    pub(crate) grace: Option<Duration>,

    /// Attempts after the first one
    #[arg(long, value_name = "N", value_parser = number::<u32>, help_heading = "Retry")]
    pub(crate) retries: Option<u32>,
    /// The longest wait before the second attempt; doubles with each, and is spread at random
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Retry")]
    pub(crate) backoff: Option<Duration>,
    /// The longest wait before any attempt
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Retry")]
    pub(crate) max_backoff: Option<Duration>,
    /// The most that a server's wish to be left alone is obeyed: `Retry-After`, `RateLimit`, `X-RateLimit`
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Retry")]
    pub(crate) max_wait: Option<Duration>,
    /// Error kinds and statuses that are tried again, or none
    #[arg(long, value_name = "LIST", help_heading = "Retry")]
    pub(crate) retry_on: Option<RetryOn>,
    /// Try POST and other requests again too that may do something twice
    #[arg(long, help_heading = "Retry")]
    pub(crate) retry_all: bool,
    /// The share of the requests of ten seconds that may be retries (ten always may): 20%, 0.2, or none for no bound
    #[arg(long, value_name = "SHARE", help_heading = "Retry")]
    pub(crate) retry_budget: Option<Share>,
    /// Give a host up when it could not be reached and so many probes were in vain too
    #[arg(long, value_name = "N", value_parser = count::<NonZeroU32>, help_heading = "Retry")]
    pub(crate) give_up: Option<NonZeroU32>,

    /// The method instead of GET, or POST where there is a body
    #[arg(short = 'X', long, visible_alias = "request", value_name = "METHOD", value_parser = parse_method, help_heading = "Request")]
    pub(crate) method: Option<Method>,
    /// Send this header, but not to other hosts that a redirect leads to; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header, help_heading = "Request")]
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Send this as the fields of a form; @FILE is what the file says without its line ends; joined with & when repeated
    #[arg(short, long, value_name = "DATA", conflicts_with = "json", help_heading = "Request")]
    pub(crate) data: Vec<OsString>,
    /// Send this as JSON; @FILE is what the file says; joined when repeated
    #[arg(long, value_name = "DATA", help_heading = "Request")]
    pub(crate) json: Vec<OsString>,
    /// Send these cookies (a=b; c=d) as headers are sent, or keep cookies and begin with those of a file (cookies.txt)
    #[arg(short = 'b', long = "cookie", value_name = "PAIRS|FILE", value_parser = cookie, help_heading = "Request")]
    pub(crate) cookies: Vec<String>,
    /// Keep cookies, for all targets together, and write them to this file at the end
    #[arg(long, value_name = "FILE", help_heading = "Request")]
    pub(crate) cookie_jar: Option<PathBuf>,
    /// Authenticate (Basic) with the hosts of the list, where their URLs do not
    #[arg(short, long, value_name = "USER:PASSWORD", value_parser = user, help_heading = "Request")]
    pub(crate) user: Option<User>,
    /// How the program names itself
    #[arg(short = 'A', long, value_name = "TEXT", help_heading = "Request")]
    pub(crate) user_agent: Option<HeaderValue>,
    /// Go through this proxy: [http|https|socks5|socks5h]://[user:password@]host[:port]; several take turns, and one that fails rests;
    /// an empty one also leaves out those of the environment
    #[arg(short = 'x', long, value_name = "URL", value_parser = proxy, help_heading = "Request")]
    pub(crate) proxy: Vec<Via>,
    /// Hosts that are reached without a proxy: a.example (with its subdomains), 10.0.0.0/8, or *, separated by commas; instead of
    /// `NO_PROXY`
    #[arg(long, value_name = "LIST", help_heading = "Request")]
    pub(crate) noproxy: Option<String>,
    /// Believe every server, whatever its certificate says
    #[arg(short = 'k', long, help_heading = "Request")]
    pub(crate) insecure: bool,
    /// Trust the authorities in this PEM file too, beside those of the system and of Mozilla; may be repeated
    #[arg(long, value_name = "FILE", help_heading = "Request")]
    pub(crate) cacert: Vec<PathBuf>,
    /// Show the certificate in this PEM file to servers that ask for one
    #[arg(long, value_name = "FILE", help_heading = "Request")]
    pub(crate) cert: Option<PathBuf>,
    /// The private key of that certificate (PEM), where it is not in the same file
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "Request")]
    pub(crate) key: Option<PathBuf>,
    /// The oldest version of TLS that is spoken
    #[arg(long, value_name = "VERSION", value_parser = choice(TLS_VERSIONS), help_heading = "Request")]
    pub(crate) min_tls: Option<MinTls>,
    /// Redirects followed for one attempt
    #[arg(long, value_name = "N", value_parser = number::<usize>, help_heading = "Request")]
    pub(crate) max_redirects: Option<usize>,
    /// Fetch over https only: refuse http URLs of the list, and redirects to http
    #[arg(long, help_heading = "Request")]
    pub(crate) https_only: bool,
    /// Connect to this address instead of asking the resolver; * is every host; may be repeated
    #[arg(long, value_name = "HOST:PORT:ADDRESS[,ADDRESS]", help_heading = "Request")]
    pub(crate) resolve: Vec<Known>,
    /// Refuse private, loopback, link-local and other addresses that are not public, for listed URLs too
    #[arg(long, conflicts_with = "allow_private", help_heading = "Request")]
    pub(crate) deny_private: bool,
    /// Follow redirects from public addresses to such addresses too
    #[arg(long, help_heading = "Request")]
    pub(crate) allow_private: bool,
    /// The largest body, decoded: 500K, 10M, 1G (powers of 1000; Ki, Mi, Gi are of 1024)
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Request")]
    pub(crate) max_body: Option<u64>,
    /// The most memory of all bodies at a time, received and decoded, and no less than one of --max-body needs; who finds none waits
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Request")]
    pub(crate) max_memory: Option<u64>,

    /// A field: its name and a CSS selector; NAME[]= takes all matches; ends in `::text`, `::attr(x)` or `::html`
    #[arg(short, long = "select", value_name = "NAME=SELECTOR", help_heading = "Extract")]
    pub(crate) select: Vec<Field>,
    /// Extract nothing, parse nothing
    #[arg(long, conflicts_with = "select", help_heading = "Extract")]
    pub(crate) fetch_only: bool,
    /// Download a page no further than to where all fields are known for good, as title, meta and link in its head are; "bytes" is then
    /// what was taken
    #[arg(long, conflicts_with_all = ["fetch_only", "save_bodies"], help_heading = "Extract")]
    pub(crate) head_only: bool,
    /// The statuses that are pages, as 200-299,404
    #[arg(long, value_name = "LIST", value_parser = status_list, help_heading = "Extract")]
    pub(crate) accept: Option<Statuses>,
    /// CPU time that reading one page may take: parsing it and matching its fields
    #[arg(long, value_name = "TIME", value_parser = time_limit, help_heading = "Extract")]
    pub(crate) max_parse: Option<Duration>,
    /// How pages are parsed; what is found is the same
    #[arg(long, value_name = "HOW", value_parser = choice(PARSERS), help_heading = "Extract")]
    pub(crate) parser: Option<extract::Parser>,

    /// Write to this file, in the format of its extension; - is stdout; repeated: every record to each of them
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Vec<PathBuf>,
    /// The format, whatever the file is called; of several outputs that of those whose name says none
    #[arg(short, long, value_parser = formats(), help_heading = "Output")]
    pub(crate) format: Option<String>,
    /// Records in the order of the input
    #[arg(long, help_heading = "Output")]
    pub(crate) ordered: bool,
    /// Replace an existing file when the run is finished; one that is cut short leaves it alone, and its own records in FILE.partial
    #[arg(long, conflicts_with = "append", requires = "output", help_heading = "Output")]
    pub(crate) overwrite: bool,
    /// Go on after the end of an existing file
    #[arg(long, requires = "output", help_heading = "Output")]
    pub(crate) append: bool,
    /// Go on with what a run that was cut short has left, or begin: targets with a record are skipped, and the exit code is about the
    /// others; a list from a pipe is read to its end first; with --overwrite go on with FILE.partial
    #[arg(long, conflicts_with = "append", requires = "output", help_heading = "Output")]
    pub(crate) resume: bool,
    /// With --resume try the targets again whose records have an error, and replace those when the run is finished
    #[arg(long, conflicts_with_all = ["overwrite", "append"], requires = "resume", help_heading = "Output")]
    pub(crate) retry_failed: bool,
    /// Have the disk confirm the records, so that a power cut cannot take them: after each 100, or 5s after a record at the latest
    #[arg(long, value_name = "EVERY", help_heading = "Output")]
    pub(crate) fsync: Option<Every>,
    /// Mark CSV cells that a spreadsheet would run as a formula with a leading '
    #[arg(long, help_heading = "Output")]
    pub(crate) csv_safe: bool,
    /// Keep the decoded body of each page that succeeds in this directory, as DIR/ab/cdef....html by its SHA-256; records have its path
    /// as "body"
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) save_bodies: Option<PathBuf>,
    /// The table of a database (-o out.db) that the records go to
    #[arg(long, value_name = "NAME", requires = "output", help_heading = "Output")]
    pub(crate) table: Option<String>,
    /// Keep one row a URL in a database: its newest record, with `first_seen` and `last_seen`; goes on with a file that is there
    #[arg(long, requires = "output", help_heading = "Output")]
    pub(crate) upsert: bool,

    /// Stop at the first record that fails: start nothing more, let what is in flight finish (--grace), and exit with 3
    #[arg(long, help_heading = "End")]
    pub(crate) fail_fast: bool,
    /// Exit with 3 only if this is true: 'failed > 5%', 'records < 100', 'field:price < 95%', 'timeout > 3'; may be repeated
    #[arg(long, value_name = "EXPR", help_heading = "End")]
    pub(crate) fail_if: Vec<Threshold>,

    /// Say nothing on stderr unless the run breaks
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Talk")]
    pub(crate) quiet: bool,
    /// Log pages and failures; twice: requests; thrice: everything (`RUST_LOG` overrides)
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Talk")]
    pub(crate) verbose: u8,
    /// Whether to show the progress
    #[arg(long, value_enum, value_name = "WHEN", help_heading = "Talk")]
    pub(crate) progress: Option<Progress>,
    /// Whether to use colours on stderr (`NO_COLOR` is honoured)
    #[arg(long, value_enum, value_name = "WHEN", help_heading = "Talk")]
    pub(crate) color: Option<Color>,
    /// Show *** for what has this name in URLs (?NAME=...), headers and the input; may be repeated
    #[arg(long, value_name = "NAME", help_heading = "Talk")]
    pub(crate) redact: Vec<String>,
    /// Write what the run came to into this file, as one JSON object: counts, hosts, times, fields; whole, however the run ends
    #[arg(long, value_name = "FILE", help_heading = "Talk")]
    pub(crate) summary: Option<PathBuf>,
    /// The same for Prometheus: the textfile collector of `node_exporter` reads files that end in .prom
    #[arg(long, value_name = "FILE", help_heading = "Talk")]
    pub(crate) metrics: Option<PathBuf>,
    /// How log lines are written
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Talk")]
    pub(crate) log_format: Option<LogFormat>,

    /// Scrape a practice shop on loopback, to try everything offline; `--demo serve` keeps it open and lists its URLs
    #[arg(long, value_enum, value_name = "MODE", num_args = 0..=1, default_missing_value = "run", conflicts_with = "inputs", help_heading = "Other")]
    pub(crate) demo: Option<DemoMode>,
    /// Take settings from this TOML file: `concurrency = 20`, `[hosts."a.example"]`; without it from scrape/config.toml in
    /// `$XDG_CONFIG_HOME` or ~/.config
    #[arg(long, value_name = "FILE", conflicts_with = "no_config", help_heading = "Other")]
    pub(crate) config: Option<PathBuf>,
    /// Take settings from no file
    #[arg(long, help_heading = "Other")]
    pub(crate) no_config: bool,
    /// Print every setting, as a file for --config, with where it comes from, and end
    #[arg(long, help_heading = "Other")]
    pub(crate) print_config: bool,
    /// Read the list and say what the run would do and how long it would take, without a request (with -f json: as JSON)
    #[arg(long, help_heading = "Other")]
    pub(crate) dry_run: bool,
    /// Print a man page or a completion script
    #[arg(long, value_enum, value_name = "WHAT", exclusive = true, help_heading = "Other")]
    pub(crate) generate: Option<Generate>,

    /// What single hosts have of their own, which only a file says.
    #[arg(skip)]
    pub(crate) hosts: Arc<HostRules>,
    /// A flag that was typed and makes sense only where an output is a database; from elsewhere it is a habit.
    #[arg(skip)]
    pub(crate) of_database: Option<&'static str>,
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

#[cfg(test)]
impl Args {
    /// Reads the command line alone.
    pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Typed::read(words)?.complete(&[])
    }
}

#[cfg(test)]
mod tests;
