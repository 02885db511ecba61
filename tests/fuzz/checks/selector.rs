//! Any text as a field: it is compiled, or refused with a place inside it; and what is compiled can be used on a page.

use scrape::extract::{Extractor, FieldError, Settings};
use scrape::{Field, Page};

/// A page on which most selectors have something to look at.
const PAGE: &str = "<!doctype html><title>t</title><div id=a class='b c'><p>1<p title=x>2<a href=y>3</a></div>\
    <ul><li>1<li class=b>2</ul><table><tr><td>x</table><svg><use xlink:href=u></svg><template><i>q</i></template>";

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<Field>() {
        Ok(field) => check_field(text, &field),
        Err(FieldError::Syntax { argument, fault, name }) => {
            assert_eq!(argument, text);
            assert!(text.is_char_boundary(fault.at), "byte {} of {text:?}", fault.at);
            assert!(!fault.why.is_empty() && !fault.why.contains('\n'), "{:?}", fault.why);
            let shown = FieldError::Syntax { argument, fault, name }.to_string();
            assert_eq!(shown.lines().count(), 3, "{shown}");
            assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        }
        Err(error) => panic!("{error}"),
    }
}

fn check_field(text: &str, field: &Field) {
    assert!(!field.name().is_empty());
    let values = read(text);
    if field.is_list() {
        let values = values.as_array().expect("a list is a list");
        assert!(values.iter().all(serde_json::Value::is_string));
        // The same selector without [] takes the first of them.
        let (name, selector) = text.split_once('=').expect("it is a field");
        let one = format!("{}={selector}", name.trim().trim_end_matches(']').trim_end_matches('['));
        if one.parse::<Field>().is_ok_and(|one| !one.is_list()) {
            assert_eq!(Some(&read(&one)).filter(|one| !one.is_null()), values.first(), "{text:?} and {one:?}");
        }
    } else {
        assert!(values.is_null() || values.is_string());
    }
}

/// The value of a field.
fn read(text: &str) -> serde_json::Value {
    let field: Field = text.parse().expect("it was parsed before");
    let name = field.name().clone();
    let extractor = Extractor::new(Settings { fields: vec![field], ..Settings::default() }).expect("there is one field");
    let url = "http://a.example/".parse().expect("a URL");
    let page =
        Page { url, status: 200, content_type: None, body: PAGE.into(), codings: Vec::new(), asked: None, left_after: None };
    extractor.run(&page).expect("the page is small").get(&name).expect("it has the field").clone()
}
