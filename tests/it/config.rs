//! Settings from a file and from the environment, as a user of the program has them.

use std::fs;

use crate::harness::{Authority, Leaf, Reply, Run, Site, Work, scrape};

/// The line of `--print-config` for a key.
#[track_caller]
fn line<'a>(run: &'a Run, key: &str) -> &'a str {
    let line = run.text().lines().find(|line| line.starts_with(&format!("{key} = ")));
    line.unwrap_or_else(|| panic!("no {key} in:\n{}", run.text()))
}

/// What is printed, without the comments.
fn values(run: &Run) -> Vec<String> {
    let lines = run.text().lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split("  #").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let work = Work::new();
    work.write("c.toml", "concurrency = 3\nretries = 3\ntimeout = 3\nrps = [\"3/s\", \"30/m\"]\n");
    let run = work.scrape("--config c.toml -c 1 --print-config").env("SCRAPE_CONCURRENCY", "2").env("SCRAPE_RETRIES", "2");
    let run = run.run().code(0);
    assert_eq!(run.stderr, "");
    assert_eq!(line(&run, "concurrency"), "concurrency = 1  # flag");
    assert_eq!(line(&run, "retries"), "retries = 2  # env SCRAPE_RETRIES");
    assert_eq!(line(&run, "timeout"), "timeout = 3  # c.toml:3");
    assert_eq!(line(&run, "rps"), "rps = [\"3/s\", \"30/m\"]  # c.toml:4");
    assert_eq!(line(&run, "burst"), "burst = 1  # default");
    assert!(run.text().contains("\n# deadline = TIME\n"), "what is not set is commented out:\n{}", run.text());
}

#[test]
fn what_is_printed_is_a_file_with_the_same_settings() {
    let work = Work::new();
    work.write(
        "c.toml",
        "select = ['a=h1', \"b=p\"]\nretry-on = \"503\"\n[hosts.\"*.example.com\"]\nrps = 0.5\nheaders = { X-A = \"b\" }\n",
    );
    let one = work.scrape("--config c.toml --print-config -q --csv-safe").env("SCRAPE_HEADER", "A: b\nC: d").run().code(0);
    work.write("again.toml", one.text());
    let two = work.scrape("--config again.toml --print-config").run().code(0);
    assert_eq!(values(&one), values(&two));
    assert!(line(&two, "header").contains("[\"A: b\", \"C: d\"]"));
}

#[test]
fn the_file_of_the_user_is_read_where_there_is_one() {
    let work = Work::new();
    let folder = work.path("xdg/scrape");
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(work.path("home/.config/scrape")).unwrap();
    fs::write(folder.join("config.toml"), "concurrency = 3").unwrap();
    fs::write(work.path("home/.config/scrape/config.toml"), "concurrency = 4").unwrap();
    let shown = |flags: &str, env: &[(&str, String)]| {
        let scrape = env.iter().fold(work.scrape(flags), |scrape, (name, value)| scrape.env(name, value));
        let run = scrape.arg("--print-config").run().code(0);
        line(&run, "concurrency").split_whitespace().nth(2).unwrap().to_owned()
    };
    let path = |name: &str| work.path(name).display().to_string();
    let (xdg, home) = (("XDG_CONFIG_HOME", path("xdg")), ("HOME", path("home")));
    work.write("other.toml", "concurrency = 5");
    let named = ("SCRAPE_CONFIG", path("other.toml"));
    assert_eq!(shown("", &[xdg.clone(), home.clone()]), "3");
    assert_eq!(shown("", std::slice::from_ref(&home)), "4");
    assert_eq!(shown("", &[("XDG_CONFIG_HOME", "xdg".to_owned()), home.clone()]), "4", "a relative folder does not count");
    assert_eq!(shown("", &[xdg.clone(), named.clone()]), "5");
    assert_eq!(shown("--config other.toml", std::slice::from_ref(&xdg)), "5");
    assert_eq!(shown("--no-config", &[xdg, home, named]), "20");
    for home in ["/dev/null", "/nowhere", ""] {
        assert_eq!(shown("", &[("HOME", home.to_owned())]), "20");
    }
    assert_eq!(shown("", &[]), "20", "without a home, as in a container");
}

#[test]
fn what_is_wrong_is_told_before_any_request() {
    let site = Site::of_pages();
    let work = Work::new();
    work.write("bad.toml", "# mine\nconcurency = 5\n")
        .write("zero.toml", "\n\nconcurrency = 0\n")
        .write("torn.toml", "rps = [1,");
    work.write("latin.toml", b"# \xe9\n");
    for (flags, parts) in [
        ("--config bad.toml", ["bad.toml:2: ", "did you mean concurrency?"]),
        ("--config zero.toml", ["zero.toml:3: concurrency: ", "a whole number from 1"]),
        ("--config torn.toml", ["torn.toml:1: ", ""]),
        ("--config latin.toml", ["latin.toml:1: ", "not UTF-8"]),
        ("--config missing.toml", ["missing.toml: cannot read", "No such file"]),
        ("--config .", [".: cannot read", "irectory"]),
        ("--config bad.toml --no-config", ["--no-config", "cannot be used with"]),
    ] {
        let run = work.scrape(flags).arg(site.url("/p/1")).run().code(2);
        assert!(parts.iter().all(|part| run.stderr.contains(part)), "{flags}: {}", run.stderr);
        assert_eq!(run.text(), "");
    }
    let run = scrape("").env("SCRAPE_HOST_RPS", "fast").arg(site.url("/p/1")).run().code(2);
    assert!(run.stderr.contains("SCRAPE_HOST_RPS") && run.stderr.contains("5/15s"), "{}", run.stderr);
    assert!(site.hits().is_empty());
}

#[test]
fn a_broken_file_does_not_keep_the_help_from_whoever_needs_it() {
    let work = Work::new();
    work.write("bad.toml", "concurency = 5");
    for flags in ["--help", "--version", "--generate man"] {
        work.scrape(flags).env("SCRAPE_CONFIG", work.path("bad.toml")).run().code(0);
    }
}

#[test]
fn settings_count_in_a_run() {
    let site = Site::of_pages();
    let work = Work::new();
    work.write("c.toml", "select = \"t=title\"\nformat = \"csv\"\nquiet = true\nuser-agent = \"mine/1\"\n");
    let run = work.scrape("--config c.toml").env("SCRAPE_HEADER", "X-A: b").arg(site.url("/p/1")).run().code(0);
    assert_eq!(run.stderr, "");
    assert!(run.text().lines().next().unwrap().ends_with(",t"), "{}", run.text());
    let request = &site.hits()[0].request;
    assert_eq!((request.header("user-agent"), request.header("x-a")), (Some("mine/1"), Some("b")));
}

#[test]
fn a_hosts_headers_go_to_that_host_only_whoever_led_there() {
    let site = Site::hosts(2);
    let (own, other) = (site.url_of(0, "/end"), site.url_of(1, "/end"));
    site.page("/end", Reply::title("end")).page("/away", Reply::redirect(&other)).page("/home", Reply::redirect(&own));
    let work = Work::new();
    let text = "header = [\"X-Key: all\", \"X-All: 1\"]\n[hosts.\"127.0.0.1\"]\nheaders = { X-Key = \"host\", X-Own = \"1\" }\n";
    work.write("c.toml", text);
    let list = [site.url_of(0, "/away"), site.url_of(1, "/home"), own].join("\n");
    work.scrape("--config c.toml -c 1").stdin(list).run().code(0);
    let seen = site.hits().into_iter().map(|hit| {
        let of = |name| hit.request.header(name).map(str::to_owned);
        (hit.request.host().to_owned(), hit.request.path.clone(), of("x-key"), of("x-own"), of("x-all"))
    });
    let mut seen: Vec<_> = seen.collect();
    seen.sort();
    let some = |text: &str| Some(text.to_owned());
    let hit = |host: &str, path: &str, key, own, all| (host.to_owned(), path.to_owned(), key, own, all);
    assert_eq!(
        seen,
        [
            hit("127.0.0.1", "/away", some("host"), some("1"), some("1")),
            hit("127.0.0.1", "/end", some("host"), some("1"), None),
            hit("127.0.0.1", "/end", some("host"), some("1"), some("1")),
            hit("127.0.0.2", "/end", None, None, None),
            hit("127.0.0.2", "/home", some("all"), None, some("1")),
        ]
    );
}

#[test]
fn a_header_that_is_typed_goes_before_a_hosts_own() {
    let (site, work) = (Site::start(), Work::new());
    site.page("/x", Reply::title("x"));
    work.write("c.toml", "[hosts.\"127.0.0.1\"]\nheaders = { X-Key = \"host\", X-Own = \"1\" }\n");
    work.scrape("--config c.toml -H X-Key:flag").arg(site.url("/x")).run().code(0);
    let request = &site.hits()[0].request;
    assert_eq!((request.header("x-key"), request.header("x-own")), (Some("flag"), Some("1")));
}

#[test]
fn secrets_are_not_printed() {
    let work = Work::new();
    work.write("c.toml", "[hosts.\"a.example\"]\nheaders = { Authorization = \"s3cret\" }\n");
    let run = work
        .scrape("--config c.toml --print-config -H Cookie:s3cret -H X-Api-Key:s3cret")
        .env("SCRAPE_USER_AGENT", "http://u:s3cret@h/");
    let run = run.run().code(0);
    assert!(!run.text().contains("s3cret") && run.text().contains("Cookie: ***"), "{}", run.text());
}

#[test]
fn a_hosts_headers_are_not_laid_open_where_a_redirect_leaves_encryption() {
    let (authority, open, work) = (Authority::new(), Site::start(), Work::new());
    let secure = Site::tls(&authority, Leaf::Good);
    open.page("/open", Reply::title("open"));
    secure.page("/x", Reply::redirect(&open.url("/open"))).page("/y", Reply::title("y"));
    work.write("c.toml", "[hosts.\"127.0.0.1\"]\nheaders = { X-Key = \"s3cret\" }\n");
    let list = [secure.url("/x"), secure.url("/y"), open.url("/open")].join("\n");
    work.scrape("--config c.toml -k -c 1").stdin(list).run().code(0);
    let keys = |site: &Site| site.hits().iter().map(|hit| hit.request.header("x-key").is_some()).collect::<Vec<_>>();
    assert_eq!((keys(&secure), keys(&open)), (vec![true, true], vec![false, true]));
}
