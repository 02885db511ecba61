use std::sync::Arc;

use proptest::prelude::*;
use rusqlite::types::Value as Stored;
use serde_json::{Value, json};

use super::*;
use crate::model::Data;
use crate::sink::samples::{failed, full};

#[test]
fn a_record_is_a_row_with_a_column_a_key_and_a_field() {
    let (_folder, path) = folder();
    write(&path, Existing::Refuse, &[full(), failed()]).unwrap();
    let text = |text: &str| Stored::Text(text.to_owned());
    let expected = [
        [
            Stored::Integer(1),
            text("https://a.example/"),
            text("https://a.example/home"),
            Stored::Integer(200),
            text("text/html; charset=utf-8"),
            Stored::Integer(1234),
            Stored::Integer(2),
            Stored::Integer(56),
            text("2026-11-20T10:30:00.007Z"),
            Stored::Null,
            Stored::Null,
            text("Hello, \"you\""),
            text(r#"["/a","/b"]"#),
            Stored::Null,
            text("A-1"),
            text("x"),
        ],
        [
            Stored::Integer(2),
            text("nonsense"),
            Stored::Null,
            Stored::Null,
            Stored::Null,
            Stored::Null,
            Stored::Integer(0),
            Stored::Null,
            Stored::Null,
            text("invalid_url"),
            text("urls.txt:2: not a URL"),
            Stored::Null,
            Stored::Null,
            Stored::Null,
            Stored::Null,
            Stored::Null,
        ],
    ];
    assert_eq!(rows(&path, "SELECT * FROM records"), expected);
    let names = texts(&path, "SELECT name FROM pragma_table_info('records')");
    assert_eq!(
        names.join(" "),
        "index url final_url status content_type bytes attempts elapsed_ms fetched_at error error_message title links price \
         input.sku input.note"
    );
}

/// What is stored of one field's value.
fn stored(value: &Value) -> Stored {
    let (_folder, path) = folder();
    let record = Record { data: Data(vec![("title".into(), value.clone())]), ..full() };
    write(&path, Existing::Refuse, &[record]).unwrap();
    rows(&path, "SELECT title FROM records")[0][0].clone()
}

fn number(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn values_keep_their_types() {
    let text = |text: &str| Stored::Text(text.to_owned());
    for (value, expected) in [
        (json!("007"), text("007")),
        (json!("1e3"), text("1e3")),
        (json!(""), text("")),
        (json!("a\0b"), text("a\0b")),
        (json!(7), Stored::Integer(7)),
        (json!(i64::MIN), Stored::Integer(i64::MIN)),
        (json!(i64::MAX), Stored::Integer(i64::MAX)),
        (json!(u64::MAX), text("18446744073709551615")),
        (number("123456789012345678901234567890"), text("123456789012345678901234567890")),
        (number("1.5"), Stored::Real(1.5)),
        (number("2.0"), Stored::Real(2.0)),
        (number("1e400"), text("1e+400")),
        (json!(true), text("true")),
        (json!([1, null, "x"]), text(r#"[1,null,"x"]"#)),
        (json!({"b": 1, "a": "\u{202e}"}), text(r#"{"b":1,"a":"\u202e"}"#)),
        (Value::Null, Stored::Null),
    ] {
        assert_eq!(stored(&value), expected, "{value}");
    }
}

#[test]
fn an_input_whose_members_are_not_known_is_one_column_of_json() {
    let (_folder, path) = folder();
    let columns = Columns { input: vec![], free_input: true, ..columns() };
    write_all(to(&path, Existing::Refuse), &columns, &[full(), failed()]).unwrap();
    let input = rows(&path, "SELECT input, json_extract(input, '$.sku') FROM records");
    assert_eq!(input[0], [Stored::Text(r#"{"sku":"A-1","note":"x"}"#.to_owned()), Stored::Text("A-1".to_owned())]);
    assert_eq!(input[1], [Stored::Null, Stored::Null]);
}

/// What JSONL gives back of a value that was read from a database.
fn read(stored: &Stored, of: &Value) -> Value {
    match stored {
        Stored::Null => Value::Null,
        Stored::Integer(number) => json!(number),
        Stored::Real(number) => json!(number),
        Stored::Text(text) if of.is_string() => json!(text),
        Stored::Text(text) => serde_json::from_str(text).unwrap(),
        Stored::Blob(_) => panic!("nothing is a BLOB"),
    }
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(|real: f64| json!(real)),
        "(.|[\u{0}-\u{ff}]|\n|\"|')*".prop_map(Value::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_read_back_equals_what_jsonl_gives(
        fields in prop::collection::vec((".{0,12}", prop_oneof![leaf(), prop::collection::vec(leaf(), 0..4).prop_map(Value::from)]), 1..5),
        url in "(.|[\u{0}-\u{ff}])*",
        index in 1..u64::MAX >> 1,
    ) {
        let mut data: Vec<(Arc<str>, Value)> = Vec::new();
        for (at, (name, value)) in fields.into_iter().enumerate() {
            // Names that no two columns have; the rest of the name is as it comes.
            data.push((format!("{at}{name}").into(), value));
        }
        let columns = Columns { data: data.iter().map(|(name, _)| Arc::clone(name)).collect(), ..Columns::default() };
        let record = Record { index, url, data: Data(data), input: None, ..full() };
        let (_folder, path) = folder();
        write_all(to(&path, Existing::Refuse), &columns, std::slice::from_ref(&record)).unwrap();
        let row = rows(&path, "SELECT * FROM records").remove(0);
        let names = texts(&path, "SELECT name FROM pragma_table_info('records')");
        let line = serde_json::to_value(&record).unwrap();
        for (name, value) in names.iter().zip(&row).take(11) {
            prop_assert_eq!(&read(value, &line[name]), &line[name], "{}", name);
        }
        for ((name, value), (field, stored)) in record.data.0.iter().zip(names[11..].iter().zip(&row[11..])) {
            prop_assert_eq!(field, &name.replace('\0', "\u{fffd}"));
            prop_assert_eq!(&read(stored, value), value);
        }
    }
}
