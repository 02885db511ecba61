//! One fetched page: what a worker reads the fields from and then drops.

use std::fmt;

use bytes::Bytes;
use url::Url;

use super::asked::Asked;

/// A response whose body arrived whole, or as far as was enough.
#[derive(Clone, Debug)]
pub struct Page {
    /// The URL that answered, after redirects.
    pub url: Url,
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type` header, as the server said it.
    pub content_type: Option<String>,
    /// The body. As received until [`fetch::decode`](crate::fetch::decode) has undone `codings`, then as the server meant it.
    pub body: Bytes,
    /// The content codings still to be undone, in the order in which the server applied them, lower case.
    pub codings: Vec<String>,
    /// What the server asked for with it.
    pub asked: Option<Asked>,
    /// How many bytes were received, where so much was [enough](Verdict::Enough) and the rest was left: `body` is what they
    /// unpacked to. `None`: `body` is whole.
    pub left_after: Option<u64>,
}

/// What the beginning of a page says about the rest of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All that is wanted of the page is there, and nothing that may follow can change it.
    Enough,
    /// A longer beginning may be enough.
    More,
    /// Nothing less than the whole page is.
    Whole,
}

/// Who knows what is wanted of a page, and so how much of it has to be received.
pub trait Judge: fmt::Debug + Send + Sync {
    /// Whether a page of which only this beginning is known, free of content codings, has to be received any further. Asked on the
    /// thread that drives all sockets: an answer must not take long, and one that would is [`Verdict::Whole`].
    fn judge(&self, beginning: &Page) -> Verdict;
}

impl Page {
    /// The media type of `content_type` in lower case, without parameters: `text/html`.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        let media = self.content_type.as_deref()?.split(';').next()?.trim();
        (!media.is_empty()).then(|| media.to_ascii_lowercase())
    }

    /// The `charset` parameter of `content_type`, unquoted.
    ///
    /// ```
    /// # use scrape::model::Page;
    /// # let url = "http://a.example/".parse().unwrap();
    /// let page = Page { url, status: 200, content_type: Some("text/html; Charset=\"UTF-16\"".into()), body: Default::default(), codings: vec![], asked: None, left_after: None };
    /// assert_eq!(page.charset(), Some("UTF-16"));
    /// assert_eq!(page.media_type().as_deref(), Some("text/html"));
    /// ```
    #[must_use]
    pub fn charset(&self) -> Option<&str> {
        self.content_type.as_deref()?.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
        })
    }
}

/// In which encoding a page is written, and who said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset {
    /// The encoding's name in the Encoding standard: `windows-1251`.
    pub name: &'static str,
    /// What decided it: `bom`, `header`, `meta`, `xml` (a declaration), `detection`, or `default`.
    pub by: &'static str,
}
