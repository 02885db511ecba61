use std::io::Read;
use std::time::Instant;

use flate2::read::GzDecoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// The head and the body of an answer to a raw request.
async fn ask(demo: &Demo, request: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(demo.address).await.unwrap();
    let request = format!("{request}\r\nhost: a.example\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).unwrap().to_ascii_lowercase(), body)
}

async fn status(demo: &Demo, path: &str) -> u16 {
    let (head, _) = ask(demo, &format!("GET {path} HTTP/1.1")).await;
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

fn length(head: &str) -> usize {
    let (_, rest) = head.split_once("content-length: ").unwrap();
    rest.lines().next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn every_url_of_the_list_answers_as_the_front_page_says() {
    let demo = start().await.unwrap();
    assert_eq!(demo.urls().len(), 52);
    let (_, front) = ask(&demo, "GET / HTTP/1.1").await;
    let front = String::from_utf8(front).unwrap();
    for url in demo.urls() {
        let path = url.strip_prefix(&format!("http://{}", demo.address)).unwrap();
        assert!(path == "/" || front.contains(&format!("href=\"{path}\"")), "{path} is not on the front page");
        let expected = match path {
            "/missing" => 404,
            "/flaky" => 503,
            "/busy" => 429,
            "/old" => 301,
            "/slow" => continue,
            _ => 200,
        };
        assert_eq!(status(&demo, path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn moody_pages_come_round() {
    let demo = start().await.unwrap();
    for expected in [503, 503, 200, 200] {
        assert_eq!(status(&demo, "/flaky").await, expected);
    }
    let (head, _) = ask(&demo, "GET /busy HTTP/1.1").await;
    assert!(head.starts_with("http/1.1 429 ") && head.contains("\r\nretry-after: 1\r\n"), "{head}");
    assert_eq!(status(&demo, "/busy").await, 200);
    let (head, _) = ask(&demo, "GET /old HTTP/1.1").await;
    assert!(head.starts_with("http/1.1 301 ") && head.contains("\r\nlocation: /product/1\r\n"), "{head}");
}

#[tokio::test(start_paused = true)]
async fn the_slow_page_takes_two_seconds() {
    let site = Site::default();
    let before = tokio::time::Instant::now();
    let answer = site.answer(&Method::GET, &"/slow".parse().unwrap(), &HeaderMap::new()).await;
    assert_eq!((answer.status(), before.elapsed()), (StatusCode::OK, SLOW));
}

#[tokio::test]
async fn a_head_has_the_length_and_no_body() {
    let demo = start().await.unwrap();
    let (got, body) = ask(&demo, "GET /product/1 HTTP/1.1").await;
    assert!(got.contains("\r\ncontent-type: text/html; charset=utf-8\r\n"), "{got}");
    assert_eq!(length(&got), body.len());
    let (head, nothing) = ask(&demo, "HEAD /product/1 HTTP/1.1").await;
    assert_eq!((length(&head), nothing.len()), (body.len(), 0));
}

#[tokio::test]
async fn other_methods_are_told_which_there_are() {
    let demo = start().await.unwrap();
    let (head, _) = ask(&demo, "POST /product/1 HTTP/1.1\r\ncontent-length: 0").await;
    assert!(head.starts_with("http/1.1 405 ") && head.contains("\r\nallow: get, head\r\n"), "{head}");
}

#[tokio::test]
async fn an_answer_is_compressed_for_those_who_take_it() {
    let demo = start().await.unwrap();
    let (_, plain) = ask(&demo, "GET /big HTTP/1.1").await;
    let (head, packed) = ask(&demo, "GET /big HTTP/1.1\r\naccept-encoding: br, gzip;q=0.8").await;
    assert!(head.contains("\r\ncontent-encoding: gzip\r\n"), "{head}");
    assert_eq!(length(&head), packed.len());
    assert!(packed.len() < plain.len() / 4);
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == plain);
    for refused in ["identity", "gzip;q=0", "gzip; q=0.000", "x-gzip"] {
        let (head, _) = ask(&demo, &format!("GET /big HTTP/1.1\r\naccept-encoding: {refused}")).await;
        assert!(!head.contains("content-encoding"), "{refused}");
    }
}

#[tokio::test]
async fn dropping_the_site_closes_its_connections_and_its_port() {
    let demo = start().await.unwrap();
    let address = demo.address;
    let mut kept = TcpStream::connect(address).await.unwrap();
    kept.write_all(b"GET / HTTP/1.1\r\nhost: a.example\r\n\r\n").await.unwrap();
    let mut first = [0; 64];
    assert!(kept.read(&mut first).await.unwrap() > 0);
    drop(demo);
    // Either way of closing will do; what must not happen is that it stays open.
    while kept.read(&mut first).await.is_ok_and(|len| len > 0) {}
    let deadline = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(address).await.is_ok() {
        assert!(Instant::now() < deadline, "the port is still open");
        tokio::task::yield_now().await;
    }
}
