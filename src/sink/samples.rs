//! Records and outputs for the tests of the sink.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, channel};

use super::formats::Kind;
use super::{Destination, End, Error, Existing, FORMATS, FormatEntry, Settings, To, open};
use crate::model::{Columns, Data, ErrorKind, Record, Timestamp};

/// The columns of the samples.
pub(super) fn columns() -> Columns {
    Columns {
        bodies: false,
        data: ["title", "links", "price"].map(Into::into).to_vec(),
        input: ["sku", "note"].map(Into::into).to_vec(),
        free_input: false,
    }
}

/// A record with something in every column but `price`.
pub(super) fn full() -> Record {
    Record {
        index: 1,
        url: "https://a.example/".into(),
        final_url: Some("https://a.example/home".into()),
        status: Some(200),
        content_type: Some("text/html; charset=utf-8".into()),
        bytes: Some(1234),
        attempts: 2,
        elapsed_ms: Some(56),
        fetched_at: Some(Timestamp(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_170_600_007))),
        error: None,
        error_message: None,
        body: None,
        data: Data(vec![
            ("title".into(), json!("Hello, \"you\"")),
            ("links".into(), json!(["/a", "/b"])),
            ("price".into(), Value::Null),
        ]),
        input: json!({"sku": "A-1", "note": "x"}).as_object().cloned().map(Box::new),
    }
}

/// A record of a line that is no URL.
pub(super) fn failed() -> Record {
    Record {
        index: 2,
        url: "nonsense".into(),
        final_url: None,
        status: None,
        content_type: None,
        bytes: None,
        attempts: 0,
        elapsed_ms: None,
        fetched_at: None,
        error: Some(ErrorKind::InvalidUrl),
        error_message: Some("urls.txt:2: not a URL".into()),
        body: None,
        data: Data::default(),
        input: None,
    }
}

/// A record with one field.
pub(super) fn with_title(index: u64, title: &str) -> Record {
    Record { index, data: Data(vec![("title".into(), json!(title))]), ..full() }
}

/// A channel that holds these records and is closed.
pub(super) fn sent(records: &[Record]) -> Receiver<Record> {
    let (sender, receiver) = channel(records.len().max(1));
    for record in records {
        sender.try_send(record.clone()).unwrap();
    }
    receiver
}

/// A writer into memory that can be looked at.
#[derive(Clone, Default)]
pub(super) struct Shared(pub Arc<Mutex<Vec<u8>>>);

impl Shared {
    /// What was written so far.
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The formats of bytes.
pub(super) fn byte_formats() -> impl Iterator<Item = &'static FormatEntry> + Clone {
    FORMATS.iter().filter(|format| matches!(format.kind, Kind::Bytes(_)))
}

/// The settings of one output.
pub(super) fn into(place: Destination, format: Option<&'static FormatEntry>) -> Settings {
    Settings { outputs: vec![To { place, format }], ..Settings::default() }
}

/// What a format makes of records.
pub(super) fn written(format: &str, records: &[Record]) -> String {
    written_with(into(Destination::Stdout, FormatEntry::named(format)), &columns(), records)
}

/// What these settings make of records.
pub(super) fn written_with(mut settings: Settings, columns: &Columns, records: &[Record]) -> String {
    let shared = Shared::default();
    settings.outputs[0].place = Destination::Writer(Box::new(shared.clone()));
    write_all(settings, columns, records).unwrap();
    shared.text()
}

/// A whole run of the sink.
pub(super) fn write_all(settings: Settings, columns: &Columns, records: &[Record]) -> Result<(), Error> {
    let mut writer = open(settings, columns)?;
    let mut seen = Vec::new();
    assert_eq!(writer.run(&mut sent(records), &mut |record| seen.push(record.clone()))?, End::Done);
    assert_eq!(seen, records);
    writer.finish(true).map(drop)
}

/// What a file with `old` in it becomes when records are appended.
pub(super) fn appended(format: &str, old: &str, records: &[Record]) -> Result<String, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    std::fs::write(&path, old).unwrap();
    let to = into(Destination::File(path.clone()), FormatEntry::named(format));
    let settings = Settings { existing: Existing::Append, ..to };
    let outcome = write_all(settings, &columns(), records);
    let text = std::fs::read_to_string(&path).unwrap();
    if outcome.is_err() {
        assert_eq!(text, old, "a refused file is left as it was");
    }
    outcome.map(|()| text)
}
