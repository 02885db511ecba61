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
fn a_whole_last_line_without_its_newline_gets_one() {
    let whole = written("jsonl", &[full(), failed()]);
    let half = written("jsonl", &[full()]);
    assert_eq!(samples::appended("jsonl", half.trim_end(), &[failed()]).unwrap(), whole);
    for format in ["csv", "tsv"] {
        let header = written(format, &[]);
        assert_eq!(samples::appended(format, header.trim_end(), &[full()]).unwrap(), written(format, &[full()]), "{format}");
    }
}

#[test]
fn a_file_that_was_cut_short_is_appended_to_nowhere_but_after_a_whole_record() {
    // With what makes it hard: brackets, quotes and line ends inside of fields, and lines longer than what is looked at.
    let tricky = with_title(2, "a]}\n]\n\"b\",\n[\n");
    let long = with_title(3, &"x]\n".repeat(50_000));
    for format in byte_formats() {
        for last in [&tricky, &long] {
            let whole = written(format.name, &[full(), last.clone()]);
            let start = written(format.name, &[full()]).trim_end_matches("\n]\n").trim_end().len();
            // Around the first record's end, in the last one, and around its fields that are hard.
            let cuts = (1..5)
                .chain(start - 20..start + 60)
                .chain([whole.len().saturating_sub(70_000).max(1)])
                .chain(whole.len() - 130..whole.len());
            for cut in cuts.filter(|cut| last.index == 2 || cut % 19 == 0) {
                let Ok(text) = samples::appended(format.name, &whole[..cut], &[failed()]) else { continue };
                let ends = |records: &[Record]| written(format.name, records);
                let is_right = [&[][..], &[full()], &[full(), last.clone()]].iter().any(|kept| {
                    let mut records = kept.to_vec();
                    records.push(failed());
                    text == ends(&records)
                });
                assert!(is_right, "{} {cut}: {:?}", format.name, &whole[cut.saturating_sub(40)..cut]);
            }
        }
    }
}

#[test]
fn outputs_that_were_opened_before_one_that_cannot_be_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("empty.csv"), "").unwrap();
    for existing in [Existing::Refuse, Existing::Append, Existing::Overwrite] {
        let names = ["new.jsonl", "new.csv", "no/such/x.csv"];
        let places = names.map(|name| To::from(Destination::File(path(name))));
        let settings = Settings { outputs: places.into(), existing, ..Settings::default() };
        assert!(matches!(open(settings, &columns()), Err(Error::NoDirectory { .. })));
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["empty.csv"], "{existing:?}");
    }
    let places = ["empty.csv", "no/such/x.csv"].map(|name| To::from(Destination::File(path(name))));
    let settings = Settings { outputs: places.into(), existing: Existing::Append, ..Settings::default() };
    assert!(open(settings, &columns()).is_err() && path("empty.csv").exists(), "what was there before stays");
}

#[test]
fn what_no_disk_stands_behind_cannot_be_synced() {
    let folder = tempfile::tempdir().unwrap();
    let settings = |places: Vec<Destination>| Settings {
        outputs: places.into_iter().map(To::from).collect(),
        fsync: Some(Every::Records(1)),
        ..Settings::default()
    };
    let null = || Destination::File("/dev/null".into());
    for places in [vec![null()], vec![Destination::Writer(Box::new(std::io::sink())), null()]] {
        let error = open(settings(places), &columns()).err().unwrap();
        assert!(matches!(error, Error::NoFile) && error.is_usage(), "{error}");
    }
    let path = folder.path().join("x.jsonl");
    write_all(settings(vec![null(), Destination::File(path.clone())]), &columns(), &[full()]).unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap(), written("jsonl", &[full()]), "beside a file they are left out");
}
