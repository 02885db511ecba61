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

fn resolver(pin_addresses: bool) -> Resolver {
    Resolver::new(&Settings { pin_addresses, ..Settings::default() })
}

#[tokio::test]
async fn the_systems_resolver_is_asked_unless_there_is_a_pin() {
    let free = resolver(false).look_up("localhost", 80).await.unwrap();
    assert!(free.iter().all(|address| address.ip().is_loopback()), "{free:?}");
    let resolver = resolver(true);
    assert_eq!(resolver.look_up("localhost", 80).await.unwrap().len(), 1);
    let elsewhere = address("127.9.9.9");
    resolver.pins().unwrap().put("localhost", Pin { address: elsewhere, is_doubtful: false });
    assert_eq!(resolver.look_up("localhost", 80).await.unwrap(), [elsewhere]);
    assert_ne!(resolver.look_up_afresh("localhost", 80).await.unwrap(), [elsewhere]);
    assert!(resolver.look_up(&format!("{}.test", "n".repeat(64)), 80).await.is_err());
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

/// A lookup that always finds the same.
#[derive(Debug)]
struct Always(Vec<SocketAddr>);

impl Lookup for Always {
    fn look_up(&self, _: &str) -> crate::fetch::Found {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

fn always(pin_addresses: bool, addresses: &[&str], known: &[&str]) -> Resolver {
    Resolver::new(&Settings {
        pin_addresses,
        lookup: Arc::new(Always(addresses.iter().map(|text| address(text)).collect())),
        resolve: known.iter().map(|text| text.parse().unwrap()).collect(),
        ..Settings::default()
    })
}

#[tokio::test]
async fn a_guarded_resolver_finds_public_addresses_only_whatever_is_pinned_or_known() {
    let public = [address("8.8.8.8"), address("2606:4700::1111")];
    let mixed = ["10.0.0.1", "8.8.8.8", "::ffff:10.0.0.1", "2606:4700::1111", "::1"];
    let free = always(false, &mixed, &[]);
    assert_eq!(free.guarded().look_up("a.example", 80).await.unwrap(), public);
    assert_eq!(free.look_up("a.example", 80).await.unwrap().len(), 5);
    let pinned = always(true, &mixed, &[]);
    assert_eq!(pinned.look_up("a.example", 80).await.unwrap(), [address("10.0.0.1")]);
    assert_eq!(pinned.guarded().look_up("a.example", 80).await.unwrap(), [public[0]]);
    let known = always(false, &["8.8.8.8"], &["a.example:80:10.0.0.1"]);
    assert_eq!(known.look_up("a.example", 80).await.unwrap(), [address("10.0.0.1")]);
    assert_eq!(known.guarded().look_up("a.example", 81).await.unwrap(), [public[0]]);
    let refused = known.guarded().look_up("a.example", 80).await.unwrap_err();
    let refused = error::find::<Refused>(&refused).map(|Refused(address)| address.to_string());
    assert_eq!(refused.as_deref(), Some("10.0.0.1"));
}

#[test]
fn several_addresses_of_a_family_get_two_rounds_and_a_single_one_all_the_time() {
    let order = |texts: &str| {
        let addresses: Vec<_> = texts.split(' ').map(address).collect();
        in_turns(&addresses).iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(order("1.1.1.1"), "1.1.1.1");
    assert_eq!(order("::1 1.1.1.1"), "::1 1.1.1.1");
    assert_eq!(order("1.1.1.1 1.1.1.2"), "1.1.1.1 1.1.1.2 1.1.1.1 1.1.1.2");
    assert_eq!(order("::1 1.1.1.1 1.1.1.2 ::2"), "::1 ::2 ::1 ::2 1.1.1.1 1.1.1.2 1.1.1.1 1.1.1.2");
    assert_eq!(order("1.1.1.1 ::1 1.1.1.2"), "1.1.1.1 1.1.1.2 1.1.1.1 1.1.1.2 ::1");
    assert_eq!(order("1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5 1.1.1.6 1.1.1.7").split(' ').count(), 2 * MOST);
}
