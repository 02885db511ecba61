//! Settings from several sources, and back from what is printed of them.

use std::path::Path;

use super::*;
use crate::plan::plan;

/// Settings by the words of a command line, variables and the text of a file.
fn read_all(words: &str, variables: &[(&str, &str)], text: &str) -> Result<(Args, Config), Error> {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let path = folder.path().join("c.toml");
    std::fs::write(&path, text).expect("the new folder can be written");
    read_from(&path, words, variables)
}

fn read_from(path: &Path, words: &str, variables: &[(&str, &str)]) -> Result<(Args, Config), Error> {
    let words = ["scrape", "http://a.example/"].into_iter().chain(words.split_whitespace()).map(OsString::from);
    let config = [OsString::from("--config"), path.into()];
    read(words.chain(config), variables.iter().map(|(name, value)| (name.into(), value.into())))
}

fn mistake(words: &str, variables: &[(&str, &str)], text: &str) -> String {
    match read_all(words, variables, text) {
        Err(Error::Mistake(error)) => format!("{error:#}"),
        other => panic!("{words} {variables:?} {text}: {other:?}"),
    }
}

/// The plan as a text, without what is drawn by lot, and the rules of hosts.
fn meaning(args: Args) -> (String, Arc<scrape::policy::HostRules>) {
    let mut plan = plan(args).expect("it is a plan");
    plan.crawl.frontier.seed = 0;
    plan.fetch.hosts = Arc::default();
    let hosts = std::mem::take(&mut plan.crawl.frontier.hosts);
    (format!("{plan:?}"), hosts)
}

const FILE: &str = r#"
    concurrency = 7
    rate-limit = ["5/s", 100, 0.5]
    header = ['X-Quote: "a\b"']
    select = ["n=h1", 'links[]=a::attr(href)']
    timeout = 12
    max-body = "64K"
    max-parse = "2s"
    parser = "dom"
    accept = 200
    limit-by = "site"
    robots = "always"
    no-adapt = true
    give-up = 0x10
    retry-budget = "none"
    pace-state = "pace.db"
    https-only = true
    resolve = ["a.example:80:127.0.0.1", "+*:443:127.0.0.2,[::1]"]
    deny-private = true
    quiet = true
    format = "csv"
    output = "out.txt"
    overwrite = true
    [hosts."*.example.com"]
    rps = [2, "30/m"]
    per-host = 1
    headers = { X-A = "b", "X-Many" = ["1", "2"] }
    robots = "never"
    [hosts."bücher.example:8080"]
    rps = []
"#;

#[test]
fn what_is_printed_gives_the_same_settings() {
    for (words, text) in
        [("", FILE), ("--append --retries 9 -v", FILE), ("--fetch-only -o x.csv -H A:b", ""), ("--max-body 100M", ""), ("", "")]
    {
        let (args, config) = read_all(words, &[("SCRAPE_BURST", "3"), ("SCRAPE_HOST_RPS", "1\n2")], text).expect("it is right");
        let printed = config.lines().join("\n");
        let (again, same) = read_all("", &[], &printed).unwrap_or_else(|error| panic!("{error:?} in:\n{printed}"));
        assert_eq!(meaning(args), meaning(again), "{words}:\n{printed}");
        let values = |lines: Vec<String>| -> Vec<_> {
            lines.iter().skip(1).map(|line| line.split("  #").next().unwrap_or_default().to_owned()).collect()
        };
        let (one, two) = (values(config.lines()), values(same.lines()));
        assert!(one.iter().all(|line| line.starts_with('#') || two.contains(line)), "{printed}");
    }
}

#[test]
fn every_option_is_a_key_and_a_variable() {
    for option in options() {
        let text = match (option.shape, option.key.as_str(), &option.default) {
            (crate::args::Shape::Switch | crate::args::Shape::Count, ..) => "true".to_owned(),
            (_, _, Some(default)) => default.clone(),
            (_, "deadline", _) => "1h".to_owned(),
            (_, "fail-if", _) => "failed > 5%".to_owned(),
            (_, "header", _) => "A: b".to_owned(),
            (_, "resolve", _) => "a.example:80:127.0.0.1".to_owned(),
            (_, "user", _) => "a:b".to_owned(),
            _ => "5".to_owned(),
        };
        let file = if text == "true" { text.clone() } else { format!("{text:?}") };
        let (_, config) = read_all("", &[], &format!("{} = {file}", option.key)).unwrap_or_else(|error| panic!("{error:?}"));
        assert!(config.lines().iter().any(|line| line.starts_with(&format!("{} = ", option.key)) && line.ends_with(":1")));
        let name = format!("SCRAPE_{}", option.key.to_uppercase().replace('-', "_"));
        let (_, config) = read_all("", &[(&name, &text)], "").unwrap_or_else(|error| panic!("{error:?}"));
        assert!(config.lines().iter().any(|line| line.ends_with(&format!("# env {name}"))), "{name}");
    }
}

#[test]
fn a_stronger_source_replaces_the_whole_list() {
    let rates = |words, variables: &[_], text| read_all(words, variables, text).expect("it is right").0.rps;
    let (file, env) = ("rps = [1, 2]", [("SCRAPE_RPS", "3\n4\n")]);
    let of = |rates: &[&str]| -> Vec<scrape::policy::Rate> { rates.iter().map(|rate| rate.parse().expect(rate)).collect() };
    assert_eq!(rates("", &[], file), of(&["1", "2"]));
    assert_eq!(rates("", &env, file), of(&["3", "4"]));
    assert_eq!(rates("--rps 5", &env, file), of(&["5"]));
    assert_eq!(rates("", &[("SCRAPE_RPS", "")], file), of(&["1", "2"]), "an empty variable says nothing");
    assert_eq!(rates("", &[], "rps = []"), of(&[]));
}

#[test]
fn what_is_typed_holds_for_a_host_with_settings_of_its_own() {
    let file = "host-rps = 9\nper-host = 7\nrobots = \"never\"\nheader = \"X-A: all\"\n\
        [hosts.\"a.example\"]\nrps = 10\nper-host = 3\nrobots = \"always\"\nheaders = { x-a = \"own\", X-B = \"own\" }";
    let shown = |words: &str, variables: &[_]| {
        let (args, config) = read_all(words, variables, file).expect("it is right");
        let printed = config.lines().join("\n");
        let (again, _) = read_all("", &[], &printed).unwrap_or_else(|error| panic!("{error:?} in:\n{printed}"));
        assert_eq!(again.hosts, args.hosts, "{printed}");
        let rule = args.hosts.rule("a.example", 80);
        let rates = rule.rps.unwrap_or_default().to_vec();
        let headers = rule.headers.map(|headers| (headers.contains_key("x-a"), headers.contains_key("x-b")));
        (rates, rule.per_host, rule.robots, headers, printed)
    };
    let of = |rates: &[&str]| -> Vec<scrape::policy::Rate> { rates.iter().map(|rate| rate.parse().expect(rate)).collect() };
    let (rates, places, robots, headers, _) = shown("", &[]);
    assert_eq!((rates, places, robots), (of(&["10"]), Some(3), Some(scrape::policy::robots::Mode::Always)), "of the file");
    assert_eq!(headers, Some((true, true)));
    let (rates, places, robots, headers, printed) =
        shown("--host-rps 1 --host-rps 30/m --per-host 2 -H X-A:1", &[("SCRAPE_ROBOTS", "auto")]);
    assert_eq!((rates, places, robots), (of(&["10", "1", "30/m"]), Some(2), Some(scrape::policy::robots::Mode::Auto)));
    assert_eq!(headers, Some((false, true)));
    for line in [
        "per-host = 2  # flag",
        "robots = \"auto\"  # env SCRAPE_ROBOTS",
        ":8, overruled by robots",
        "# headers = { x-a = \"own\" }",
        ":6, flag",
    ] {
        assert!(printed.contains(line), "{line} in\n{printed}");
    }
    assert_eq!(shown("--per-host 5", &[]).1, Some(3), "the smaller counts");
}

#[test]
fn the_stronger_of_two_that_exclude_each_other_wins() {
    let (args, config) = read_all("-v", &[], "quiet = true").expect("it is right");
    assert!(!args.quiet && args.verbose == 1);
    assert!(config.lines().iter().any(|line| line.starts_with("# quiet = true  # ") && line.ends_with("overruled by verbose")));
    let (args, _) = read_all("-o x", &[("SCRAPE_APPEND", "yes")], "overwrite = true").expect("it is right");
    assert!(args.append && !args.overwrite);
    let (args, _) = read_all("", &[("SCRAPE_FETCH_ONLY", "1")], "select = [\"a=b\"]").expect("it is right");
    assert!(args.fetch_only && args.select.is_empty());
    let (args, _) = read_all("", &[("SCRAPE_OVERWRITE", "no")], "append = true\noutput = \"x\"").expect("no excludes nothing");
    assert!(args.append);
    let both = mistake("--overwrite -o x", &[], "append = true\n\noverwrite = true");
    assert!(both.contains("c.toml:1") && both.contains("c.toml:3") && both.contains("exclude each other"), "{both}");
    let both = mistake("", &[("SCRAPE_QUIET", "1"), ("SCRAPE_VERBOSE", "2")], "");
    assert!(both.contains("SCRAPE_QUIET") && both.contains("SCRAPE_VERBOSE"), "{both}");
}

#[test]
fn a_habit_needs_nothing_beside_it() {
    let (args, _) = read_all("", &[], "overwrite = true").expect("there is no output to overwrite");
    assert_eq!((args.overwrite, args.output), (true, vec![]));
    assert!(matches!(read_all("--overwrite", &[], ""), Err(Error::Typed(_))), "typed it makes no sense");
    assert!(read_all("--overwrite", &[], "output = \"x\"").is_ok());
    assert!(
        read_all("", &[("SCRAPE_RESUME", "1")], "retry-failed = true").is_ok_and(|(args, _)| args.resume && args.retry_failed)
    );
    assert!(matches!(read_all("--retry-failed -o x", &[], ""), Err(Error::Typed(_))), "typed it needs something to go on with");
}

#[test]
fn a_mistake_in_the_file_names_its_line_and_what_is_right() {
    for (text, parts) in [
        ("\n\nconcurency = 5", ["c.toml:3: ", "did you mean concurrency?"]),
        ("per_host = 5", ["c.toml:1: ", "did you mean per-host?"]),
        ("colour = 5", ["c.toml:1: ", "did you mean color?"]),
        ("[host.\"a.example\"]", ["c.toml:1: ", "did you mean hosts?"]),
        ("[pace]\nrps = 5", ["c.toml:1: there is no table pace", "top of the file"]),
        ("whatever = 5", ["c.toml:1: ", "long flags"]),
        ("dry-run = true", ["c.toml:1: ", "flag only"]),
        ("config = \"x\"", ["c.toml:1: ", "flag only"]),
        ("\nconcurrency = 0", ["c.toml:2: concurrency: \"0\": ", "whole number from 1"]),
        ("concurrency = true", ["c.toml:1: concurrency: ", "a text or a number"]),
        ("concurrency = [5]", ["c.toml:1: concurrency: ", "no list"]),
        ("rps = [\n1,\n\"fast\"]", ["c.toml:3: rps: \"fast\"", "5/15s"]),
        ("progress = \"allways\"", ["one of auto, always, never, log", "did you mean always?"]),
        ("glob = \"yes\"", ["c.toml:1: glob", "true or false"]),
        ("verbose = 300", ["c.toml:1: verbose", "up to 255"]),
        ("output = \"\"", ["c.toml:1: output", "needs a value"]),
        ("select = [\"a=b[\"]", ["c.toml:1: select", "b["]),
        ("rps = 1\nrate-limit = 2", ["c.toml:2: ", "c.toml:1 are the same setting"]),
        ("rps = 1\nrps = 2", ["c.toml:2: ", "duplicate key"]),
        ("rps = \n", ["c.toml:1: ", ""]),
        ("hosts = 3", ["c.toml:1: ", "[hosts.\"a.example\"]"]),
        ("[hosts]\n\"a.example\" = 3", ["c.toml:2: ", "[hosts.\"a.example\"]"]),
        ("[hosts.\"a.example\"]\nrsp = 3", ["c.toml:2: ", "did you mean rps?"]),
        ("[hosts.\"a.example\"]\nheader = 3", ["c.toml:2: ", "did you mean headers?"]),
        ("[hosts.\"a.example\"]\nconcurrency = 3", ["c.toml:2: ", "above the first [hosts]"]),
        ("[hosts.\"a.example\"]\nrps = 0", ["c.toml:2: rps: \"0\"", "is no rate"]),
        ("[hosts.\"a.example\"]\nper-host = 0", ["c.toml:2: per-host: \"0\"", "from 1"]),
        ("[hosts.\"a.example\"]\nrobots = 1", ["c.toml:2: robots", "auto, always, never"]),
        ("[hosts.\"a.example\"]\nheaders = [\"A: b\"]", ["c.toml:2: headers", "table"]),
        ("[hosts.\"a.example\"]\nheaders = { \"A:b\" = \"c\" }", ["c.toml:2: headers", "no header name"]),
        ("[hosts.\"a.example\"]\nheaders = { A = \"b\\nc\" }", ["c.toml:2: headers", "one line"]),
        ("[hosts.example.com]\nrps = 1", ["c.toml:1: ", "[hosts.\"example.com\"]"]),
        ("[hosts.\"https://a.example\"]", ["c.toml:1: ", "is no host"]),
        ("[hosts.\"a.example\"]\n[hosts.\"A.EXAMPLE\"]", ["c.toml:2: ", "there already"]),
    ] {
        let told = mistake("", &[], text);
        assert!(parts.iter().all(|part| told.contains(part)), "{text}: {told}");
    }
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    for (name, value, part) in [
        ("SCRAPE_CONCURRENCY", "0", "SCRAPE_CONCURRENCY: \"0\": a count is a whole number from 1"),
        ("SCRAPE_CONCURENCY", "5", "did you mean SCRAPE_CONCURRENCY?"),
        ("SCRAPE_HOSTRPS", "5", "did you mean SCRAPE_HOST_RPS?"),
        ("SCRAPE_GLOB", "maybe", "1, true or yes"),
        ("SCRAPE_DRY_RUN", "1", "flag only"),
        ("SCRAPE_RPS", "1\nfast", "\"fast\""),
    ] {
        let told = mistake("", &[(name, value)], "");
        assert!(told.contains(name) && told.contains(part), "{name}: {told}");
    }
    let twice = mistake("", &[("SCRAPE_RPS", "1"), ("SCRAPE_RATE_LIMIT", "1")], "");
    assert!(twice.contains("are the same setting"), "{twice}");
    let foreign = [("SCRAPE_API_HOME", "/x"), ("SCRAPE_VERSION", "1.2"), ("SCRAPE", "x"), ("OTHER", "y")];
    assert!(read_all("", &foreign, "").is_ok(), "what is somebody else's is left alone");
    for (value, on) in [("1", true), ("TRUE", true), ("yes", true), ("0", false), ("False", false), ("no", false)] {
        assert_eq!(read_all("", &[("SCRAPE_GLOB", value)], "").expect(value).0.glob, on);
    }
}

#[test]
fn secrets_are_neither_printed_nor_told() {
    let text = "header = [\"Authorization: s3cret\", \"X-Api-Key: s3cret\", \"cookie: s3cret\", \"X-Plain: seen\"]\n\
        [hosts.\"a.example\"]\nheaders = { Proxy-Authorization = \"s3cret\", X-Auth-Token = \"s3cret\", X-Open = \"seen\" }";
    let (_, config) = read_all("--user-agent http://u:s3cret@h.example/", &[], text).expect("it is right");
    let printed = config.lines().join("\n");
    assert!(
        !printed.contains("s3cret") && printed.matches("***").count() == 6 && printed.matches("seen").count() == 2,
        "{printed}"
    );
    for text in ["header = \"Authorization s3cret\"", "header = [\"Bad Name: s3cret\"]"] {
        assert!(!mistake("", &[], text).contains("s3cret"));
    }
}

#[test]
fn only_what_is_nearly_a_name_is_taken_for_it() {
    let names = ["rps", "limit", "limit-by", "concurrency"];
    let near = |wrong| near(wrong, names.into_iter());
    assert_eq!((near("LIMIT_BY"), near("concurrncy"), near("rsp")), (Some("limit-by"), Some("concurrency"), Some("rps")));
    assert_eq!((near("limits"), near("xyz"), near("")), (Some("limit"), None, None));
    assert_eq!((edits("", "ab"), edits("abc", "abc"), edits("kitten", "sitting")), (2, 0, 3));
}
