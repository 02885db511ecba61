//! JSON Lines: an object a line. Its `url` is the target, and what else it holds travels to the record.

use serde_json::{Map, Value};

use super::lines::{Lines, is_blank, shorten};
use super::{Bad, Entry, Error, Opening, Row, Source};
use crate::model::Input;

/// A line carries data besides the URL, but it is held whole.
const CAP: usize = 1024 * 1024;

/// Members that shape the request and so can never be mere data.
const RESERVED: [&str; 4] = ["method", "headers", "body", "json"];

pub(super) const ENTRY: Entry = Entry {
    name: "jsonl",
    extensions: &["jsonl", "ndjson"],
    help: "a JSON object a line: its `url` is fetched, every other member travels to `input`",
    free_input: true,
    open: |Opening { name, from, .. }| Ok(Box::new(Objects(Lines::new(name, from, CAP)))),
};

struct Objects(Lines);

impl Source for Objects {
    fn next(&mut self) -> Result<Option<Row>, Error> {
        let Self(lines) = self;
        while lines.advance()? {
            if !is_blank(lines.bytes()) {
                let (url, input) = match lines.text() {
                    Ok(text) => read(text),
                    Err(bad) => (Err(bad), None),
                };
                return Ok(Some(Row { place: lines.place(lines.number()), url, input }));
            }
        }
        Ok(None)
    }

    fn is_ready(&mut self) -> bool {
        self.0.is_ready(is_blank)
    }
}

/// The URL of a line, or why it has none, and what else it carries.
fn read(text: &str) -> (Result<String, Bad>, Option<Input>) {
    let bad = |shown: &str, why: String| Err(Bad { shown: shorten(shown), why });
    let mut object: Map<String, Value> = match serde_json::from_str(text) {
        Ok(Value::Object(object)) => object,
        Ok(other) => return (bad(text, format!("the line is {}, an object is expected", kind(&other))), None),
        // The parser counts lines too, but it is given one at a time.
        Err(error) => {
            let why = error.to_string().replace(" at line 1 column ", " at column ");
            return (bad(text, format!("broken JSON: {why}")), None);
        }
    };
    let url = object.shift_remove("url");
    let asked = RESERVED.into_iter().find(|name| object.get(*name).is_some_and(|value| !value.is_null()));
    for name in RESERVED {
        object.shift_remove(name);
    }
    let url = match (url, asked) {
        (Some(Value::String(url)), Some(name)) => Err(Bad {
            shown: url,
            why: format!("`{name}` is not supported yet: every line is requested the same way, as the options say"),
        }),
        (Some(Value::String(url)), None) => Ok(url.trim().to_owned()),
        (Some(other), _) => bad(&other.to_string(), format!("`url` is {}, a string is expected", kind(&other))),
        (None, _) => bad(text, "the object has no `url`".to_owned()),
    };
    (url, (!object.is_empty()).then(|| Box::new(object)))
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
        let (url, input) = read(r#"{"z":[1,{"b":2,"a":null}],"url":" http://a.example/ ","a":"x","method":null,"m":1.5}"#);
        assert_eq!(url.unwrap(), "http://a.example/");
        assert_eq!(serde_json::to_string(&input).unwrap(), r#"{"z":[1,{"b":2,"a":null}],"a":"x","m":1.5}"#);
        assert_eq!(read(r#"{"url":"http://a.example/"}"#).1, None);
    }

    #[test]
    fn a_number_keeps_every_digit_whatever_its_size() {
        for number in ["12345678901234567890123", "-0", "-0.0", "1.50", "0.1000000000000000000001", "1e+400", "1.0e-400"] {
            let (url, input) = read(&format!(r#"{{"url":"http://a.example/","n":[{number}]}}"#));
            assert!(url.is_ok());
            assert_eq!(serde_json::to_string(&input).unwrap(), format!(r#"{{"n":[{number}]}}"#));
        }
        // serde_json knows one way to write an exponent.
        let spelled = r#"{"url":"http://a.example/","n":[1e2,1E2,1E-2]}"#;
        assert_eq!(serde_json::to_string(&read(spelled).1).unwrap(), r#"{"n":[1e+2,1e+2,1e-2]}"#);
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
            let bad = read(line).0.unwrap_err();
            assert_eq!((bad.shown.as_str(), bad.why.as_str()), (shown, why));
        }
    }

    #[test]
    fn what_would_change_the_request_is_refused_and_never_ignored() {
        for (name, value) in [("method", r#""POST""#), ("headers", "{}"), ("body", r#""x""#), ("json", "[1]")] {
            let (url, input) = read(&format!(r#"{{"url":"http://a.example/","id":1,"{name}":{value}}}"#));
            let bad = url.unwrap_err();
            assert!(bad.why.starts_with(&format!("`{name}` is not supported yet: ")), "{}", bad.why);
            assert_eq!(bad.shown, "http://a.example/");
            assert_eq!(serde_json::to_string(&input).unwrap(), r#"{"id":1}"#);
        }
    }

    #[test]
    fn nesting_without_end_is_a_bad_line_and_no_overflow() {
        let bad = read(&format!(r#"{{"url":{}"#, "[".repeat(500_000))).0.unwrap_err();
        assert!(bad.why.starts_with("broken JSON: recursion limit exceeded"), "{}", bad.why);
        assert_eq!(bad.shown.chars().count(), 201);
    }
}
