//! One request at a time, against a socket that sends what it is told.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use http::{HeaderMap, HeaderValue};

use super::*;
use crate::fetch::{Settings, decode};
use std::sync::Arc;

use crate::model::{Flight, Request, Target};

/// A ticket for the robots.txt that decides about `target`.
fn robots_ticket(target: &str, url: &str) -> Ticket {
    Ticket { purpose: Purpose::Robots, url: url.parse().unwrap(), ..page_ticket(target) }
}

fn page_ticket(target: &str) -> Ticket {
    let target = Target::new(1, target, "test", None);
    let url = target.url.clone().unwrap();
    Ticket { attempts: 1, ..Ticket::new(target, url, Purpose::Page, 0) }
}

/// Sends what a ticket for the socket's address asks for: the request, and what came of it.
fn exchanged(settings: Settings, response: &[u8], ticket: impl FnOnce(SocketAddr) -> Ticket) -> (String, Result<Reply, Failure>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let ticket = ticket(address);
    let fetcher = Fetcher::new(Settings { direct: true, ..settings }).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::scope(|scope| {
        let request = scope.spawn(|| {
            let (mut socket, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                socket.read_exact(&mut byte).unwrap();
                request.extend_from_slice(&byte);
            }
            // Who has had enough of the answer closes.
            let _ = socket.write_all(response);
            String::from_utf8(request).unwrap()
        });
        let reply = runtime.block_on(fetcher.fetch(&ticket, &Arc::new(Flight::new(std::time::Instant::now()))));
        // With the runtime its connections end, and where there was none this one lets the test fail instead of wait.
        drop(runtime);
        let _ = TcpStream::connect(address);
        (request.join().unwrap(), reply)
    })
}

fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes()
}

fn own_robots(address: SocketAddr) -> Ticket {
    robots_ticket(&format!("http://{address}/x"), &format!("http://{address}/robots.txt"))
}

#[test]
fn a_robots_txt_is_whatever_comes_with_a_2xx() {
    let settings = || Settings { accept: vec![404..=404], ..Settings::default() };
    for status in [200, 203, 206] {
        let (request, reply) = exchanged(settings(), &answer(status, "", "Disallow: /"), own_robots);
        assert!(request.starts_with("GET /robots.txt HTTP/1.1\r\n"));
        assert!(matches!(reply, Ok(Reply::Page(page, _)) if page.body == "Disallow: /"), "{status}");
    }
    let (_, reply) = exchanged(settings(), &answer(404, "", "what --accept says is meant for pages"), own_robots);
    let failure = reply.unwrap_err();
    assert_eq!((failure.kind, failure.status), (ErrorKind::HttpStatus, Some(404)));
}

#[test]
fn of_a_robots_txt_only_the_beginning_is_read() {
    let settings = || Settings { max_body: 1000, ..Settings::default() };
    let endless = answer(200, "", &"a".repeat(5_000_000));
    let (_, reply) = exchanged(settings(), &endless, own_robots);
    let Ok(Reply::Page(mut page, _)) = reply else { panic!("no page: {reply:?}") };
    assert!((robots::MAX_BYTES + 1..1_500_000).contains(&page.body.len()), "{}", page.body.len());
    decode(&mut page, Cap::Cut(robots::MAX_BYTES + 1)).unwrap();
    assert_eq!(page.body.len(), robots::MAX_BYTES + 1);
    let (_, reply) = exchanged(settings(), &endless, |address| page_ticket(&format!("http://{address}/x")));
    assert_eq!(reply.unwrap_err().kind, ErrorKind::TooLarge, "a page is whole or it is none");
}

#[test]
fn what_was_given_for_a_target_goes_with_the_robots_txt_of_its_own_origin_only() {
    let settings = || {
        let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static("secret"))]);
        Settings { request: Arc::new(Request { headers, ..Request::default() }), ..Settings::default() }
    };
    let robots = |target: String| {
        let ticket =
            |address| robots_ticket(&target.replace("SITE", &format!("{address}")), &format!("http://{address}/robots.txt"));
        exchanged(settings(), &answer(200, "", ""), ticket).0.to_ascii_lowercase()
    };
    let own = robots("http://ann:pass@SITE/x".to_owned());
    assert!(own.contains("cookie: secret") && own.contains("authorization: basic"), "{own}");
    // What a target was redirected to, or the same host at another port, has a robots.txt of its own.
    for target in ["http://ann:pass@a.example/x", "http://ann:pass@127.0.0.1:1/x", "https://ann:pass@SITE/x"] {
        let others = robots(target.to_owned());
        assert!(!others.contains("cookie") && !others.contains("authorization"), "{target}: {others}");
    }
}

#[test]
fn a_spent_quota_is_heard_with_a_page_and_with_a_failure() {
    let page = |address| page_ticket(&format!("http://{address}/x"));
    let quota = "RateLimit: \"default\";r=0;t=30\r\nRetry-After: 60\r\n";
    let half_minute = Some(Asked { wait: Duration::from_secs(30), by: "RateLimit" });
    let (_, reply) = exchanged(Settings::default(), &answer(200, quota, "x"), page);
    assert!(matches!(&reply, Ok(Reply::Page(page, _)) if page.asked == half_minute), "{reply:?}");
    let cut = format!("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n{quota}\r\nhalf");
    let (_, reply) = exchanged(Settings::default(), cut.as_bytes(), page);
    assert_eq!(reply.unwrap_err().asked, half_minute);
    let (_, reply) = exchanged(Settings::default(), &answer(404, quota, "x"), page);
    assert_eq!(reply.unwrap_err().asked, half_minute);
    let (_, reply) = exchanged(Settings::default(), &answer(429, quota, "x"), page);
    assert_eq!(reply.unwrap_err().asked, Some(Asked { wait: Duration::from_mins(1), by: "Retry-After" }));
}
