//! The practice site of `--demo`: a small shop on loopback with every trouble a scraper meets, to try everything offline.
//!
//! It stands before the line (source ▸ crawl ▸ sink) and is nothing but a server that the line fetches from. What it shows is in
//! [`shop`]; how it answers is here.

mod shop;

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Connections at a time; more wait until one is closed.
const CONNECTIONS: usize = 512;
/// How long `/slow` takes.
const SLOW: Duration = Duration::from_secs(2);
/// From this size on an answer is compressed for a client that takes gzip.
const WORTH_GZIP: usize = 1024;

/// A practice site that is being served. Dropping it closes its port and its connections.
pub(crate) struct Demo {
    address: SocketAddr,
    server: AbortHandle,
}

/// Starts the practice site on a free port of loopback, served by the current tokio runtime.
///
/// # Errors
/// No port could be had.
pub(crate) async fn start() -> io::Result<Demo> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    #[expect(clippy::disallowed_methods, reason = "the site is no part of the run: its task ends with the `Demo` that holds it")]
    let server = tokio::spawn(serve(listener)).abort_handle();
    Ok(Demo { address, server })
}

impl Demo {
    /// The list to practise on: absolute URLs of the front page, the listings, the products and the pages that make trouble.
    pub(crate) fn urls(&self) -> Vec<String> {
        shop::paths().map(|path| format!("http://{}{path}", self.address)).collect()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Accepts connections until it is aborted, and they with it: the set ends what it holds.
async fn serve(listener: TcpListener) {
    let site = Arc::new(Site::default());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    #[expect(clippy::disallowed_methods, reason = "held by the set, which ends with the site")]
                    connections.spawn(connection(stream, Arc::clone(&site)));
                }
                // No file descriptor is left: some will be, once the client is done with its own.
                Err(_) => pause(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, site: Arc<Site>) {
    let answer = service_fn(|request: Request<hyper::body::Incoming>| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(site.answer(request.method(), request.uri(), request.headers()).await) }
    });
    // A client that goes away in the middle is the client's affair.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

async fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the site is slow on purpose; nothing of the run waits here")]
    tokio::time::sleep(time).await;
}

/// What the site remembers: how often its two moody pages were asked for.
#[derive(Default)]
struct Site {
    flaky: AtomicU32,
    busy: AtomicU32,
}

impl Site {
    async fn answer(&self, method: &Method, uri: &hyper::Uri, headers: &HeaderMap) -> Response<Full<Bytes>> {
        if method != Method::GET && method != Method::HEAD {
            let refused =
                Answer::page(StatusCode::METHOD_NOT_ALLOWED, shop::note("405: this shop only shows", "Use GET or HEAD."));
            return refused.with(header::ALLOW, "GET, HEAD").response(false);
        }
        if uri.path() == "/slow" {
            pause(SLOW).await;
        }
        self.page(uri).response(accepts_gzip(headers))
    }

    fn page(&self, uri: &hyper::Uri) -> Answer {
        let ok = |html| Answer::page(StatusCode::OK, html);
        match uri.path() {
            "/" => ok(shop::front()),
            "/shop" => match shop::listing(uri.query()) {
                Some(html) => ok(html),
                None => missing(),
            },
            "/slow" => ok(shop::note("Worth the wait", "This page takes two seconds to answer.")),
            "/flaky" if self.flaky.fetch_add(1, Ordering::Relaxed) < 2 => {
                Answer::page(StatusCode::SERVICE_UNAVAILABLE, shop::note("503: not today", "Two of three times this page fails."))
            }
            "/flaky" => ok(shop::note("Third time lucky", "This page failed twice before it answered.")),
            "/busy" if self.busy.fetch_add(1, Ordering::Relaxed) == 0 => {
                let html = shop::note("429: too many customers", "Come back in a second.");
                Answer::page(StatusCode::TOO_MANY_REQUESTS, html).with(header::RETRY_AFTER, "1")
            }
            "/busy" => ok(shop::note("Thank you for waiting", "This page sent you away for a second first.")),
            "/big" => ok(shop::big()),
            "/old" => {
                let html = shop::note("301: moved", "The product is at /product/1 now.");
                Answer::page(StatusCode::MOVED_PERMANENTLY, html).with(header::LOCATION, "/product/1")
            }
            "/private" => ok(shop::note("Staff only", "robots.txt asks robots to stay out of here.")),
            "/robots.txt" => Answer::new(StatusCode::OK, "text/plain; charset=utf-8", shop::ROBOTS.to_owned()),
            path => match shop::product(path).map(ok) {
                Some(answer) => answer,
                None => shop::image(path).map_or_else(missing, |svg| Answer::new(StatusCode::OK, "image/svg+xml", svg)),
            },
        }
    }
}

fn missing() -> Answer {
    Answer::page(StatusCode::NOT_FOUND, shop::note("404: not on our shelves", "There is no such page."))
}

/// An answer before it is known how it may be sent.
struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: String,
    extra: Option<(HeaderName, HeaderValue)>,
}

impl Answer {
    fn new(status: StatusCode, content_type: &'static str, body: String) -> Self {
        Self { status, content_type, body, extra: None }
    }

    fn page(status: StatusCode, html: String) -> Self {
        Self::new(status, "text/html; charset=utf-8", html)
    }

    fn with(self, name: HeaderName, value: &'static str) -> Self {
        Self { extra: Some((name, HeaderValue::from_static(value))), ..self }
    }

    /// The response; hyper adds its length, and leaves the body out where the method is HEAD.
    fn response(self, gzip: bool) -> Response<Full<Bytes>> {
        let gzipped = if gzip && self.body.len() >= WORTH_GZIP { compress(self.body.as_bytes()).ok() } else { None };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if gzipped.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.extend(self.extra);
        let mut response = Response::new(Full::new(gzipped.unwrap_or(self.body.into_bytes()).into()));
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

fn compress(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let refused = weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()) == Some(0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests;
