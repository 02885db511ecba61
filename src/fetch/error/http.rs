//! Broken HTTP in words. hyper keeps the reasons of its errors to itself but for their texts; one that is not known here is told as it is.

use std::io;

use super::{find, root_cause};
use crate::fetch::client::{MAX_HEADER_BYTES, MAX_HEADERS};
use crate::model::{ErrorKind, Failure};

/// An answer whose head is none.
pub(super) fn no_head(error: &reqwest::Error, site: &str) -> Failure {
    let Some(hyper) = find::<hyper::Error>(error) else {
        return Failure::new(ErrorKind::Protocol, format!("the request to {site} failed: {}", root_cause(error)));
    };
    if hyper.is_parse_too_large() {
        let message = format!("the head of {site}'s answer is too large: more than {MAX_HEADERS} lines, or 400 KiB");
        return Failure::new(ErrorKind::TooLarge, message);
    }
    if let Some(h2) = find::<h2::Error>(error) {
        return broken_h2(h2, site);
    }
    let text = hyper.to_string();
    let why = match text.as_str() {
        "invalid HTTP version parsed" => "its answer does not begin with HTTP/1.1 or HTTP/1.0",
        "invalid HTTP version parsed (found HTTP2 preface)" => "it answered in HTTP/2, which nobody had asked for",
        "invalid HTTP status-code parsed" => "the status of its answer is no number of three digits",
        "invalid HTTP header parsed" => "its answer has a line that is no header, or one with a NUL or another control character",
        "invalid content-length parsed" => {
            "the Content-Length of its answer is no number, one beyond all bounds, or several that differ"
        }
        "unexpected transfer-encoding parsed" => "its answer has a Transfer-Encoding where there can be none",
        other => other,
    };
    Failure::new(ErrorKind::Protocol, format!("{site} does not speak proper HTTP: {why}"))
}

/// Whether it is our end that gave a connection up, which h2 does where too many frames come for streams that it has forgotten:
/// what was on its way when bodies were dropped.
pub(super) fn is_worn_out(error: &h2::Error) -> bool {
    error.is_library() && error.to_string().contains("too_many_internal_resets")
}

/// Frames that cannot be, or too many of them.
fn broken_h2(error: &h2::Error, site: &str) -> Failure {
    let text = error.to_string();
    let limit = MAX_HEADER_BYTES >> 10;
    if text.contains("too_many_continuations") || text.contains("header_list_way_too_large") {
        return Failure::new(ErrorKind::TooLarge, format!("the head of {site}'s answer is too large: more than {limit} KiB"));
    }
    // A head that is a little too large is not told from a broken one.
    let or_large = match error.reason() {
        Some(h2::Reason::PROTOCOL_ERROR) if !error.is_go_away() => format!(", or the head of its answer is beyond {limit} KiB"),
        _ => String::new(),
    };
    Failure::new(ErrorKind::Protocol, format!("{site} speaks broken HTTP/2{or_large}: {text}"))
}

/// A body that is not cut short but broken.
pub(super) fn bad_body(error: &reqwest::Error, so_far: usize) -> Option<Failure> {
    let io = find::<io::Error>(error)?;
    if !matches!(io.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) || find::<rustls::Error>(error).is_some() {
        return None;
    }
    let text = io.to_string();
    let (kind, why) = match text.as_str() {
        "chunk extensions over limit" => (ErrorKind::TooLarge, "the extensions of its chunks are beyond 16 KiB"),
        "chunk trailers bytes over limit" | "chunk trailers count overflow" => {
            (ErrorKind::TooLarge, "there are too many headers after its end")
        }
        "invalid chunk size: overflow" => (ErrorKind::Protocol, "a chunk has a size beyond all bounds"),
        "Invalid chunk body CR" | "Invalid chunk body LF" => (ErrorKind::Protocol, "a chunk is longer than it says"),
        "Invalid chunk end LF" | "Invalid trailer end LF" | "Partial header" => {
            (ErrorKind::Protocol, "what follows the last chunk is no header")
        }
        text if text.to_ascii_lowercase().contains("chunk") => {
            (ErrorKind::Protocol, "a chunk does not begin with its size, a hexadecimal number on a line")
        }
        other => (ErrorKind::Protocol, other),
    };
    Some(Failure::new(kind, format!("the body is broken HTTP after {so_far} bytes: {why}")))
}
