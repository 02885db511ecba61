//! Undoes content codings (RFC 9110, section 8.4), counting what comes out: a body is whole and within its cap, or it is a failure.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use http::{HeaderMap, header};

use super::brotli::Brotli;
use super::buffer::Buffer;
use super::{Cap, Held};
use crate::model::{ErrorKind, Failure, Page};

/// More codings than anybody applies on purpose.
const MAX_CODINGS: usize = 3;
/// RFC 9659: zstd over HTTP uses windows of at most 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// The codings of a response, in the order in which they were applied.
pub(super) fn codings(headers: &HeaderMap) -> Vec<String> {
    let mut codings = Vec::new();
    for value in headers.get_all(header::CONTENT_ENCODING) {
        // A name that is no text is an unknown one.
        let names = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        codings.extend(names.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "identity").map(str::to_owned));
    }
    codings
}

/// Undoes a page's content codings in place. Plain computation, of at most as many bytes as the cap holds.
///
/// # Errors
/// `too_large` beyond a cap that refuses; `decode` where a coding is unknown, or its data truncated, damaged or not of that coding at all.
pub fn decode(page: &mut Page, cap: Cap) -> Result<(), Failure> {
    decode_within(page, cap, &mut Held::default()).map(|is_done| assert!(is_done, "what is bounded by nothing is never refused"))
}

/// The same within what is held of the memory, and what can be had of it without a wait. `false`: that was not enough, and the page is
/// as it was; who holds [`Held::most`] has enough.
///
/// # Errors
/// Those of [`decode`].
pub fn decode_within(page: &mut Page, cap: Cap, held: &mut Held) -> Result<bool, Failure> {
    if page.codings.len() > MAX_CODINGS {
        let message = format!("{} stacked content codings, more than {MAX_CODINGS}", page.codings.len());
        return Err(of(page, ErrorKind::Decode, message));
    }
    // Who has all it can need does not come back, and what was received takes no more memory than it must.
    let again = (!held.is_all()).then(|| (page.body.clone(), page.codings.clone()));
    let received = again.as_ref().map_or(0, |(body, _)| body.len() as u64);
    let mut is_first = true;
    while let Some(coding) = page.codings.pop() {
        if page.body.is_empty() {
            continue; // an empty body is empty in every coding
        }
        // What was received is kept for another time, beside what has come of it so far.
        let taken = if is_first { page.body.len() as u64 } else { received + page.body.len() as u64 };
        is_first = false;
        match (undo(&coding, &page.body, cap.bytes(), |more| held.try_hold(taken.saturating_add(more))), cap) {
            (Ok(None), _) => {
                (page.body, page.codings) = again.unwrap_or_default();
                return Ok(false);
            }
            (Ok(Some(body)), Cap::Refuse(max)) if body.len() as u64 > max => {
                let message =
                    format!("the body unpacks ({coding}) to more than --max-body ({max} bytes): raise it if the page is wanted");
                return Err(of(page, ErrorKind::TooLarge, message));
            }
            (Ok(Some(body)), _) => {
                held.lower(received + body.takes());
                page.body = body.into();
            }
            (Err(error), _) if error.kind() == io::ErrorKind::Unsupported => {
                return Err(of(page, ErrorKind::Decode, format!("the body is coded as {coding:?}, which is unknown")));
            }
            (Err(error), _) if error.kind() == io::ErrorKind::OutOfMemory => {
                return Err(of(page, ErrorKind::TooLarge, format!("the system has no memory for a body: {error}")));
            }
            (Err(error), _) => return Err(of(page, ErrorKind::Decode, format!("the body is no whole {coding} data: {error}"))),
        }
    }
    if let Cap::Cut(max) = cap {
        page.body.truncate(max);
    }
    Ok(true)
}

fn of(page: &Page, kind: ErrorKind, message: String) -> Failure {
    Failure { status: Some(page.status), content_type: page.content_type.clone(), ..Failure::new(kind, message) }
}

/// Undoes one coding, up to one byte more than `max`; nothing where `may_take` refuses the memory.
fn undo(coding: &str, data: &[u8], max: u64, may_take: impl FnMut(u64) -> bool) -> io::Result<Option<Buffer>> {
    let mut out = Out { max, may_take, first: data.len().saturating_mul(4) };
    if coding != "deflate" || is_zlib(data) {
        return out.all(&mut decoder(coding, data)?);
    }
    let mut decoder = DeflateDecoder::new(data);
    let body = out.all(&mut decoder)?;
    // There is no checksum: what follows the end is the only sign that this never was deflate.
    let (is_whole, rest) = (body.as_ref().is_some_and(|body| body.len() as u64 <= max), decoder.into_inner().len());
    if is_whole && rest > 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{rest} bytes follow its end")));
    }
    Ok(body)
}

/// Reads what data in a coding unpacks to.
fn decoder<'a>(coding: &str, data: &'a [u8]) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match coding {
        "gzip" | "x-gzip" => Box::new(Members::new(data)),
        "deflate" if is_zlib(data) => Box::new(ZlibDecoder::new(data)),
        "deflate" => Box::new(DeflateDecoder::new(data)),
        "br" => Box::new(Brotli::new(data)),
        "zstd" => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(data)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        _ => return Err(io::ErrorKind::Unsupported.into()),
    })
}

/// What the beginning of a body unpacks to, as far as it goes, but no further than `most` bytes of each coding. What the whole body
/// unpacks to begins with that.
pub(super) fn unpacked(received: &[u8], codings: &[String], most: usize) -> io::Result<Vec<u8>> {
    if codings.len() > MAX_CODINGS {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut body = Cow::Borrowed(received);
    for coding in codings.iter().rev() {
        let mut unpacked = Vec::new();
        match decoder(coding, &body)?.take(most as u64).read_to_end(&mut unpacked) {
            // It is only a beginning.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            read => drop(read?),
        }
        body = unpacked.into();
    }
    Ok(match body {
        Cow::Borrowed(received) => received[..received.len().min(most)].to_vec(),
        Cow::Owned(unpacked) => unpacked,
    })
}

/// Whether "deflate" data has the zlib wrapper that the standard asks for; some servers send it bare.
fn is_zlib(data: &[u8]) -> bool {
    matches!(data, [cmf, flg, ..] if cmf & 0x0f == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0)
}

/// What comes out of a decoder.
struct Out<F> {
    max: u64,
    may_take: F,
    /// The first guess at its size.
    first: usize,
}

impl<F: FnMut(u64) -> bool> Out<F> {
    /// Reads a decoder to its end or to one byte beyond the most that is wanted, and takes memory step by step.
    fn all(&mut self, decoder: &mut impl Read) -> io::Result<Option<Buffer>> {
        let most = usize::try_from(self.max.saturating_add(1)).unwrap_or(usize::MAX);
        let mut body = Buffer::default();
        let mut next = self.first.clamp(4 << 10, 1 << 20).min(most);
        loop {
            let capacity = if next > body.capacity() { Buffer::room_for(next, most) } else { body.capacity() };
            // What moves to a larger place takes memory twice until it is there.
            let moving = if capacity > body.capacity() { body.growing_takes(capacity) } else { 0 };
            if !(self.may_take)(moving.max(next as u64)) {
                return Ok(None);
            }
            body.grow(capacity)?;
            body.fill(decoder, next)?;
            if body.len() < next || body.len() >= most {
                return Ok(Some(body));
            }
            next = body.len().saturating_mul(2).min(most);
        }
    }
}

/// The members of a gzip body, one after the other. Bytes after the last one that start no other are ignored, as browsers and curl do.
struct Members<'a> {
    member: GzDecoder<&'a [u8]>,
}

impl<'a> Members<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { member: GzDecoder::new(data) }
    }
}

impl Read for Members<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.member.read(buffer)?;
            let rest = *self.member.get_ref();
            if read > 0 || buffer.is_empty() || !is_gzip(rest) {
                return Ok(read);
            }
            self.member = GzDecoder::new(rest);
        }
    }
}

/// Whether data begins as gzip does, or would if it were not cut.
fn is_gzip(data: &[u8]) -> bool {
    matches!(data, [0x1f] | [0x1f, 0x8b, ..])
}

#[cfg(test)]
mod tests;
