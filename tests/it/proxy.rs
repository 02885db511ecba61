//! Proxies: given or of the environment, of every kind, several in turn, and what a dead one means.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Asked, Authority, Leaf, NO_WORD, Proxy, Reply, Run, SILENCE, Scrape, Site, field, scrape, unresolvable};

/// Where nobody listens.
const DEAD: &str = "http://127.99.0.1:1";
/// `ann:s3cret`, as HTTP writes it.
const BASIC: &str = "Basic YW5uOnMzY3JldA==";

fn page(site: Site) -> Site {
    site.page("/x", Reply::title("behind"));
    site
}

/// A run through these proxies.
fn through<const N: usize>(flags: &str, proxies: [String; N]) -> Scrape {
    proxies.into_iter().fold(scrape(flags), |scrape, proxy| scrape.args(["-x".to_owned(), proxy]))
}

#[track_caller]
fn title(run: Run) -> Value {
    field(&run.code(0).record(), "data.title").clone()
}

/// The message of a run's one record, which failed with `connect` after so many attempts.
#[track_caller]
fn unconnected(run: Run, attempts: u64) -> String {
    let record = run.code(3).record();
    assert_eq!((field(&record, "error"), field(&record, "attempts")), (&json!("connect"), &json!(attempts)), "{record}");
    field(&record, "error_message").as_str().unwrap().to_owned()
}

fn ways(proxy: &Proxy) -> Vec<String> {
    proxy.asked().into_iter().map(|asked| asked.how).collect()
}

#[test]
fn every_kind_of_proxy_leads_to_every_kind_of_site() {
    let authority = Authority::new();
    let (plain, secure) = (page(Site::start()), page(Site::tls(&authority, Leaf::Good)));
    for (proxy, scheme, how) in [
        (Proxy::http(), "http://", ["GET", "CONNECT"]),
        (Proxy::http(), "", ["GET", "CONNECT"]),
        (Proxy::https(&authority), "https://", ["GET", "CONNECT"]),
        (Proxy::socks(), "socks5://", ["SOCKS", "SOCKS"]),
        (Proxy::socks(), "socks5h://", ["SOCKS", "SOCKS"]),
    ] {
        for site in [&plain, &secure] {
            let run = through("--retries 0", [proxy.url(scheme)]).arg("--cacert").arg(authority.file());
            assert_eq!(title(run.arg(site.url("/x")).run()), "behind", "{scheme}");
        }
        let asked = |how: &str, site: &Site| Asked { how: how.to_owned(), site: site.host(0), auth: None };
        assert_eq!(proxy.asked(), [asked(how[0], &plain), asked(how[1], &secure)], "{scheme}");
    }
}

#[test]
fn names_are_resolved_where_the_kind_of_proxy_says() {
    let site = page(Site::start());
    let port = site.host(0).rsplit_once(':').unwrap().1.to_owned();
    let name = unresolvable().replace("http://", "").replace('/', "");
    let url = |host: &str| format!("http://{host}:{port}/x");
    for (proxy, scheme) in [(Proxy::socks(), "socks5h://"), (Proxy::http(), "http://")] {
        assert_eq!(title(through("--retries 0", [proxy.url(scheme)]).arg(url(&name)).run()), "behind");
        assert_eq!(proxy.asked()[0].site, format!("{name}:{port}"), "{scheme}");
    }
    let proxy = Proxy::socks();
    let here = || through("--retries 0", [proxy.url("socks5://")]);
    assert_eq!(title(here().arg(url("localhost")).run()), "behind");
    let asked = proxy.asked()[0].site.clone();
    assert!(asked == format!("127.0.0.1:{port}") || asked == format!("[::1]:{port}"), "{asked}");
    let record = here().arg(url(&name)).run().code(3).record();
    assert_eq!(field(&record, "error"), "dns", "it is the site's name, not the proxy's: {record}");
    let nameless = through("--retries 0", [format!("http://{name}")]).arg(site.url("/x")).run();
    assert!(unconnected(nameless, 1).contains("cannot connect to the proxy"));
}

#[test]
fn a_password_goes_to_the_proxy_only_and_is_never_shown() {
    let authority = Authority::new();
    let (plain, secure) = (page(Site::start()), page(Site::tls(&authority, Leaf::Good)));
    for (proxy, scheme, auth) in [
        (Proxy::http_for(BASIC), "http://ann:s3cret@", BASIC),
        (Proxy::socks_for("ann:s3cret"), "socks5://ann:s3cret@", "ann:s3cret"),
        (Proxy::socks_for("a@b:s/3"), "socks5h://a%40b:s%2F3@", "a@b:s/3"),
    ] {
        for site in [&plain, &secure] {
            let run = through("-vvv --retries 0", [proxy.url(scheme)]).arg("--cacert").arg(authority.file());
            let run = run.arg(site.url("/x")).run();
            for secret in ["s3cret", BASIC, "s%2F3"] {
                assert!(!run.stderr.contains(secret) && !run.text().contains(secret), "{}", run.stderr);
            }
            assert_eq!(title(run), "behind", "{scheme}");
        }
        assert!(proxy.asked().iter().all(|asked| asked.auth.as_deref() == Some(auth)), "{:?}", proxy.asked());
    }
    let headers = [plain.hits(), secure.hits()].concat().into_iter().flat_map(|hit| hit.request.headers);
    assert!(headers.into_iter().all(|(name, _)| !name.contains("auth")));
}

#[test]
fn a_proxy_that_does_not_know_us_is_told_as_such_and_not_tried_again() {
    let authority = Authority::new();
    let (plain, secure) = (page(Site::start()), page(Site::tls(&authority, Leaf::Good)));
    for (proxy, schemes) in [
        (Proxy::http_for(BASIC), ["http://", "http://ann:wr0ng@"]),
        (Proxy::socks_for("ann:s3cret"), ["socks5://", "socks5://ann:wr0ng@"]),
    ] {
        for (scheme, site) in schemes.iter().flat_map(|scheme| [(scheme, &plain), (scheme, &secure)]) {
            let run = through("--retries 2 --backoff 1ms", [proxy.url(scheme)]).arg(site.url("/x")).run();
            let told = unconnected(run, 1);
            assert!(told.contains(&proxy.url("")) && told.contains("user name and"), "{told}");
            assert!(!told.contains("wr0ng"), "{told}");
        }
    }
    assert!(plain.hits().is_empty() && secure.connections() == 0);
}

#[test]
fn a_dead_proxy_is_named_and_tried_again() {
    let retrying = "--retries 1 --backoff 1ms";
    for url in ["http://127.0.0.2:9/x", "https://127.0.0.2:9/x"] {
        for scheme in ["http://", "https://", "socks5h://"] {
            let dead = DEAD.replace("http://", scheme);
            let secret = DEAD.replace("http://", &format!("{scheme}ann:s3cret@"));
            let told = unconnected(through(retrying, [secret]).arg(url).run(), 2);
            let shown = dead.replace("://", "://ann:***@");
            assert!(told.contains(&format!("cannot connect to the proxy {shown}: Connection refused")), "{told}");
        }
        for name in ["http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
            let is_for_it = name == "ALL_PROXY" || url.starts_with(&name.to_lowercase().replace("_proxy", ":"));
            let told = unconnected(scrape(retrying).env(name, DEAD).arg(url).run(), 2);
            assert_eq!(told.contains(&format!("the proxy {DEAD}")), is_for_it, "{name}, {url}: {told}");
        }
    }
    let quiet = Proxy::http();
    quiet.refuse(502);
    let told = unconnected(through(retrying, [quiet.url("http://")]).arg("https://127.0.0.2:9/x").run(), 2);
    assert!(told.contains("refused to open a tunnel to 127.0.0.2:9"), "{told}");
    let unreachable = Proxy::socks();
    unreachable.refuse(5);
    let told = unconnected(through(retrying, [unreachable.url("socks5://")]).arg("https://127.0.0.2:9/x").run(), 2);
    assert!(told.contains("cannot connect to 127.0.0.2:9 through the proxy") && told.contains("refused"), "{told}");
}

#[test]
fn a_proxy_that_cannot_be_trusted_is_told_as_such() {
    let authority = Authority::new();
    let proxy = Proxy::https(&authority);
    for url in ["http://127.0.0.2:9/x", "https://127.0.0.2:9/x"] {
        let run = through("--retries 2 --backoff 1ms", [proxy.url("https://")]).arg(url).run();
        let record = run.code(3).record();
        assert_eq!((field(&record, "error"), field(&record, "attempts")), (&json!("tls"), &json!(1)), "{record}");
        let told = field(&record, "error_message").as_str().unwrap();
        assert!(told.contains(&proxy.url("no secure connection to the proxy https://")) && told.contains("--cacert"), "{told}");
    }
    assert!(proxy.asked().is_empty());
}

#[test]
fn several_proxies_share_the_requests_evenly() {
    let site = Site::of_pages();
    let proxies = [Proxy::http(), Proxy::socks(), Proxy::http()];
    let [one, two, three] = &proxies;
    let urls = [one.url("http://"), two.url("socks5://"), three.url("http://")];
    through("-c 5 --retries 0", urls).stdin(site.list(30)).run().code(0);
    assert_eq!(site.hits().len(), 30);
    assert_eq!([ways(one).len(), ways(three).len()], [10, 10]);
    assert!((1..=10).contains(&ways(two).len()), "its connections are kept");
}

#[test]
fn a_proxy_that_fails_rests_and_costs_no_attempt() {
    let authority = Authority::new();
    for secure in [false, true] {
        let site = if secure { Site::tls(&authority, Leaf::Good) } else { Site::start() };
        site.on("/p/*", |request| Reply::title(&request.path));
        let (good, unknown, refusing, rude) = (Proxy::http(), Proxy::http_for(BASIC), Proxy::http(), Proxy::http());
        refusing.refuse(if secure { 502 } else { 407 });
        rude.refuse(NO_WORD);
        let bad = [&unknown, &refusing, &rude].map(|proxy| proxy.url("http://"));
        let [one, two, three] = bad;
        let urls = [DEAD.to_owned(), one, two, three, good.url("http://")];
        let run = through("-c 1 --retries 0", urls).arg("--cacert").arg(authority.file()).stdin(site.list(20)).run().code(0);
        assert!(run.records().iter().all(|record| field(record, "attempts") == 1), "{}", run.text());
        assert_eq!(site.hits().len(), 20);
        // As many as there are rests in the time of the run, and not one a page.
        for failing in [unknown, refusing, rude] {
            assert!((1..=10).contains(&ways(&failing).len()), "{}", ways(&failing).len());
        }
    }
}

#[test]
fn a_proxy_that_opens_no_tunnel_in_time_rests_too() {
    let authority = Authority::new();
    let site = Site::tls(&authority, Leaf::Good);
    site.on("/p/*", |request| Reply::title(&request.path));
    let (silent, good) = (Proxy::http(), Proxy::http());
    silent.refuse(SILENCE);
    let urls = [silent.url("http://"), good.url("http://")];
    let run = through("-c 1 --connect-timeout 300ms --retries 0", urls).arg("--cacert").arg(authority.file());
    let run = run.stdin(site.list(10)).run().code(0);
    assert!(run.records().iter().all(|record| field(record, "attempts") == 1), "{}", run.text());
    assert!((1..=3).contains(&ways(&silent).len()), "{:?}", silent.asked());
    let late = through("--timeout 300ms --retries 0", [silent.url("http://")]).arg(site.url("/p/1")).run().code(3).record();
    let told = field(&late, "error_message").as_str().unwrap();
    assert!(field(&late, "error") == "timeout" && told.contains(&silent.url("through the proxy http://")), "{late}");
}

#[test]
fn a_proxy_that_has_rested_is_tried_again() {
    let site = Site::of_pages();
    let (one, two) = (Proxy::http(), Proxy::http());
    one.refuse(407);
    let urls = [one.url("http://"), two.url("http://")];
    let mut live = through("--rps 50 --retries 0", urls).open_stdin().spawn();
    let mut fetch = || {
        live.write(site.list(1));
        let record = live.line();
        assert!(record.contains("\"error\":null"), "{record}");
    };
    fetch();
    assert_eq!((ways(&one).len(), ways(&two).len()), (1, 1));
    one.refuse(0);
    let start = std::time::Instant::now();
    while ways(&one).len() < 2 {
        assert!(start.elapsed() < Duration::from_mins(1), "it never comes back");
        fetch();
    }
    assert!(start.elapsed() > Duration::from_millis(500), "it did not rest");
    live.close_stdin();
    live.end().code(0);
}

#[test]
fn where_all_proxies_are_dead_that_is_one_failure_an_attempt() {
    let others = ["http://127.99.0.1:2", "socks5://127.99.0.1:3"].map(str::to_owned);
    let [second, third] = others;
    let run = through("--retries 2 --backoff 1ms", [DEAD.to_owned(), second, third]).arg("http://127.0.0.2:9/").run();
    assert!(unconnected(run, 3).contains("cannot connect to the proxy"));
    let unknown = Proxy::http_for(BASIC);
    for urls in [[DEAD.to_owned(), unknown.url("http://")], [unknown.url("http://"), DEAD.to_owned()]] {
        let run = through("--retries 2 --backoff 1ms", urls).arg("http://127.0.0.2:9/").run();
        unconnected(run, 3); // of two of which one may come back
    }
}

#[test]
fn some_hosts_are_reached_straight() {
    let site = page(Site::start());
    let run = |flags: &str, env: &[(&str, &str)]| {
        let scrape = env.iter().fold(scrape(flags), |scrape, (name, value)| scrape.env(name, *value));
        scrape.args(["--retries", "0"]).arg(site.url("/x")).run()
    };
    let dead = format!("-x {DEAD}");
    for (flags, env) in [
        (&dead, &[("NO_PROXY", "127.0.0.1")][..]),
        (&dead, &[("no_proxy", "a.example, 127.0.0.0/8")]),
        (&format!("{dead} --noproxy *"), &[]),
        (&String::new(), &[("HTTP_PROXY", DEAD), ("NO_PROXY", "127.0.0.1")]),
        (&"--noproxy 127.0.0.1".to_owned(), &[("ALL_PROXY", DEAD), ("NO_PROXY", "a.example")]),
        (&"--proxy=".to_owned(), &[("HTTP_PROXY", DEAD), ("ALL_PROXY", "no proxy")]),
        (&String::new(), &[("HTTP_PROXY", DEAD), ("REQUEST_METHOD", "GET")]),
    ] {
        assert_eq!(title(run(flags, env)), "behind", "{flags} {env:?}");
    }
    for (flags, env) in [
        (&dead, &[("NO_PROXY", "a.example")][..]),
        (&format!("{dead} --noproxy a.example"), &[("NO_PROXY", "*")]),
        (&String::new(), &[("http_proxy", DEAD), ("REQUEST_METHOD", "GET")]),
    ] {
        assert!(unconnected(run(flags, env), 1).contains(DEAD), "{flags} {env:?}");
    }
}

#[test]
fn what_is_no_proxy_is_told_before_the_first_request_and_without_its_password() {
    let site = page(Site::start());
    for (proxies, part) in [
        (&["ftp://ann:s3cret@p.example"][..], "socks5h://"),
        (&["http://ann:s3cret@p.example/path"], "host[:port]"),
        (&["ann:s3cret@p.example:99999"], "host[:port]"),
        (&["", "http://ann:s3cret@p.example"], "exclude each other"),
    ] {
        let run = proxies.iter().fold(scrape(""), |run, proxy| run.args(["-x", proxy]));
        let run = run.arg(site.url("/x")).run().code(2);
        assert!(run.stderr.contains(part) && !run.stderr.contains("s3cret"), "{}", run.stderr);
    }
    for name in ["HTTP_PROXY", "SCRAPE_PROXY"] {
        let run = scrape("").env(name, "ftp://ann:s3cret@p.example").arg(site.url("/x")).run().code(2);
        assert!(run.stderr.contains(name) && run.stderr.contains("\"ftp\""), "{}", run.stderr);
        assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
    }
    let printed = scrape("--print-config -x ann:s3cret@p.example:8 -x socks5://tok3n@q.example").run().code(0);
    assert!(printed.text().contains("proxy = [\"ann:***@p.example:8\", \"socks5://***@q.example\"]"), "{}", printed.text());
    assert!(site.hits().is_empty());
}

#[test]
fn rates_are_those_of_the_site_whatever_the_way_to_it() {
    let site = Site::of_pages();
    let proxies = [Proxy::http(), Proxy::socks()];
    let urls = [proxies[0].url("http://"), proxies[1].url("socks5://")];
    through("-c 5 --host-rps 20 --retries 0", urls).stdin(site.list(10)).run().code(0);
    let hits = site.hits();
    let took = hits[9].arrived.duration_since(hits[0].arrived);
    assert!(took >= Duration::from_millis(400), "ten at twenty a second in {took:?}");
}

#[test]
fn a_site_that_answers_as_a_proxy_would_is_no_proxys_fault() {
    let site = Site::start();
    site.page("/x", Reply::status(407)).page("/good", Reply::title("behind"));
    let proxies = [Proxy::http(), Proxy::http()];
    let urls = [proxies[0].url("http://"), proxies[1].url("http://")];
    let list = [site.url("/x"), site.url("/good")].join("\n");
    let run = through("-c 1 --retries 0", urls).stdin(list).run().code(3);
    assert_eq!((field(&run.at(1), "error"), field(&run.at(1), "status")), (&json!("http_status"), &json!(407)));
    assert_eq!((site.count("/x"), site.count("/good")), (1, 1), "it is asked once, through one of them");
}
