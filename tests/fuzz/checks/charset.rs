//! Any bytes as a page: who decides its charset, that nothing beyond the first kilobyte is heard, and that the text is text.

use std::sync::LazyLock;

use scrape::Page;
use scrape::extract::{Extractor, Settings};
use scrape::model::Charset;

/// How far a page is looked into for a declaration.
const START: usize = 1024;

static EXTRACTOR: LazyLock<Extractor> = LazyLock::new(|| {
    let fields = ["all=:root", "html=:root::html"].map(|field| field.parse().expect("a field")).to_vec();
    Extractor::new(Settings { fields, ..Settings::default() }).expect("the names differ")
});

/// By the low bits of the first byte; the label after it is the rest of the byte.
const TYPES: [&str; 4] = ["text/html", "text/html; charset=", "application/xhtml+xml", "text/plain"];

const LABELS: [&str; 8] = ["utf-8", "ISO-8859-1", "Shift_JIS", "utf-16", "nonsense", "\"koi8-r\"", "x-user-defined", "gb18030"];

/// A label as a `meta` element may have it, and the name of what it stands for there.
const DECLARED: [(&str, &str); 4] =
    [("koi8-r", "KOI8-R"), ("UTF-16", "UTF-8"), ("x-user-defined", "windows-1252"), ("latin1", "windows-1252")];

pub(crate) fn check(data: &[u8]) {
    let [how, body @ ..] = data else { return };
    let mut content_type = TYPES[usize::from(how & 3)].to_owned();
    if content_type.ends_with('=') {
        content_type += LABELS[usize::from(how >> 2 & 7)];
    }
    let Some(charset) = charset_of(&content_type, body) else { return };
    let bom = [(&b"\xef\xbb\xbf"[..], "UTF-8"), (b"\xff\xfe", "UTF-16LE"), (b"\xfe\xff", "UTF-16BE")];
    if let Some((_, name)) = bom.iter().find(|(mark, _)| body.starts_with(mark)) {
        assert_eq!((charset.name, charset.by), (*name, "bom"));
        return;
    }
    match charset.by {
        "header" => assert!(content_type.contains('='), "{content_type}"),
        "default" => assert_eq!((charset.name, how & 3), ("UTF-8", 2), "only XML has a default"),
        "meta" | "xml" => check_declared(&content_type, body, charset),
        "detection" => {
            assert!(!matches!(charset.name, "UTF-16LE" | "UTF-16BE" | "ISO-2022-JP" | "x-user-defined" | "replacement"));
            assert!(std::str::from_utf8(body).is_err() || charset.name == "UTF-8", "{charset:?} for valid UTF-8");
        }
        other => panic!("{other}"),
    }
    // Whatever a page that is not XML says further on, it is too late after a declaration at its start.
    for (label, name) in DECLARED {
        let page = [b"<meta charset='", label.as_bytes(), b"'>", body].concat();
        let found = charset_of("text/html", &page);
        assert_eq!(found.map(|found| (found.name, found.by)), Some((name, "meta")), "{label}");
    }
}

fn check_declared(content_type: &str, body: &[u8], charset: Charset) {
    let start = &body[..body.len().min(START)];
    let lower = start.to_ascii_lowercase();
    let has = |word: &[u8]| lower.windows(word.len()).any(|found| found == word);
    if charset.by == "meta" {
        assert!(has(b"<meta") && has(b"charset"), "{charset:?}");
        assert!(!matches!(charset.name, "UTF-16LE" | "UTF-16BE" | "x-user-defined"), "{charset:?}");
        // A comment before it changes nothing, as long as it stays within the first kilobyte.
        let commented = [&b"<!-- <meta charset=big5> -->"[..], start].concat();
        let found = charset_of(content_type, &commented);
        assert!(commented.len() > START || found == Some(charset), "{found:?} after a comment, {charset:?} before");
    }
    assert_eq!(charset_of(content_type, start), Some(charset), "what follows the first kilobyte");
    let more = [start, &[b' '; START][..START - start.len()], b"<meta charset=big5>\xff"].concat();
    if start.len() == START {
        assert_eq!(charset_of(content_type, &more), Some(charset), "what follows the first kilobyte");
    }
}

fn charset_of(content_type: &str, body: &[u8]) -> Option<Charset> {
    let url = "http://a.example/".parse().expect("a URL");
    let content_type = Some(content_type.to_owned());
    let page =
        Page { url, status: 200, content_type, body: body.to_vec().into(), codings: Vec::new(), asked: None, left_after: None };
    // That a value is text is so by its type; that it can be written and read back is not.
    let (data, charset) = EXTRACTOR.read(&page).ok()?;
    let json = serde_json::to_string(&data).expect("data is JSON");
    let again: serde_json::Value = serde_json::from_str(&json).expect("JSON is read back");
    assert!(data.0.iter().all(|(name, value)| &again[&**name] == value));
    assert!(!json.contains("\\u0000"), "a NUL of a page is no character of its text");
    charset
}
