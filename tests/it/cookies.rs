//! Cookies: none are kept unless somebody asks for it, and then they go where their site says, and into a file.

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Gate, Hit, Reply, Site, Work, scrape};

/// The cookies that were sent with each request, in the order of their arrival; `-` for none.
fn sent(hits: &[Hit]) -> Vec<String> {
    hits.iter().map(|hit| hit.request.header("cookie").unwrap_or("-").to_owned()).collect()
}

/// A site whose page `/in` sets a cookie, leads on to `/on`, and has a page `/out`.
fn shop() -> Site {
    let site = Site::hosts(2);
    site.page("/in", Reply::redirect("/on").header("Set-Cookie", "id=s3ss10n; Path=/; HttpOnly"));
    site.page("/on", Reply::title("on").header("Set-Cookie", "more=1; Max-Age=600")).page("/out", Reply::title("out"));
    site
}

#[test]
fn without_being_asked_no_cookie_is_kept_for_a_hop_or_another_target() {
    let site = shop();
    let list = [site.url("/in"), site.url("/out"), site.url("/out")].join("\n");
    scrape("-c 1").stdin(&list).run().code(0);
    assert_eq!(sent(&site.hits()), ["-"; 4]);
    let site = shop();
    let list = [site.url("/in"), site.url("/out")].join("\n");
    scrape("-c 1 -b a=1").stdin(&list).run().code(0);
    assert!(sent(&site.hits()).iter().all(|cookies| *cookies == "a=1"), "pairs are a header, and keep nothing");
}

#[test]
fn a_jar_sends_them_back_and_holds_them_at_the_end() {
    let (site, work) = (shop(), Work::new());
    let list = [site.url("/in"), site.url("/out"), site.url_of(1, "/out")].join("\n");
    work.scrape("-c 1 --cookie-jar jar.txt").stdin(list).run().code(0);
    let hits = site.hits();
    let of = |path: &str, host: &str| {
        sent(&hits.iter().filter(|hit| hit.request.path == path && hit.request.host() == host).cloned().collect::<Vec<_>>())
    };
    assert_eq!((of("/in", "127.0.0.1"), of("/on", "127.0.0.1")), (vec!["-".to_owned()], vec!["id=s3ss10n".to_owned()]));
    assert_eq!(of("/out", "127.0.0.1"), ["id=s3ss10n; more=1"]);
    assert_eq!(of("/out", "127.0.0.2"), ["-"]);
    let jar = work.read("jar.txt");
    assert!(jar.starts_with("# Netscape HTTP Cookie File\n"), "{jar}");
    assert!(jar.contains("#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\tid\ts3ss10n\n"), "{jar}");
    assert_eq!(work.names(), ["jar.txt"], "nothing else is left");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(work.path("jar.txt")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "others have no business with it");
}

#[test]
fn the_next_run_goes_on_with_the_jar() {
    let (site, work) = (shop(), Work::new());
    let flags = "-c 1 -b jar.txt --cookie-jar jar.txt";
    work.scrape(flags).arg(site.url("/in")).run().code(0);
    work.scrape(flags).arg(site.url("/out")).run().code(0);
    work.scrape("-b jar.txt").arg(site.url("/out")).run().code(0);
    let cookies = sent(&site.hits());
    // What a file says has no order of its own.
    for out in &cookies[2..] {
        let mut pairs: Vec<_> = out.split("; ").collect();
        pairs.sort_unstable();
        assert_eq!(pairs, ["id=s3ss10n", "more=1"]);
    }
    assert_eq!(cookies.len(), 4);
}

#[test]
fn pairs_go_to_the_listed_origin_only_and_give_way_to_what_the_site_sets() {
    let (site, work) = (Site::hosts(2), Work::new());
    site.page("/in", Reply::redirect("/on").header("Set-Cookie", "a=site; Path=/"));
    site.page("/on", Reply::redirect(&site.url_of(1, "/other"))).page("/other", Reply::title("x"));
    let run = work.scrape("-b").arg("a=mine; b=2").args(["-b", "c=3", "--cookie-jar", "jar"]).arg(site.url("/in")).run();
    run.code(0);
    assert_eq!(sent(&site.hits()), ["a=mine; b=2; c=3", "a=site; b=2; c=3", "-"]);
}

#[test]
fn a_page_that_sets_a_cookie_and_leads_back_to_itself_is_no_loop() {
    let (site, work) = (Site::start(), Work::new());
    site.on("/x", |request| match request.header("cookie") {
        None => Reply::redirect("/x").header("Set-Cookie", "seen=1"),
        Some(_) => Reply::title("x"),
    });
    work.scrape("--cookie-jar jar").arg(site.url("/x")).run().code(0);
    let record = work.scrape("").arg(site.url("/x")).run().code(3).record();
    assert_eq!(record["error"], json!("redirect"), "without cookies it is one");
    site.page("/y", Reply::redirect("/y"));
    let record = work.scrape("--cookie-jar jar").arg(site.url("/y")).run().code(3).record();
    assert_eq!((record["error"].as_str(), site.count("/y")), (Some("redirect"), 11), "and with them it ends too");
}

#[test]
fn a_robots_txt_neither_gets_nor_sets_cookies() {
    let (site, work) = (Site::start(), Work::new());
    site.page("/robots.txt", Reply::text("").header("Set-Cookie", "robot=1; Path=/")).page("/x", Reply::title("x"));
    work.scrape("--robots always --cookie-jar jar").arg(site.url("/x")).run().code(0);
    assert_eq!(sent(&site.hits()), ["-"; 2]);
}

#[test]
fn an_interrupted_run_writes_its_jar_too() {
    let (site, work) = (shop(), Work::new());
    let gate = Gate::default();
    site.page("/slow", Reply::title("slow").behind(&gate));
    let list = [site.url("/in"), site.url("/slow")].join("\n");
    let mut live = work.scrape("-c 1 --cookie-jar jar.txt").stdin(list).spawn();
    live.line();
    site.wait_for_hits(3);
    live.signal(Signal::INT);
    live.says("stopping");
    gate.open();
    live.end().code(130);
    assert!(work.read("jar.txt").contains("s3ss10n"));
}

#[test]
fn a_jar_is_replaced_whole_and_a_link_to_it_stays_one() {
    let (site, work) = (shop(), Work::new());
    work.write("real.txt", "127.0.0.1\tFALSE\t/\tFALSE\t0\told\t1\n");
    std::os::unix::fs::symlink("real.txt", work.path("jar.txt")).unwrap();
    work.scrape("-b jar.txt --cookie-jar jar.txt").arg(site.url("/in")).run().code(0);
    let jar = work.read("real.txt");
    assert!(jar.contains("\told\t1\n") && jar.contains("\tid\ts3ss10n\n"), "{jar}");
    assert!(work.path("jar.txt").is_symlink());
    work.scrape("--dry-run --cookie-jar none.txt").arg(site.url("/in")).run().code(0);
    assert_eq!(work.names(), ["jar.txt", "real.txt"]);
}

#[test]
fn a_jar_that_cannot_be_written_breaks_the_run_with_a_message() {
    let (site, work) = (shop(), Work::new());
    std::fs::create_dir(work.path("folder")).unwrap();
    let gate = Gate::default();
    site.page("/slow", Reply::title("slow").behind(&gate));
    let live = work.scrape("--cookie-jar folder/jar.txt").arg(site.url("/slow")).spawn();
    site.wait_for_hits(1);
    std::fs::remove_dir(work.path("folder")).unwrap();
    gate.open();
    let run = live.end().code(1);
    assert!(run.stderr.contains("folder/jar.txt") && run.stderr.contains("cannot write the cookies"), "{}", run.stderr);
    assert_eq!(run.records().len(), 1);
}

#[test]
fn a_run_that_cannot_begin_leaves_the_jar_as_it_was() {
    let (site, work) = (shop(), Work::new());
    work.write("jar.txt", "old").write("out.jsonl", "");
    let run = work.scrape("--cookie-jar jar.txt -o out.jsonl").arg(site.url("/in")).run();
    assert!([Some(1), Some(2)].contains(&run.exit), "the output is there already: {}", run.stderr);
    assert_eq!((work.read("jar.txt").as_str(), site.hits().len()), ("old", 0));
    let run = work.scrape("--cookie-jar jar.txt missing.txt").run();
    assert!([Some(1), Some(2)].contains(&run.exit), "{}", run.stderr);
    assert_eq!(work.read("jar.txt"), "old");
    assert_eq!(work.names(), ["jar.txt", "out.jsonl"]);
}

#[test]
fn a_file_that_holds_no_cookies_is_refused_before_any_request() {
    let (site, work) = (shop(), Work::new());
    work.write("urls.txt", site.url("/out")).write("bad.txt", "# cookies\ns3cret\n");
    let run = work.scrape("urls.txt -b bad.txt").run().code(2);
    assert!(run.stderr.contains("bad.txt") && run.stderr.contains("line 2"), "{}", run.stderr);
    assert!(!run.stderr.contains("s3cret"));
    for flags in ["urls.txt --cookie-jar urls.txt", "urls.txt -o out.jsonl --cookie-jar out.jsonl"] {
        assert!(work.scrape(flags).run().code(2).stderr.contains("needs a file of its own"), "{flags}");
    }
    assert!(site.hits().is_empty());
}
