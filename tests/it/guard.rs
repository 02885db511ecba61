//! The guard: the public web leads nobody into a private network. 127.0.0.2 plays the public internet here, the rest of the loopback
//! is what it is; names are looked up by a resolver of the test's own. What is refused is never connected to.

use std::net::IpAddr;
use std::sync::Arc;

use scrape::policy::guard::Mode;
use scrape::policy::{LimitBy, robots};
use scrape::{ErrorKind, Plan, Record};
use serde_json::json;

use crate::harness::{Answer, Names, Reply, Site, are, field, library, plan, scrape};

const PUBLIC: usize = 1;
const PRIVATE: usize = 2;

/// A site at 127.0.0.1, 127.0.0.2, which is public, and 127.0.0.3, all at one port.
fn world() -> Site {
    let site = Site::on_one_port(3);
    site.page("/secret", Reply::title("secret")).page("/open", Reply::title("open"));
    site
}

fn no_names() -> Arc<Names> {
    Arc::default()
}

/// The one record of a plan.
#[track_caller]
fn one(plan: Plan) -> Record {
    let (mut records, _) = library(plan);
    assert_eq!(records.len(), 1);
    records.remove(0)
}

fn message(record: &Record) -> &str {
    record.error_message.as_deref().unwrap_or_default()
}

fn title(record: &Record) -> &str {
    record.data.get("title").and_then(|title| title.as_str()).unwrap_or_default()
}

#[test]
fn a_redirect_from_a_public_address_to_one_that_is_not_is_blocked_and_not_tried_again() {
    let site = world();
    let to = site.url_of(PRIVATE, "/secret");
    site.page("/start", Reply::redirect(&to));
    let (records, summary) = library(plan(&[&site.url_of(PUBLIC, "/start")], &no_names()));
    let record = &records[0];
    assert_eq!((record.error, record.attempts, record.status), (Some(ErrorKind::Blocked), 1, Some(302)));
    assert_eq!((record.final_url.as_deref(), record.bytes), (None, None));
    for part in ["127.0.0.3 is a loopback address", "redirected from the public internet", &to, "--allow-private"] {
        assert!(message(record).contains(part), "{part} in {}", message(record));
    }
    assert_eq!((site.paths(), site.connections()), (vec!["/start".to_owned()], 1));
    assert_eq!(summary.requests, 1, "what was refused was no request");
}

#[test]
fn no_spelling_of_an_address_gets_past() {
    for spelling in [
        "127.0.0.3",
        "127.0.0.3.",
        "127.3",
        "127.0.3",
        "2130706435",
        "0x7f000003",
        "0x7f.3",
        "0X7F.0x0.0.3",
        "0177.0.0.03",
        "017700000003",
        "%31%32%37.0.0.3",
        "１２７．０．０．３",
        "127。0。0。3",
        "[::ffff:127.0.0.3]",
        "[::ffff:7f00:3]",
        "[0:0:0:0:0:ffff:7f00:0003]",
        "[::127.0.0.3]",
        "[64:ff9b::127.0.0.3]",
        "[2002:7f00:3::1]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "0.0.0.0",
        "0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "user:pass@127.0.0.3",
        "127.0.0.2@127.0.0.3",
    ] {
        let site = world();
        site.page("/start", Reply::redirect(&site.url_at(spelling, PRIVATE, "/secret")));
        let record = one(plan(&[&site.url_of(PUBLIC, "/start")], &no_names()));
        assert_eq!((record.error, site.connections()), (Some(ErrorKind::Blocked), 1), "{spelling}: {}", message(&record));
    }
    // A zone has no place in a URL, and nothing else makes these addresses.
    for spelling in ["[fe80::1%25lo]", "[::1%25lo]", "[fe80::1%lo]", "127.0.0.3%25lo", "127.0.0.256", "0x100000000"] {
        let site = world();
        site.page("/start", Reply::redirect(&site.url_at(spelling, PRIVATE, "/secret")));
        let record = one(plan(&[&site.url_of(PUBLIC, "/start")], &no_names()));
        assert_eq!((record.error, site.connections()), (Some(ErrorKind::Redirect), 1), "{spelling}: {}", message(&record));
    }
}

#[test]
fn a_name_is_what_it_resolves_to() {
    for (name, answer, is_open) in [
        ("intranet.example", are("127.0.0.3"), false),
        ("localhost", are("127.0.0.1 ::1"), false),
        ("a.localhost", are("::1"), false),
        ("mapped.example", are("::ffff:127.0.0.3"), false),
        ("metadata.example", are("169.254.169.254"), false),
        ("public.example", are("127.0.0.2"), true),
        ("PUBLIC.example.", are("127.0.0.2"), true),
    ] {
        let site = world();
        site.page("/start", Reply::redirect(&site.url_at(name, PRIVATE, "/open")));
        let names = Arc::new(Names::default().name(&name.to_ascii_lowercase(), [answer]));
        let record = one(plan(&[&site.url_of(PUBLIC, "/start")], &names));
        if is_open {
            assert_eq!((record.error, title(&record)), (None, "open"), "{name}: {}", message(&record));
        } else {
            assert_eq!((record.error, site.connections()), (Some(ErrorKind::Blocked), 1), "{name}: {}", message(&record));
            assert!(message(&record).contains(&format!("{name} is at ")), "{}", message(&record));
        }
    }
}

#[test]
fn a_name_that_changes_its_address_between_two_lookups_gains_nothing() {
    let site = world();
    let own = |path: &str| site.url_at("rebind.example", PUBLIC, path);
    site.page("/start", Reply::redirect(&own("/secret")));
    let names = Arc::new(Names::default().name("rebind.example", [are("127.0.0.2"), are("127.0.0.3")]));
    let record = one(plan(&[&own("/start")], &names));
    assert_eq!((record.error, site.connections()), (Some(ErrorKind::Blocked), 1), "{}", message(&record));
    assert_eq!(names.asked().len(), 2, "one lookup a connection");

    // What was checked is what is dialled: a third answer is not asked for.
    let site = world();
    let own = |path: &str| site.url_at("rebind.example", PUBLIC, path);
    site.page("/start", Reply::redirect(&own("/open")));
    let answers = [are("127.0.0.2"), are("127.0.0.2"), are("127.0.0.3")];
    let names = Arc::new(Names::default().name("rebind.example", answers));
    let record = one(plan(&[&own("/start")], &names));
    assert_eq!((record.error, title(&record), names.asked().len()), (None, "open", 2), "{}", message(&record));
    assert!(site.hits().iter().all(|hit| hit.request.host() == "rebind.example"));
}

#[test]
fn of_a_name_with_both_only_the_public_addresses_are_dialled() {
    // Nobody listens at the other ones, so that to dial them would show as a failure where they are the only ones.
    for answer in ["127.0.0.3 127.0.0.2 ::1", "::1 10.0.0.1 127.0.0.2", "127.0.0.2 127.0.0.3"] {
        let site = world();
        site.page("/start", Reply::redirect(&site.url_at("mixed.example", PUBLIC, "/open")));
        site.on("/where", |_| Reply::text("x"));
        let names = Arc::new(Names::default().name("mixed.example", [are(answer)]));
        for limit_by in [LimitBy::Host, LimitBy::Ip] {
            let mut plan = plan(&[&site.url_of(PUBLIC, "/start")], &names);
            plan.crawl.frontier.limit_by = limit_by;
            let record = one(plan);
            assert_eq!((record.error, title(&record)), (None, "open"), "{answer} {limit_by:?}: {}", message(&record));
        }
    }
}

#[test]
fn every_hop_is_looked_at_and_once_public_is_public_to_the_end() {
    let site = world();
    let (open, shut) = (|path: &str| site.url_of(PUBLIC, path), |path: &str| site.url_of(PRIVATE, path));
    site.page("/two", Reply::redirect(&open("/one")))
        .page("/one", Reply::redirect(&shut("/secret")))
        .page("/inside", Reply::redirect(&shut("/further")))
        .page("/further", Reply::redirect(&site.url_of(0, "/secret")))
        .page("/out", Reply::redirect(&open("/one")));
    for (listed, blocked) in [(open("/two"), true), (shut("/out"), true), (shut("/inside"), false)] {
        let record = one(plan(&[&listed], &no_names()));
        if blocked {
            assert_eq!((record.error, record.attempts), (Some(ErrorKind::Blocked), 1), "{listed}: {}", message(&record));
        } else {
            assert_eq!((record.error, title(&record)), (None, "secret"), "{listed}: {}", message(&record));
        }
    }
    assert!(site.hits_at(PRIVATE).iter().all(|hit| hit.request.path != "/secret"));
}

#[test]
fn a_kept_connection_to_a_listed_host_is_no_way_in() {
    let site = world();
    let by_name = |path: &str| site.url_at("intranet.example", PRIVATE, path);
    site.page("/address", Reply::redirect(&site.url_of(PRIVATE, "/secret"))).page("/name", Reply::redirect(&by_name("/secret")));
    let names = Arc::new(Names::default().name("intranet.example", [are("127.0.0.3")]));
    let listed = [
        site.url_of(PRIVATE, "/open"),
        site.url_of(PUBLIC, "/address"),
        by_name("/open"),
        site.url_of(PUBLIC, "/name"),
        by_name("/open"),
    ];
    let (records, _) = library(plan(&listed.each_ref().map(String::as_str), &names));
    let kinds: Vec<_> = records.iter().map(|record| record.error).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::Blocked), None, Some(ErrorKind::Blocked), None]);
    assert_eq!(site.count("/secret"), 0);
    assert_eq!(site.connections(), 3, "one each is kept and used again: nothing is refused for want of one");
}

#[test]
fn listed_addresses_are_the_users_own_decision_unless_they_are_denied() {
    for url in ["http://127.0.0.3:PORT/open", "http://intranet.example:PORT/open", "http://127.0.0.2:PORT/open"] {
        for mode in [Mode::Redirects, Mode::Always, Mode::Never] {
            let site = world();
            let names = Arc::new(Names::default().name("intranet.example", [are("127.0.0.3")]));
            let mut plan = plan(&[&url.replace("PORT", &site.port().to_string())], &names);
            plan.fetch.guard.mode = mode;
            let (records, summary) = library(plan);
            let is_refused = mode == Mode::Always && !url.contains("127.0.0.2");
            if is_refused {
                assert_eq!((records[0].error, records[0].attempts), (Some(ErrorKind::Blocked), 0), "{url}");
                assert!(message(&records[0]).contains("--deny-private"), "{}", message(&records[0]));
                assert_eq!((site.connections(), summary.requests, records[0].fetched_at), (0, 0, None));
            } else {
                assert_eq!((records[0].error, site.connections()), (None, 1), "{url} {mode:?}");
            }
        }
    }
}

#[test]
fn whoever_allows_it_is_led_anywhere() {
    let site = world();
    site.page("/start", Reply::redirect(&site.url_of(PRIVATE, "/secret")));
    let mut plan = plan(&[&site.url_of(PUBLIC, "/start")], &no_names());
    plan.fetch.guard.mode = Mode::Never;
    assert_eq!(title(&one(plan)), "secret");
}

#[test]
fn a_robots_txt_is_no_way_in_either_and_a_blocked_hop_spoils_nothing_for_what_is_listed() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let site = world();
        let by_name = site.url_at("intranet.example", PRIVATE, "/secret");
        site.robots("")
            .page("/address", Reply::redirect(&site.url_of(PRIVATE, "/secret")))
            .page("/name", Reply::redirect(&by_name));
        let names = Arc::new(Names::default().name("intranet.example", [are("127.0.0.3")]));
        let all = [site.url_of(PUBLIC, "/address"), site.url_of(PUBLIC, "/name"), site.url_of(PRIVATE, "/open")];
        let mut plan = plan(&order.map(|at: usize| all[at].as_str()), &names);
        plan.crawl.frontier.robots = robots::Mode::Always;
        let (records, _) = library(plan);
        for (place, at) in order.into_iter().enumerate() {
            let expected = (at < 2).then_some(ErrorKind::Blocked);
            assert_eq!(records[place].error, expected, "{order:?}: {}", message(&records[place]));
        }
        assert_eq!(site.count("/secret"), 0);
        assert!(site.hits().iter().all(|hit| hit.request.host() != "intranet.example"), "{:?}", site.paths());
    }
}

#[test]
fn a_robots_txt_that_is_redirected_into_a_private_network_is_not_fetched_from_there() {
    let site = world();
    let shut = site.url_of(PRIVATE, "/robots.txt");
    site.on("/robots.txt", move |request| {
        if request.host() == "127.0.0.2" { Reply::redirect(&shut) } else { Reply::text("User-agent: *\nDisallow: /") }
    });
    let mut plan = plan(&[&site.url_of(PUBLIC, "/open")], &no_names());
    plan.crawl.frontier.robots = robots::Mode::Always;
    assert_eq!(title(&one(plan)), "open", "it has none, as where redirects lead nowhere");
    assert!(site.hits_at(PRIVATE).is_empty());
}

#[test]
fn denied_hosts_are_not_even_asked_for_their_robots_txt() {
    let site = world();
    let names = Arc::new(Names::default().name("intranet.example", [are("127.0.0.3")]));
    let by_name = |path: &str| site.url_at("intranet.example", PRIVATE, path);
    let (first, second, third) = (by_name("/open"), by_name("/secret"), site.url_of(PRIVATE, "/open"));
    let mut plan = plan(&[&first, &second, &third], &names);
    plan.crawl.frontier.robots = robots::Mode::Always;
    plan.fetch.guard.mode = Mode::Always;
    let (records, summary) = library(plan);
    assert!(records.iter().all(|record| (record.error, record.attempts) == (Some(ErrorKind::Blocked), 0)), "{records:?}");
    assert_eq!((site.connections(), summary.requests, summary.failed), (0, 0, 3));
}

#[test]
fn limits_by_address_look_a_name_up_and_go_no_further() {
    let site = world();
    site.page("/start", Reply::redirect(&site.url_at("intranet.example", PRIVATE, "/secret")));
    let names = Arc::new(Names::default().name("intranet.example", [are("127.0.0.3")]));
    let mut plan = plan(&[&site.url_of(PUBLIC, "/start")], &names);
    plan.crawl.frontier.limit_by = LimitBy::Ip;
    assert_eq!(one(plan).error, Some(ErrorKind::Blocked));
    assert_eq!(site.connections(), 1);
}

#[test]
fn what_is_blocked_says_nothing_about_whether_a_host_can_be_reached() {
    let site = world();
    site.page("/start", Reply::redirect(&site.url_of(PRIVATE, "/secret")));
    let start = site.url_of(PUBLIC, "/start");
    let mut urls = vec![start.as_str(); 30];
    let open = site.url_of(PRIVATE, "/open");
    urls.push(&open);
    let (records, _) = library(plan(&urls, &no_names()));
    assert!(records[..30].iter().all(|record| record.error == Some(ErrorKind::Blocked)));
    assert_eq!(title(&records[30]), "open");
}

#[test]
fn behind_a_proxy_an_address_in_the_url_is_still_looked_at() {
    let proxy = Site::proxy();
    proxy.page("/open", Reply::title("open"));
    proxy.on("/to/*", |request| Reply::redirect(&format!("http://{}/open", request.path.trim_start_matches("/to/"))));
    for (listed, to, blocked) in [
        ("a.example", "10.0.0.5", true),
        ("a.example", "2130706433", true),
        ("a.example", "[::ffff:10.0.0.5]", true),
        ("a.example", "localhost", true),
        ("a.example", "b.LOCALHOST.", true),
        ("8.8.8.8", "169.254.169.254", true),
        ("a.example", "b.example", false),
        ("a.example", "8.8.8.8", false),
        ("10.0.0.5", "10.0.0.6", false),
        ("localhost", "127.0.0.1", false),
    ] {
        let before = proxy.hits().len();
        let record = scrape("").through(&proxy).arg(format!("http://{listed}/to/{to}")).run().record();
        let expected = if blocked { (json!("blocked"), 1) } else { (json!(null), 2) };
        assert_eq!((field(&record, "error").clone(), proxy.hits().len() - before), expected, "{listed} to {to}: {record}");
    }
    let record = scrape("--deny-private").through(&proxy).arg("http://10.0.0.5/open").run().code(3).record();
    assert_eq!(field(&record, "error"), "blocked");
    scrape("--allow-private").through(&proxy).arg("http://a.example/to/10.0.0.5").run().code(0);
}

#[test]
fn a_proxy_by_name_is_the_users_own_choice() {
    let proxy = Site::proxy();
    proxy.page("/open", Reply::title("open"));
    let by_name = proxy.url("").replace("127.0.0.1", "localhost");
    scrape("--deny-private").env("HTTP_PROXY", &by_name).env("http_proxy", &by_name).arg("http://a.example/open").run().code(0);
    assert_eq!(proxy.hits().len(), 1);
}

#[test]
fn what_the_user_knows_better_than_the_resolver_is_dialled_and_guarded_too() {
    let site = Site::hosts(2);
    site.page("/x", Reply::title("x"));
    let url = |name: &str| site.url_at(name, PUBLIC, "/x");
    let port = url("").trim_end_matches("/x").rsplit(':').next().unwrap().to_owned();
    let entry = |host: &str, addresses: &str| format!("--resolve={host}:{port}:{addresses}");
    for flag in [entry("a.test", "127.0.0.2"), entry("+A.test", "[::1],127.0.0.2"), entry("*", "127.0.0.2")] {
        let record = scrape("").arg(&flag).arg(url("a.test")).run().code(0).record();
        assert_eq!(field(&record, "data.title"), "x", "{flag}");
        let record = scrape("--deny-private").arg(&flag).arg(url("a.test")).run().code(3).record();
        assert_eq!(field(&record, "error"), "blocked", "{flag}: {record}");
    }
    assert!(site.hits().iter().all(|hit| hit.request.host() == "a.test"));
    let two = [entry("*", "127.0.0.1"), entry("a.test", "127.0.0.2")];
    scrape("--limit-by ip").args(two).arg(url("a.test")).run().code(0);
    for bad in ["a.test", "a.test:x:127.0.0.1", "127.0.0.1:80:127.0.0.2", "a.test:80:b.test"] {
        let run = scrape("--resolve").arg(bad).arg(url("a.test")).run().code(2);
        assert!(run.stderr.contains("--resolve"), "{}", run.stderr);
    }
}

#[test]
fn denying_and_allowing_exclude_each_other() {
    let run = scrape("--deny-private --allow-private http://127.0.0.1/").run().code(2);
    assert!(run.stderr.contains("--allow-private") && run.stderr.contains("--deny-private"), "{}", run.stderr);
    let run = scrape("--deny-private http://127.0.0.1:1/").run().code(3);
    assert_eq!((field(&run.record(), "error"), field(&run.record(), "attempts")), (&json!("blocked"), &json!(0)));
}

#[test]
fn a_name_that_leads_nowhere_at_all_is_no_matter_for_the_guard() {
    let site = world();
    site.page("/start", Reply::redirect(&site.url_at("gone.example", PUBLIC, "/x")));
    let names = Names::default().name("gone.example", [Answer::Fails(std::io::ErrorKind::NotFound)]);
    let record = one(plan(&[&site.url_of(PUBLIC, "/start")], &Arc::new(names)));
    assert_eq!((record.error, record.attempts), (Some(ErrorKind::Dns), 1));
    let empty: [Answer; 1] = [Answer::Are(Vec::<IpAddr>::new())];
    let names = Arc::new(Names::default().name("gone.example", empty));
    assert_eq!(one(plan(&[&site.url_of(PUBLIC, "/start")], &names)).error, Some(ErrorKind::Dns));
}
