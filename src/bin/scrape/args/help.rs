//! What `--help` takes from the library, where each of it is written once: defaults, error kinds, bounds; and the exit codes.

use std::time::Duration;

use clap::{Command, CommandFactory};
use scrape::policy::RetryOn;
use scrape::{ErrorKind, Plan};

use super::Args;
use super::values::{LIMITS, PARSERS, ROBOTS, TLS_VERSIONS, name};
use crate::exit::Exit;

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
pub(super) fn defaults() -> Vec<(&'static str, String)> {
    let Plan { source, crawl, fetch, extract, sink, .. } = Plan::default();
    let retry = &crawl.frontier.retry;
    let time = |time: Duration| humantime::format_duration(time).to_string().replace(' ', "");
    vec![
        ("input_format", "auto".to_owned()),
        ("url_field", source.url_field),
        ("concurrency", crawl.concurrency.to_string()),
        ("burst", crawl.frontier.burst.to_string()),
        ("limit_by", name(LIMITS, &crawl.frontier.limit_by)),
        ("robots", name(ROBOTS, &crawl.frontier.robots)),
        ("timeout", time(fetch.timeout)),
        ("connect_timeout", time(fetch.connect_timeout)),
        ("read_timeout", time(fetch.read_timeout)),
        ("grace", time(crawl.grace)),
        ("retries", retry.retries.to_string()),
        ("backoff", time(retry.backoff)),
        ("max_backoff", time(retry.max_backoff)),
        ("max_wait", time(retry.max_wait)),
        ("retry_on", RetryOn::DEFAULT.to_owned()),
        ("retry_budget", "20%".to_owned()),
        ("give_up", crawl.frontier.give_up.to_string()),
        ("user_agent", fetch.user_agent.to_str().unwrap_or_default().to_owned()),
        ("min_tls", name(TLS_VERSIONS, &fetch.tls.min_version)),
        ("max_redirects", crawl.frontier.max_redirects.to_string()),
        ("max_body", format!("{}M", fetch.max_body / 1_000_000)),
        ("max_memory", format!("{}M", fetch.max_memory / 1_000_000)),
        ("select", "title=title".to_owned()),
        ("accept", fetch.accept.iter().map(|range| format!("{}-{}", range.start(), range.end())).collect::<Vec<_>>().join(",")),
        ("max_parse", time(extract.max_time)),
        ("parser", name(PARSERS, &extract.parser)),
        ("format", "jsonl".to_owned()),
        ("table", sink.database.table),
        ("progress", "auto".to_owned()),
        ("color", "auto".to_owned()),
        ("log_format", "text".to_owned()),
    ]
}

const SETTINGS: &str = r#"Settings come from flags, else from the environment (SCRAPE_HOST_RPS=1 for
--host-rps 1; an empty variable says nothing, several values stand on a line
each), else from the file, which has the long flags as keys, else from defaults:
  concurrency = 20
  rps = ["5/s", "100/m"]
  [hosts."shop.example"]
  rps = 0.5
  per-host = 1
  robots = "always"
  headers = { Authorization = "Bearer ..." }
A host is "a.example" (on all ports), "a.example:8080", "*.example" (subdomains,
not example itself) or "*"; for each key the most specific one that has it counts,
instead of the setting of all hosts. Its headers go to it, whoever led there.
"#;

const FAIL_IF: &str = "Expressions of --fail-if, to be quoted (> is the shell's otherwise):
  NAME < NUMBER, also with <=, >, >=, =, !=; the number is a count or a share, as
  10, 5% or 0.5%, and is compared exactly: 5 of 100 are not > 5%. What a NAME counts,
  and what 100% of it are:
  failed, ok             records with and without an error, of all records
  timeout, kind:timeout  records that failed so (any error kind), of all records
  status:404, status:4xx records whose last status is that, of all records
  field:NAME             records in which the field has a value (not null, not \"\",
                         not []), of those without an error
  records, skipped, left of the targets that were read
  in                     the targets that were read
  Of nothing there is no share, and no expression with % is true: 'records < 1' is
  for that. But where all records failed every field has its value in 0% of them.
  They are asked of a run that got through its list. The other codes go before:
  1, 4, 130 and 143, and with --fail-fast the 3 of the first failure.
";

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
    let _ = write!(text, "\n{FAIL_IF}");
    let Plan { crawl, .. } = Plan::default();
    let _ = write!(
        text,
        "\nSignals:\n  \
         INT, TERM, HUP  stop: the first lets what is in flight finish, the second stops at once\n  \
         USR1            says on stderr what the run waits for, with every request in flight\n\n\
         Times are written 500ms, 10s, 2m, 1h; a bare number is seconds.\n\
         The list is streamed: at most {} targets (or twice the concurrency) are\nkept in memory, what waits beyond\nthat in a temporary file (TMPDIR), and with --ordered at most {} records are held back.\n\n\
         {SETTINGS}\n\
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
