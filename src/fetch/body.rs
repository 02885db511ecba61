//! Undoes content codings (RFC 9110, section 8.4), counting what comes out: a body is whole and within its cap, or it is a failure.

use std::io::{self, Read};

use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use http::{HeaderMap, header};

use super::Cap;
use crate::model::{ErrorKind, Failure, Page};

/// More codings than anybody applies on purpose.
const MAX_CODINGS: usize = 3;
/// RFC 9659: zstd over HTTP uses windows of at most 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// The codings of a response, in the order in which they were applied.
pub(super) fn codings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONTENT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
    names.filter(|name| !name.is_empty() && name != "identity").collect()
}

/// Undoes a page's content codings in place. Plain computation, of at most as many bytes as the cap holds.
///
/// # Errors
/// `too_large` beyond a cap that refuses; `decode` where a coding is unknown, or its data truncated, damaged or not of that coding at all.
pub fn decode(page: &mut Page, cap: Cap) -> Result<(), Failure> {
    let fail = |kind, message, page: &Page| {
        Err(Failure { status: Some(page.status), content_type: page.content_type.clone(), ..Failure::new(kind, message) })
    };
    if page.codings.len() > MAX_CODINGS {
        let message = format!("{} stacked content codings, more than {MAX_CODINGS}", page.codings.len());
        return fail(ErrorKind::Decode, message, page);
    }
    while let Some(coding) = page.codings.pop() {
        if page.body.is_empty() {
            continue; // an empty body is empty in every coding
        }
        match (undo(&coding, &page.body, cap.bytes()), cap) {
            (Ok(body), Cap::Refuse(max)) if body.len() as u64 > max => {
                let message =
                    format!("the body unpacks ({coding}) to more than --max-body ({max} bytes): raise it if the page is wanted");
                return fail(ErrorKind::TooLarge, message, page);
            }
            (Ok(body), _) => page.body = body.into(),
            (Err(error), _) => return fail(ErrorKind::Decode, format!("the body is no whole {coding} data: {error}"), page),
        }
    }
    if let Cap::Cut(max) = cap {
        page.body.truncate(max);
    }
    Ok(())
}

/// Undoes one coding, up to one byte more than `max`.
fn undo(coding: &str, data: &[u8], max: u64) -> io::Result<Vec<u8>> {
    match coding {
        "gzip" | "x-gzip" => gzip(data, max),
        "deflate" if is_zlib(data) => all(ZlibDecoder::new(data), max),
        "deflate" => all(DeflateDecoder::new(data), max),
        "br" => all(brotli_decompressor::Decompressor::new(data, 4096), max),
        "zstd" => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(data)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            all(decoder, max)
        }
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "this coding is unknown")),
    }
}

/// All members of a gzip body. Bytes after the last one that start no other are ignored, as browsers and curl do.
fn gzip(mut data: &[u8], max: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut member = GzDecoder::new(data);
        (&mut member).take(max.saturating_add(1) - body.len() as u64).read_to_end(&mut body)?;
        data = member.into_inner();
        if body.len() as u64 > max || !data.starts_with(&[0x1f, 0x8b]) {
            return Ok(body);
        }
    }
}

fn all(decoder: impl Read, max: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    decoder.take(max.saturating_add(1)).read_to_end(&mut body)?;
    Ok(body)
}

/// Whether "deflate" data has the zlib wrapper that the standard asks for; some servers send it bare.
fn is_zlib(data: &[u8]) -> bool {
    matches!(data, [cmf, flg, ..] if cmf & 0x0f == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"<title>hello</title> hello hello hello hello hello";

    fn page(codings: &str, body: Vec<u8>) -> Page {
        let codings = codings.split(',').map(str::to_owned).collect();
        Page {
            url: "http://a.example/".parse().unwrap(),
            status: 200,
            content_type: None,
            body: body.into(),
            codings,
            asked: None,
        }
    }

    fn decoded(codings: &str, body: Vec<u8>) -> Result<Vec<u8>, ErrorKind> {
        let mut page = page(codings, body);
        decode(&mut page, Cap::Refuse(100_000)).map(|()| page.body.to_vec()).map_err(|failure| failure.kind)
    }

    fn packed(coding: &str, data: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::default();
        match coding {
            "gzip" => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            "zlib" => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            "raw" => {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            "zstd" => zstd::encode_all(data, 3).unwrap(),
            _ => unreachable!(),
        }
    }

    /// TEXT in brotli: two uncompressed meta-blocks would do, but this is what an encoder wrote.
    fn brotli() -> Vec<u8> {
        // Window 16 (one 0 bit), a meta-block: not last, MLEN-1 in four nibbles, uncompressed; then the text and an empty last block.
        let length = TEXT.len() - 1;
        let header = (u32::try_from(length).unwrap() << 4) | 1 << 20;
        let mut data = header.to_le_bytes()[..3].to_vec();
        data.extend_from_slice(TEXT);
        data.push(0b11);
        data
    }

    #[test]
    fn every_coding_is_undone() {
        for (coding, name) in [("gzip", "gzip"), ("gzip", "x-gzip"), ("zlib", "deflate"), ("raw", "deflate"), ("zstd", "zstd")] {
            assert_eq!(decoded(name, packed(coding, TEXT)).as_deref(), Ok(TEXT), "{coding}");
        }
        assert_eq!(decoded("br", brotli()).as_deref(), Ok(TEXT));
        assert_eq!(decoded("gzip,zstd", packed("zstd", &packed("gzip", TEXT))).as_deref(), Ok(TEXT));
        assert_eq!(decoded("gzip", Vec::new()).as_deref(), Ok(&[][..]), "an empty body is empty");
    }

    #[test]
    fn gzip_members_are_joined_and_what_follows_them_is_ignored() {
        let mut body = [packed("gzip", b"one "), packed("gzip", b"two")].concat();
        assert_eq!(decoded("gzip", body.clone()).as_deref(), Ok(&b"one two"[..]));
        body.extend_from_slice(&[0; 7]);
        assert_eq!(decoded("gzip", body).as_deref(), Ok(&b"one two"[..]));
    }

    #[test]
    fn a_body_cut_anywhere_is_an_error() {
        for (coding, name) in [("gzip", "gzip"), ("zlib", "deflate"), ("raw", "deflate"), ("zstd", "zstd")] {
            let whole = packed(coding, TEXT);
            for length in 1..whole.len() {
                assert_eq!(decoded(name, whole[..length].to_vec()), Err(ErrorKind::Decode), "{coding} cut to {length}");
            }
        }
        let whole = brotli();
        for length in 1..whole.len() {
            assert_eq!(decoded("br", whole[..length].to_vec()), Err(ErrorKind::Decode), "br cut to {length}");
        }
    }

    #[test]
    fn damage_and_lying_labels_are_errors() {
        let mut bad_sum = packed("gzip", TEXT);
        let end = bad_sum.len() - 6;
        bad_sum[end] ^= 1;
        assert_eq!(decoded("gzip", bad_sum), Err(ErrorKind::Decode));
        for name in ["gzip", "deflate", "br", "zstd", "compress", "utf-8"] {
            assert_eq!(decoded(name, TEXT.to_vec()), Err(ErrorKind::Decode), "{name}");
        }
        assert_eq!(decoded("gzip,gzip,gzip,gzip", TEXT.to_vec()), Err(ErrorKind::Decode));
    }

    #[test]
    fn a_bomb_ends_at_the_cap() {
        let zeros = vec![0; 5_000_000];
        for (coding, name) in [("gzip", "gzip"), ("zlib", "deflate"), ("raw", "deflate"), ("zstd", "zstd")] {
            assert_eq!(decoded(name, packed(coding, &zeros)), Err(ErrorKind::TooLarge), "{coding}");
        }
        let just = vec![0; 100_000];
        assert_eq!(decoded("gzip", packed("gzip", &just)).map(|body| body.len()), Ok(100_000));
    }

    #[test]
    fn where_a_beginning_is_wanted_the_rest_is_dropped() {
        let text: Vec<u8> = (0..100_000).map(|_| fastrand::u8(..)).collect();
        for (coding, name) in [("gzip", "gzip"), ("zlib", "deflate"), ("raw", "deflate"), ("zstd", "zstd")] {
            let mut whole = page(name, packed(coding, &text));
            assert_eq!(decode(&mut whole, Cap::Cut(1000)).map(|()| whole.body), Ok(text[..1000].to_vec().into()), "{coding}");
        }
        let mut plain = Page { codings: Vec::new(), ..page("", text.clone()) };
        assert_eq!(decode(&mut plain, Cap::Cut(1000)).map(|()| plain.body.len()), Ok(1000));
        let mut short = page("gzip", packed("gzip", TEXT));
        assert_eq!(decode(&mut short, Cap::Cut(1000)).map(|()| short.body), Ok(TEXT.into()));
    }

    #[test]
    fn the_largest_cap_is_no_cap() {
        for (coding, name) in [("gzip", "gzip"), ("zlib", "deflate"), ("zstd", "zstd")] {
            let mut page = page(name, packed(coding, TEXT));
            assert_eq!(decode(&mut page, Cap::Refuse(u64::MAX)).map(|()| page.body), Ok(TEXT.into()), "{coding}");
        }
    }

    #[test]
    fn a_zstd_window_beyond_8_mib_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(24).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(TEXT).unwrap();
        assert_eq!(decoded("zstd", encoder.finish().unwrap()), Err(ErrorKind::Decode));
    }
}
