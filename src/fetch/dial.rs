//! Tells whether a request had to open a connection of its own, and since when that stands; and tells the request's flight how far it
//! is.
//!
//! reqwest says neither, and both matter: a kept-alive connection that closes without an answer was stale, a new one that does so
//! is the host's failure; and the wait for an answer begins when there is a connection to wait on. The connector runs inside the
//! task that asked for it until the connection stands, so a task-local carries the news; where another connection became free first,
//! the pool takes it to a task of its own, which shows there too.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::model::{Flight, Phase};

/// How far a request's own connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dial {
    /// It needed none so far: it may have got one that was kept alive.
    None,
    /// It is being opened.
    Started,
    /// A kept-alive one became free then, before the own one stood.
    Overtaken(Instant),
    /// It stands since then.
    Done(Instant),
}

impl Dial {
    /// Whether the request went out on a connection that others had used.
    pub(super) const fn is_reused(self) -> bool {
        matches!(self, Self::None | Self::Overtaken(_))
    }
}

/// Shared between a request and the connector that works for it.
#[derive(Debug)]
struct State {
    dial: Mutex<Dial>,
    flight: Arc<Flight>,
    peer: Peer,
    /// What its names were resolved to.
    dialled: Mutex<Vec<IpAddr>>,
}

/// Whom a request is for.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) host: Box<str>,
    pub(super) port: u16,
    /// A proxy is asked for it.
    pub(super) is_proxied: bool,
}

impl Peer {
    /// Whether a name that is to be dialled is that of a proxy.
    pub(super) fn is_proxys(&self, name: &str) -> bool {
        self.is_proxied && *self.host != *name
    }
}

tokio::task_local! {
    static REQUEST: Request;
}

/// Runs a request so that [`state`] can be asked inside it.
pub(super) fn watched<F: Future>(flight: &Arc<Flight>, peer: Peer, request: F) -> impl Future<Output = F::Output> {
    let state = State { dial: Mutex::new(Dial::None), flight: Arc::clone(flight), peer, dialled: Mutex::default() };
    REQUEST.scope(Request(Arc::new(state)), request)
}

/// How far the current request's own connection is.
pub(super) fn state() -> Dial {
    REQUEST.try_with(Request::dial).unwrap_or(Dial::None)
}

/// The addresses that the current request's connection was to lead to, where they had to be looked up.
pub(super) fn dialled() -> Vec<IpAddr> {
    let dialled = REQUEST.try_with(|request| request.0.dialled.lock().unwrap_or_else(PoisonError::into_inner).clone());
    dialled.unwrap_or_default()
}

/// The current request.
pub(super) fn current() -> Option<Request> {
    REQUEST.try_with(Clone::clone).ok()
}

/// The current request waits for something else from now on.
pub(super) fn enter(phase: Phase) {
    // Outside a request there is nobody to tell.
    let _ = REQUEST.try_with(|request| request.0.flight.enter(phase, now()));
}

/// The current request has received so many more bytes of its body.
pub(super) fn received(bytes: usize) {
    let _ = REQUEST.try_with(|request| request.0.flight.received(bytes, now()));
}

/// The current request waits for our own machine from now on, not for its server.
pub(super) fn hold_back() {
    enter(Phase::Memory);
}

/// The current request reads its body on, after such a wait.
pub(super) fn go_on(waited: Duration) {
    let _ = REQUEST.try_with(|request| request.0.flight.waited_for_us(waited));
    enter(Phase::Body);
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// A request, as those know it who work for it.
#[derive(Clone, Debug)]
pub(super) struct Request(Arc<State>);

impl Request {
    /// It waits for something else from now on, if this runs inside it.
    pub(super) fn enter(&self, phase: Phase) {
        if self.is_here() {
            self.0.flight.enter(phase, now());
        }
    }

    /// Its connection is to lead to one of these.
    pub(super) fn dials(&self, addresses: impl Iterator<Item = IpAddr>) {
        *self.0.dialled.lock().unwrap_or_else(PoisonError::into_inner) = addresses.collect();
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.0.peer
    }

    fn dial(&self) -> Dial {
        *self.0.dial.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, dial: Dial) {
        *self.0.dial.lock().unwrap_or_else(PoisonError::into_inner) = dial;
        match dial {
            Dial::Started => self.0.flight.enter(Phase::Connecting, now()),
            Dial::Overtaken(at) | Dial::Done(at) => self.0.flight.enter_if_dialling(Phase::Waiting, at.into_std()),
            Dial::None => {}
        }
    }

    /// Whether this runs inside it.
    fn is_here(&self) -> bool {
        REQUEST.try_with(|own| Arc::ptr_eq(&own.0, &self.0)).unwrap_or(false)
    }
}

/// The connector layer that keeps the state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch;

impl<S> Layer<S> for Watch {
    type Service = Watched<S>;

    fn layer(&self, inner: S) -> Watched<S> {
        Watched(inner)
    }
}

/// A connector that keeps the state.
#[derive(Clone, Debug)]
pub(super) struct Watched<S>(S);

impl<S, R> Service<R> for Watched<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, target: R) -> Self::Future {
        let connecting = self.0.call(target);
        let Some(request) = current() else { return Box::pin(connecting) };
        request.set(Dial::Started);
        Box::pin(async move {
            let (mut connecting, mut overtaken) = (pin!(connecting), false);
            let connection = poll_fn(|context| {
                if !overtaken && !request.is_here() {
                    overtaken = true;
                    request.set(Dial::Overtaken(Instant::now()));
                }
                connecting.as_mut().poll(context)
            });
            let connection = connection.await;
            if request.is_here() {
                request.set(Dial::Done(Instant::now()));
            }
            connection
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    /// Polls once.
    async fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context))).await
    }

    /// Connects at once, or never.
    struct Connector(bool);

    impl Service<()> for Connector {
        type Response = ();
        type Error = ();
        type Future = Pin<Box<dyn Future<Output = Result<(), ()>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            if self.0 { Box::pin(ready(Ok(()))) } else { Box::pin(pending()) }
        }
    }

    fn peer() -> Peer {
        Peer { host: "a.example".into(), port: 80, is_proxied: false }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_knows_how_far_its_own_connection_is() {
        let flight = Arc::new(Flight::new(now()));
        let phase = || flight.seen(String::new(), 1, now()).phase;
        let request = async {
            assert_eq!((state(), phase()), (Dial::None, Phase::Waiting));
            let mut never = Watch.layer(Connector(false)).call(());
            assert!(poll(&mut never).await.is_pending());
            assert_eq!((state(), phase()), (Dial::Started, Phase::Connecting));
            Watch.layer(Connector(true)).call(()).await.unwrap();
            assert_eq!((state(), phase()), (Dial::Done(Instant::now()), Phase::Waiting));
        };
        watched(&flight, peer(), request).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_taken_to_the_pools_own_task_was_overtaken() {
        let flight = Arc::new(Flight::new(now()));
        let request = async {
            let mut never = Watch.layer(Connector(false)).call(());
            assert!(poll(&mut never).await.is_pending());
            (current().unwrap(), never)
        };
        let (request, mut taken) = watched(&flight, peer(), request).await;
        assert!(poll(&mut taken).await.is_pending(), "outside the request");
        assert_eq!((request.dial(), request.dial().is_reused()), (Dial::Overtaken(Instant::now()), true));
        request.enter(Phase::Connecting);
        assert_eq!(flight.seen(String::new(), 1, now()).phase, Phase::Waiting, "what others dial is not what it waits for");
    }
}
