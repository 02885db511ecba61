mod floods;

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A page at `http://a.example/dir/page` without a type.
pub(super) fn page(body: &[u8]) -> Page {
    let url = "http://a.example/dir/page".parse().unwrap();
    Page { url, status: 200, content_type: None, body: body.to_vec().into(), codings: Vec::new(), asked: None, left_after: None }
}

pub(super) fn extractor(fields: &[&str]) -> Extractor {
    let fields = fields.iter().map(|field| field.parse().unwrap()).collect();
    Extractor::new(Settings { fields, ..Settings::default() }).unwrap()
}

/// The value of a field.
pub(super) fn one(field: &str, html: &str) -> Value {
    extractor(&[field]).run(&page(html.as_bytes())).unwrap().0.remove(0).1
}

/// The values of a list.
pub(super) fn all(field: &str, html: &str) -> Vec<String> {
    serde_json::from_value(one(field, html)).unwrap()
}

#[test]
fn every_field_has_its_key_in_the_order_asked_for() {
    let extractor = extractor(&["z=h2", "a[]=h1", "m=h1::attr(id)", "l[]=h2"]);
    let data = extractor.run(&page(b"<h1>1</h1><h1>2</h1>")).unwrap();
    assert_eq!(serde_json::to_string(&data).unwrap(), r#"{"z":null,"a":["1","2"],"m":null,"l":[]}"#);
    assert_eq!(extractor.names(), ["z", "a", "m", "l"].map(Arc::from));
}

#[test]
fn what_a_page_shows_without_scripts_is_read() {
    let page = "<h1>a<noscript><b>b</b></noscript></h1><noscript><a href=x>l</a><img src=lazy.jpg></noscript>";
    assert_eq!(one("h1=h1", page), "ab");
    assert_eq!(all("links[]=a::attr(href)", page), ["http://a.example/dir/x"]);
    assert_eq!(all("images[]=img::attr(src)", page), ["http://a.example/dir/lazy.jpg"]);
}

#[test]
fn a_glance_is_enough_where_the_values_are_near_and_says_what_it_takes_where_they_are_not() {
    let filler = "<p>some text".repeat(2000);
    let near = format!("<title>t</title>{filler}");
    let long = near.repeat(4);
    let far = format!("<body>{filler}<h1>t</h1>");
    let odd = format!("<title>t</title><table>x{filler}</table><h1>t</h1>");
    for (fields, html, glance, done) in [
        (&["x=title"][..], &near, 8 << 10, Ok(())),
        (&["x=h1"], &far, 8 << 10, Err(Effort::Any)),
        (&["x=h1"], &far, 32 << 10, Ok(())),
        (&["x[]=h1"], &far, 8 << 10, Err(Effort::Any)),
        (&["x[]=h1"], &far, 32 << 10, Ok(())),
        (&["x=h1"], &odd, 32 << 10, Err(Effort::Tree)),
        (&["x=title"], &long, 8 << 10, Err(Effort::Any)),
        (&["x=title + h1"], &near, 32 << 10, Err(Effort::Any)),
        // A short page is read whatever it takes.
        (&["x=h1"], &"<table>x</table><h1>t</h1>".to_owned(), 1, Ok(())),
        (&["x=p + h1"], &"<p></p><h1>t</h1>".to_owned(), 1, Ok(())),
    ] {
        let (extractor, page) = (extractor(fields), page(html.as_bytes()));
        let whole = extractor.read(&page).unwrap();
        match extractor.read_by(&page, Effort::Glance(glance)).unwrap() {
            Ok(read) => assert_eq!((json!(read.0), Ok(())), (json!(whole.0), done), "{fields:?} in {html:.50}"),
            Err(more) => {
                assert_eq!(Err(more), done, "{fields:?} in {html:.50}");
                let read = extractor.read_by(&page, more).unwrap().unwrap();
                assert_eq!(json!(read.0), json!(whole.0), "{fields:?} in {html:.50}");
            }
        }
    }
    let not_utf_8 = page(&[near.as_bytes(), b"\xe9"].concat());
    let title = extractor(&["x=title"]);
    assert_eq!(title.read_by(&not_utf_8, Effort::Glance(8 << 10)).unwrap().unwrap_err(), Effort::Any);
    assert!(title.read_by(&not_utf_8, Effort::Glance(32 << 10)).unwrap().is_ok());
}

#[test]
fn what_is_no_markup_has_all_fields_without_values() {
    let extractor = extractor(&["x=title", "y[]=title"]);
    for (content_type, body) in [("image/png", &b"<title>x</title>"[..]), ("application/json", b"{}"), ("", b"\x89PNG\0")] {
        let data = extractor.run(&Page { content_type: Some(content_type.into()), ..page(body) }).unwrap();
        assert_eq!(json!(data), json!({"x": null, "y": []}), "{content_type}");
    }
    assert_eq!(json!(extractor.run(&page(b"")).unwrap()), json!({"x": null, "y": []}));
}

#[test]
fn the_title_is_the_default_and_without_parsing_there_is_nothing() {
    let default = Extractor::new(Settings::default()).unwrap();
    assert_eq!(json!(default.run(&page(b"<title>a\n b</title>")).unwrap()), json!({"title": "a b"}));
    assert!(!default.is_idle());
    let idle = Extractor::new(Settings { parse: false, ..Settings::default() }).unwrap();
    assert!(idle.is_idle() && idle.names().is_empty());
    assert_eq!(idle.run(&page(b"<title>a</title>")).unwrap(), Data::default());
}

#[test]
fn two_fields_cannot_have_one_name() {
    let fields = vec!["x=a".parse().unwrap(), "x[]=b".parse().unwrap()];
    let error = Extractor::new(Settings { fields, ..Settings::default() }).unwrap_err();
    assert_eq!(error, FieldError::Twice { name: "x".into() });
}

#[test]
fn an_extractor_is_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Extractor>();
}

#[test]
fn every_kind_in_the_table_is_found_by_its_name() {
    for kind in EXTRACTORS {
        assert!(!kind.meaning.is_empty());
        assert!(format!("x={}:a", kind.name).parse::<Field>().is_ok(), "{}", kind.name);
    }
}

proptest! {
    #[test]
    fn any_soup_of_tags_gives_every_key_in_order(soup in soup()) {
        let extractor = extractor(&["t=title", "a[]=a::attr(href)", "h=*:has(b):not(table *)::html", "p[]=td ~ *, li:nth-last-child(odd)"]);
        let data = extractor.run(&html(&soup)).unwrap();
        prop_assert!(data.0.iter().map(|(name, _)| &**name).eq(["t", "a", "h", "p"]));
        prop_assert!(data.get("t").unwrap().is_null() || data.get("t").unwrap().is_string());
        prop_assert!(data.get("p").unwrap().is_array());
    }

    /// Tables and formatting elements move nodes about; a cap that soups reach shows whether any of it slips through.
    #[test]
    fn no_soup_is_read_that_is_deeper_than_the_cap(soup in soup()) {
        let tree = scraper::Html::parse_document(&soup).tree;
        let depth = |node: scraper::ElementRef<'_>| node.ancestors().count();
        let deepest = tree.root().descendants().filter_map(scraper::ElementRef::wrap).map(depth).max().unwrap();
        let settings = Settings { max_depth: 8, ..Settings::default() };
        let result = Extractor::new(settings).unwrap().run(&html(&soup));
        prop_assert!(deepest <= 8 || result.is_err(), "{deepest}");
        // A node may have been deeper before it was moved up, so only what never nests is sure to be read.
        prop_assert!(soup.matches('<').count() > 2 || result.is_ok());
    }
}

fn html(text: &str) -> Page {
    Page { content_type: Some("text/html".to_owned()), ..page(text.as_bytes()) }
}

fn soup() -> impl Strategy<Value = String> {
    let names = "(html|head|body|title|table|tr|td|a|b|i|p|div|ul|li|svg|math|style|script|template|select|option|form|frameset|textarea|plaintext|base)";
    let regex = |pattern: &str| prop::string::string_regex(pattern).unwrap();
    let piece = prop_oneof![
        5 => regex(&format!("<{names}( href=?[a-z/:]{{0,4}})?>")),
        3 => regex(&format!("</{names}>")),
        1 => "[a-z &;é\0]{0,5}",
        1 => prop::sample::select(vec!["<!--", "-->", "<![CDATA[", "]]>", "<!doctype html>", "<?x", "\u{feff}", "&#0;", "<a href='"]).prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}
