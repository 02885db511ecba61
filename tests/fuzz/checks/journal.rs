//! Any bytes as an output that a run goes on with: it is refused and left as it was, or what is left of it is whole.

use std::fs;

use scrape::Columns;
use scrape::sink::{self, Destination, Existing, FormatEntry, Settings, To};

/// What other programs may say of a file: how many records it has.
type Count = fn(&[u8]) -> usize;

const FORMATS: [(&str, Count); 4] = [
    ("jsonl", |bytes| {
        text(bytes).lines().filter(|line| !line.trim().is_empty()).inspect(|line| assert!(is_object(line))).count()
    }),
    ("json", |bytes| serde_json::from_str::<Vec<serde_json::Value>>(text(bytes)).expect("a JSON array").len()),
    ("csv", |bytes| rows(bytes, b',')),
    ("tsv", |bytes| rows(bytes, b'\t')),
];

/// A record without fields, but for the key's and the column's names as each format has them.
const JSON: &str = r#","url":"http://a.example/","final_url":null,"status":200,"content_type":null,"bytes":1,"attempts":1,"elapsed_ms":1,"fetched_at":null,"error":null,"error_message":null,"data":{"title":"x"}}"#;
const HEADER: &str = "index,url,final_url,status,content_type,bytes,attempts,elapsed_ms,fetched_at,error,error_message,title";
const ROW: &str = ",http://a.example/,,200,,1,1,1,,,,\"x\ny\"";

/// The first byte chooses the format and how many whole records come before the rest, which is the end of the file, or all of it.
pub(crate) fn check(data: &[u8]) {
    let [how, rest @ ..] = data else { return };
    let (format, count) = FORMATS[usize::from(how & 3)];
    let whole = usize::from(how >> 2 & 3);
    let mut bytes = begun(format, whole);
    if how & 16 != 0 {
        bytes.clear();
    }
    bytes.extend_from_slice(rest);
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let path = folder.path().join("out");
    fs::write(&path, &bytes).expect("a file");

    let resume = || {
        let outputs = vec![To { place: Destination::File(path.clone()), format: FormatEntry::named(format) }];
        let settings = Settings { outputs, existing: Existing::Resume, ..Settings::default() };
        let mut writer = sink::open(settings, &Columns { data: vec!["title".into()], ..Columns::default() })?;
        let finished = writer.take_earlier().len();
        writer.finish(true).map(|_| finished)
    };
    let finished = match resume() {
        Ok(finished) => finished,
        Err(error) => {
            assert!(error.is_usage(), "{error}");
            assert_eq!(fs::read(&path).expect("the file"), bytes, "a refused file is left as it was");
            return;
        }
    };
    let left = fs::read(&path).expect("the file");
    assert!(how & 16 != 0 || finished >= whole, "{whole} whole records, of which {finished} are left");
    assert_eq!(count(&left), finished, "another program reads something else");
    assert_eq!(resume().expect("what was gone on with once can be so again"), finished);
    assert_eq!(fs::read(&path).expect("the file"), left, "twice is not once");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1, "something is left beside it");
}

/// A file that was begun.
fn begun(format: &str, records: usize) -> Vec<u8> {
    let tabs = |text: &str| if format == "tsv" { text.replace(',', "\t") } else { text.to_owned() };
    let records = (1..=records).map(|index| match format {
        "jsonl" => format!("{{\"index\":{index}{JSON}\n"),
        "json" => format!("{}{{\"index\":{index}{JSON}", if index > 1 { ",\n" } else { "" }),
        _ => format!("{index}{}\n", tabs(ROW)),
    });
    let head = match format {
        "jsonl" => String::new(),
        "json" => "[\n".to_owned(),
        _ => tabs(HEADER) + "\n",
    };
    (head + &records.collect::<String>()).into_bytes()
}

fn text(bytes: &[u8]) -> &str {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    text.trim_start_matches('\u{feff}')
}

fn is_object(line: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line).is_ok()
}

fn rows(bytes: &[u8], delimiter: u8) -> usize {
    let rows = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text(bytes).as_bytes()).into_records();
    rows.inspect(|row| assert!(row.is_ok(), "as many cells as columns")).count()
}
