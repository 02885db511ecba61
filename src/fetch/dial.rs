//! Tells whether a request had to open a connection of its own, and since when that stands.
//!
//! reqwest says neither, and both matter: a kept-alive connection that closes without an answer was stale, a new one that does so
//! is the host's failure; and the wait for an answer begins when there is a connection to wait on. The connector runs inside the
//! task that asked for it until the connection stands, so a task-local carries the news; where another connection became free first,
//! the pool takes it to a task of its own, which shows there too.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
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
type State = Arc<Mutex<Dial>>;

tokio::task_local! {
    static DIAL: State;
}

/// Runs a request so that [`state`] can be asked inside it.
pub(super) fn watched<F: Future>(request: F) -> impl Future<Output = F::Output> {
    DIAL.scope(Arc::new(Mutex::new(Dial::None)), request)
}

/// How far the current request's own connection is.
pub(super) fn state() -> Dial {
    DIAL.try_with(|state| *state.lock().unwrap_or_else(PoisonError::into_inner)).unwrap_or(Dial::None)
}

fn set(state: &State, dial: Dial) {
    *state.lock().unwrap_or_else(PoisonError::into_inner) = dial;
}

/// Whether this runs inside the request that the state belongs to.
fn is_inside(state: &State) -> bool {
    DIAL.try_with(|own| Arc::ptr_eq(own, state)).unwrap_or(false)
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
        let Ok(state) = DIAL.try_with(Arc::clone) else { return Box::pin(connecting) };
        set(&state, Dial::Started);
        Box::pin(async move {
            let (mut connecting, mut overtaken) = (pin!(connecting), false);
            let connection = poll_fn(|context| {
                if !overtaken && !is_inside(&state) {
                    overtaken = true;
                    set(&state, Dial::Overtaken(Instant::now()));
                }
                connecting.as_mut().poll(context)
            });
            let connection = connection.await;
            if is_inside(&state) {
                set(&state, Dial::Done(Instant::now()));
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

    #[tokio::test(start_paused = true)]
    async fn a_request_knows_how_far_its_own_connection_is() {
        watched(async {
            assert_eq!(state(), Dial::None);
            let mut never = Watch.layer(Connector(false)).call(());
            assert!(poll(&mut never).await.is_pending());
            assert_eq!(state(), Dial::Started);
            Watch.layer(Connector(true)).call(()).await.unwrap();
            assert_eq!(state(), Dial::Done(Instant::now()));
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_taken_to_the_pools_own_task_was_overtaken() {
        let (state, mut taken) = watched(async {
            let mut never = Watch.layer(Connector(false)).call(());
            assert!(poll(&mut never).await.is_pending());
            (DIAL.with(Arc::clone), never)
        })
        .await;
        assert!(poll(&mut taken).await.is_pending(), "outside the request");
        let state = *state.lock().unwrap();
        assert_eq!((state, state.is_reused()), (Dial::Overtaken(Instant::now()), true));
    }
}
