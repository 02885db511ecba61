//! The talk on stderr: never on stdout, never in colour where nobody sees it, never anybody's secret or escape sequence.

use serde_json::Value;

use crate::harness::{Reply, Run, Site, Work, field, scrape, screen};

fn failing() -> Site {
    let site = Site::of_pages();
    site.page("/gone", Reply::status(404));
    site
}

/// Whether a terminal would do something with a character rather than show it.
fn is_hostile(c: char) -> bool {
    c != '\n' && c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[track_caller]
fn assert_harmless(run: &Run) {
    for text in [run.text(), &run.stderr] {
        assert!(!text.contains(is_hostile), "{text:?}");
    }
}

#[test]
fn quiet_is_silent_unless_the_run_itself_breaks() {
    let site = failing();
    let list = site.list(1) + &site.url("/gone");
    let run = scrape("-q").stdin(&list).run().code(3);
    assert_eq!((run.stderr.as_str(), run.records().len()), ("", 2));
    assert_eq!(scrape("-q --progress log").stdin(&list).run().code(3).stderr, "");
    assert!(!scrape("-q missing.txt").run().code(1).stderr.is_empty());
    assert!(!scrape("-q --no-such-flag").run().code(2).stderr.is_empty());
}

#[test]
fn there_is_no_colour_and_no_bar_where_stderr_is_no_terminal() {
    let site = failing();
    let list = site.list(1) + &site.url("/gone");
    for term in ["xterm-256color", "dumb"] {
        let run = scrape("-vv").env("TERM", term).env("COLORTERM", "truecolor").stdin(&list).run().code(3);
        assert_harmless(&run);
        assert!(!run.stderr.contains('\r'));
    }
    let run = scrape("--color never --progress never").stdin(&list).run().code(3);
    assert_harmless(&run);
    let run = scrape("--color always").env("TERM", "xterm").stdin(&list).run().code(3);
    assert!(run.stderr.contains("\u{1b}["), "colours are to be had");
    assert!(!run.text().contains('\u{1b}'));
}

#[test]
fn verbose_says_more_on_stderr_and_the_same_on_stdout() {
    let site = failing();
    let list = site.list(1) + &site.url("/gone");
    let fields = |run: &Run| run.records().into_iter().map(|record| field(&record, "url").clone()).collect::<Vec<_>>();
    let (plain, verbose) = (scrape("--ordered").stdin(&list).run(), scrape("--ordered -vv").stdin(&list).run());
    assert_eq!(fields(&plain), fields(&verbose));
    assert!(verbose.stderr.len() > plain.stderr.len());
    assert!(verbose.stderr.contains("/gone"), "{}", verbose.stderr);
    assert!(plain.summary() == verbose.summary());
}

#[test]
fn json_logs_are_an_object_a_line() {
    let site = failing();
    let run = scrape("-vv --log-format json").stdin(site.list(1) + &site.url("/gone")).run().code(3);
    assert!(run.stderr.lines().count() > 1);
    for line in run.stderr.lines() {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        assert!(object.is_object(), "{line}");
    }
    assert_eq!(run.records().len(), 2);
}

#[test]
fn nothing_that_a_server_or_a_list_says_reaches_the_terminal_raw() {
    let site = Site::start();
    let title = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}txt\r\nWARN forged";
    site.page("/x", Reply::title(title))
        .page("/y", Reply::status(404).header("Content-Type", "text/\u{9b}31m").body(title))
        .page("/z", Reply::redirect("ftp://x.test/%1b\u{9b}2J"))
        .page("/w", Reply::status(200).header("Content-Encoding", "x\u{9b}y\u{202e}").body("x"));
    let urls = ["/x", "/y", "/z", "/w"].map(|path| site.url(path)).join("\n");
    let list = format!("{urls}\nno url \u{1b}[2J\u{9b}31m\u{202e}\u{7}\nftp://\u{9b}2J/\n");
    for format in ["text", "json"] {
        let run = scrape("-vvv --retries 0 --log-format").arg(format).stdin(&list).run().code(3);
        assert_harmless(&run);
        assert_eq!(run.records().len(), 6);
        assert!(!run.stderr.lines().any(|line| line.starts_with("WARN forged")));
    }
}

#[test]
fn secrets_are_sent_and_never_shown() {
    let site = Site::hosts(2);
    site.page("/ok", Reply::title("x"))
        .page("/moved", Reply::redirect(&site.url_of(1, "/gone")))
        .page("/gone", Reply::status(404));
    let list = ["/ok", "/moved", "/gone"].map(|path| site.url(path).replace("http://", "http://ann:s3cr3t@")).join("\n");
    let headers = ["-H", "Authorization: Bearer t0ken", "-H", "Cookie: c00kie=1", "-H", "X-Api-Key: k3y"];
    let run =
        scrape("-vvv --retries 0").args(headers).stdin(list + "\nhttp://bob:s3cr3t@[::1\nbob:s3cr3t@no url\n").run().code(3);
    for secret in ["s3cr3t", "t0ken", "c00kie", "k3y", "YW5uOnMzY3IzdA"] {
        assert!(!run.text().contains(secret), "{secret} in {}", run.text());
        assert!(!run.stderr.contains(secret), "{secret} in {}", run.stderr);
    }
    assert!(site.hits().iter().any(|hit| hit.request.header("x-api-key") == Some("k3y")));
}

#[test]
fn a_header_is_sent_as_it_was_given() {
    let site = Site::of_pages();
    scrape("-A me/1").args(["-H", "X-One: a: b", "--header", "Accept: text/html"]).arg(site.url("/p/1")).run().code(0);
    let request = &site.hits()[0].request;
    for (name, value) in [("x-one", "a: b"), ("accept", "text/html"), ("user-agent", "me/1")] {
        assert_eq!(request.header(name), Some(value));
    }
    let named = scrape("").arg(site.url("/p/2")).run().code(0);
    assert_eq!(named.records().len(), 1);
    assert!(site.hits()[1].request.header("user-agent").unwrap().starts_with("scrape/"), "it says who it is");
}

#[test]
fn a_header_that_is_none_is_a_usage_error() {
    let site = Site::of_pages();
    for header in ["no colon", ": no name", "a b: c", "X: a\nY: b", "X: \u{7f}"] {
        scrape("-H").arg(header).arg(site.url("/p/1")).run().code(2);
    }
    assert!(site.hits().is_empty());
}

#[test]
fn what_a_pipes_reader_prints_on_the_screen_of_the_bar_stays_there() {
    let site = Site::of_pages();
    let work = Work::new();
    work.write("urls.txt", site.list(6));
    // Between two pages there is time for the bar to come back.
    let script = r#""$scrape" urls.txt -c 1 --rps 3 | grep --line-buffered -o '"index":[0-9]*'"#;
    let run = work.terminal(script).run().code(0);
    assert!(run.text().contains(" done, "), "there was a bar");
    let lines = screen(run.text());
    let printed: Vec<_> = lines.iter().filter(|line| line.starts_with('"')).collect();
    assert!(printed.len() == 6, "{lines:#?}");
    for (index, line) in (1..).zip(&printed) {
        assert!(line.starts_with(&format!("\"index\":{index}")), "{lines:#?}");
    }
    // Where the machine was busy, one may have been printed when the bar was back already.
    assert!(printed.iter().filter(|line| line.len() == "\"index\":1".len()).count() > 3, "the bar made way: {lines:#?}");
}

#[test]
fn a_reader_that_leaves_a_line_open_finds_the_bar_below_it() {
    let site = Site::of_pages();
    let work = Work::new();
    work.write("urls.txt", site.list(6));
    let script = r#""$scrape" urls.txt -c 1 --rps 3 | while read -r line; do printf @; done"#;
    let run = work.terminal(script).run().code(0);
    let lines = screen(run.text());
    // Where the machine was busy, one may have come when the bar was back already.
    assert!(lines.iter().filter(|line| line.starts_with('@')).count() > 3, "{lines:#?}");
}

#[test]
fn an_interrupt_at_a_terminal_leaves_nothing_of_the_bar() {
    let site = Site::start();
    site.page("/hang", Reply::nothing().hang());
    for interrupts in [1, 2] {
        let work = Work::new();
        work.write("urls.txt", site.url("/hang"));
        let grace = if interrupts == 1 { "100ms" } else { "1h" };
        let script = format!(r#"exec "$scrape" urls.txt -o out.jsonl --grace {grace}"#);
        let mut live = work.terminal(&script).open_stdin().spawn();
        assert!(live.line().contains("/1 done, "), "the bar is there");
        live.write("\u{3}");
        while !live.line().contains("WARN") {}
        if interrupts == 2 {
            // A few frames later, as it is no echo of the first then.
            for _ in 0..6 {
                live.line();
            }
            live.write("\u{3}");
        }
        let run = live.end().code(130);
        let lines = screen(run.text());
        assert!(!lines.iter().any(|line| line.contains(" done, ") || line.ends_with("in flight")), "{lines:#?}");
        assert!(lines[0].contains("WARN"), "{lines:#?}");
        assert!(lines.contains(&"in 1 = ok 0 + failed 0 + skipped 0 + left 1".to_owned()), "{lines:#?}");
    }
}
