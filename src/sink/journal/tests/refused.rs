//! What is not gone on with, and is left as it was.

use super::*;

/// The error of a file with these bytes, which it keeps.
fn refusal(name: &str, bytes: &[u8], columns: &Columns) -> String {
    let folder = folder();
    let path = folder.path().join(name);
    write(&path, bytes).unwrap();
    for existing in [Existing::RetryFailed, Existing::Resume] {
        let error = open(settings(&[&path], existing), columns).err().expect("it must be refused");
        assert!(error.is_usage(), "{error}");
        assert_eq!(read(&path).unwrap(), bytes, "a refused file is left as it was");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "and nothing is left beside it");
        if existing == Existing::Resume {
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
            return error.to_string();
        }
    }
    unreachable!()
}

fn named(data: &[&str], input: &[&str], free_input: bool) -> Columns {
    let names = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
    Columns { data: names(data), input: names(input), free_input, bodies: false }
}

#[test]
fn other_fields_are_named() {
    for format in byte_formats() {
        let name = format!("out.{}", format.name);
        let old = written(format.name, &records(5));
        let ours = |data: &[&str]| refusal(&name, old.as_bytes(), &named(data, &["sku", "note"], false));
        assert!(ours(&["title", "links"]).contains("it has `price` besides"), "{}", ours(&["title", "links"]));
        assert!(ours(&["title", "links", "price", "author"]).contains("it lacks `author`"));
        assert!(ours(&["title", "links", "cost"]).contains("it has `price` and lacks `cost`"));
        assert!(ours(&[]).contains("`title`, `links`, `price`"));
    }
}

#[test]
fn fields_in_another_order_are_the_same_fields() {
    let records = records(5);
    for format in byte_formats() {
        let (_folder, path) = file_of(format);
        write(&path, written(format.name, &records[..3])).unwrap();
        let columns = named(&["price", "title", "links"], &["note", "sku"], false);
        go_on(open(settings(&[&path], Existing::Resume), &columns), &records, true).unwrap();
        assert_eq!(read_back(format.name, &path), expected(&records));
    }
}

#[test]
fn other_columns_of_the_list_are_named() {
    for format in byte_formats() {
        let name = format!("out.{}", format.name);
        let old = written(format.name, &records(5));
        let shown = refusal(&name, old.as_bytes(), &named(&["title", "links", "price"], &["sku"], false));
        assert!(shown.contains("note` besides") && shown.contains("columns are not those of this run"), "{shown}");
        assert!(refusal(&name, old.as_bytes(), &named(&["title", "links", "price"], &[], false)).contains("note`"));
    }
    let table = written("csv", &records(1));
    let free = refusal("out.csv", table.as_bytes(), &named(&["title", "links", "price"], &[], true));
    assert!(free.contains("it has `input.sku`, `input.note` and lacks `input`"), "{free}");
}

#[test]
fn a_file_of_another_kind_is_told_from_its_beginning() {
    let (jsonl, json, csv, tsv) =
        (written("jsonl", &records(3)), written("json", &records(3)), written("csv", &records(3)), written("tsv", &records(3)));
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(jsonl.lines().next().unwrap()).unwrap()).unwrap();
    for (name, bytes, sign) in [
        ("out.csv", jsonl.as_bytes(), "JSON lines (-f jsonl)"),
        ("out.csv", json.as_bytes(), "a JSON array (-f json)"),
        ("out.csv", tsv.as_bytes(), "TSV (-f tsv)"),
        ("out.tsv", csv.as_bytes(), "CSV (-f csv)"),
        ("out.jsonl", csv.as_bytes(), "CSV (-f csv)"),
        ("out.jsonl", json.as_bytes(), "a JSON array"),
        ("out.jsonl", pretty.as_bytes(), "`jq -c .`"),
        ("out.json", jsonl.as_bytes(), "JSON lines"),
        ("out.json", b"[1,2,3]", "a JSON array of something else"),
        ("out.json", b"[{\"a\":1}]", "a JSON array of something else"),
        ("out.jsonl", b"{\"a\":1}\n{\"index\":1}\n", "JSON objects"),
        ("out.jsonl", b"\x1f\x8b\x08\0\0\0", "gzip"),
        ("out.csv", b"\x1f\x8b\x08\0\0\0", "gzip"),
        ("out.json", b"SQLite format 3\0...", "SQLite"),
        ("out.csv", b"a,b\n1,2\n", "another name"),
        ("out.csv", b"index,b\n1,2\n", "CSV"),
        ("out.jsonl", b"hello\n", "another name"),
        ("out.jsonl", b"\0\0\0hello\n", "another name"),
        ("out.json", b"\0\0[", "another name"),
        ("out.tsv", "\u{feff}hello".as_bytes(), "another name"),
    ] {
        let shown = refusal(name, bytes, &columns());
        assert!(shown.contains(sign) && shown.contains("cannot go on with"), "{name}: {shown}");
    }
}

#[test]
fn no_output_with_a_memory_is_a_usage_error() {
    for place in [Destination::Stdout, Destination::File("/dev/null".into()), Destination::Writer(Box::new(std::io::sink()))] {
        let settings = Settings { outputs: vec![place.into()], existing: Existing::Resume, ..Settings::default() };
        let error = open(settings, &columns()).err().unwrap();
        assert!(error.is_usage() && error.to_string().contains("-o FILE"), "{error}");
    }
}

#[test]
fn a_second_run_is_stopped_whatever_it_does() {
    let all = [Existing::Resume, Existing::ResumeOverwrite, Existing::RetryFailed, Existing::Append, Existing::Overwrite];
    for (first, second) in all.into_iter().flat_map(|first| all.map(|second| (first, second))) {
        for there in [false, true] {
            let (folder, path) = file_of(&FORMATS[0]);
            if there {
                write(&path, written("jsonl", &records(3))).unwrap();
            }
            let holder = opened(&[&path], first).unwrap();
            let before = std::fs::read_dir(folder.path()).unwrap().count();
            let error = opened(&[&path], second).err().expect("one writer at a time");
            assert!(matches!(error, Error::Busy { .. }), "{first:?} {second:?}: {error}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), before, "{first:?} {second:?}: nothing is left behind");
            holder.finish(true).unwrap();
            opened(&[&path], Existing::Resume).unwrap();
        }
    }
}

#[test]
fn a_file_that_may_not_be_written_is_no_usage_error() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = file_of(&FORMATS[0]);
    write(&path, written("jsonl", &records(3))).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    if std::fs::OpenOptions::new().write(true).open(&path).is_ok() {
        return; // the superuser may write all
    }
    for existing in [Existing::Resume, Existing::ResumeOverwrite, Existing::RetryFailed] {
        let error = opened(&[&path], existing).err().unwrap();
        assert!(!error.is_usage() && matches!(error, Error::Open { .. }), "{error}");
    }
}

#[test]
fn records_with_and_without_saved_bodies_are_not_mixed() {
    let saving = Columns { bodies: true, ..columns() };
    for name in ["jsonl", "json", "csv"] {
        let without = written(name, &records(3));
        let shown = refusal(&format!("out.{name}"), without.as_bytes(), &saving);
        assert!(shown.contains("body"), "{shown}");
    }
}
