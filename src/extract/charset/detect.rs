//! The encoding of a page that declares none, judged by its bytes.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8};
use url::Url;

/// How much the detector is given: no language needs more, and it is slower than anything else that reads a page.
const BYTES: usize = 128 << 10;

/// So many characters beyond ASCII to one broken byte are UTF-8 with damage: in no other encoding do they come about by chance.
const WHOLE_TO_BROKEN: usize = 20;

/// What a text in this encoding most probably is. Text that is UTF-8 throughout, or all but, is nothing else; for the rest, the
/// domain of the page is a hint. ISO-2022-JP is never guessed: with it, ASCII that anybody put into a page would turn the text around it into
/// another one.
pub(super) fn detect(body: &[u8], url: &Url) -> &'static Encoding {
    if Encoding::utf8_valid_up_to(body) == body.len() {
        return UTF_8;
    }
    // Two bytes of context are looked at before the first that tells anything.
    let start = Encoding::ascii_valid_up_to(body).saturating_sub(2);
    let end = body.len().min(start + BYTES);
    let sample = &body[start..end];
    let (mut whole, mut broken) = (0, 0);
    for chunk in sample.utf8_chunks() {
        whole += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    if whole >= WHOLE_TO_BROKEN * broken {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, end == body.len());
    detector.guess(top_level(url), Utf8Detection::Deny)
}

/// The last label of a host name, which the detector wants in lower case.
fn top_level(url: &Url) -> Option<&[u8]> {
    let label = url.domain()?.trim_end_matches('.').rsplit('.').next()?.as_bytes();
    label.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-').then_some(label)
}
