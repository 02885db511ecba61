//! One worker: one request, and the page read and dropped where it was fetched.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::Instant;

use super::readers::Readers;
use crate::bodies::{self, Bodies};
use crate::extract::{Effort, Extractor};
use crate::fetch::{self, Cap, Fetch, Held, Reply};
use crate::model::{Charset, Data, Done, ErrorKind, Failure, Flight, Outcome, Page, Phase, Purpose, Row, Saved, Ticket};
use crate::policy::robots;

/// What all workers share.
#[derive(Debug)]
pub(super) struct Shop<F> {
    pub(super) fetch: F,
    pub(super) extract: Arc<Extractor>,
    pub(super) bodies: Option<Arc<Bodies>>,
    pub(super) max_body: u64,
    pub(super) readers: Readers,
}

/// What a worker comes back with: its ticket, or why nothing that is accepted can be saved any more.
pub(super) type Worked = Result<Box<Done>, bodies::Error>;

/// What is wrong when a page comes to nothing.
enum Fault {
    /// The page.
    Page(Failure),
    /// The folder of bodies, and so the run.
    Folder(bodies::Error),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Page(failure)
    }
}

/// Uses one ticket. Whatever happens to its page, the ticket comes back.
pub(super) async fn work<F: Fetch>(shop: Arc<Shop<F>>, ticket: Ticket, flight: &Arc<Flight>) -> Result<Done, bodies::Error> {
    let started = Instant::now();
    let fetched = AssertUnwindSafe(shop.fetch.fetch(&ticket, flight)).catch_unwind().await;
    // What it waited for our own memory says nothing of its server.
    let (elapsed, at) = (started.elapsed().saturating_sub(flight.for_us()), SystemTime::now());
    let mut asked = None;
    let outcome = match fetched {
        Ok(Ok(Reply::Page(mut page, held))) => {
            asked = page.asked.take();
            flight.enter(Phase::Reading, Instant::now().into_std());
            let read = AssertUnwindSafe(read(&shop, &ticket, page, held)).catch_unwind().await;
            match read.unwrap_or_else(|panic| Err(internal(&*panic).into())) {
                Ok(outcome) => outcome,
                Err(Fault::Page(failure)) => Outcome::Failed(failure),
                Err(Fault::Folder(error)) => return Err(error),
            }
        }
        Ok(Ok(Reply::Address(address))) => Outcome::Address(address),
        Ok(Ok(Reply::Redirect { status, to, is_public })) => Outcome::Redirect { status, to, is_public },
        Ok(Ok(Reply::Stale(failure))) => Outcome::Stale(failure),
        Ok(Ok(Reply::Starved(failure))) => Outcome::Starved(failure),
        Ok(Err(failure)) => Outcome::Failed(failure),
        Err(panic) => Outcome::Failed(internal(&*panic)),
    };
    Ok(Done { ticket, outcome, asked, elapsed, at })
}

/// What an answer comes to. It is read within what is held of the memory; where its codings need more than that, again when it is there.
async fn read<F: Fetch>(shop: &Arc<Shop<F>>, ticket: &Ticket, mut page: Page, mut held: Held) -> Result<Outcome, Fault> {
    loop {
        let (read, back) = if ticket.purpose == Purpose::Robots {
            (unpacked(page, &mut held).map(|read| read.map(Outcome::Robots)), held)
        } else {
            let (read, back) = digested(shop, page, held).await?;
            (read.map(|read| read.map(Outcome::Row)), back)
        };
        held = back;
        page = match read? {
            Read::Done(outcome) => return Ok(outcome),
            Read::NoMemory(page) => *page,
        };
        held.hold(held.most()).await;
    }
}

/// What became of a page.
enum Read<T> {
    Done(T),
    /// It is as it was.
    NoMemory(Box<Page>),
}

impl<T> Read<T> {
    fn map<U>(self, to: impl FnOnce(T) -> U) -> Read<U> {
        match self {
            Self::Done(done) => Read::Done(to(done)),
            Self::NoMemory(page) => Read::NoMemory(page),
        }
    }
}

/// Decodes a page, extracts its fields and saves its body: here where a glance is enough, else on a thread of its own, so that no
/// socket waits for it.
async fn digested<F: Fetch>(shop: &Arc<Shop<F>>, page: Page, mut held: Held) -> Result<(Result<Read<Row>, Fault>, Held), Fault> {
    let mut effort = Effort::Any;
    if page.codings.is_empty() && shop.bodies.is_none() {
        match guarded(|| Ok(shop.extract.read_by(&page, shop.readers.glance)?)) {
            Ok(Ok(read)) => {
                let received = received(&page);
                return Ok((Ok(Read::Done(row(page, received, None, read))), held));
            }
            Ok(Err(more)) => effort = more,
            Err(fault) => return Ok((Err(fault), held)),
        }
    }
    let (extract, bodies, max_body) = (Arc::clone(&shop.extract), shop.bodies.clone(), shop.max_body);
    let reading = shop.readers.call(move || (digest(&extract, effort, bodies.as_deref(), page, max_body, &mut held), held)).await;
    let read = reading.ok_or_else(|| Failure::new(ErrorKind::Internal, "a page was dropped unread".to_owned()))?;
    read.map_err(|panic| internal(&*panic).into())
}

fn digest(
    extract: &Extractor,
    effort: Effort,
    bodies: Option<&Bodies>,
    mut page: Page,
    max_body: u64,
    held: &mut Held,
) -> Result<Read<Row>, Fault> {
    let received = received(&page);
    guarded(|| {
        if !fetch::decode_within(&mut page, Cap::Refuse(max_body), held)? {
            return Ok(Read::NoMemory(page.into()));
        }
        let read = extract.read_by(&page, effort)?.expect("only a glance is not enough");
        let body = bodies.map(|bodies| bodies.save(&page)).transpose().map_err(Fault::Folder)?.map(|path| Saved(Some(path)));
        Ok(Read::Done(row(page, received, body, read)))
    })
}

/// How many bytes of a page were received, before anything of it is undone.
fn received(page: &Page) -> u64 {
    page.left_after.unwrap_or(page.body.len() as u64)
}

/// What there is to tell of a page of which so many bytes were received.
fn row(page: Page, received: u64, body: Option<Saved>, (data, charset): (Data, Option<Charset>)) -> Row {
    Row { status: page.status, bytes: page.body.len() as u64, content_type: page.content_type, received, body, data, charset }
}

/// The text of a robots.txt, as much of it as counts and a byte that tells whether there is more.
fn unpacked(mut page: Page, held: &mut Held) -> Result<Read<Bytes>, Fault> {
    guarded(|| {
        let is_done = fetch::decode_within(&mut page, Cap::Cut(robots::MAX_BYTES + 1), held)?;
        Ok(if is_done { Read::Done(page.body) } else { Read::NoMemory(page.into()) })
    })
}

fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(internal(&*panic).into()))
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
            Ok(Reply::Page(self.0.clone(), Held::default()))
        }
    }

    /// What a ticket for a robots.txt comes to, when this is what it is answered with.
    async fn robots_txt(body: Vec<u8>, coding: Option<&str>) -> Outcome {
        let target = Target::new(1, "http://a.example/x", "test", None);
        let url = robots::robots_url(target.url.as_ref().unwrap());
        let codings = coding.map(str::to_owned).into_iter().collect();
        let page =
            Page { url: url.clone(), status: 200, content_type: None, body: body.into(), codings, asked: None, left_after: None };
        let extract = Arc::new(Extractor::new(extract::Settings::default()).unwrap());
        let shop = Shop { fetch: Same(page), extract, bodies: None, max_body: 1, readers: Readers::new(1) };
        let ticket = Ticket { attempts: 1, ..Ticket::new(target, url, Purpose::Robots, 0) };
        let flight = Arc::new(Flight::new(Instant::now().into_std()));
        work(Arc::new(shop), ticket, &flight).await.unwrap().outcome
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
            left_after: None,
        };
        let fetch = Same(nothing.clone());
        let shop = Arc::new(Shop { fetch, extract, bodies: None, max_body: 10_000_000, readers: Readers::new(1) });
        let target = Target::new(1, "http://a.example/", "test", None);
        let ticket = Ticket::new(target, nothing.url.clone(), Purpose::Page, 0);
        // Read where it arrives, and on another thread.
        for rest in [0, 1_000_000] {
            for (title, broken) in [("break", true), ("fine", false)] {
                let body = format!("<title>{title}</title>{}", "<br>".repeat(rest / 4)).into();
                let result = read(&shop, &ticket, Page { body, ..nothing.clone() }, Held::default()).await;
                match result {
                    Ok(outcome) => {
                        assert!(!broken && matches!(outcome, Outcome::Row(row) if row.data.get("x").unwrap() == "fine"));
                    }
                    Err(Fault::Folder(error)) => panic!("{error}"),
                    Err(Fault::Page(failure)) => {
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
