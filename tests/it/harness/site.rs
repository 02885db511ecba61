//! A strict web site on the loopback: it answers as it is told, notes every request with its times, and fails the test
//! that made it ask for a page that does not exist or speak broken HTTP.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Instant;

use rustls::ServerConfig;

use super::guest::answer_the_door;
use super::{Authority, LIMIT, Leaf, Reply, Request, thread};

/// One request and its times.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) request: Request,
    /// When all of the request was there.
    pub(crate) arrived: Instant,
    /// The last moment at which the client cannot yet have had the whole reply.
    pub(crate) ended: Option<Instant>,
    /// Requests being answered when it arrived, this one included.
    pub(crate) flying: usize,
    /// The same, of this request's host only.
    pub(crate) flying_of_host: usize,
}

pub(crate) type Handler = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

#[derive(Default)]
struct Log {
    hits: Vec<Hit>,
    faults: Vec<String>,
    connections: usize,
    /// Requests being answered, by host.
    flying: HashMap<String, usize>,
    sockets: HashMap<usize, TcpStream>,
}

/// What the site, its doors and its connections share.
#[derive(Default)]
pub(crate) struct Shared {
    routes: Mutex<HashMap<String, Arc<Handler>>>,
    log: Mutex<Log>,
    changed: Condvar,
    stopped: AtomicBool,
    forgiving: AtomicBool,
    /// It is asked as a proxy for sites of any name.
    pub(crate) is_proxy: bool,
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

/// A site with one or more hosts (`127.0.0.1`, `127.0.0.2`, …), each on a port of its own, and one log.
pub(crate) struct Site {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    doors: Vec<JoinHandle<()>>,
}

impl Site {
    pub(crate) fn start() -> Self {
        Self::hosts(1)
    }

    /// A site of several hosts.
    pub(crate) fn hosts(hosts: u8) -> Self {
        Self::open(hosts, Shared::default())
    }

    /// A site that speaks TLS.
    pub(crate) fn tls(authority: &Authority, leaf: Leaf) -> Self {
        Self::secure(authority.server(leaf))
    }

    /// A site that speaks TLS like this.
    pub(crate) fn secure(config: Arc<ServerConfig>) -> Self {
        Self::open(1, Shared { tls: Some(config), ..Shared::default() })
    }

    /// A proxy that is all sites itself, whatever their names: for [`Scrape::through`](super::Scrape::through).
    pub(crate) fn proxy() -> Self {
        Self::open(1, Shared { is_proxy: true, ..Shared::default() })
    }

    /// A site with pages `/p/1`, `/p/2`, … whose titles are their paths.
    pub(crate) fn of_pages() -> Self {
        let site = Self::start();
        site.on("/p/*", |request| Reply::title(&request.path));
        site
    }

    /// A list of the first pages, a line each.
    pub(crate) fn list(&self, pages: usize) -> String {
        (1..=pages).map(|page| self.url(&format!("/p/{page}")) + "\n").collect()
    }

    /// A site of several hosts that all have the same port, so that a name can move from one to the other.
    pub(crate) fn on_one_port(hosts: u8) -> Self {
        let tries = (0..100).find_map(|_| {
            let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback has a free port");
            let port = first.local_addr().expect("it is bound").port();
            let others = (2..=hosts).map(|last| TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), port)));
            std::iter::once(Ok(first)).chain(others).collect::<Result<Vec<_>, _>>().ok()
        });
        Self::behind(tries.expect("some port is free on all of them"), Shared::default())
    }

    fn open(hosts: u8, shared: Shared) -> Self {
        let listeners = (1..=hosts)
            .map(|last| TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), 0)).expect("the loopback has a free port"))
            .collect();
        Self::behind(listeners, shared)
    }

    fn behind(listeners: Vec<TcpListener>, shared: Shared) -> Self {
        let shared = Arc::new(shared);
        let addresses = listeners.iter().map(|listener| listener.local_addr().expect("it is bound")).collect();
        let doors = listeners.into_iter().map(|listener| {
            let shared = Arc::clone(&shared);
            thread("site", move || answer_the_door(&listener, &shared))
        });
        Self { doors: doors.collect(), addresses, shared }
    }

    /// What to answer to a path: always the same.
    pub(crate) fn page(&self, path: &str, reply: Reply) -> &Self {
        self.on(path, move |_| reply.clone())
    }

    /// What to answer to a path: one reply after the other, the last one for ever.
    pub(crate) fn pages<const N: usize>(&self, path: &str, replies: [Reply; N]) -> &Self {
        let count = AtomicUsize::new(0);
        self.on(path, move |_| replies[count.fetch_add(1, Ordering::SeqCst).min(N - 1)].clone())
    }

    /// What to answer to a path, with its query; a path that ends in `*` stands for all that begin like it.
    pub(crate) fn on(&self, path: &str, reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> &Self {
        lock(&self.shared.routes).insert(path.to_owned(), Arc::new(Box::new(reply)));
        self
    }

    /// The test means to break the rules: requests for unknown paths and broken HTTP are not held against it.
    pub(crate) fn forgive(&self) -> &Self {
        self.shared.forgiving.store(true, Ordering::SeqCst);
        self
    }

    /// The URL of a path on the first host.
    pub(crate) fn url(&self, path: &str) -> String {
        self.url_of(0, path)
    }

    /// The URL of a path on one of the hosts, the first being 0.
    pub(crate) fn url_of(&self, host: usize, path: &str) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.addresses[host])
    }

    /// The URL of a path on a host of this name, at the port of one of the hosts.
    pub(crate) fn url_at(&self, name: &str, host: usize, path: &str) -> String {
        format!("http://{name}:{}{path}", self.addresses[host].port())
    }

    /// The port of the first host.
    pub(crate) fn port(&self) -> u16 {
        self.addresses[0].port()
    }

    /// One of the hosts as `address:port`.
    pub(crate) fn host(&self, host: usize) -> String {
        self.addresses[host].to_string()
    }

    /// What the robots.txt of each host says.
    pub(crate) fn robots(&self, text: &str) -> &Self {
        self.page("/robots.txt", Reply::text(text))
    }

    /// Every request so far to one of the hosts.
    pub(crate) fn hits_at(&self, host: usize) -> Vec<Hit> {
        let name = self.addresses[host].ip().to_string();
        let mut hits = self.hits();
        hits.retain(|hit| hit.request.host() == name);
        hits
    }

    /// Every request so far, in order of arrival.
    pub(crate) fn hits(&self) -> Vec<Hit> {
        lock(&self.shared.log).hits.clone()
    }

    /// Every request so far for one path.
    pub(crate) fn hits_of(&self, path: &str) -> Vec<Hit> {
        let mut hits = self.hits();
        hits.retain(|hit| hit.request.path == path);
        hits
    }

    /// How often a path has been asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.hits_of(path).len()
    }

    /// The paths in order of arrival.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.hits().into_iter().map(|hit| hit.request.path).collect()
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        lock(&self.shared.log).connections
    }

    /// The most requests that were ever being answered at a time.
    pub(crate) fn peak(&self) -> usize {
        self.hits().iter().map(|hit| hit.flying).max().unwrap_or(0)
    }

    /// The most requests that one host was ever answering at a time.
    pub(crate) fn peak_of_a_host(&self) -> usize {
        self.hits().iter().map(|hit| hit.flying_of_host).max().unwrap_or(0)
    }

    /// Waits until so many requests have arrived.
    pub(crate) fn wait_for_hits(&self, count: usize) {
        self.wait_until(&format!("{count} requests"), |hits| hits.len() >= count);
    }

    /// Waits until a path has been asked for.
    pub(crate) fn wait_for(&self, path: &str) {
        let mut seen = 0;
        self.wait_until(path, |hits| {
            let new = &hits[std::mem::replace(&mut seen, hits.len())..];
            new.iter().any(|hit| hit.request.path == path)
        });
    }

    /// Waits until the log satisfies a condition, for a limited time.
    pub(crate) fn wait_until(&self, what: &str, mut condition: impl FnMut(&[Hit]) -> bool) {
        let log = lock(&self.shared.log);
        let (log, late) = self
            .shared
            .changed
            .wait_timeout_while(log, LIMIT, |log| !condition(&log.hits))
            .expect("no thread of the site panics");
        let paths: Vec<_> = log.hits.iter().rev().take(50).map(|hit| hit.request.path.clone()).collect();
        let count = log.hits.len();
        drop(log); // whoever panics with it takes the whole site along
        assert!(!late.timed_out(), "waited in vain for {what}; there were {count} requests, the last ones {paths:?}");
    }

    /// What was held against the program so far.
    pub(crate) fn faults(&self) -> Vec<String> {
        lock(&self.shared.log).faults.clone()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for address in &self.addresses {
            drop(TcpStream::connect(address)); // so that the door wakes up and sees that it is to be closed
        }
        for socket in lock(&self.shared.log).sockets.values() {
            drop(socket.shutdown(Shutdown::Both)); // may have ended by itself
        }
        let panicked = self.doors.drain(..).filter_map(|door| door.join().err()).count();
        if !std::thread::panicking() {
            assert_eq!(panicked, 0, "a thread of the site panicked");
            let faults = self.faults();
            assert!(faults.is_empty() || self.shared.forgiving.load(Ordering::SeqCst), "the site was treated badly: {faults:#?}");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread of the site panics")
}

impl Shared {
    /// The answer to a path.
    pub(crate) fn route(&self, path: &str) -> Option<Arc<Handler>> {
        let routes = lock(&self.routes);
        let begun = |(route, _): &(&String, &Arc<Handler>)| route.strip_suffix('*').is_some_and(|start| path.starts_with(start));
        let found =
            routes.get(path).or_else(|| routes.iter().filter(begun).max_by_key(|(route, _)| route.len()).map(|(_, it)| it));
        found.cloned()
    }

    /// Notes a request; returns its place in the log.
    pub(crate) fn arrive(&self, request: &Request, port: Option<u16>) -> usize {
        let mut log = lock(&self.log);
        let own = log.flying.entry(request.host().to_owned()).or_default();
        *own += 1;
        let flying_of_host = *own;
        let flying = log.flying.values().sum();
        let arrived = Instant::now();
        log.faults.extend(request.faults(port));
        log.hits.push(Hit { request: request.clone(), arrived, ended: None, flying, flying_of_host });
        self.changed.notify_all();
        log.hits.len() - 1
    }

    /// Notes that the client may have the whole reply from now on.
    pub(crate) fn leave(&self, hit: usize) {
        let mut log = lock(&self.log);
        let log = &mut *log;
        let hit = &mut log.hits[hit];
        if hit.ended.is_none() {
            hit.ended = Some(Instant::now());
            *log.flying.get_mut(hit.request.host()).expect("it was counted when it arrived") -= 1;
            self.changed.notify_all();
        }
    }

    /// Holds something against the program.
    pub(crate) fn blame(&self, fault: String) {
        lock(&self.log).faults.push(fault);
    }

    /// Registers a connection, so that the site can end it; returns its number, or nothing when the site is closing.
    pub(crate) fn enter(&self, stream: &TcpStream) -> Option<usize> {
        let mut log = lock(&self.log);
        if self.is_stopped() {
            return None;
        }
        log.connections += 1;
        let number = log.connections;
        log.sockets.insert(number, stream.try_clone().expect("the process has a descriptor left"));
        Some(number)
    }

    /// Forgets a connection.
    pub(crate) fn exit(&self, connection: usize) {
        lock(&self.log).sockets.remove(&connection);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}
