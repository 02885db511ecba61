//! What the program says about itself: the manual names everything that can be asked for and everything that can happen.

use scrape::ErrorKind;

use crate::harness::scrape;

const FLAGS: [&str; 84] = [
    "--input-format",
    "--url-field",
    "--glob",
    "--unique",
    "--limit",
    "--concurrency",
    "--per-host",
    "--rps",
    "--host-rps",
    "--burst",
    "--limit-by",
    "--no-adapt",
    "--robots",
    "--pace-state",
    "--timeout",
    "--connect-timeout",
    "--read-timeout",
    "--deadline",
    "--grace",
    "--retries",
    "--backoff",
    "--max-backoff",
    "--max-wait",
    "--retry-on",
    "--retry-all",
    "--retry-budget",
    "--give-up",
    "--method",
    "--header",
    "--data",
    "--json",
    "--cookie",
    "--cookie-jar",
    "--user",
    "--user-agent",
    "--proxy",
    "--noproxy",
    "--insecure",
    "--cacert",
    "--cert",
    "--key",
    "--min-tls",
    "--max-redirects",
    "--https-only",
    "--resolve",
    "--deny-private",
    "--allow-private",
    "--max-body",
    "--select",
    "--fetch-only",
    "--head-only",
    "--accept",
    "--max-parse",
    "--parser",
    "--output",
    "--format",
    "--ordered",
    "--overwrite",
    "--append",
    "--resume",
    "--retry-failed",
    "--fsync",
    "--csv-safe",
    "--save-bodies",
    "--fail-fast",
    "--fail-if",
    "--table",
    "--upsert",
    "--quiet",
    "--verbose",
    "--progress",
    "--color",
    "--redact",
    "--summary",
    "--metrics",
    "--log-format",
    "--demo",
    "--config",
    "--no-config",
    "--print-config",
    "--dry-run",
    "--generate",
    "--help",
    "--version",
];

/// Whether a text has a word, not merely as a part of another.
fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_')).any(|own| own == word)
}

#[test]
fn the_help_names_every_flag_every_kind_of_failure_and_every_exit_code() {
    let help = scrape("--help").run().code(0);
    assert_eq!(help.stderr, "");
    for flag in FLAGS {
        assert!(has_word(help.text(), flag), "{flag}");
    }
    for kind in ErrorKind::ALL {
        assert!(has_word(help.text(), kind.name()), "{kind}");
    }
    for code in ["0", "1", "2", "3", "4", "130", "143"] {
        assert!(help.text().lines().any(|line| line.trim_start().starts_with(&format!("{code} "))), "exit code {code}");
    }
}

#[test]
fn the_help_names_the_defaults() {
    let help = scrape("--help").run().code(0);
    for (flag, default) in [
        ("--concurrency", "20"),
        ("--timeout", "30s"),
        ("--connect-timeout", "10s"),
        ("--read-timeout", "15s"),
        ("--grace", "10s"),
        ("--retries", "2"),
        ("--backoff", "1s"),
        ("--max-backoff", "30s"),
        ("--max-wait", "5m"),
        ("--max-redirects", "10"),
        ("--max-body", "10M"),
        ("--accept", "200-299"),
        ("--max-parse", "5s"),
        ("--parser", "auto"),
        ("--url-field", "url"),
        ("--burst", "1"),
        ("--limit-by", "host"),
        ("--robots", "auto"),
        ("--retry-budget", "20"),
        ("--give-up", "3"),
    ] {
        let at = help.text().find(&format!("{flag} ")).or_else(|| help.text().find(&format!("{flag}\n"))).expect(flag);
        let rest = &help.text()[at + 2..];
        let own = &rest[..rest.find("\n      --").unwrap_or(rest.len())];
        assert!(has_word(own, default), "{default} in {own:?}");
    }
}

#[test]
fn the_short_help_is_shorter() {
    let (short, long) = (scrape("-h").run().code(0), scrape("--help").run().code(0));
    assert!(short.stdout.len() < long.stdout.len());
}

#[test]
fn an_unknown_flag_is_a_usage_error_that_suggests_the_right_one() {
    let run = scrape("--concurency 3 urls.txt").run().code(2);
    assert!(run.stderr.contains("--concurrency"), "{}", run.stderr);
    assert_eq!(run.text(), "");
}

#[test]
fn the_version_is_that_of_the_package() {
    for flag in ["--version", "-V"] {
        assert_eq!(scrape(flag).run().code(0).text(), concat!("scrape ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}

#[test]
fn the_manual_and_the_completions_are_generated() {
    for (what, sign) in [
        ("man", ".TH"),
        ("bash", "complete"),
        ("zsh", "#compdef"),
        ("fish", "complete -c"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let run = scrape("--generate").arg(what).run().code(0);
        assert!(run.text().contains(sign), "{what}");
        assert!(run.text().contains("concurrency") && run.text().contains("scrape"), "{what}");
        assert_eq!(run.stderr, "");
    }
    let run = scrape("--generate elvish-cobol").run().code(2);
    assert!(run.stderr.contains("bash"), "{}", run.stderr);
}

#[test]
fn a_limit_of_nothing_is_a_usage_error() {
    for flags in [
        "--timeout 0",
        "--connect-timeout 0s",
        "--read-timeout 0",
        "--deadline 0",
        "--max-body 0",
        "--max-parse 0",
        "-c 0",
        "--per-host 0",
        "--rps 0",
    ] {
        let run = scrape(flags).stdin("").run().code(2);
        assert!(!run.stderr.contains("non-zero type"), "{flags}: {}", run.stderr);
    }
}

#[test]
fn of_a_repeated_option_the_last_one_counts() {
    scrape("-c 5 -c 6 --timeout 1s --timeout 2s").stdin("").run().code(0);
}
