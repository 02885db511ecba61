//! robots.txt: asked for where it is to be obeyed, once a host, like any other request, and understood as RFC 9309 has it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Gate, REFUSED, Reply, Run, Site, Work, field, gzip, scrape};
use crate::pace::assert_paced;

const SHUT: &str = "User-agent: *\nDisallow: /\n";

/// Pages everywhere, and a robots.txt.
fn site_with(robots: Reply) -> Site {
    let site = Site::start();
    site.on("/*", |request| Reply::title(&request.path)).page("/robots.txt", robots);
    site
}

/// What one page of a site with this robots.txt comes to.
#[track_caller]
fn verdict(flags: &str, robots: Reply) -> (Value, usize) {
    let site = site_with(robots);
    let run = scrape(flags).args(["--robots", "always", "--backoff", "1ms"]).arg(site.url("/x")).run();
    (field(&run.record(), "error").clone(), site.count("/robots.txt"))
}

fn messages(run: &Run) -> Vec<String> {
    run.each("error_message").iter().map(|message| message.as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn listed_urls_are_fetched_without_asking_unless_it_is_wanted() {
    for flags in ["", "--robots auto", "--robots never"] {
        let site = Site::of_pages();
        scrape(flags).stdin(site.list(3)).run().code(0);
        assert_eq!(site.hits().len(), 3, "no robots.txt: {flags}");
    }
}

#[test]
fn what_is_disallowed_is_a_row_that_names_the_rule_and_its_line() {
    let site = site_with(Reply::text("# hello\nUser-agent: *\nAllow: /a/open\nDisallow: /a\n"));
    let list = ["/a/open", "/a/shut", "/b"].map(|path| site.url(path)).join("\n");
    let run = scrape("--robots always --ordered").stdin(list).run().code(3);
    assert_eq!(run.each("error"), [json!(null), json!("robots"), json!(null)]);
    let record = run.at(2);
    assert_eq!(field(&record, "error_message"), "robots.txt line 4: Disallow: /a (User-agent: *)");
    for name in ["final_url", "status", "content_type", "bytes", "elapsed_ms", "fetched_at"] {
        assert_eq!(field(&record, name), &json!(null), "{name}");
    }
    assert_eq!((field(&record, "attempts"), field(&record, "data")), (&json!(0), &json!({})));
    assert_eq!(site.count("/a/shut"), 0);
    assert_eq!(site.paths()[0], "/robots.txt");
    let summary = run.summary();
    assert_eq!((summary.total, summary.ok, summary.failed), (3, 2, 1), "a robots.txt is no target");
}

#[test]
fn it_is_fetched_once_a_host_and_before_everything_else_of_it() {
    let site = Site::hosts(2);
    site.on("/p/*", |request| Reply::title(&request.path)).robots("User-agent: *\nDisallow: /q\n");
    let list: Vec<_> = (0..60).map(|page| site.url_of(page % 2, &format!("/p/{page}"))).collect();
    scrape("--robots always -c 20").stdin(list.join("\n")).run().code(0);
    for host in 0..2 {
        let paths: Vec<_> = site.hits_at(host).into_iter().map(|hit| hit.request.path).collect();
        assert_eq!(paths.len(), 31);
        assert!(paths[0] == "/robots.txt" && !paths[1..].contains(&paths[0]), "{paths:?}");
    }
}

#[test]
fn it_draws_from_the_same_bucket_and_takes_a_place() {
    let site = Site::hosts(2);
    let slow = Duration::from_millis(30);
    site.on("/p/*", move |request| Reply::title(&request.path).delay(slow)).page("/robots.txt", Reply::text("").delay(slow));
    let list: Vec<_> = (0..8).map(|page| site.url_of(page % 2, &format!("/p/{page}"))).collect();
    scrape("--robots always --rps 10 --per-host 1").stdin(list.join("\n")).run().code(0);
    assert_eq!(site.hits().len(), 10);
    assert_paced(&site.hits(), 10.0, 1);
    assert_eq!(site.peak_of_a_host(), 1);
    let site = site_with(Reply::text(""));
    scrape("--robots always --host-rps 5").stdin(site.list(4)).run().code(0);
    assert_eq!(site.hits().len(), 5);
    assert_paced(&site.hits(), 5.0, 1);
}

#[test]
fn a_host_that_is_asked_does_not_hold_up_the_others() {
    let site = Site::hosts(2);
    let gate = Gate::default();
    let held = gate.clone();
    let first = site.host(0);
    site.on("/p/*", |request| Reply::title(&request.path)).on("/robots.txt", move |request| {
        let robots = Reply::text("");
        if request.header("host") == Some(&first) { robots.behind(&held) } else { robots }
    });
    let list: Vec<_> = (0..40).map(|page| site.url_of(page / 20, &format!("/p/{page}"))).collect();
    let live = scrape("--robots always -c 2").stdin(list.join("\n")).spawn();
    site.wait_until("the second host's pages", |hits| hits.iter().filter(|hit| hit.request.host() == "127.0.0.2").count() == 21);
    assert_eq!(site.hits_at(0).len(), 1);
    gate.open();
    live.end().code(0);
}

#[test]
fn a_crawl_delay_is_kept_in_every_window() {
    let site = site_with(Reply::text("User-agent: *\nCrawl-delay: 0.3\n"));
    scrape("--robots always").stdin(site.list(4)).run().code(0);
    assert_eq!(site.hits().len(), 5);
    // The robots.txt itself went before it was known; a page after it waits.
    assert_paced(&site.hits()[1..], 1.0 / 0.3, 1);
    let site = site_with(Reply::text("User-agent: *\nCrawl-delay: 0.3\n"));
    scrape("--robots always --host-rps 100 --burst 5").stdin(site.list(3)).run().code(0);
    assert_paced(&site.hits()[1..], 1.0 / 0.3, 1);
    let site = site_with(Reply::text("User-agent: *\nCrawl-delay: 0.01\n"));
    scrape("--robots always --host-rps 5").stdin(site.list(3)).run().code(0);
    assert_paced(&site.hits(), 5.0, 1);
}

#[test]
fn without_one_everything_is_allowed() {
    for status in [400, 401, 403, 404, 410, 451] {
        assert_eq!(verdict("", Reply::status(status)), (json!(null), 1), "{status}");
    }
    assert_eq!(verdict("", Reply::status(204)), (json!(null), 1));
    assert_eq!(verdict("", Reply::html("<h1>Not here</h1>")), (json!(null), 1));
    assert_eq!(verdict("--accept 200,404", Reply::status(404).body(SHUT)), (json!(null), 1), "--accept is about pages");
}

#[test]
fn where_it_cannot_be_had_nothing_is_allowed() {
    assert_eq!(verdict("", Reply::status(500)), (json!("robots"), 3), "and it is tried again");
    assert_eq!(verdict("--retries 0", Reply::status(503)), (json!("robots"), 1));
    assert_eq!(verdict("--retries 0", Reply::status(429)), (json!("robots"), 1));
    assert_eq!(verdict("--retries 0 --accept 500", Reply::status(500)), (json!("robots"), 1), "--accept is about pages");
    assert_eq!(verdict("--retries 1", Reply::nothing().reset()), (json!("robots"), 2));
    assert_eq!(verdict("--retries 0 --timeout 300ms", Reply::nothing().hang()), (json!("robots"), 1));
    assert_eq!(verdict("--retries 0 --read-timeout 300ms", Reply::nothing().hang()), (json!("robots"), 1));
    let cut = Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nUser-agent: *").close();
    assert_eq!(verdict("--retries 0", cut), (json!("robots"), 1));
    assert_eq!(verdict("--retries 0", Reply::text(SHUT).header("Content-Encoding", "gzip")), (json!("robots"), 1));
    let run = scrape("--robots always --retries 0").arg(REFUSED).run().code(3);
    let message = messages(&run).remove(0);
    assert!(message.contains("robots.txt could not be read") && message.contains("connect"), "{message}");
}

#[test]
fn what_fails_once_and_then_comes_counts() {
    let site = Site::start();
    let wait = Reply::status(429).header("X-RateLimit-Reset-After", "0.2");
    site.page("/x", Reply::title("x"))
        .pages("/robots.txt", [Reply::status(503), wait, Reply::text("User-agent: *\nDisallow: /y\n")]);
    let list = [site.url("/x"), site.url("/y")].join("\n");
    let run = scrape("--robots always --backoff 1ms --ordered").stdin(list).run().code(3);
    assert_eq!(run.each("error"), [json!(null), json!("robots")]);
    let hits = site.hits();
    assert!(hits[2].arrived.duration_since(hits[1].ended.unwrap()) >= Duration::from_millis(200));
    assert_eq!(site.count("/robots.txt"), 3);
}

#[test]
fn its_redirects_are_followed_to_another_host_too_and_the_rules_stay_with_the_host_that_was_asked() {
    let site = Site::hosts(2);
    site.on("/*", |request| Reply::title(&request.path)).page("/real.txt", Reply::text("User-agent: *\nDisallow: /x\n"));
    let (first, there) = (site.host(0), site.url_of(1, "/real.txt"));
    site.on(
        "/robots.txt",
        move |request| if request.header("host") == Some(&first) { Reply::redirect(&there) } else { Reply::text("") },
    );
    let list = [site.url("/x"), site.url_of(1, "/x")].join("\n");
    let run = scrape("--robots always --ordered").stdin(list).run().code(3);
    assert_eq!(run.each("error"), [json!("robots"), json!(null)]);
    assert_eq!((site.hits_at(0).len(), site.count("/real.txt")), (1, 1));
}

#[test]
fn redirects_that_lead_nowhere_leave_no_rules() {
    let site = Site::start();
    site.page("/x", Reply::title("x")).on("/robots.txt*", |request| Reply::redirect(&format!("{}x", request.path)));
    scrape("--robots always").arg(site.url("/x")).run().code(0);
    assert_eq!(site.hits().len(), 7, "five are followed: {:?}", site.paths());
    assert_eq!(verdict("", Reply::redirect("/robots.txt")).0, json!(null));
    assert_eq!(verdict("", Reply::redirect("ftp://127.0.0.1/robots.txt")), (json!(null), 1));
    assert_eq!(verdict("--max-redirects 0", Reply::redirect("/elsewhere")).0, json!(null), "a page's limit is not its");
}

#[test]
fn any_transfer_is_understood() {
    let packed = Reply::status(200).header("Content-Encoding", "gzip").body(gzip(SHUT));
    assert_eq!(verdict("", packed), (json!("robots"), 1));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nUser-agent:\r\ne\r\n *\nDisallow: /\r\n0\r\n\r\n";
    assert_eq!(verdict("", Reply::raw(chunked)), (json!("robots"), 1));
    assert_eq!(verdict("", Reply::text(SHUT.replace('\n', "\r"))), (json!("robots"), 1));
    assert_eq!(verdict("", Reply::text(format!("\u{feff}{SHUT}"))), (json!("robots"), 1));
    assert_eq!(verdict("", Reply::status(200).body(SHUT)), (json!("robots"), 1), "without a type");
    assert_eq!(verdict("", Reply::text(SHUT).drip(5, Duration::from_millis(1))), (json!("robots"), 1));
    let until_closed = Reply::raw(format!("HTTP/1.1 200 OK\r\n\r\n{SHUT}")).close();
    assert_eq!(verdict("", until_closed), (json!("robots"), 1));
}

#[test]
fn only_its_first_500_kib_count_however_large_it_is() {
    let filler = "# filler\n".repeat((500 << 10) / 9 + 1);
    let late = format!("{filler}{SHUT}");
    let early = format!("{SHUT}{filler}");
    assert_eq!(verdict("", Reply::text(&late)), (json!(null), 1));
    assert_eq!(verdict("", Reply::text(&early)), (json!("robots"), 1));
    assert_eq!(verdict("--max-body 1K", Reply::text(&early)), (json!("robots"), 1), "--max-body is about pages");
    let endless = Reply::raw(format!("HTTP/1.1 200 OK\r\n\r\n{SHUT}")).endless("# and so on\n".repeat(100));
    assert_eq!(verdict("", endless), (json!("robots"), 1));
    let bomb = Reply::status(200).header("Content-Encoding", "gzip").body(gzip(format!("{SHUT}{}", " ".repeat(20_000_000))));
    assert_eq!(verdict("", bomb), (json!("robots"), 1));
}

#[test]
fn the_groups_that_name_us_count_instead_of_the_rest() {
    let text = "User-agent: *\nDisallow: /\n\nUser-agent: foobot\nUser-agent: other\nDisallow: /private\n";
    let site = site_with(Reply::text(text));
    let list = [site.url("/x"), site.url("/private/x")].join("\n");
    let errors = |flags: &[&str]| {
        let run = scrape("--robots always --ordered").args(flags).stdin(&list).run().code(3);
        run.each("error").into_iter().map(|error| error == "robots").collect::<Vec<_>>()
    };
    assert_eq!(errors(&[]), [true, true]);
    assert_eq!(errors(&["-A", "FooBot/2.1"]), [false, true]);
    assert_eq!(errors(&["-A", "Mozilla/5.0 (compatible; FooBot/2.1; +https://foo.example/bot)"]), [false, true]);
    let site = site_with(Reply::text("User-agent: scrape\nDisallow: /\nUser-agent: *\nAllow: /\n"));
    scrape("--robots always").arg(site.url("/x")).run().code(3);
}

#[test]
fn where_a_redirect_leads_has_to_be_allowed_too() {
    let site = Site::hosts(2);
    let other = site.url_of(1, "/shut");
    site.page("/own", Reply::redirect("/shut"))
        .page("/other", Reply::redirect(&other))
        .robots("User-agent: *\nDisallow: /shut\n");
    let list = [site.url("/own"), site.url("/other")].join("\n");
    let run = scrape("--robots always").stdin(list).run().code(3);
    assert_eq!(run.each("error"), ["robots", "robots"]);
    assert_eq!(run.each("attempts"), [1, 1]);
    assert_eq!((site.count("/shut"), site.hits_at(1).len()), (0, 1), "the other host was asked for its robots.txt");
}

#[test]
fn a_host_of_the_settings_file_has_its_own_way() {
    let site = Site::hosts(2);
    site.on("/*", |request| Reply::title(&request.path)).robots(SHUT);
    let list = [site.url("/x"), site.url_of(1, "/x")].join("\n");
    let work = Work::new();
    let with = |all: &str, own: &str| {
        work.write("c.toml", format!("robots = \"{all}\"\n[hosts.\"127.0.0.1\"]\nrobots = \"{own}\"\n"));
        let run = work.scrape("--config c.toml --ordered").stdin(&list).run().code(3);
        run.each("error").into_iter().map(|error| error == "robots").collect::<Vec<_>>()
    };
    assert_eq!(with("auto", "always"), [true, false]);
    assert_eq!(with("always", "never"), [false, true]);
    assert_eq!(site.count("/robots.txt"), 2);
}

#[test]
fn credentials_of_a_url_do_not_go_to_another_hosts_robots_txt() {
    let site = Site::hosts(2);
    let other = site.url_of(1, "/x");
    site.on("/*", |request| Reply::title(&request.path)).page("/away", Reply::redirect(&other)).robots("");
    let url = site.url("/away").replace("http://", "http://ann:s3cr3t@");
    scrape("--robots always").args(["-H", "X-Api-Key: k3y"]).arg(url).run().code(0);
    let hits = site.hits_at(1);
    assert_eq!(hits.len(), 2);
    for hit in hits {
        assert_eq!((hit.request.header("authorization"), hit.request.header("x-api-key")), (None, None), "{}", hit.request.path);
    }
}

#[test]
fn a_deadline_while_it_is_asked_for_leaves_the_targets() {
    let site = site_with(Reply::nothing().hang());
    let run = scrape("--robots always --deadline 300ms --grace 100ms").stdin(site.list(3)).run().code(4);
    assert_eq!((run.summary().left, run.text()), (3, ""));
}

#[test]
fn a_host_that_is_given_up_is_not_asked_any_further() {
    let site = Site::hosts(2);
    let dead = site.host(0);
    // While the other host takes its time the first would be asked again and again.
    site.page("/slow", Reply::title("x").delay(Duration::from_millis(200))).on("/robots.txt", move |request| {
        if request.header("host") == Some(&dead) { Reply::nothing().close() } else { Reply::text("") }
    });
    let list = [site.url("/x"), site.url_of(1, "/slow")].join("\n");
    let flags = "--robots always --retries 40 --backoff 1ms --max-backoff 1ms --no-adapt --retry-budget none";
    let run = scrape(flags).stdin(list).run().code(3);
    assert_eq!(run.at(1)["error"], "circuit_open");
    assert_eq!(site.hits_at(0).len(), 13, "ten, and three probes");
}

#[test]
fn its_hops_share_one_timeout() {
    let site = Site::start();
    site.page("/x", Reply::title("x"))
        .on("/robots.txt*", |request| Reply::redirect(&format!("{}x", request.path)).delay(Duration::from_millis(300)));
    let run = scrape("--robots always --timeout 1s --retries 0").arg(site.url("/x")).run().code(3);
    assert!(site.hits().len() <= 4, "{:?}", site.paths());
    assert_eq!(field(&run.record(), "error"), "robots", "it could not be had");
}
