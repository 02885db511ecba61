//! Secrets: whatever way one is given, it is sent where it belongs and written nowhere, however much is said.

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Authority, Leaf, REFUSED, Reply, Run, Scrape, Site, Work, field};

/// What every secret begins with, plain and in Basic credentials.
const SECRET: &str = "s3cret";
/// `ann:s3cret`, as it is sent.
const ANN: &str = "YW5uOnMzY3JldA";

/// Fails where a secret is written on stdout or stderr, or into a file that was not there before.
#[track_caller]
fn assert_kept(run: &Run, work: &Work, given: &[&str]) {
    let files = work.names().into_iter().filter(|name| !given.contains(&name.as_str()));
    let files: Vec<_> = files.map(|name| (name.clone(), std::fs::read(work.path(&name)).unwrap())).collect();
    let streams = [("stdout".to_owned(), run.stdout.clone()), ("stderr".to_owned(), run.stderr.clone().into_bytes())];
    for (name, bytes) in files.into_iter().chain(streams) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(SECRET) && !text.contains(ANN), "a secret in {name}:\n{text}");
    }
}

/// With everything said that can be said.
fn loud(run: Scrape) -> Scrape {
    run.arg("-vvv").env("RUST_LOG", "trace")
}

/// A site that leads on, refuses, asks for patience and loops, and sets secrets itself.
fn site() -> Site {
    let site = Site::hosts(2);
    site.on("/*", |request| match request.path.split('?').next().unwrap_or_default() {
        "/on" => Reply::redirect("/end?token=s3cret-location").header("Set-Cookie", "id=s3cret-set; Path=/"),
        "/gone" => Reply::status(404),
        "/busy" => Reply::status(503),
        "/loop" => Reply::redirect(&request.path),
        "/ftp" => Reply::redirect("ftp://ann:s3cret@a.example/?token=s3cret"),
        "/user" => Reply::redirect(&format!("http://ann:s3cret@{}/end?token=s3cret", request.header("host").unwrap())),
        _ => Reply::title("x"),
    });
    site
}

/// Every way to give a secret with a list, and what becomes of it.
fn list(site: &Site) -> String {
    let with_user = |path: &str| site.url(path).replace("http://", "http://ann:s3cret@");
    let token = |path: &str| site.url(path) + "?x=1&token=s3cret#access_token=s3cret";
    let paths = ["/on", "/gone", "/busy", "/loop", "/ftp", "/user", "/page"];
    let mut lines: Vec<_> = paths.iter().flat_map(|path| [with_user(path), token(path)]).collect();
    lines.extend(
        [
            "ftp://ann:s3cret@a.example/",
            "http://ann:s3cret@",
            "http:/ann:s3cret@a.example/",
            "http://ann:s3cret@exa mple/?token=s3cret",
            "http://a.example:99999/?token=s3cret x",
            "ann:s3cret@",
            "http://ann:s3cret@127.99.0.1:1/?token=s3cret",
            "http://s3cret@127.99.0.1:1/?Token=s3cret",
        ]
        .map(str::to_owned),
    );
    lines.join("\n") + "\n"
}

const REDACT: &str = "--redact token --redact access_token";

#[test]
fn no_url_shows_its_secrets_in_any_format_or_at_any_level() {
    let reports = "--summary s.json --metrics m.prom --deadline 1h";
    for flags in ["", "--log-format json", "-f csv", "-f json -o out.json", "--ordered --progress always", "-q", reports] {
        let (site, work) = (site(), Work::new());
        let run = work.scrape("--backoff 1ms --give-up 1").args(REDACT.split(' ')).args(flags.split_whitespace());
        let run = if flags == "-q" { run } else { loud(run) };
        let run = run.stdin(list(&site)).run().code(3);
        assert_kept(&run, &work, &[]);
        assert!(site.hits().iter().any(|hit| hit.request.path.contains("token=s3cret")), "they are sent");
        assert!(site.hits().iter().any(|hit| hit.request.header("authorization") == Some("Basic YW5uOnMzY3JldA==")));
    }
}

#[test]
fn no_way_to_ask_shows_what_is_asked_with() {
    let (site, work) = (site(), Work::new());
    let line = json!({
        "url": site.url("/on?token=s3cret"), "id": 1, "token": "s3cret-member", "deep": {"Token": ["s3cret"]},
        "headers": {"Authorization": "Bearer s3cret", "X-Own": "s3cret"}, "body": "s3cret",
    });
    let json = json!({"url": site.url("/busy"), "json": {"password": "s3cret"}});
    let both = json!({"url": site.url("/busy"), "body": "s3cret", "json": "s3cret"});
    let broken = r#"{"url":"http://a.example/","headers":{"Authorization":"s3cret"}"#;
    work.write("urls.jsonl", format!("{line}\n{json}\n{both}\n{broken}\n{{\"body\":\"s3cret\"}}\n"));
    work.write("cookies.txt", "127.0.0.1\tFALSE\t/\tFALSE\t0\tfile\ts3cret\n").write("data.txt", "s3cret");
    let hosts = format!("[hosts.\"{}\"]\nheaders = {{ X-Host-Key = \"s3cret\" }}\n", site.host(0));
    work.write("c.toml", format!("header = [\"X-File-Token: s3cret\"]\n{hosts}"));
    let given = ["urls.jsonl", "cookies.txt", "data.txt", "c.toml", "jar.txt"];
    let flags = ["-H", "X-Flag: s3cret", "-H", "Cookie: s3cret", "-u", "ann:s3cret", "-b", "pair=s3cret", "-b", "cookies.txt"];
    let flags = [
        &flags[..],
        &["--cookie-jar", "jar.txt", "-d", "p=s3cret", "-d", "@data.txt", "--redact", "token", "--redact", "x-flag"],
    ]
    .concat();
    let all = |more: &str| {
        loud(work.scrape("urls.jsonl --config c.toml --backoff 1ms --pace-state pace.db"))
            .args(&flags)
            .args(more.split_whitespace())
    };
    let run = all("-o out.jsonl").run().code(3);
    assert_kept(&run, &work, &given);
    let sent: Vec<_> = site.hits();
    assert!(
        sent.iter().any(|hit| hit.request.header("x-own") == Some("s3cret") && hit.request.body == b"s3cret"),
        "they are sent"
    );
    assert!(work.read("jar.txt").contains("s3cret-set"), "the jar is theirs");
    assert!(
        work.read("out.jsonl").contains(r#""input":{"id":1,"token":"***","deep":{"Token":"***"}}"#),
        "{}",
        work.read("out.jsonl")
    );
    for more in ["--print-config", "--dry-run", "--dry-run -f json"] {
        assert_kept(&all(more).run(), &work, &given);
    }
    let variables = [("SCRAPE_USER", "ann:s3cret"), ("SCRAPE_HEADER", "X-Api-Key: s3cret"), ("SCRAPE_COOKIE", "a=s3cret")];
    let run = variables
        .iter()
        .fold(work.scrape("http://a.example/ --json s3cret --print-config"), |run, (name, value)| run.env(name, *value));
    let run = run.run().code(0);
    assert_kept(&run, &work, &given);
    assert!(run.text().contains("user = \"ann:***\"  # env SCRAPE_USER"), "{}", run.text());
}

#[test]
fn a_usage_error_does_not_repeat_the_secret_that_it_refuses() {
    let work = Work::new();
    for args in [
        ["-H", "Authorization Bearer s3cret"],
        ["-H", "Authorization=Bearer s3cret: x"],
        ["-H", "X-A: s3cret\u{1}"],
        ["-u", "s3cret"],
        ["-u", "ann:s3cret\n"],
        ["-b", "a=s3cret\u{1}"],
        ["--limit", "http://ann:s3cret@a.example/"],
    ] {
        let run = work.scrape("http://127.0.0.1:1/").args(args).run().code(2);
        assert_kept(&run, &work, &["c.toml"]);
        let name = if args[0] == "-H" { "SCRAPE_HEADER" } else { "SCRAPE_USER" };
        if !["-b", "--limit"].contains(&args[0]) && !args[1].contains('\n') {
            assert_kept(&work.scrape("http://127.0.0.1:1/").env(name, args[1]).run().code(2), &work, &["c.toml"]);
            let key = if args[0] == "-H" { "header" } else { "user" };
            work.write("c.toml", format!("{key} = {:?}\n", args[1]).replace("\\u{1}", "\\u0001"));
            assert_kept(&work.scrape("http://127.0.0.1:1/ --config c.toml").run().code(2), &work, &["c.toml"]);
        }
    }
    for args in [["http://ann:s3cret@a.example/[1-"], ["ftp://ann:s3cret@a.example/"], ["http://ann:s3cret@a.example/{"]] {
        let run = work.scrape("").args(args).run();
        assert_ne!(run.exit, Some(0));
        assert_kept(&run, &work, &["c.toml"]);
    }
}

#[test]
fn who_asks_what_a_run_waits_for_hears_no_secret_and_the_bar_shows_none() {
    let (site, work) = (site(), Work::new());
    site.page("/hang?token=s3cret", Reply::nothing().hang());
    let url = site.url("/hang?token=s3cret").replace("http://", "http://ann:s3cret@");
    let live = work.scrape("--grace 0s --progress always --redact token").arg(url).spawn();
    site.wait_for_hits(1);
    live.signal(Signal::USR1);
    live.says("waiting ");
    live.says("/hang?token=***");
    live.signal(Signal::TERM);
    let run = live.end();
    assert!(run.stderr.contains("/hang?token=***"), "{}", run.stderr);
    assert_kept(&run, &work, &[]);
}

#[test]
fn a_proxy_keeps_its_password() {
    let work = Work::new();
    let proxy = REFUSED.replace("http://", "http://ann:s3cret@");
    let run =
        loud(work.scrape("http://a.example/ --retries 0")).env("HTTP_PROXY", &proxy).env("http_proxy", &proxy).run().code(3);
    assert_kept(&run, &work, &[]);
    assert!(field(&run.record(), "error_message").as_str().unwrap().contains("proxy"), "{}", run.text());
}

#[test]
fn what_is_not_named_stays_as_it_is() {
    let site = site();
    let list = json!({"url": site.url("/page?token=x&b=2"), "token": "x", "id": 1}).to_string();
    let work = Work::new();
    work.write("urls.jsonl", list);
    let record = work.scrape("urls.jsonl").run().code(0).record();
    assert_eq!(
        (field(&record, "url"), field(&record, "input")),
        (&json!(site.url("/page?token=x&b=2")), &json!({"token": "x", "id": 1}))
    );
    let record = work.scrape("urls.jsonl --redact B").run().code(0).record();
    assert_eq!((field(&record, "url"), field(&record, "input.token")), (&json!(site.url("/page?token=x&b=***")), &json!("x")));
}

#[test]
fn the_failure_that_ended_a_run_and_the_command_that_goes_on_show_no_secret() {
    for format in ["text", "json"] {
        let (site, work) = (site(), Work::new());
        let gone = site.url("/gone?token=s3cret").replace("http://", "http://ann:s3cret@");
        let flags = "-c 1 --fail-fast --redact token -o out.jsonl -u ann:s3cret -d p=s3cret -b a=s3cret --summary s.json --metrics m.prom";
        let run = loud(work.scrape(flags).args(["-HX-A: s3cret", "--log-format", format, "-H", "Accept: text/html"]));
        let run = run.arg(&gone).arg(site.url("/page?token=s3cret")).run().code(3);
        assert_kept(&run, &work, &[]);
        let summary = work.read("s.json");
        for text in [&summary, &run.stderr] {
            assert!(text.contains("/gone?token=***") && text.contains("-u 'ann:***'"), "{text}");
            assert!(text.contains("'-HX-A: ***'") && text.contains("'Accept: text/html'"), "{text}");
        }
    }
}

#[test]
fn an_encrypted_exchange_is_as_silent() {
    let (authority, work) = (Authority::new(), Work::new());
    let site = Site::tls(&authority, Leaf::Good);
    site.on("/*", |_| Reply::title("x").header("Set-Cookie", "id=s3cret"));
    let run = loud(work.scrape("--cookie-jar jar.txt -u ann:s3cret -b a=s3cret -d s3cret --redact token"));
    let run =
        run.args(["-H", "X-A: s3cret"]).env("SSL_CERT_FILE", authority.file()).arg(site.url("/x?token=s3cret")).run().code(0);
    assert_kept(&run, &work, &["jar.txt"]);
    assert_eq!(site.hits()[0].request.header("authorization"), Some("Basic YW5uOnMzY3JldA=="));
}

#[test]
fn a_line_that_cannot_be_read_shows_nothing_where_something_in_it_may_be_secret() {
    let work = Work::new();
    let lines = [
        r#"{"u":"x","token":"s3cret"}"#,
        r#"{"url":{"token":"s3cret"}}"#,
        r#"{"token":"s3cret""#,
        r#"{"\u0068eaders":{"Authorization":"s3cret"}"#,
    ];
    work.write("l.jsonl", lines.join("\n")).write("t.csv", "url,token\nhttp://a.example/,\"s3cret\n");
    for input in ["l.jsonl", "t.csv"] {
        let run = loud(work.scrape("--redact token").arg(input)).run().code(3);
        assert_kept(&run, &work, &["l.jsonl", "t.csv"]);
        assert!(run.each("error").iter().all(|error| error == "invalid_url"), "{}", run.text());
        assert!(run.each("error_message").iter().all(|message| message.as_str().unwrap().contains(input)), "{}", run.text());
    }
    let bare = work.scrape("-").args(["--input-format", "jsonl"]).stdin(lines[3]).run().code(3);
    assert_kept(&bare, &work, &["l.jsonl", "t.csv"]);
}
