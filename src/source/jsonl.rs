//! JSON Lines: an object a line. Its `url` is the target, four members shape its request, and what else it holds travels to the
//! record.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};

use super::lines::{Lines, is_blank, shorten};
use super::{Bad, Entry, Error, Opening, Row, Source};
use crate::model::{Body, Input, Media, Request, parse_header, parse_method};

/// A line carries data besides the URL, but it is held whole.
const CAP: usize = 1024 * 1024;

/// Members that shape the request, may be secret, and are never mere data.
const ASKING: [&str; 4] = ["method", "headers", "body", "json"];

pub(super) const ENTRY: Entry = Entry {
    name: "jsonl",
    extensions: &["jsonl", "ndjson"],
    help: "a JSON object a line: its `url` is fetched as `method`, `headers`, `body` or `json` say, every other member travels to `input`",
    free_input: true,
    open: |Opening { name, from, .. }| Ok(Box::new(Objects(Lines::new(name, from, CAP)))),
};

struct Objects(Lines);

impl Source for Objects {
    fn next(&mut self) -> Result<Option<Row>, Error> {
        let Self(lines) = self;
        if !lines.advance_past(is_blank)? {
            return Ok(None);
        }
        let Line { url, input, request } = match lines.text() {
            Ok(text) => read(text),
            Err(Bad { shown, why }) => {
                let shown = without_secrets(&shown).to_owned();
                Line { url: Err(Bad { shown, why }), input: None, request: None }
            }
        };
        Ok(Some(Row { place: lines.place(lines.number()), url, input, request }))
    }

    fn passed_over(&self) -> u64 {
        self.0.passed_over()
    }

    fn is_ready(&mut self) -> bool {
        self.0.is_ready(is_blank)
    }
}

/// What a line says: its URL, or why it has none, what its request has of its own, and what else it carries.
#[derive(Debug)]
struct Line {
    url: Result<String, Bad>,
    input: Option<Input>,
    request: Option<Arc<Request>>,
}

fn read(text: &str) -> Line {
    let bad = |shown: &str, why: String| Line { url: Err(Bad { shown: shorten(shown), why }), input: None, request: None };
    let mut object: Map<String, Value> = match serde_json::from_str(text) {
        Ok(Value::Object(object)) => object,
        Ok(other) => return bad(without_secrets(text), format!("the line is {}, an object is expected", kind(&other))),
        // The parser counts lines too, but it is given one at a time.
        Err(error) => {
            let why = error.to_string().replace(" at line 1 column ", " at column ");
            return bad(without_secrets(text), format!("broken JSON: {why}"));
        }
    };
    let url = object.shift_remove("url");
    let asked = ASKING.map(|name| object.shift_remove(name).filter(|value| !value.is_null()));
    let rest = || Value::Object(object.clone()).to_string();
    let url = match url {
        Some(Value::String(url)) => Ok(url),
        Some(other) => {
            Err(Bad { shown: shorten(&other.to_string()), why: format!("`url` is {}, a string is expected", kind(&other)) })
        }
        None => Err(Bad { shown: shorten(&rest()), why: "the object has no `url`".to_owned() }),
    };
    let read = url.and_then(|url| match request(asked) {
        Ok(request) => Ok((url.trim().to_owned(), request)),
        Err(why) => Err(Bad { shown: url, why }),
    });
    let (url, request) = match read {
        Ok((url, request)) => (Ok(url), (!request.is_empty()).then(|| Arc::new(request))),
        Err(bad) => (Err(bad), None),
    };
    Line { url, input: (!object.is_empty()).then(|| Box::new(object)), request }
}

/// What a line that cannot be read is recognised by: what may be secret in it begins with the first member that shapes the
/// request.
fn without_secrets(text: &str) -> &str {
    // A name may be written in escapes too.
    let names = ASKING.iter().filter_map(|name| text.find(&format!("\"{name}\"")));
    let first = names.chain(text.find("\\u")).min();
    first.map_or(text, |end| &text[..end])
}

/// What the members that shape the request make of it, or what is wrong with which of them.
fn request([method, headers, body, json]: [Option<Value>; 4]) -> Result<Request, String> {
    let wrong = |name: &str, value: &Value, expected: &str| format!("`{name}` is {}, {expected} is expected", kind(value));
    let method = match method {
        None => None,
        Some(Value::String(method)) => Some(parse_method(&method).map_err(|why| format!("`method`: {why}"))?),
        Some(other) => return Err(wrong("method", &other, "a string")),
    };
    let headers = match headers {
        None => HeaderMap::new(),
        Some(Value::Object(headers)) => header_map(&headers)?,
        Some(other) => return Err(wrong("headers", &other, "an object")),
    };
    let body = match (body, json) {
        (None, None) => None,
        (Some(_), Some(_)) => return Err("`body` and `json` are both there: a request has one body".to_owned()),
        (Some(Value::String(body)), None) => Some(Body { bytes: body.into(), media: Media::Unnamed }),
        (Some(other), None) => return Err(wrong("body", &other, "a string (`json` takes any value)")),
        (None, Some(json)) => Some(Body { bytes: json.to_string().into(), media: Media::Json }),
    };
    Ok(Request { method, headers, body })
}

fn header_map(object: &Map<String, Value>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in object {
        let values = match value {
            Value::Array(values) => &values[..],
            one => std::slice::from_ref(one),
        };
        for value in values {
            let Value::String(value) = value else {
                // Who has mistaken the form may have put the value into the name: only what can be one is shown.
                let name = if HeaderName::from_bytes(name.as_bytes()).is_ok() { name } else { "a name that is none" };
                return Err(format!("`headers`: {name:?} is {}, a string or a list of strings is expected", kind(value)));
            };
            let (name, value) = parse_header(name.trim(), value.trim()).map_err(|why| format!("`headers`: {why}"))?;
            headers.try_append(name, value).map_err(|_| "`headers`: they are too many".to_owned())?;
        }
    }
    Ok(headers)
}

/// A value's type, in words.
const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_member_travels_in_its_order() {
        let line = read(r#"{"z":[1,{"b":2,"a":null}],"url":" http://a.example/ ","a":"x","method":null,"m":1.5}"#);
        assert_eq!((line.url.unwrap().as_str(), line.request), ("http://a.example/", None));
        assert_eq!(serde_json::to_string(&line.input).unwrap(), r#"{"z":[1,{"b":2,"a":null}],"a":"x","m":1.5}"#);
        assert_eq!(read(r#"{"url":"http://a.example/"}"#).input, None);
    }

    #[test]
    fn a_number_keeps_every_digit_whatever_its_size() {
        for number in ["12345678901234567890123", "-0", "-0.0", "1.50", "0.1000000000000000000001", "1e+400", "1.0e-400"] {
            let Line { url, input, .. } = read(&format!(r#"{{"url":"http://a.example/","n":[{number}]}}"#));
            assert!(url.is_ok());
            assert_eq!(serde_json::to_string(&input).unwrap(), format!(r#"{{"n":[{number}]}}"#));
        }
        // serde_json knows one way to write an exponent.
        let spelled = r#"{"url":"http://a.example/","n":[1e2,1E2,1E-2]}"#;
        assert_eq!(serde_json::to_string(&read(spelled).input).unwrap(), r#"{"n":[1e+2,1e+2,1e-2]}"#);
    }

    #[test]
    fn a_line_without_a_usable_url_says_why() {
        for (line, shown, why) in [
            (r#"{"url":7}"#, "7", "`url` is a number, a string is expected"),
            (r#"{"url":null}"#, "null", "`url` is null, a string is expected"),
            (r#"{"u":"http://a.example/"}"#, r#"{"u":"http://a.example/"}"#, "the object has no `url`"),
            (r#"["http://a.example/"]"#, r#"["http://a.example/"]"#, "the line is an array, an object is expected"),
            ("http://a.example/", "http://a.example/", "broken JSON: expected value at column 1"),
            (
                r#"{"url":"http://a.example/""#,
                r#"{"url":"http://a.example/""#,
                "broken JSON: EOF while parsing an object at column 26",
            ),
        ] {
            let bad = read(line).url.unwrap_err();
            assert_eq!((bad.shown.as_str(), bad.why.as_str()), (shown, why));
        }
    }

    #[test]
    fn four_members_make_the_request_and_do_not_travel() {
        let line = read(
            r#"{"url":"http://a.example/","method":"put","headers":{"X-A":"1","x-many":["2","3"]},"json":{"b":1.10,"a":[]},"id":7}"#,
        );
        assert_eq!(serde_json::to_string(&line.input).unwrap(), r#"{"id":7}"#);
        let request = line.request.unwrap();
        assert_eq!(request.method.as_ref().unwrap(), "PUT");
        let sent: Vec<_> = request.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(sent, [("x-a", "1"), ("x-many", "2"), ("x-many", "3")]);
        assert_eq!(request.body, Some(Body { bytes: r#"{"b":1.10,"a":[]}"#.into(), media: Media::Json }));
        let line = read(r#"{"url":"http://a.example/","body":""}"#);
        assert_eq!(line.request.unwrap().body, Some(Body { bytes: "".into(), media: Media::Unnamed }));
    }

    #[test]
    fn a_member_that_makes_no_request_is_named_and_not_shown() {
        for (members, why) in [
            (r#""method":7"#, "`method` is a number, a string is expected"),
            (r#""method":"GET s3cret""#, "`method`: a method is one word: GET, HEAD, POST, PUT, PATCH, DELETE, ..."),
            (r#""method":"connect""#, "`method`: CONNECT opens a tunnel and fetches nothing"),
            (r#""headers":["s3cret"]"#, "`headers` is an array, an object is expected"),
            (
                r#""headers":{"Authorization: s3cret":7}"#,
                "`headers`: \"a name that is none\" is a number, a string or a list of strings is expected",
            ),
            (r#""headers":{"X-A":7}"#, "`headers`: \"X-A\" is a number, a string or a list of strings is expected"),
            (r#""headers":{"X-A":["s3cret",null]}"#, "`headers`: \"X-A\" is null, a string or a list of strings is expected"),
            (
                r#""headers":{"X-A":"s3cret\n"},"headers":{"X-A":"s3cret\nb"}"#,
                "`headers`: a header's value is one line of visible text",
            ),
            (r#""headers":{"Content-Length":"7"}"#, "`headers`: content-length is set by what is sent, and cannot be given"),
            (r#""body":{"s3cret":1}"#, "`body` is an object, a string (`json` takes any value) is expected"),
            (r#""body":"s3cret","json":"s3cret""#, "`body` and `json` are both there: a request has one body"),
        ] {
            let line = read(&format!(r#"{{"url":"http://a.example/","id":1,{members}}}"#));
            let bad = line.url.unwrap_err();
            assert_eq!((bad.why.as_str(), bad.shown.as_str()), (why, "http://a.example/"), "{members}");
            assert_eq!(serde_json::to_string(&line.input).unwrap(), r#"{"id":1}"#);
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_shown_without_what_may_be_secret() {
        for line in [
            r#"{"url":"http://a.example/","headers":{"Authorization":"s3cret"}"#,
            r#"["http://a.example/",{"body":"s3cret"}]"#,
            r#"{"u":"http://a.example/","json":{"token":"s3cret"}}"#,
        ] {
            let bad = read(line).url.unwrap_err();
            assert!(bad.shown.contains("http://a.example/") && !bad.shown.contains("s3cret"), "{}", bad.shown);
        }
    }

    #[test]
    fn nesting_without_end_is_a_bad_line_and_no_overflow() {
        let bad = read(&format!(r#"{{"url":{}"#, "[".repeat(500_000))).url.unwrap_err();
        assert!(bad.why.starts_with("broken JSON: recursion limit exceeded"), "{}", bad.why);
        assert_eq!(bad.shown.chars().count(), 201);
    }
}
