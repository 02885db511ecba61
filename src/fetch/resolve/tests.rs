//! Lookups, pins, and what a hung resolver looks like.

use std::io::{Read, Write};
use std::sync::mpsc::{SyncSender, sync_channel};

use tokio::runtime::{Builder, Runtime};

use super::super::{Fetch, Settings};
use super::*;
use crate::model::{Purpose, Target};

fn address(text: &str) -> SocketAddr {
    SocketAddr::new(text.parse().unwrap(), 0)
}

#[test]
fn a_name_keeps_its_address_until_that_gives_no_answer() {
    let [six, one, two] = ["::1", "127.0.0.1", "127.0.0.2"].map(address);
    let mut pins = Pins::default();
    assert_eq!(pins.get("a.example"), None);
    assert_eq!(pins.choose("a.example", &[six, one, two]), one, "IPv4 first");
    assert_eq!(pins.get("a.example"), Some(one));
    assert_eq!(pins.choose("a.example", &[two, one, six]), one, "a resolver that turns its answers round changes nothing");
    pins.doubt("a.example");
    assert_eq!(pins.get("a.example"), None);
    assert_eq!(pins.choose("a.example", &[six, one, two]), two);
    pins.doubt("a.example");
    assert_eq!(pins.choose("a.example", &[two]), two, "there is no other");
    assert_eq!(pins.choose("a.example", &[six]), six, "it has moved");
    pins.doubt("b.example");
    assert_eq!(pins.get("b.example"), None, "what is not known cannot be in doubt");
}

#[test]
fn pins_are_bounded_and_what_is_used_stays() {
    let one = address("127.0.0.1");
    let mut pins = Pins::default();
    pins.choose("used.example", &[one]);
    for name in 0..PINS * 5 {
        pins.choose(&format!("h{name}.example"), &[one]);
        assert_eq!(pins.get("used.example"), Some(one));
        assert!(pins.young.len() <= PINS && pins.old.len() <= PINS);
    }
    assert_eq!(pins.get("h0.example"), None);
}

#[tokio::test]
async fn the_systems_resolver_is_asked_unless_there_is_a_pin() {
    let free = Resolver::new(false).look_up("localhost").await.unwrap();
    assert!(free.iter().all(|address| address.ip().is_loopback()), "{free:?}");
    let resolver = Resolver::new(true);
    assert_eq!(resolver.look_up("localhost").await.unwrap().len(), 1);
    let elsewhere = address("127.9.9.9");
    resolver.pins().unwrap().put("localhost", Pin { address: elsewhere, is_doubtful: false });
    assert_eq!(resolver.look_up("localhost").await.unwrap(), [elsewhere]);
    assert_ne!(resolver.look_up_afresh("localhost").await.unwrap(), [elsewhere]);
    assert!(resolver.look_up(&format!("{}.test", "n".repeat(64))).await.is_err());
}

fn ticket(url: &str, purpose: Purpose) -> Ticket {
    let target = Target::new(1, url, "test", None);
    Ticket { attempts: 1, ..Ticket::new(target, url.parse().unwrap(), purpose, 0) }
}

async fn fetch(fetcher: &Fetcher, url: &str, purpose: Purpose) -> Result<Reply, Failure> {
    let flight = Arc::new(Flight::new(Instant::now().into_std()));
    fetcher.fetch(&ticket(url, purpose), &flight).await
}

#[tokio::test]
async fn a_ticket_may_ask_for_an_address_only() {
    let fetcher = Fetcher::new(Settings::default()).unwrap();
    for (url, expected) in
        [("http://192.0.2.1/", "192.0.2.1"), ("http://[2001:db8::1]/", "2001:db8::1"), ("http://localhost/", "127.0.0.1")]
    {
        let reply = fetch(&fetcher, url, Purpose::Address).await;
        assert!(matches!(&reply, Ok(Reply::Address(address)) if address.to_string() == expected), "{url}: {reply:?}");
    }
    let nowhere = format!("http://{}.test/", "n".repeat(64));
    let failure = fetch(&fetcher, &nowhere, Purpose::Address).await.unwrap_err();
    let page = fetch(&fetcher, &nowhere, Purpose::Page).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Dns);
    assert_eq!((failure.kind, &failure.message, failure.permanent), (page.kind, &page.message, page.permanent));
}

/// A runtime whose one thread for lookups is taken until the sender is dropped.
fn hung() -> (Runtime, SyncSender<()>) {
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    let (release, held) = sync_channel(0);
    drop(runtime.handle().spawn_blocking(move || held.recv()));
    (runtime, release)
}

#[test]
fn a_lookup_that_hangs_is_seen_and_has_the_time_that_a_connection_has() {
    let short = Duration::from_millis(1);
    for (settings, option) in [
        (Settings { connect_timeout: short, direct: true, ..Settings::default() }, "--connect-timeout (1ms)"),
        (Settings { timeout: short, direct: true, ..Settings::default() }, "--timeout (1ms)"),
    ] {
        let (runtime, release) = hung();
        for purpose in [Purpose::Address, Purpose::Page] {
            let flight = Arc::new(Flight::new(Instant::now().into_std()));
            let fetcher = Fetcher::new(settings.clone()).unwrap();
            let ticket = ticket("http://localhost:1/", purpose);
            let failure = runtime.block_on(fetcher.fetch(&ticket, &flight)).unwrap_err();
            assert_eq!(failure.kind, ErrorKind::Timeout);
            assert!(failure.message.ends_with(option), "{}", failure.message);
            let seen = flight.seen(String::new(), 1, Instant::now().into_std());
            assert_eq!(seen.phase, Phase::Resolving("localhost".into()), "{purpose:?}");
        }
        drop(release);
    }
}

#[tokio::test]
async fn a_pinned_name_is_connected_to_its_address_until_that_gives_no_answer() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
    #[expect(clippy::disallowed_methods, reason = "the test joins it")]
    let site = std::thread::spawn(move || {
        let (mut guest, _) = listener.accept().unwrap();
        assert!(guest.read(&mut [0; 4096]).unwrap() > 0);
        guest.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx").unwrap();
    });
    let settings = Settings { pin_addresses: true, direct: true, ..Settings::default() };
    let fetcher = Fetcher::new(settings).unwrap();
    let elsewhere = Pin { address: address("127.99.0.1"), is_doubtful: false };
    fetcher.resolver.pins().unwrap().put("localhost", elsewhere);
    let failure = fetch(&fetcher, &url, Purpose::Page).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Connect);
    assert!(matches!(fetch(&fetcher, &url, Purpose::Page).await, Ok(Reply::Page(page, _)) if page.body == "x"));
    site.join().unwrap();
}
