//! A parked target as bytes. A record says its own length, so that records can stand one after another.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::model::{Body, Media, Request, Target};

/// The URL as given differs from the parsed one, and follows it.
const GIVEN: u64 = 1;
/// The input carried something else, which follows as JSON.
const INPUT: u64 = 2;
/// Its request has something of its own, which follows.
const REQUEST: u64 = 4;
/// Room for the flags in the number that they share with the URL's length.
const FLAGS: u64 = 8;

/// What a body can be, by the number that stands for it.
const MEDIA: [Media; 3] = [Media::Form, Media::Json, Media::Unnamed];

/// Appends a valid target.
pub(super) fn write(target: &Target, url: &Url, out: &mut Vec<u8>) {
    let (url, given) = (url.as_str(), target.given());
    let flag = |is_set: bool, flag: u64| if is_set { flag } else { 0 };
    let flags = flag(given != url, GIVEN) | flag(target.input.is_some(), INPUT) | flag(target.request.is_some(), REQUEST);
    number(target.index, out);
    number(url.len() as u64 * FLAGS + flags, out);
    out.extend_from_slice(url.as_bytes());
    if flags & GIVEN != 0 {
        text(given.as_bytes(), out);
    }
    if let Some(input) = &target.input {
        let json = serde_json::to_vec(input).expect("a JSON object with text for its keys can be written");
        text(&json, out);
    }
    if let Some(request) = &target.request {
        write_request(request, out);
    }
}

/// Takes the next target off the bytes. `None`: they are not what [`write()`] wrote.
pub(super) fn read(bytes: &mut &[u8]) -> Option<Target> {
    let index = take_number(bytes)?;
    let head = take_number(bytes)?;
    let text = take_str(bytes, head / FLAGS)?;
    // A normalised URL is its own normal form, so reading it again can only give the same one.
    let url = Url::parse(text).ok().filter(|url| url.as_str() == text)?;
    let given = if head & GIVEN == 0 { None } else { Some(take_text(bytes)?) };
    let input = if head & INPUT == 0 { None } else { Some(serde_json::from_str(take_text(bytes)?).ok()?) };
    let request = if head & REQUEST == 0 { None } else { Some(Arc::new(read_request(bytes)?)) };
    Some(Target::restored(index, given, url, input).asking(request))
}

fn write_request(request: &Request, out: &mut Vec<u8>) {
    text(request.method.as_ref().map_or("", Method::as_str).as_bytes(), out);
    number(request.headers.len() as u64, out);
    for (name, value) in &request.headers {
        text(name.as_str().as_bytes(), out);
        text(value.as_bytes(), out);
    }
    let media = request.body.as_ref().map(|body| MEDIA.iter().position(|media| *media == body.media).expect("all are listed"));
    number(media.map_or(0, |media| media as u64 + 1), out);
    if let Some(body) = &request.body {
        text(&body.bytes, out);
    }
}

fn read_request(bytes: &mut &[u8]) -> Option<Request> {
    let method = take_text(bytes)?;
    let method = if method.is_empty() { None } else { Some(method.parse().ok()?) };
    let mut headers = HeaderMap::new();
    for _ in 0..take_number(bytes)? {
        let name: HeaderName = take_text(bytes)?.parse().ok()?;
        let mut value = HeaderValue::from_bytes(take_bytes(bytes)?).ok()?;
        value.set_sensitive(true);
        headers.try_append(name, value).ok()?;
    }
    let body = match take_number(bytes)?.checked_sub(1) {
        None => None,
        Some(media) => {
            let media = *MEDIA.get(usize::try_from(media).ok()?)?;
            Some(Body { bytes: Bytes::copy_from_slice(take_bytes(bytes)?), media })
        }
    };
    Some(Request { method, headers, body })
}

fn text(bytes: &[u8], out: &mut Vec<u8>) {
    number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(take_bytes(bytes)?).ok()
}

fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_number(bytes)?;
    take(bytes, length)
}

fn take_str<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a str> {
    std::str::from_utf8(take(bytes, length)?).ok()
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(taken)
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round(target: &Target) -> Target {
        let mut bytes = Vec::new();
        write(target, target.url.as_ref().unwrap(), &mut bytes);
        let mut rest = &bytes[..];
        let read = read(&mut rest).expect("what was written can be read");
        assert!(rest.is_empty());
        for end in 0..bytes.len() {
            assert!(super::read(&mut &bytes[..end]).is_none(), "cut at {end} of {}", bytes.len());
        }
        read
    }

    fn assert_same(target: &Target) {
        // Compared by everything that it is made of, the parts of the URL too.
        let read = round(target);
        assert_eq!(format!("{read:#?}"), format!("{target:#?}"));
        assert_eq!(read.request, target.request, "whose values are not shown");
    }

    #[test]
    fn a_hostile_target_comes_back_exactly() {
        let long = format!("http://a.example/{}", "ü".repeat(200));
        for given in [
            "http://a.example/",
            "a.example",
            "HTTP://Ünicode.example:80/a/../ü b?q=ä#\u{1F600}",
            "http://u:p%40@[::ffff:1.2.3.4]:8080/%zz|\"<>`{}",
            "http://0x7f.1/\\..\\x",
            "https://xn--bcher-kva.example./?#",
            "http://a.example//..//.//?a=\u{0}b\u{7f}",
            "http://a_b.example/\t\nx",
            &long,
        ] {
            for input in [
                None,
                Some("{}"),
                Some(
                    r#"{"z":1.10,"a":1e5,"m":[123456789012345678901234567890,-0,-0.0,1E+400,{"b":null,"a":""}],"":"\u0000\ud83d\ude00\"\\ü"}"#,
                ),
                Some(r#"{"$serde_json::private::Number":"1","x":true}"#),
            ] {
                let input = input.map(|json| serde_json::from_str(json).unwrap());
                assert_same(&Target::new(u64::MAX, given, "list:1", input));
            }
        }
    }

    #[test]
    fn digits_and_order_of_the_input_are_kept() {
        let json = r#"{"z":1.10,"a":[123456789012345678901234567890,0.10]}"#;
        let target = Target::new(1, "a.example", "list:1", Some(serde_json::from_str(json).unwrap()));
        assert_eq!(serde_json::to_string(&round(&target).input).unwrap(), json);
    }

    #[test]
    fn what_a_request_has_of_its_own_comes_back_exactly() {
        let headers = HeaderMap::from_iter([("x-a", "1"), ("x-a", "\u{ff}"), ("x-b", "")].map(|(name, value)| {
            let mut value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            value.set_sensitive(true);
            (HeaderName::from_static(name), value)
        }));
        let bodies = [None, Some(Bytes::new()), Some(Bytes::from_static(b"a\0\xff\n")), Some(vec![7; 100_000].into())];
        for (at, bytes) in bodies.into_iter().enumerate() {
            let body = bytes.map(|bytes| Body { bytes, media: MEDIA[at % MEDIA.len()] });
            for (method, headers) in [(None, headers.clone()), (Some(Method::from_bytes(b"PURGE").unwrap()), HeaderMap::new())] {
                let request = Some(Arc::new(Request { method, headers, body: body.clone() }));
                let target = Target::new(7, "a.example/x", "list:1", serde_json::from_str(r#"{"a":1}"#).unwrap());
                assert_same(&target.asking(request));
            }
        }
    }

    #[test]
    fn a_url_of_64_kib_comes_back() {
        let given = format!("http://a.example/{}", "x".repeat(65_500));
        let target = Target::new(7, &given, "list:1", None);
        let mut bytes = Vec::new();
        write(&target, target.url.as_ref().unwrap(), &mut bytes);
        assert!(bytes.len() < given.len() + 8, "a URL that is its own normal form is written once");
        assert_eq!(read(&mut &bytes[..]).unwrap().given(), given);
    }

    proptest! {
        #[test]
        fn any_url_that_is_accepted_comes_back(
            index: u64,
            given in prop_oneof![
                "https?://[a-zA-Z0-9ü.%_~-]{1,20}(:[0-9]{1,4})?[/?#\\\\]\\PC{0,40}",
                "(http://)?(\\PC{1,8}@)?[a-z\u{80}-\u{2fff}]{1,6}\\.example/[./%\\\\ -~]{0,30}",
            ],
        ) {
            let target = Target::new(index, &given, "list:1", None);
            if target.url.is_ok() {
                assert_same(&target);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let mut rest = &bytes[..];
            while read(&mut rest).is_some() {}
        }
    }
}
