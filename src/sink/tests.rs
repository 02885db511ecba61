use super::samples::{byte_formats, columns, failed, full, into, with_title, write_all, written, written_with};
use super::*;

#[test]
fn names_and_extensions_are_lower_case_and_mean_one_format_each() {
    let words = || FORMATS.iter().flat_map(|format| format.extensions.iter().copied());
    assert!(words().all(|extension| words().filter(|other| *other == extension).count() == 1 && !extension.contains('.')));
    for format in FORMATS {
        assert!(std::ptr::eq(FormatEntry::named(format.name).unwrap(), format), "{}", format.name);
        assert!(format.extensions.contains(&format.name) && !format.help.is_empty() && !format.help.ends_with('.'));
        assert_eq!(format.name, format.name.to_lowercase());
    }
    assert!(FormatEntry::named("xml").is_none());
}

#[test]
fn the_file_name_says_the_format() {
    let of = |name: &str| FormatEntry::for_file(Path::new(name)).unwrap().name;
    for (file, name) in [
        ("a.jsonl", "jsonl"),
        ("a.NDJSON", "jsonl"),
        ("b/a.b.json", "json"),
        ("a.Csv", "csv"),
        ("a.tsv", "tsv"),
        ("a.DB", "sqlite"),
        ("a.sqlite3", "sqlite"),
    ] {
        assert_eq!(of(file), name);
    }
    for file in ["out", "/dev/null", ".hidden", "today.log", "out.txt", "out."] {
        assert_eq!(of(file), "jsonl", "{file}");
    }
}

#[test]
fn an_extension_that_promises_something_else_is_refused_and_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["out.xml", "out.XLSX", "out.xlsx", "out.jsonl.gz"] {
        let path = folder.path().join(name);
        let settings = |format| into(Destination::File(path.clone()), format);
        let error = open(settings(None), &columns()).err().unwrap();
        assert!(error.is_usage() && error.to_string().contains(".jsonl .ndjson .json .csv .tsv"), "{error}");
        assert!(!path.exists());
        write_all(settings(FormatEntry::named("csv")), &columns(), &[full()]).unwrap();
        assert!(path.exists());
    }
}

#[test]
fn the_formats_on_a_terminal_let_nothing_act_on_it() {
    let hostile: String = ('\0'..='\u{ffff}').filter(|c| crate::model::Clean::is_hostile(*c)).collect();
    let mut record = with_title(1, &hostile);
    record.url.clone_from(&hostile);
    record.content_type = Some(hostile.clone());
    record.error_message = Some(hostile.clone());
    record.data.0.push(("links".into(), serde_json::json!([hostile])));
    for format in byte_formats() {
        let settings = Settings { terminal: true, ..into(Destination::Stdout, Some(format)) };
        let text = written_with(settings, &columns(), &[record.clone()]);
        let acts = |c: char| crate::model::Clean::is_hostile(c) && !matches!(c, '\n' | '\t');
        assert!(!text.contains(acts), "{}: {text:?}", format.name);
    }
}

#[test]
fn appending_to_an_empty_file_begins_it_and_appending_twice_equals_writing_once() {
    for format in byte_formats() {
        let whole = written(format.name, &[full(), failed()]);
        assert_eq!(samples::appended(format.name, "", &[full(), failed()]).unwrap(), whole);
        let half = written(format.name, &[full()]);
        assert_eq!(samples::appended(format.name, &half, &[failed()]).unwrap(), whole, "{}", format.name);
        let none = written(format.name, &[]);
        assert_eq!(samples::appended(format.name, &none, &[full(), failed()]).unwrap(), whole, "{}", format.name);
    }
}

#[test]
fn a_last_line_without_its_newline_gets_one() {
    for format in ["jsonl", "csv", "tsv"] {
        let whole = written(format, &[full(), failed()]);
        let half = written(format, &[full()]);
        assert_eq!(samples::appended(format, half.trim_end(), &[failed()]).unwrap(), whole, "{format}");
    }
}
