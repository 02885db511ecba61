//! Tells whether a request had to open a connection of its own, and since when that stands.
//!
//! reqwest says neither, and both matter: a kept-alive connection that closes without an answer was stale, a new one that does so
//! is the host's failure; and the wait for an answer begins when there is a connection to wait on. The connector runs inside the
//! task that asked for it until the connection stands (or another one became free first), so a task-local carries the news.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

/// How far a request's own connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dial {
    /// It needed none so far: it may have got one that was kept alive.
    None,
    /// It is being opened.
    Started,
    /// It stands since then.
    Done(Instant),
}

tokio::task_local! {
    static DIAL: Cell<Dial>;
}

/// Runs a request so that [`state`] can be asked inside it.
pub(super) fn watched<F: Future>(request: F) -> impl Future<Output = F::Output> {
    DIAL.scope(Cell::new(Dial::None), request)
}

/// How far the current request's own connection is.
pub(super) fn state() -> Dial {
    DIAL.try_with(Cell::get).unwrap_or(Dial::None)
}

fn set(dial: Dial) {
    // A connector that outlives its request goes on in a task of the pool, where nobody asks.
    let _ = DIAL.try_with(|cell| cell.set(dial));
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

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = self.0.call(request);
        Box::pin(async move {
            set(Dial::Started);
            let connection = connecting.await;
            set(Dial::Done(Instant::now()));
            connection
        })
    }
}
