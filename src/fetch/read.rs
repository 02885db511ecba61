//! The body of an accepted answer: read to its end, or as far as it is wanted, within its caps and its share of memory.

use std::io;

use bytes::Bytes;
use http::{Version, header};
use reqwest::{Response, StatusCode};

use super::buffer::Buffer;
use super::early::Early;
use super::exchange::{answered, asked_by, content_type, without_credentials};
use super::limits::Limits;
use super::memory::{Held, READ_AHEAD};
use super::{Cap, dial, error};
use crate::model::{ErrorKind, Failure, Page};

/// What a server over HTTP/2 may send of one body before it is read. Each body's is its own, because a body that waits must not keep
/// others from coming over the same connection: the connection's window is the largest there is.
pub(super) const H2_WINDOW: u32 = 256 << 10;

/// The same where bodies may be left early: what is on its way then is lost. It is the protocol's own.
pub(super) const H2_EARLY_WINDOW: u32 = 65_535;

/// The first read of a body over HTTP/1. hyper reads twice as much whenever a read fills its buffer.
const FIRST_READ: usize = 8 << 10;

/// Reads an accepted answer to its end, or as far as it is wanted. What it takes of memory stays held with the page.
pub(super) async fn read(
    response: Response,
    cap: Cap,
    early: Early<'_>,
    limits: &mut Limits,
    mut held: Held,
) -> Result<(Page, Held), Failure> {
    if response.status() == StatusCode::PARTIAL_CONTENT && matches!(cap, Cap::Refuse(_)) {
        let failure = Failure::new(ErrorKind::Protocol, "the server answered 206 Partial Content, which was not asked for");
        return Err(answered(&response, failure));
    }
    if let Some(failure) = coded_on_the_way(&response) {
        return Err(answered(&response, failure));
    }
    let mut response = response;
    let mut page = Page {
        status: response.status().as_u16(),
        content_type: content_type(&response),
        codings: super::body::codings(response.headers()),
        asked: asked_by(&response),
        url: without_credentials(response.url().clone()),
        body: Bytes::new(),
        left_after: None,
    };
    match body(&mut response, &mut page, cap, early, limits, &mut held).await {
        Ok(()) => Ok((page, held)),
        Err(failure) => Err(answered(&response, failure)),
    }
}

/// An answer that is coded for the way in another manner than in chunks, which is all that a client has to understand: what it says
/// cannot be told from what it is coded as (RFC 9112, section 6.1).
fn coded_on_the_way(response: &Response) -> Option<Failure> {
    let values = response.headers().get_all(header::TRANSFER_ENCODING).into_iter();
    let codings: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase()).collect();
    let is_plain = codings.is_empty() || codings.iter().map(String::as_str).eq(["chunked"]);
    (!is_plain).then(|| {
        let message = format!("Transfer-Encoding: {} was not asked for, and is not understood", codings.join(", "));
        Failure::new(ErrorKind::Protocol, message)
    })
}

/// Fills in the body of a page: all of it, or as much as is enough.
async fn body(
    response: &mut Response,
    page: &mut Page,
    cap: Cap,
    mut early: Early<'_>,
    limits: &mut Limits,
    held: &mut Held,
) -> Result<(), Failure> {
    let too_large = |what: &str| {
        let message = format!("{what}, more than --max-body ({} bytes): raise it if the page is wanted", cap.bytes());
        Err(Failure::new(ErrorKind::TooLarge, message))
    };
    let announced = response.content_length();
    let mut body = Body { most: cap.bytes(), announced, ..Body::default() };
    let mut ahead = Ahead { is_h2: response.version() == Version::HTTP_2, announced, largest: FIRST_READ };
    loop {
        if let (Cap::Refuse(max), Some(announced)) = (cap, announced)
            && announced > max
            && !early.is_open()
        {
            return too_large(&format!("the server announced {announced} bytes"));
        }
        let so_far = body.len();
        limits.pause(held.hold(body.takes() + ahead.bytes(so_far))).await;
        let chunk = match limits.chunk(response.chunk(), so_far, early.patience(so_far)).await {
            Ok(Some(Ok(chunk))) => chunk,
            // For now or for good nothing more comes: what is there may be enough.
            nothing => {
                if early.patience(so_far).is_some() {
                    limits.pause(held.hold(body.takes() + ahead.bytes(so_far) + Early::takes(page, so_far))).await;
                    if leave(page, &body, cap, false, &mut early, held) {
                        return Ok(());
                    }
                }
                match nothing {
                    Ok(Some(Err(error))) => return Err(error::in_body(&error, so_far)),
                    Err(late) => return Err(late),
                    Ok(_) => continue,
                }
            }
        };
        let Some(chunk) = chunk else { break };
        dial::received(chunk.len());
        limits.came(chunk.len(), so_far)?;
        let is_enough = (so_far + chunk.len()) as u64 > cap.bytes();
        let chunk = match cap {
            Cap::Refuse(_) if is_enough && !early.is_open() => return too_large("the body goes on"),
            // What is within the cap may be all that is needed.
            Cap::Refuse(max) if is_enough => chunk.slice(..usize::try_from(max).unwrap_or(usize::MAX) - so_far),
            _ => chunk,
        };
        // Before the piece has its place it is in both, and so is the whole body while it moves to a larger one.
        let (takes, capacity) = body.with(&chunk);
        limits.pause(held.hold(takes + ahead.bytes(so_far))).await;
        body.push(chunk, capacity).map_err(|error| no_memory(&error))?;
        ahead.largest = ahead.largest.max(body.len() - so_far);
        if early.is_due(body.len()) || is_enough && early.is_open() {
            limits.pause(held.hold(body.takes() + ahead.bytes(so_far) + Early::takes(page, body.len()))).await;
            if leave(page, &body, cap, is_enough, &mut early, held) {
                return Ok(());
            }
        }
        held.lower(body.takes() + ahead.bytes(body.len()));
        match cap {
            Cap::Refuse(_) if is_enough => return too_large("the body goes on"),
            Cap::Cut(_) if is_enough => break,
            _ => {}
        }
    }
    held.lower(body.takes());
    page.body = body.into();
    Ok(())
}

/// Looks at what has come of a body, and makes that the page's if it is enough.
fn leave(page: &mut Page, body: &Body, cap: Cap, goes_beyond: bool, early: &mut Early<'_>, held: &mut Held) -> bool {
    let Some(enough) = early.look(page, body.as_ref(), cap.bytes(), goes_beyond) else { return false };
    tracing::debug!(url = %page.url, received = body.len(), "the rest of the body is left");
    (page.body, page.left_after) = (enough, Some(body.len() as u64));
    page.codings.clear();
    held.lower(page.body.len() as u64);
    true
}

/// What the connection may read ahead of us, and what is on its way between it and us.
struct Ahead {
    is_h2: bool,
    announced: Option<u64>,
    /// The largest piece so far.
    largest: usize,
}

impl Ahead {
    /// So many bytes, with `so_far` of them received: the next piece, which may be twice as large as any before it, and the one
    /// after that.
    fn bytes(&self, so_far: usize) -> u64 {
        let ahead = if self.is_h2 { u64::from(H2_WINDOW) } else { (self.largest as u64 * 6).min(READ_AHEAD) };
        self.announced.map_or(ahead, |announced| ahead.min(announced.saturating_sub(so_far as u64)))
    }
}

/// A body in the making. One that came in one piece is that piece; only more pieces are copied together. What the server announces is
/// believed only so far: it must not cost memory before it has been sent.
#[derive(Default)]
struct Body {
    first: Bytes,
    joined: Buffer,
    most: u64,
    announced: Option<u64>,
}

impl Body {
    fn len(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    /// The bytes of memory that it takes.
    fn takes(&self) -> u64 {
        self.first.len() as u64 + self.joined.takes()
    }

    /// The most that it takes while a piece is added, and the capacity that it has to grow to for that, if it has to:
    /// no more than was announced and than is wanted.
    fn with(&self, chunk: &Bytes) -> (u64, Option<usize>) {
        let needs = self.len() + chunk.len();
        if self.len() == 0 {
            return (needs as u64, None);
        }
        if needs <= self.joined.capacity() {
            return (self.takes() + chunk.len() as u64, None);
        }
        let end = usize::try_from(self.announced.unwrap_or(u64::MAX).min(self.most)).unwrap_or(usize::MAX);
        let capacity = Buffer::room_for(needs, end);
        (self.joined.growing_takes(capacity) + 2 * self.first.len() as u64 + chunk.len() as u64, Some(capacity))
    }

    /// Adds a piece, after growing to a capacity where it has to.
    fn push(&mut self, chunk: Bytes, capacity: Option<usize>) -> io::Result<()> {
        if self.len() == 0 {
            self.first = chunk;
            return Ok(());
        }
        if let Some(capacity) = capacity {
            self.joined.grow(capacity)?;
            self.joined.push(&std::mem::take(&mut self.first));
        }
        self.joined.push(&chunk);
        Ok(())
    }
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        if self.joined.len() > 0 { self.joined.as_ref() } else { &self.first }
    }
}

impl From<Body> for Bytes {
    fn from(body: Body) -> Self {
        if body.joined.len() > 0 { body.joined.into() } else { body.first }
    }
}

/// The failure of a body for which the system has no memory.
pub(super) fn no_memory(error: &io::Error) -> Failure {
    Failure::new(ErrorKind::TooLarge, format!("the system has no memory for a body: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts pieces of these sizes together, checks what is said of memory on the way, and tells the capacity in the end.
    fn joined(pieces: &[usize], most: u64, announced: Option<u64>) -> usize {
        let mut body = Body { most, announced, ..Body::default() };
        let mut expected = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            let chunk: Bytes = vec![u8::try_from(number % 251).unwrap(); *piece].into();
            expected.extend_from_slice(&chunk);
            let (takes, capacity) = body.with(&chunk);
            let before = body.takes();
            body.push(chunk, capacity).unwrap();
            assert!(body.takes() <= takes && before <= takes, "{} of {takes} at piece {number}", body.takes());
            assert_eq!(body.len(), expected.len());
        }
        let capacity = body.joined.capacity();
        assert!(Bytes::from(body) == expected);
        capacity
    }

    #[test]
    fn one_piece_is_not_copied_and_several_are_one_body() {
        let whole: Bytes = vec![1; 5000].into();
        let mut body = Body { most: 10_000, ..Body::default() };
        body.push(whole.clone(), None).unwrap();
        assert_eq!(Bytes::from(body).as_ptr(), whole.as_ptr());
        joined(&[], 10, None);
        joined(&[1, 1, 1, 1], 10, None);
        joined(&[8000, 16_000, 32_000, 64_000, 128_000, 256_000, 400_000, 400_000], 10_000_000, None);
        joined(&[70_000; 20], 1_400_000, Some(1_400_000));
    }

    #[test]
    fn what_is_announced_and_not_sent_costs_nothing() {
        let capacity = |announced| joined(&[1000, 1000], 10_000_000, Some(announced));
        assert_eq!((capacity(9_000_000), capacity(2500)), (4000, 2500));
        assert_eq!(joined(&[600, 300], 1000, None), 1000, "no more than is wanted");
    }

    #[test]
    fn what_may_be_read_ahead_grows_with_what_was() {
        let ahead = |largest, announced, so_far| Ahead { is_h2: false, announced, largest }.bytes(so_far);
        assert_eq!(ahead(FIRST_READ, None, 0), 48 << 10);
        assert_eq!(ahead(1 << 20, None, 0), READ_AHEAD);
        assert_eq!((ahead(FIRST_READ, Some(3000), 1000), ahead(FIRST_READ, Some(3000), 4000)), (2000, 0));
        let h2 = Ahead { is_h2: true, announced: None, largest: 5 };
        assert_eq!(h2.bytes(0), u64::from(H2_WINDOW));
    }
}
