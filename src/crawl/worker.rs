//! One worker: one request, and the page read and dropped where it was fetched.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::extract::Extractor;
use crate::fetch::{self, Fetch, Reply};
use crate::model::{Done, ErrorKind, Failure, Flight, Outcome, Page, Phase, Row, Ticket};

/// Pages up to this many bytes as received are read where they arrive: handing them over costs more than they hold up the sockets.
const INLINE_BYTES: usize = 8 << 10;

/// What all workers share.
#[derive(Debug)]
pub(super) struct Shop<F> {
    pub(super) fetch: F,
    pub(super) extract: Arc<Extractor>,
    pub(super) max_body: u64,
    /// One permit a processor: more pages at a time would only take memory and turns from each other.
    pub(super) readers: Semaphore,
}

/// Uses one ticket. Whatever happens, the ticket comes back.
pub(super) async fn work<F: Fetch>(shop: Arc<Shop<F>>, ticket: Ticket, flight: &Arc<Flight>) -> Done {
    let started = Instant::now();
    let fetched = AssertUnwindSafe(shop.fetch.fetch(&ticket, flight)).catch_unwind().await;
    let (elapsed, at) = (started.elapsed(), SystemTime::now());
    let mut asked = None;
    let outcome = match fetched {
        Ok(Ok(Reply::Page(mut page))) => {
            asked = page.asked.take();
            flight.enter(Phase::Reading, (started + elapsed).into_std());
            read(&shop, page).await.map_or_else(Outcome::Failed, Outcome::Row)
        }
        Ok(Ok(Reply::Address(address))) => Outcome::Address(address),
        Ok(Ok(Reply::Redirect { status, to })) => Outcome::Redirect { status, to },
        Ok(Ok(Reply::Stale(failure))) => Outcome::Stale(failure),
        Ok(Ok(Reply::Starved(failure))) => Outcome::Starved(failure),
        Ok(Err(failure)) => Outcome::Failed(failure),
        Err(panic) => Outcome::Failed(internal(&*panic)),
    };
    Done { ticket, outcome, asked, elapsed, at }
}

/// Decodes a page and extracts its fields: here when it is small, else on a thread of its own, so that no socket waits for it.
async fn read<F: Fetch>(shop: &Arc<Shop<F>>, page: Page) -> Result<Row, Failure> {
    let is_small = page.body.len() <= INLINE_BYTES && page.codings.is_empty();
    if is_small || (shop.extract.is_idle() && page.codings.is_empty()) {
        return digest(&shop.extract, page, shop.max_body);
    }
    let _turn = shop.readers.acquire().await.expect("nobody closes this semaphore");
    let (extract, max_body) = (Arc::clone(&shop.extract), shop.max_body);
    #[expect(clippy::disallowed_methods, reason = "this is the crawl's worker: it awaits the thread's answer")]
    let reading = tokio::task::spawn_blocking(move || digest(&extract, page, max_body));
    reading.await.unwrap_or_else(|error| {
        Err(error.try_into_panic().map_or_else(
            |error| Failure::new(ErrorKind::Internal, format!("a page was dropped unread: {error}")),
            |panic| internal(&*panic),
        ))
    })
}

fn digest(extract: &Extractor, mut page: Page, max_body: u64) -> Result<Row, Failure> {
    let digest = || {
        fetch::decode(&mut page, max_body)?;
        let data = extract.run(&page)?;
        Ok(Row { status: page.status, content_type: page.content_type.take(), bytes: page.body.len() as u64, data })
    };
    std::panic::catch_unwind(AssertUnwindSafe(digest)).unwrap_or_else(|panic| Err(internal(&*panic)))
}

/// A panic is a bug of ours in one page: that page's row, and the run goes on.
fn internal(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
    let text = text.unwrap_or("a panic without a message");
    Failure::new(ErrorKind::Internal, format!("a bug in scrape, please report it with this URL: {text}"))
}
