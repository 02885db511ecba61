//! One worker: one request, and the page read and dropped where it was fetched.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::extract::Extractor;
use crate::fetch::{self, Cap, Fetch, Reply};
use crate::model::{Done, ErrorKind, Failure, Flight, Outcome, Page, Phase, Purpose, Row, Ticket};
use crate::policy::robots;

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
        Ok(Ok(Reply::Page(mut page))) if ticket.purpose == Purpose::Robots => {
            asked = page.asked.take();
            unpacked(page).map_or_else(Outcome::Failed, Outcome::Robots)
        }
        Ok(Ok(Reply::Page(mut page))) => {
            asked = page.asked.take();
            flight.enter(Phase::Reading, (started + elapsed).into_std());
            read(&shop, page).await.map_or_else(Outcome::Failed, Outcome::Row)
        }
        Ok(Ok(Reply::Address(address))) => Outcome::Address(address),
        Ok(Ok(Reply::Redirect { status, to, is_public })) => Outcome::Redirect { status, to, is_public },
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
    guarded(|| {
        fetch::decode(&mut page, Cap::Refuse(max_body))?;
        let (data, charset) = extract.read(&page)?;
        Ok(Row { status: page.status, content_type: page.content_type.take(), bytes: page.body.len() as u64, data, charset })
    })
}

/// The text of a robots.txt, as much of it as counts and a byte that tells whether there is more.
fn unpacked(mut page: Page) -> Result<Bytes, Failure> {
    guarded(|| fetch::decode(&mut page, Cap::Cut(robots::MAX_BYTES + 1)).map(|()| page.body))
}

fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(internal(&*panic)))
}

/// A panic is a bug of ours in one page: that page's row, and the run goes on.
fn internal(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
    let text = text.unwrap_or("a panic without a message");
    Failure::new(ErrorKind::Internal, format!("a bug in scrape, please report it with this URL: {text}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::extract;
    use crate::model::Target;

    /// Answers everything with one page.
    struct Same(Page);

    impl Fetch for Same {
        async fn fetch(&self, _: &Ticket, _: &Arc<Flight>) -> Result<Reply, Failure> {
            Ok(Reply::Page(self.0.clone()))
        }
    }

    /// What a ticket for a robots.txt comes to, when this is what it is answered with.
    async fn robots_txt(body: Vec<u8>, coding: Option<&str>) -> Outcome {
        let target = Target::new(1, "http://a.example/x", "test", None);
        let url = robots::robots_url(target.url.as_ref().unwrap());
        let codings = coding.map(str::to_owned).into_iter().collect();
        let page = Page { url: url.clone(), status: 200, content_type: None, body: body.into(), codings, asked: None };
        let extract = Arc::new(Extractor::new(extract::Settings::default()).unwrap());
        let shop = Shop { fetch: Same(page), extract, max_body: 1, readers: Semaphore::new(1) };
        let ticket = Ticket { attempts: 1, ..Ticket::new(target, url, Purpose::Robots, 0) };
        let flight = Arc::new(Flight::new(Instant::now().into_std()));
        work(Arc::new(shop), ticket, &flight).await.outcome
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text).unwrap();
        gzip.finish().unwrap()
    }

    /// Reads what a page says, but panics where it says so.
    #[derive(Debug)]
    struct Fragile;

    impl extract::Extract for Fragile {
        fn values(&self, document: &extract::Document<'_>, limit: usize) -> Result<Vec<String>, Failure> {
            let title = (extract::EXTRACTORS[0].compile)("title").unwrap().values(document, limit)?;
            assert!(!title.iter().any(|title| title == "break"), "broken by {title:?}");
            Ok(title)
        }
    }

    #[tokio::test]
    async fn a_panic_in_reading_a_page_is_the_row_of_that_page() {
        let fields = vec![extract::Field::of("x", Arc::new(Fragile))];
        let extract = Arc::new(Extractor::new(extract::Settings { fields, ..extract::Settings::default() }).unwrap());
        let nothing = Page {
            url: "http://a.example/".parse().unwrap(),
            status: 200,
            content_type: None,
            body: Bytes::new(),
            codings: Vec::new(),
            asked: None,
        };
        let fetch = Same(nothing.clone());
        let shop = Arc::new(Shop { fetch, extract, max_body: 10_000_000, readers: Semaphore::new(1) });
        // Read where it arrives, on a thread of its own, and while no other large page may be read.
        for rest in [0, INLINE_BYTES, 1_000_000] {
            for (title, broken) in [("break", true), ("fine", false)] {
                let body = format!("<title>{title}</title>{}", "<br>".repeat(rest / 4)).into();
                let result = read(&shop, Page { body, ..nothing.clone() }).await;
                match result {
                    Ok(row) => assert!(!broken && row.data.get("x").unwrap() == "fine"),
                    Err(failure) => {
                        assert!(broken && failure.kind == ErrorKind::Internal, "{failure}");
                        assert!(failure.message.contains("broken by [\"break\"]"), "{failure}");
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn a_robots_txt_is_unpacked_and_nothing_is_extracted_from_it() {
        let text = b"User-agent: *\nDisallow: /";
        assert!(matches!(robots_txt(text.to_vec(), None).await, Outcome::Robots(body) if body == text[..]));
        assert!(matches!(robots_txt(packed(text), Some("gzip")).await, Outcome::Robots(body) if body == text[..]));
        let bomb = packed(&vec![b'a'; 5_000_000]);
        assert!(matches!(robots_txt(bomb, Some("gzip")).await, Outcome::Robots(body) if body.len() == robots::MAX_BYTES + 1));
        let damaged = robots_txt(text.to_vec(), Some("gzip")).await;
        assert!(matches!(damaged, Outcome::Failed(failure) if failure.kind == ErrorKind::Decode));
    }
}
