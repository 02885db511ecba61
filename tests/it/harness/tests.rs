//! The harness' own tests: the site with a client of bare bytes, the runner with a shell in the program's place.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Gate, Reply, Site, Work, scrape};

fn connect(site: &Site) -> TcpStream {
    let url = site.url("");
    let stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(super::LIMIT)).unwrap();
    stream
}

fn ask(stream: &mut TcpStream, path: &str) {
    let host = stream.peer_addr().unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
}

/// Reads a reply whose body ends in `end`.
fn hear(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&text)));
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn a_connection_is_kept_alive_and_each_request_is_noted() {
    let site = Site::start();
    site.page("/a", Reply::html("A!")).pages("/b", [Reply::status(503).body("no!"), Reply::html("yes!")]);
    let mut client = connect(&site);
    for (path, end, status) in [("/a", "A!", "200"), ("/b", "no!", "503"), ("/b", "yes!", "200"), ("/b", "yes!", "200")] {
        ask(&mut client, path);
        let reply = hear(&mut client, end);
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{reply}");
    }
    assert_eq!(site.paths(), ["/a", "/b", "/b", "/b"]);
    assert_eq!((site.connections(), site.peak(), site.count("/b")), (1, 1, 3));
}

#[test]
fn requests_in_flight_are_counted_over_all_connections_and_for_each_host() {
    let site = Site::hosts(2);
    let gate = Gate::default();
    site.page("/*", Reply::html("!").behind(&gate));
    let ask_at = |host| {
        let url = site.url_of(host, "");
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        ask(&mut stream, "/x");
        stream
    };
    let mut clients = [ask_at(0), ask_at(0), ask_at(1)];
    site.wait_for_hits(3);
    assert!(site.hits().iter().all(|hit| hit.ended.is_none()));
    gate.open();
    for client in &mut clients {
        hear(client, "!");
    }
    assert_eq!((site.peak(), site.peak_of_a_host()), (3, 2));
    assert!(site.hits().iter().all(|hit| hit.ended.is_some_and(|end| end > hit.arrived)));
}

#[test]
fn a_client_that_leaves_is_no_longer_in_flight() {
    let site = Site::start();
    site.page("/hang", Reply::nothing().hang());
    let mut client = connect(&site);
    ask(&mut client, "/hang");
    site.wait_for("/hang");
    drop(client);
    site.wait_until("the end of the hit", |hits| hits[0].ended.is_some());
}

#[test]
fn connections_end_as_they_are_told_to() {
    let site = Site::start();
    site.page("/close", Reply::raw("x").close()).page("/reset", Reply::raw("x").reset());
    for (path, end) in [("/close", Ok(0)), ("/reset", Err(ErrorKind::ConnectionReset))] {
        let mut client = connect(&site);
        ask(&mut client, path);
        assert_eq!(hear(&mut client, "x"), "x");
        assert_eq!(client.read(&mut [0]).map_err(|error| error.kind()), end, "{path}");
    }
}

#[test]
fn replies_are_delayed_and_dripped() {
    let site = Site::start();
    let pause = Duration::from_millis(20);
    site.page("/late", Reply::html("!").delay(pause)).page("/drip", Reply::raw("123!").drip(2, pause));
    let mut client = connect(&site);
    for path in ["/late", "/drip"] {
        let start = Instant::now();
        ask(&mut client, path);
        hear(&mut client, "!");
        assert!(start.elapsed() >= pause, "{path}");
    }
}

#[test]
fn an_endless_reply_ends_with_the_site() {
    let site = Site::start();
    site.page("/endless", Reply::raw("").endless("more and "));
    let mut client = connect(&site);
    ask(&mut client, "/endless");
    hear(&mut client, "more and more");
    drop(site);
}

#[test]
#[should_panic(expected = "GET /nowhere: there is no such page")]
fn an_unknown_page_is_held_against_the_client() {
    let site = Site::start();
    let mut client = connect(&site);
    ask(&mut client, "/nowhere");
    hear(&mut client, "\r\n\r\n");
}

#[test]
#[should_panic(expected = "0 Host headers")]
fn broken_http_is_held_against_the_client() {
    let site = Site::start();
    site.page("/", Reply::html("!"));
    let mut client = connect(&site);
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    hear(&mut client, "!");
}

#[test]
fn broken_http_is_forgiven_where_the_test_means_it() {
    let site = Site::start();
    site.forgive();
    let mut client = connect(&site);
    client.write_all(b"\x16\x03\x01").unwrap();
    assert!(hear(&mut client, "\r\n\r\n").contains("400"));
    assert_eq!(site.faults().len(), 1);
}

#[test]
fn a_run_has_its_own_folder_environment_and_stdin() {
    let work = Work::new();
    work.write("in", "file");
    let script = "cat in; echo; cat; echo; echo \"$HOME-$LANG-$X\" >&2; printf %s \"$2\" > out; exit 7";
    let run = work.scrape("a").arg("b c").env("X", "x").stdin("input").shell(script).run().code(7);
    assert_eq!((run.text(), run.stderr.as_str()), ("file\ninput\n", "-C-x\n"));
    assert_eq!((work.read("out").as_str(), work.names()), ("b c", vec!["in".to_owned(), "out".to_owned()]));
}

#[test]
fn a_live_run_is_heard_line_by_line_and_takes_signals() {
    let script = "trap 'echo caught >&2; exit 9' INT; echo ready; while read line; do echo \"<$line>\"; done";
    let mut live = scrape("").open_stdin().shell(script).spawn();
    assert_eq!(live.line(), "ready");
    live.write("one\ntwo\n");
    assert_eq!([live.line(), live.line()], ["<one>", "<two>"]);
    assert!(live.is_running() && live.peak_memory() > 100_000);
    live.signal(Signal::INT);
    assert_eq!(live.end().code(9).text(), "ready\n<one>\n<two>\n");
}

#[test]
fn an_open_stdin_ends_when_it_is_closed() {
    let mut live = scrape("").open_stdin().shell("cat").spawn();
    live.write("x");
    live.close_stdin();
    assert_eq!(live.end().code(0).text(), "x");
}

#[test]
fn a_run_that_is_forgotten_is_killed() {
    let mut live = scrape("").shell("echo $$; exec sleep 600").spawn();
    let process = format!("/proc/{}", live.line());
    assert!(std::path::Path::new(&process).exists());
    drop(live);
    assert!(!std::path::Path::new(&process).exists());
}

#[test]
fn a_signal_is_dealt_with_before_the_test_goes_on() {
    let work = Work::new();
    let script = "trap 'echo caught > caught' USR1; echo ready; while :; do read line && exit 0; done";
    let mut live = work.scrape("").open_stdin().shell(script).spawn();
    live.line();
    live.signal_and_settle(Signal::USR1);
    assert_eq!(work.read("caught"), "caught\n");
    live.write("\n");
    live.end().code(0);
}
