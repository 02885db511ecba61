//! What is sent: methods, headers, bodies and credentials, of the command line and of single lines; and where none of it goes.

use serde_json::json;

use crate::harness::{Hit, Reply, Request, Site, Work, field, scrape};

/// A site that answers everything with a page.
fn open_site() -> Site {
    let site = Site::hosts(2);
    site.on("/*", |_| Reply::title("x"));
    site
}

/// The one request that a run sends to `/x` with these arguments.
#[track_caller]
fn sent(work: &Work, args: &[&str]) -> Request {
    let site = open_site();
    work.scrape("").args(args).arg(site.url("/x")).run().code(0);
    let mut hits = site.hits();
    assert_eq!(hits.len(), 1);
    hits.remove(0).request
}

/// Method, body and content type.
fn form(request: &Request) -> (&str, &str, Option<&str>) {
    (&request.method, std::str::from_utf8(&request.body).unwrap(), request.header("content-type"))
}

#[test]
fn the_program_names_itself_unless_it_is_told_what_to_say() {
    let work = Work::new();
    let own = concat!("scrape/", env!("CARGO_PKG_VERSION"));
    assert_eq!(sent(&work, &[]).header("user-agent"), Some(own));
    assert_eq!(sent(&work, &["-A", "tester/1 (+https://a.example)"]).header("user-agent"), Some("tester/1 (+https://a.example)"));
    assert_eq!(sent(&work, &["-H", "User-Agent: of a header"]).header("user-agent"), Some("of a header"));
    assert!(scrape("--help").run().code(0).text().contains(&format!("[default: {own}]")));
}

#[test]
fn data_is_posted_as_the_fields_of_a_form() {
    let work = Work::new();
    work.write("fields.txt", "c=3\r\n&d=4\n");
    let kind = Some("application/x-www-form-urlencoded");
    assert_eq!(form(&sent(&work, &["-d", "a=1", "--data", "b=2 +%", "-d", "@fields.txt"])), ("POST", "a=1&b=2 +%&c=3&d=4", kind));
    let empty = sent(&work, &["-d", ""]);
    assert_eq!((form(&empty), empty.header("content-length")), (("POST", "", kind), Some("0")));
    assert_eq!(form(&sent(&work, &["-d", "a=1", "-X", "PUT", "-H", "Content-Type: text/x"])), ("PUT", "a=1", Some("text/x")));
    assert_eq!(form(&sent(&work, &["-d", "a=1", "-X", "GET"])), ("GET", "a=1", kind));
}

#[test]
fn json_is_posted_as_json_and_json_is_asked_for() {
    let work = Work::new();
    work.write("rest.json", "\n 2]\n");
    let request = sent(&work, &["--json", "[1,", "--json", "@rest.json"]);
    assert_eq!(form(&request), ("POST", "[1,\n 2]\n", Some("application/json")));
    assert_eq!(request.header("accept"), Some("application/json"));
    let request = sent(&work, &["--json", "{}", "-H", "Accept: text/html"]);
    assert_eq!((request.header("accept"), request.header("content-type")), (Some("text/html"), Some("application/json")));
    scrape("-d a --json b http://127.0.0.1:1/").run().code(2);
}

#[test]
fn data_of_stdin_is_read_where_the_list_is_elsewhere() {
    let site = open_site();
    let run = scrape("-d @-").arg(site.url("/x")).stdin("a=1\n").run().code(0);
    assert_eq!(run.records().len(), 1);
    assert_eq!(site.hits()[0].request.body, b"a=1");
    let run = scrape("--json @- -").stdin(site.url("/y")).run().code(2);
    assert!(run.stderr.contains("stdin is the list already"), "{}", run.stderr);
    assert_eq!(site.count("/y"), 0);
}

#[test]
fn a_file_of_data_that_is_missing_is_told_before_any_request() {
    let site = open_site();
    for (args, name) in [
        (["-d", "@missing.txt"], "missing.txt"),
        (["--json", "@missing.json"], "missing.json"),
        (["-b", "missing-cookies"], "missing-cookies"),
        (["--cookie-jar", "no-folder/jar"], "no-folder"),
        (["--cookie-jar", "."], "is a folder"),
        (["--cookie-jar", "-"], "stdout is for records"),
    ] {
        let run = scrape("").args(args).arg(site.url("/x")).run().code(2);
        assert!(run.stderr.contains(name) && run.text().is_empty(), "{}", run.stderr);
    }
    assert!(site.hits().is_empty());
}

#[test]
fn any_method_is_sent_but_no_tunnel_is_opened() {
    let work = Work::new();
    for method in ["PUT", "DELETE", "OPTIONS", "PURGE", "PATCH"] {
        assert_eq!(form(&sent(&work, &["-X", method])), (method, "", None));
    }
    assert_eq!(sent(&work, &["--method", "post"]).header("content-length"), Some("0"));
    assert_eq!(sent(&work, &["--request", "DELETE"]).header("content-length"), None);
    for method in ["CONNECT", "connect", "GET /", ""] {
        scrape("-X").arg(method).arg("http://127.0.0.1:1/").run().code(2);
    }
}

#[test]
fn head_ends_with_the_head_whatever_length_it_announces() {
    let site = Site::start();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000000000000\r\nContent-Encoding: gzip\r\n\r\n";
    site.page("/x", Reply::raw(head)).page("/y", Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    let list = [site.url("/x"), site.url("/y"), site.url("/x")].join("\n");
    let run = scrape("-X HEAD -c 1 --timeout 20").stdin(list).run().code(0);
    assert_eq!((run.each("bytes"), run.each("status")), (vec![json!(0); 3], vec![json!(200); 3]));
    assert!(site.hits().iter().all(|hit| hit.request.method == "HEAD"));
    assert_eq!(site.connections(), 1, "and the connection goes on");
}

#[test]
fn a_line_says_how_it_is_requested_and_that_does_not_travel() {
    let (site, work) = (open_site(), Work::new());
    let url = |path: &str| site.url(path);
    let lines = [
        json!({"url": url("/1"), "id": 1}),
        json!({"url": url("/2"), "method": "DELETE", "id": 2}),
        json!({"url": url("/3"), "body": "own", "headers": {"X-A": "line", "x-many": ["1", "2"]}}),
        json!({"url": url("/4"), "json": {"b": [1.5, "ü"], "a": null}, "id": 4}),
        json!({"url": url("/5"), "method": "HEAD", "headers": {}, "body": null}),
    ];
    work.write("urls.jsonl", lines.map(|line| line.to_string()).join("\n"));
    let run = work.scrape("urls.jsonl --ordered -d all=1 -c 1").args(["-H", "X-A: all", "-H", "X-B: all"]).run().code(0);
    let hits = site.hits();
    let of = |path: &str| &hits.iter().find(|hit| hit.request.path == path).unwrap().request;
    let kind = Some("application/x-www-form-urlencoded");
    assert_eq!(form(of("/1")), ("POST", "all=1", kind));
    assert_eq!(form(of("/2")), ("DELETE", "", None), "a method of its own leaves the body of all aside");
    assert_eq!(form(of("/3")), ("POST", "own", None));
    assert_eq!(form(of("/4")), ("POST", r#"{"b":[1.5,"ü"],"a":null}"#, Some("application/json")));
    assert_eq!(of("/5").method, "HEAD");
    assert_eq!((of("/1").header("x-a"), of("/3").header("x-a")), (Some("all"), Some("line")));
    assert_eq!((of("/3").header("x-b"), of("/4").header("accept")), (Some("all"), Some("application/json")));
    assert_eq!(of("/3").headers.iter().filter(|(name, _)| name == "x-many").count(), 2);
    let inputs: Vec<_> = run.records().iter().map(|record| record.get("input").cloned()).collect();
    assert_eq!(inputs, [Some(json!({"id": 1})), Some(json!({"id": 2})), None, Some(json!({"id": 4})), None]);
}

#[test]
fn a_line_that_makes_no_request_is_a_record_that_names_its_place() {
    let (site, work) = (open_site(), Work::new());
    let line = |members: &str| format!("{{\"url\":\"{}\",{members}}}\n", site.url("/x"));
    let bad = [
        r#""method":"CONNECT""#,
        r#""method":["GET"]"#,
        r#""headers":"X-A: b""#,
        r#""headers":{"X A":"b"}"#,
        r#""headers":{"X-A":"b\nX-B: c"}"#,
        r#""headers":{"Transfer-Encoding":"chunked"}"#,
        r#""body":7"#,
        r#""body":"a","json":1"#,
    ];
    work.write("urls.jsonl", bad.map(line).concat() + &line(r#""method":"GET""#));
    let run = work.scrape("urls.jsonl --ordered").run().code(3);
    let records = run.records();
    for (at, record) in records[..bad.len()].iter().enumerate() {
        assert_eq!((field(record, "error"), field(record, "url")), (&json!("invalid_url"), &json!(site.url("/x"))));
        let message = field(record, "error_message").as_str().unwrap();
        let member = bad[at].split('"').nth(1).unwrap();
        assert!(
            message.starts_with(&format!("urls.jsonl:{}: ", at + 1)) && message.contains(&format!("`{member}`")),
            "{message}"
        );
    }
    assert_eq!((records.len(), site.hits().len()), (bad.len() + 1, 1));
}

#[test]
fn the_same_url_with_another_body_is_no_repetition() {
    let (site, work) = (open_site(), Work::new());
    let line = |members: &str| format!("{{\"url\":\"{}\"{members}}}\n", site.url("/x"));
    let lines = [r#","json":1"#, r#","json":2"#, r#","json":1,"id":3"#, "", r#","method":"DELETE""#, r#","id":6"#];
    work.write("urls.jsonl", lines.map(line).concat());
    let run = work.scrape("urls.jsonl --unique").run().code(0);
    assert_eq!((run.summary().ok, run.summary().skipped, site.hits().len()), (4, 2, 4));
}

#[test]
fn a_parked_target_keeps_its_request() {
    // More lines of one host than memory takes: while it has but one place the list is read on to the other host, and they are
    // parked.
    let (site, work) = (open_site(), Work::new());
    let padding = "x".repeat(400);
    let line = |at| {
        format!("{{\"url\":\"{}\",\"body\":\"{at}\",\"headers\":{{\"X-A\":\"{at}{padding}\"}}}}\n", site.url(&format!("/{at}")))
    };
    let lines = (0..9000).map(line);
    let last = format!("{{\"url\":\"{}\",\"body\":\"last\"}}\n", site.url_of(1, "/last"));
    work.write("urls.jsonl", lines.collect::<String>() + &last);
    let host = site.host(0);
    work.write("c.toml", format!("[hosts.\"{host}\"]\nper-host = 1\n"));
    let run = work.scrape("urls.jsonl --config c.toml --fetch-only").run().code(0);
    assert_eq!(run.summary().ok, 9001);
    for hit in site.hits() {
        let path = hit.request.path.trim_start_matches('/');
        assert_eq!(form(&hit.request), ("POST", path, None));
        let header = hit.request.header("x-a").unwrap_or("last").trim_end_matches('x');
        assert_eq!(header, path);
    }
}

/// What one of the hosts was sent: method, path and body.
fn at_host(hits: &[Hit], host: &str) -> Vec<String> {
    let of = hits.iter().filter(|hit| hit.request.host() == host);
    of.map(|hit| format!("{} {} {}", hit.request.method, hit.request.path, String::from_utf8_lossy(&hit.request.body))).collect()
}

#[test]
fn a_redirect_makes_of_a_post_what_browsers_and_curl_make_of_it() {
    for (status, method, then) in [
        (301, "POST", "GET /to "),
        (302, "POST", "GET /to "),
        (303, "POST", "GET /to "),
        (303, "PUT", "GET /to "),
        (302, "PUT", "PUT /to a=1"),
        (307, "POST", "POST /to a=1"),
        (308, "POST", "POST /to a=1"),
    ] {
        let site = Site::start();
        site.page("/from", Reply::redirect("/to").status_of(status)).page("/to", Reply::title("x"));
        scrape("-d a=1 -X").arg(method).arg(site.url("/from")).run().code(0);
        let hits = site.hits();
        assert_eq!(at_host(&hits, "127.0.0.1"), [format!("{method} /from a=1"), then.to_owned()], "{status}");
        let is_bare = then.starts_with("GET");
        assert_eq!(hits[1].request.header("content-type").is_none(), is_bare, "{status} {method}");
    }
    let site = Site::start();
    site.page("/from", Reply::redirect("/to").status_of(303)).page("/to", Reply::status(200));
    scrape("-X HEAD").arg(site.url("/from")).run().code(0);
    assert_eq!(at_host(&site.hits(), "127.0.0.1"), ["HEAD /from ", "HEAD /to "]);
}

#[test]
fn json_is_expected_still_where_a_redirect_dropped_the_body() {
    let site = Site::hosts(2);
    site.page("/from", Reply::redirect("/to").status_of(303)).page("/to", Reply::redirect(&site.url_of(1, "/other")));
    site.page("/other", Reply::title("x"));
    scrape("--json {}").arg(site.url("/from")).run().code(0);
    let accepted: Vec<_> = site.hits().iter().map(|hit| hit.request.header("accept").map(str::to_owned)).collect();
    assert_eq!(accepted, ["application/json", "application/json", "*/*"].map(|accept| Some(accept.to_owned())));
    assert!(site.hits()[1].request.header("content-type").is_none());
}

#[test]
fn a_form_that_sends_back_to_its_own_page_is_no_loop() {
    let site = Site::start();
    site.on("/form", |request| match request.method.as_str() {
        "POST" => Reply::redirect("/form").status_of(303),
        _ => Reply::title("thanks"),
    });
    let record = scrape("-d a=1").arg(site.url("/form")).run().code(0).record();
    assert_eq!(field(&record, "data.title"), "thanks");
    let site = Site::start();
    site.page("/form", Reply::redirect("/form").status_of(303));
    let record = scrape("-d a=1").arg(site.url("/form")).run().code(3).record();
    assert_eq!((field(&record, "error"), site.hits().len()), (&json!("redirect"), 2), "but then it is one");
}

#[test]
fn a_body_never_crosses_to_another_origin() {
    for (status, crosses) in [(307, false), (308, false), (303, true), (302, true)] {
        let site = Site::hosts(2);
        site.page("/from", Reply::redirect(&site.url_of(1, "/to")).status_of(status)).page("/to", Reply::title("x"));
        let run = scrape("-d password=s3cret").args(["-H", "X-Key: k3y"]).arg(site.url("/from")).run();
        let hits = site.hits();
        if crosses {
            run.code(0);
            assert_eq!(at_host(&hits, "127.0.0.2"), ["GET /to "]);
            assert_eq!((hits[1].request.header("x-key"), hits[1].request.header("content-type")), (None, None));
        } else {
            let record = run.code(3).record();
            assert_eq!((field(&record, "error"), field(&record, "status")), (&json!("redirect"), &json!(status)));
            assert!(field(&record, "error_message").as_str().unwrap().contains("another origin"), "{record}");
            assert_eq!(hits.len(), 1);
        }
    }
}

#[test]
fn a_user_is_told_to_the_listed_hosts_only() {
    let site = Site::hosts(2);
    site.page("/start", Reply::redirect("/same")).page("/same", Reply::redirect(&site.url_of(1, "/other")));
    site.page("/other", Reply::title("x")).page("/own", Reply::title("x"));
    let own = site.url("/own").replace("http://", "http://bob:b0b@");
    scrape("-c 1 -u ann:s3cr3t").stdin([site.url("/start"), own].join("\n")).run().code(0);
    let hits = site.hits();
    let told = |path: &str| {
        let hit = hits.iter().find(|hit| hit.request.path == path).unwrap();
        hit.request.header("authorization").map(str::to_owned)
    };
    let ann = Some("Basic YW5uOnMzY3IzdA==".to_owned());
    assert_eq!((told("/start"), told("/same"), told("/other")), (ann.clone(), ann, None));
    assert_eq!(told("/own").as_deref(), Some("Basic Ym9iOmIwYg=="), "what the URL says counts before it");
    let work = Work::new();
    let request = sent(&work, &["-u", "ann:s3cr3t", "-H", "Authorization: Bearer t0ken"]);
    assert_eq!(request.header("authorization"), Some("Bearer t0ken"), "and so does a header");
    assert_eq!(sent(&work, &["-u", "ann:"]).header("authorization"), Some("Basic YW5uOg=="));
}

#[test]
fn what_a_line_gives_goes_to_its_own_origin_only() {
    let (site, work) = (Site::hosts(2), Work::new());
    site.page("/start", Reply::redirect(&site.url_of(1, "/other"))).page("/other", Reply::redirect(&site.url("/back")));
    site.page("/back", Reply::title("x"));
    let line = json!({"url": site.url("/start"), "headers": {"X-Key": "k3y", "Cookie": "c=1"}});
    work.write("urls.jsonl", line.to_string());
    work.scrape("urls.jsonl").run().code(0);
    let sent: Vec<_> = site.hits().iter().map(|hit| hit.request.header("x-key").is_some()).collect();
    assert_eq!(sent, [true, false, true]);
    assert!(site.hits()[1].request.header("cookie").is_none());
}

#[test]
fn a_user_without_a_password_is_asked_for_one_in_words_and_not_shown() {
    let run = scrape("-u s3cret http://127.0.0.1:1/").run().code(2);
    assert!(run.stderr.contains("user:password") && !run.stderr.contains("s3cret"), "{}", run.stderr);
    let run = scrape("http://127.0.0.1:1/").env("SCRAPE_USER", "s3cret").run().code(2);
    assert!(run.stderr.contains("SCRAPE_USER") && !run.stderr.contains("s3cret"), "{}", run.stderr);
}

#[test]
fn what_may_do_something_twice_is_tried_again_only_when_asked_for() {
    for (reply, kind) in [
        (Reply::status(503), "http_status"),
        (Reply::status(429).header("Retry-After", "0"), "http_status"),
        (Reply::nothing().close(), "connect"),
        (Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").close(), "body"),
    ] {
        let site = Site::start();
        site.pages("/x", [reply.clone(), Reply::title("x")]).pages("/y", [reply.clone(), Reply::title("y")]);
        site.pages("/z", [reply, Reply::title("z")]);
        let record = scrape("--backoff 1ms -d a=1").arg(site.url("/x")).run().code(3).record();
        assert_eq!((field(&record, "error"), field(&record, "attempts")), (&json!(kind), &json!(1)));
        let message = field(&record, "error_message").as_str().unwrap();
        assert!(message.contains("POST") && message.contains("--retry-all"), "{message}");
        let record = scrape("--backoff 1ms -d a=1 --retry-all").arg(site.url("/y")).run().code(0).record();
        assert_eq!((field(&record, "attempts"), site.hits().last().unwrap().request.body.as_slice()), (&json!(2), &b"a=1"[..]));
        scrape("--backoff 1ms -d a=1 -X PUT").arg(site.url("/z")).run().code(0);
        assert_eq!((site.count("/x"), site.count("/y"), site.count("/z")), (1, 2, 2));
    }
}

#[test]
fn a_host_that_asks_for_patience_gets_it_although_the_post_is_not_tried_again() {
    let site = Site::start();
    site.page("/busy", Reply::status(503).header("Retry-After", "1")).page("/then", Reply::title("x"));
    let list = [site.url("/busy"), site.url("/then")].join("\n");
    let run = scrape("-c 1 -d a=1").stdin(list).run().code(3);
    let hits = site.hits();
    assert_eq!((run.summary().ok, run.summary().failed, hits.len()), (1, 1, 2));
    assert!(hits[1].arrived.duration_since(hits[0].ended.unwrap()) >= std::time::Duration::from_secs(1));
}

#[test]
fn what_is_final_for_every_method_does_not_name_the_method() {
    let site = Site::start();
    site.page("/x", Reply::status(404)).page("/y", Reply::status(503));
    let record = scrape("-d a=1").arg(site.url("/x")).run().code(3).record();
    assert!(!field(&record, "error_message").as_str().unwrap().contains("POST"), "{record}");
    let record = scrape("-d a=1 --retries 0").arg(site.url("/y")).run().code(3).record();
    assert!(!field(&record, "error_message").as_str().unwrap().contains("POST"), "{record}");
}

#[test]
fn a_post_that_a_redirect_made_a_get_is_not_posted_twice() {
    let site = Site::start();
    site.page("/from", Reply::redirect("/to").status_of(303)).page("/to", Reply::status(503));
    scrape("--backoff 1ms -d a=1").arg(site.url("/from")).run().code(3);
    assert_eq!((site.count("/from"), site.count("/to")), (1, 1));
}

#[test]
fn a_post_on_a_connection_that_went_stale_is_not_sent_again() {
    let site = Site::start();
    // The site hears the second request on the kept connection, and closes without an answer.
    site.pages("/x", [Reply::title("x"), Reply::nothing().close(), Reply::title("never")]);
    let list = vec![site.url("/x"); 2].join("\n");
    let run = scrape("-c 1 -d a=1").stdin(&list).run().code(3);
    assert_eq!(run.each("error"), [json!(null), json!("connect")]);
    assert_eq!((site.count("/x"), site.connections()), (2, 1));
    let site = Site::start();
    site.pages("/x", [Reply::title("x"), Reply::nothing().close(), Reply::title("x")]);
    let list = vec![site.url("/x"); 2].join("\n");
    scrape("-c 1 -X PUT -d a=1").stdin(list).run().code(0);
    assert_eq!((site.count("/x"), site.connections()), (3, 2));
}

#[test]
fn a_post_whose_kept_connection_had_ended_before_is_sent_on_a_new_one() {
    let site = Site::start();
    site.on("/x", |_| Reply::title("x").close());
    let list = vec![site.url("/x"); 3].join("\n");
    // The pause lets the end of the connection arrive before the next request begins.
    let run = scrape("-c 1 -d a=1 --rps 1").stdin(list).run().code(0);
    assert_eq!((run.summary().ok, site.hits().len(), site.connections()), (3, 3, 3));
}

#[test]
fn headers_that_would_break_the_framing_are_refused() {
    for header in ["Content-Length: 7", "Transfer-Encoding: chunked"] {
        let run = scrape("http://127.0.0.1:1/ -H").arg(header).run().code(2);
        assert!(run.stderr.contains("is set by what is sent"), "{}", run.stderr);
    }
}

#[test]
fn the_url_is_sent_as_the_standard_writes_it_and_without_its_fragment() {
    let site = Site::start();
    site.on("/*", |request| Reply::title(&request.path));
    let base = site.url("");
    let (host, port) = base.trim_start_matches("http://").rsplit_once(':').unwrap();
    assert_eq!(host, "127.0.0.1");
    let list = [
        format!("{base}/a/./b/../c d?q=ü&e=%zz#fragment"),
        format!("http://0x7f.1:{port}/hex"),
        format!("http://2130706433:{port}/decimal"),
        format!("HTTP://127.0.0.1:{port}\\back"),
    ];
    scrape("-c 1").stdin(list.join("\n")).run().code(0);
    assert_eq!(site.paths(), ["/a/c%20d?q=%C3%BC&e=%zz", "/hex", "/decimal", "/back"]);
    let proxy = Site::proxy();
    proxy.on("/*", |_| Reply::title("x"));
    scrape("").stdin("http://bücher.example/ü\nhttp://a.example:80/x").through(&proxy).run().code(0);
    let mut hosts: Vec<_> = proxy.hits().iter().map(|hit| hit.request.header("host").unwrap().to_owned()).collect();
    hosts.sort();
    assert_eq!(hosts, ["a.example", "xn--bcher-kva.example"]);
}
