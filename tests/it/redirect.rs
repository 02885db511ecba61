//! Redirects: followed within http and https, up to a number, and without the secrets of the place that was left.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Authority, Leaf, Reply, Site, field, scrape};

#[test]
fn a_relative_target_and_a_chain_are_followed_as_one_attempt() {
    let site = Site::start();
    site.page("/a/start", Reply::redirect("next?x=1").status_of(301))
        .page("/a/next?x=1", Reply::redirect("/b").status_of(307))
        .page("/b", Reply::redirect(&site.url("/end")).status_of(308))
        .page("/end", Reply::title("end"));
    let record = scrape("").arg(site.url("/a/start")).run().code(0).record();
    assert_eq!((field(&record, "url"), field(&record, "final_url")), (&json!(site.url("/a/start")), &json!(site.url("/end"))));
    assert_eq!((field(&record, "status"), field(&record, "attempts")), (&json!(200), &json!(1)));
    assert_eq!((field(&record, "data.title"), site.hits().len()), (&json!("end"), 4));
}

#[test]
fn a_loop_ends_and_is_not_tried_again() {
    let site = Site::start();
    site.page("/a", Reply::redirect("/b")).page("/b", Reply::redirect("/a")).page("/self", Reply::redirect("/self"));
    for path in ["/a", "/self"] {
        let before = site.hits().len();
        let record = scrape("--backoff 1ms").arg(site.url(path)).run().code(3).record();
        assert_eq!((field(&record, "error"), field(&record, "attempts")), (&json!("redirect"), &json!(1)));
        assert_eq!(field(&record, "status"), 302);
        assert!(site.hits().len() - before <= 11, "{path}");
    }
}

#[test]
fn redirects_without_end_end_at_the_limit() {
    let site = Site::start();
    site.on("/n/*", |request| Reply::redirect(&format!("{}x", request.path)));
    for (flags, requests) in [("", 11), ("--max-redirects 3", 4), ("--max-redirects 0", 1)] {
        let before = site.hits().len();
        let record = scrape(flags).arg(site.url("/n/")).run().code(3).record();
        assert_eq!((field(&record, "error"), site.hits().len() - before), (&json!("redirect"), requests), "{flags}");
    }
}

#[test]
fn as_many_redirects_as_allowed_are_followed() {
    let site = Site::start();
    site.page("/a", Reply::redirect("/b")).page("/b", Reply::redirect("/c")).page("/c", Reply::title("c"));
    scrape("--max-redirects 2").arg(site.url("/a")).run().code(0);
}

#[test]
fn other_schemes_are_refused_and_nothing_is_opened() {
    for to in ["file:///etc/passwd", "ftp://127.0.0.1/x", "javascript:alert(1)", "data:text/html,<title>x", "mailto:a@b.test"] {
        let site = Site::start();
        site.page("/x", Reply::redirect(to));
        let record = scrape("--backoff 1ms").arg(site.url("/x")).run().code(3).record();
        assert_eq!(
            (field(&record, "error"), field(&record, "status"), site.hits().len()),
            (&json!("redirect"), &json!(302), 1),
            "{to}"
        );
        assert!(!record.to_string().contains("root:"), "{record}");
    }
}

#[test]
fn secrets_stay_with_the_origin_they_were_given_for() {
    let site = Site::hosts(2);
    site.page("/start", Reply::redirect("/same")).page("/same", Reply::redirect(&site.url_of(1, "/other")));
    site.page("/other", Reply::redirect("/further")).page("/further", Reply::title("x"));
    let url = site.url("/start").replace("http://", "http://ann:s3cr3t@");
    let headers = ["-H", "X-Api-Key: k3y", "-H", "Cookie: c00kie=1", "-A", "tester/1"];
    let run = scrape("").args(headers).arg(url).run().code(0);
    for hit in site.hits() {
        let header = |name| hit.request.header(name);
        let secrets = [header("authorization"), header("x-api-key"), header("cookie")];
        if hit.request.host() == "127.0.0.1" {
            assert_eq!(secrets, [Some("Basic YW5uOnMzY3IzdA=="), Some("k3y"), Some("c00kie=1")], "{}", hit.request.path);
        } else {
            assert_eq!(secrets, [None; 3], "{}", hit.request.path);
        }
        assert_eq!(header("user-agent"), Some("tester/1"));
        assert_eq!(header("referer"), None);
    }
    assert_eq!(site.hits().len(), 4);
    assert!(!run.text().contains("s3cr3t") && !run.stderr.contains("s3cr3t"));
}

#[test]
fn a_header_that_was_given_as_authorization_stays_too() {
    let site = Site::hosts(2);
    site.page("/start", Reply::redirect(&site.url_of(1, "/other"))).page("/other", Reply::title("x"));
    scrape("").args(["-H", "Authorization: Bearer t0ken"]).arg(site.url("/start")).run().code(0);
    let sent: Vec<_> = site.hits().iter().map(|hit| hit.request.header("authorization").map(str::to_owned)).collect();
    assert_eq!(sent, [Some("Bearer t0ken".to_owned()), None]);
}

#[test]
fn credentials_that_a_redirect_brings_along_are_not_the_users_and_not_sent() {
    let site = Site::hosts(2);
    let led = |host: usize| site.url_of(host, "/other").replace("http://", "http://eve:h1dden@");
    site.page("/same", Reply::redirect(&led(0))).page("/across", Reply::redirect(&led(1))).page("/other", Reply::title("x"));
    for path in ["/same", "/across"] {
        let run = scrape("-vv").arg(site.url(path)).run().code(0);
        assert!(!run.text().contains("h1dden") && !run.stderr.contains("h1dden"), "{}", run.stderr);
    }
    assert_eq!(site.hits().len(), 4);
    assert!(site.hits().iter().all(|hit| hit.request.header("authorization").is_none()));
}

#[test]
fn a_redirect_without_a_usable_target_is_a_failure() {
    for reply in [
        Reply::status(302),
        Reply::status(300),
        Reply::redirect("http://[::1"),
        Reply::redirect("http://"),
        Reply::redirect("//"),
        Reply::redirect("http://a.test:99999/"),
        Reply::redirect("http://a b/"),
    ] {
        let site = Site::start();
        site.page("/x", reply);
        let record = scrape("--backoff 1ms").arg(site.url("/x")).run().code(3).record();
        assert!(["redirect", "http_status"].contains(&field(&record, "error").as_str().unwrap()), "{record}");
        assert!(field(&record, "status").is_u64());
        assert_eq!(site.hits().len(), 1);
    }
}

#[test]
fn an_encoded_line_break_stays_encoded() {
    let site = Site::start();
    site.page("/x", Reply::redirect("/y%0d%0aX-Injected:%201")).page("/y%0d%0aX-Injected:%201", Reply::title("x"));
    scrape("").arg(site.url("/x")).run().code(0);
    assert_eq!(site.hits()[1].request.header("x-injected"), None);
}

#[test]
fn the_hops_of_a_redirect_share_one_timeout() {
    let site = Site::start();
    let slow = Duration::from_millis(200);
    site.on("/n/*", move |request| Reply::redirect(&format!("{}x", request.path)).delay(slow));
    let record = scrape("--retries 0 --timeout 700ms").arg(site.url("/n/")).run().code(3).record();
    assert_eq!(field(&record, "error"), "timeout", "{record}");
    assert!((1..=4).contains(&site.hits().len()), "{:?}", site.paths());
}

#[test]
fn a_failure_after_a_redirect_is_tried_again_from_the_start() {
    let site = Site::start();
    site.page("/from", Reply::redirect("/to")).pages("/to", [Reply::status(503), Reply::title("x")]);
    let record = scrape("--backoff 1ms").arg(site.url("/from")).run().code(0).record();
    assert_eq!(
        (field(&record, "attempts"), site.paths()),
        (&json!(2), ["/from", "/to", "/from", "/to"].map(String::from).to_vec())
    );
}

#[test]
fn a_choice_without_a_target_and_a_redirect_without_one_are_what_the_status_says() {
    for status in [300, 301, 302, 303, 307, 308] {
        let site = Site::start();
        site.page("/x", Reply::status(status));
        let record = scrape("--backoff 1ms").arg(site.url("/x")).run().code(3).record();
        assert_eq!((field(&record, "error"), field(&record, "status")), (&json!("http_status"), &json!(status)));
        assert_eq!(site.hits().len(), 1);
    }
    let site = Site::start();
    site.page("/choice", Reply::redirect("/elsewhere").status_of(300));
    let record = scrape("--backoff 1ms").arg(site.url("/choice")).run().code(3).record();
    assert_eq!((field(&record, "error"), site.hits().len()), (&json!("http_status"), 1), "nobody chose");
}

#[test]
fn an_empty_location_leads_to_where_it_was_asked_for_which_is_a_loop() {
    let site = Site::start();
    site.page("/x", Reply::redirect("")).page("/y", Reply::redirect("#part"));
    for path in ["/x", "/y"] {
        let record = scrape("--backoff 1ms").arg(site.url(path)).run().code(3).record();
        assert_eq!((field(&record, "error"), site.count(path)), (&json!("redirect"), 1), "{record}");
    }
}

#[test]
fn a_location_of_200_kilobytes_is_a_failure_that_is_not_tried_again_and_not_shown_whole() {
    let site = Site::start();
    site.page("/http", Reply::redirect(&format!("/long/{}", "a".repeat(200_000))));
    site.page("/ftp", Reply::redirect(&format!("ftp://a.test/{}", "a".repeat(200_000))));
    for path in ["/http", "/ftp"] {
        let run = scrape("-vv --backoff 1ms").arg(site.url(path)).run().code(3);
        assert_eq!((field(&run.record(), "error"), site.count(path)), (&json!("redirect"), 1), "{path}");
        assert!(run.text().len() < 2000 && run.stderr.len() < 4000, "{}", run.stderr.len());
    }
}

#[test]
fn a_location_in_raw_utf8_is_percent_encoded() {
    let site = Site::start();
    site.page("/x", Reply::redirect("/bücher?q=😀 x")).page("/b%C3%BCcher?q=%F0%9F%98%80%20x", Reply::title("books"));
    assert_eq!(field(&scrape("").arg(site.url("/x")).run().code(0).record(), "data.title"), "books");
    let latin = b"HTTP/1.1 302 X\r\nLocation: /b\xfccher\r\nContent-Length: 0\r\n\r\n";
    site.page("/latin", Reply::raw(latin)).page("/b%EF%BF%BDcher", Reply::title("no idea"));
    assert_eq!(field(&scrape("").arg(site.url("/latin")).run().code(0).record(), "data.title"), "no idea");
}

#[test]
fn a_line_break_in_a_location_makes_no_header_of_ours() {
    for location in ["/y\r\nX-Injected: 1", "/y\rX-Injected: 1", "/y\nX-Injected: 1", "/y\tz"] {
        let site = Site::start();
        site.page("/x", Reply::raw(format!("HTTP/1.1 302 X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")));
        site.on("/y*", |_| Reply::title("y"));
        scrape("--backoff 1ms --timeout 5s").arg(site.url("/x")).run();
        assert!(site.hits().iter().all(|hit| hit.request.header("x-injected").is_none()), "{location:?}: {:?}", site.hits());
        assert!(site.hits().len() <= 2, "{:?}", site.paths());
    }
}

#[test]
fn a_cookie_that_is_set_on_the_way_goes_nowhere() {
    let site = Site::hosts(2);
    let set = |reply: Reply| reply.header("Set-Cookie", "session=s3cret; Path=/");
    site.page("/start", set(Reply::redirect("/next"))).page("/next", set(Reply::redirect(&site.url_of(1, "/other"))));
    site.page("/other", set(Reply::title("x"))).page("/later", Reply::title("y"));
    let list = [site.url("/start"), site.url("/later"), site.url_of(1, "/later")].join("\n");
    scrape("-c 1").stdin(list).run().code(0);
    assert_eq!(site.hits().len(), 5);
    assert!(site.hits().iter().all(|hit| hit.request.header("cookie").is_none()));
}

/// A site that speaks TLS and leads to one that does not.
fn downgrade() -> (Authority, Site, Site) {
    let authority = Authority::new();
    let (secure, plain) = (Site::tls(&authority, Leaf::Good), Site::start());
    plain.page("/end", Reply::title("plain"));
    secure.page("/start", Reply::redirect(&plain.url("/end"))).page("/own", Reply::redirect("/end"));
    secure.page("/end", Reply::title("secure")).page("/robots.txt", Reply::redirect(&plain.url("/robots.txt")));
    (authority, secure, plain)
}

#[test]
fn a_redirect_from_https_to_http_is_followed_without_secrets_and_marked_in_the_log() {
    let (authority, secure, plain) = downgrade();
    let run = |flags: &str, path: &str| {
        let secrets = ["-H", "Cookie: c00kie=1", "-H", "Authorization: Bearer t0ken"];
        scrape(flags).args(secrets).env("SSL_CERT_FILE", authority.file()).arg(secure.url(path)).run().code(0)
    };
    let marked = run("-v", "/start");
    assert_eq!(field(&marked.record(), "final_url"), &json!(plain.url("/end")));
    assert!(marked.stderr.contains("from https to http"), "{}", marked.stderr);
    let [hit] = &plain.hits()[..] else { panic!("{:?}", plain.paths()) };
    assert_eq!((hit.request.header("cookie"), hit.request.header("authorization")), (None, None));
    assert!(!run("-v", "/own").stderr.contains("from https to http"));
    assert!(!run("", "/start").stderr.contains("from https to http"));
}

#[test]
fn with_https_only_nothing_is_asked_for_over_http() {
    let (authority, secure, plain) = downgrade();
    let list = [secure.url("/start"), secure.url("/own"), plain.url("/end")].join("\n");
    let flags = "--https-only --robots always --backoff 1ms";
    let run = scrape(flags).env("SSL_CERT_FILE", authority.file()).stdin(list).run().code(3);
    let (led, own, listed) = (run.at(1), run.at(2), run.at(3));
    assert_eq!((field(&led, "error"), field(&led, "status")), (&json!("redirect"), &json!(302)));
    assert!(field(&led, "error_message").as_str().unwrap().contains("--https-only"), "{led}");
    assert_eq!(field(&own, "data.title"), "secure", "{own}");
    assert_eq!((field(&listed, "error"), field(&listed, "attempts")), (&json!("invalid_url"), &json!(0)));
    let message = field(&listed, "error_message").as_str().unwrap();
    assert!(message.contains("stdin:3") && message.contains("--https-only"), "{message}");
    assert_eq!(plain.connections(), 0);
}
