//! Any body under any content codings: it is unpacked whole and within the cap, or it is a failure; and what was really packed
//! comes back, however it is cut it is a failure.

use std::io::Write;

use scrape::fetch::{Cap, decode};
use scrape::{ErrorKind, Page};

/// The most that is unpacked.
const MAX: usize = 1 << 16;

/// By the three bits of a layer.
const CODINGS: [&str; 8] = ["gzip", "deflate", "br", "zstd", "x-gzip", "sdch", "gzip", "zstd"];

/// The first byte says whether the rest is a body as received or one that is packed here; the second which codings.
pub(crate) fn check(data: &[u8]) {
    let [how, codings, body @ ..] = data else { return };
    let layers = usize::from(codings >> 6) + 1;
    let codings: Vec<_> = (0..layers.min(2)).map(|layer| CODINGS[usize::from(codings >> (3 * layer) & 7)]).collect();
    if how & 1 == 0 {
        check_received(&codings, body);
    } else if let Some(packed) = codings.iter().try_fold(body.to_vec(), |body, coding| pack(coding, &body)) {
        check_packed(&codings, body, &packed, usize::from(how >> 1));
    }
}

fn check_received(codings: &[&str], body: &[u8]) {
    let refused = unpack(codings, body, Cap::Refuse(MAX as u64));
    let cut = unpack(codings, body, Cap::Cut(MAX));
    match (refused, cut) {
        (Ok(whole), Ok(start)) => {
            assert!(whole.len() <= MAX, "{} bytes", whole.len());
            assert_eq!(whole, start, "a page within the cap is the same, whatever becomes of one beyond it");
        }
        (Err(ErrorKind::TooLarge), Ok(start)) => assert!(start.len() <= MAX),
        (Err(ErrorKind::Decode | ErrorKind::TooLarge), Err(ErrorKind::Decode)) => {}
        // Cut to a beginning, a layer's rest is not looked at, damaged or not.
        (Err(ErrorKind::Decode), Ok(start)) => assert!(codings.len() > 1 && start.len() <= MAX),
        (refused, cut) => panic!("{refused:?}, {cut:?}"),
    }
}

fn check_packed(codings: &[&str], body: &[u8], packed: &[u8], at: usize) {
    if body.is_empty() {
        return; // which needs no coding at all
    }
    let unpacked = unpack(codings, packed, Cap::Refuse(u64::MAX));
    assert_eq!(unpacked.as_deref(), Ok(body), "{codings:?} does not come back");
    // All but nothing, which is empty in every coding.
    let cut = (packed.len() * at / 128).clamp(1, packed.len() - 1);
    assert_eq!(unpack(codings, &packed[..cut], Cap::Refuse(u64::MAX)), Err(ErrorKind::Decode), "{codings:?} cut to {cut}");
    let small = body.len() - 1;
    let over = unpack(codings, packed, Cap::Refuse(small as u64));
    assert_eq!(over, Err(ErrorKind::TooLarge), "{codings:?} beyond {small} bytes");
    if codings.len() == 1 {
        // Between two layers what is unpacked may be longer than at the end.
        assert_eq!(unpack(codings, packed, Cap::Cut(body.len())).as_deref(), Ok(body), "{codings:?}");
    }
}

fn unpack(codings: &[&str], body: &[u8], cap: Cap) -> Result<Vec<u8>, ErrorKind> {
    let url = "http://a.example/".parse().expect("a URL");
    let codings = codings.iter().map(|&coding| coding.to_owned()).collect();
    let mut page =
        Page { url, status: 200, content_type: None, body: body.to_vec().into(), codings, asked: None, left_after: None };
    decode(&mut page, cap).map_err(|failure| {
        assert_eq!(failure.status, Some(200));
        failure.kind
    })?;
    assert!(page.codings.is_empty());
    Ok(page.body.to_vec())
}

/// The same in one of the codings that can be packed here.
fn pack(coding: &str, body: &[u8]) -> Option<Vec<u8>> {
    let level = flate2::Compression::fast();
    let packed = match coding {
        "gzip" | "x-gzip" => {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
            gzip.write_all(body).and_then(|()| gzip.finish())
        }
        "deflate" => {
            let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), level);
            zlib.write_all(body).and_then(|()| zlib.finish())
        }
        "zstd" => zstd::encode_all(body, 1),
        _ => return None,
    };
    Some(packed.expect("a Vec takes every write"))
}
