use std::cell::RefCell;
use std::io::{self, Write as _};

use super::*;
use crate::model::Columns;
use crate::sink::place::{Opened, Sink};
use crate::sink::samples::{Shared, byte_formats, columns, into, sent, with_title, written_with};
use crate::sink::stream::BATCH;
use crate::sink::{Destination, Settings, open};

#[test]
fn only_our_own_end_of_a_file_is_taken_back() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut place = Opened { file: file.reopen().unwrap(), path: None, swap: None };
    place.file.write_all(b"whole\ntor").unwrap();
    place.take_back(3).unwrap();
    assert_eq!(std::fs::read(file.path()).unwrap(), b"whole\n");
    place = crate::sink::file::open(file.path(), crate::sink::Existing::Append).unwrap();
    place.file.write_all(b"more\ntor").unwrap();
    place.take_back(8).unwrap();
    assert_eq!(std::fs::read(file.path()).unwrap(), b"whole\n");
    place.file.write_all(b"torn").unwrap();
    std::fs::OpenOptions::new().append(true).open(file.path()).unwrap().write_all(b"theirs").unwrap();
    assert!(place.take_back(4).is_err());
    assert_eq!(std::fs::read(file.path()).unwrap(), b"whole\ntorntheirs");
}

#[test]
fn a_record_that_comes_alone_is_written_before_the_next_is_waited_for() {
    for format in byte_formats() {
        let shared = Shared::default();
        let to = Destination::Writer(Box::new(shared.clone()));
        let mut writer = open(into(to, Some(format)), &columns()).unwrap();
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        sender.try_send(with_title(1, "first")).unwrap();
        let sender = RefCell::new(Some(sender));
        let mut observe = |record: &Record| {
            let word = if record.index == 1 { "first" } else { "second" };
            assert!(shared.text().contains(word), "{}: written before it is observed", format.name);
            // The channel stays empty and open until the first record is seen: had the writer waited, it would wait still.
            let sender = sender.take();
            sender.filter(|_| record.index == 1).inspect(|sender| sender.try_send(with_title(2, "second")).unwrap());
        };
        assert_eq!(writer.run(&mut receiver, &mut observe).unwrap(), End::Done);
        writer.finish(true).unwrap();
    }
}

/// Counts the writes.
struct Counting(Shared, usize);

impl io::Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(bytes.len() < BATCH + 1024, "a batch ends with the record that fills it");
        self.1 += 1;
        self.0.write(&[u8::try_from(self.1).unwrap()])?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn records_that_wait_are_written_together() {
    let shared = Shared::default();
    let to = Destination::Writer(Box::new(Counting(shared.clone(), 0)));
    let mut writer = open(into(to, None), &Columns::default()).unwrap();
    let records: Vec<_> = (1..=1000).map(|index| with_title(index, "x")).collect();
    let size = written_with(Settings::default(), &Columns::default(), &records).len();
    writer.run(&mut sent(&records), &mut |_| ()).unwrap();
    writer.finish(true).unwrap();
    assert_eq!(shared.text().len(), size.div_ceil(BATCH));
}

#[test]
fn who_asked_is_told_before_each_write_and_only_then() {
    for (format, ends) in byte_formats().map(|format| (format, format.name == "json")) {
        let shared = Shared::default();
        let to = Destination::Writer(Box::new(shared.clone()));
        let mut writer = open(into(to, Some(format)), &columns()).unwrap();
        let told = std::sync::Arc::<std::sync::Mutex<Vec<String>>>::default();
        let (tell, so_far) = (told.clone(), shared.clone());
        writer.before_write(move || tell.lock().unwrap().push(so_far.text()));
        let lead = shared.text();
        writer.run(&mut sent(&[]), &mut |_| ()).unwrap();
        assert!(told.lock().unwrap().is_empty(), "{}: there is nothing to write", format.name);
        writer.run(&mut sent(&[with_title(1, "x")]), &mut |_| ()).unwrap();
        let record = shared.text();
        writer.finish(true).unwrap();
        let mut expected = vec![lead, record];
        expected.truncate(1 + usize::from(ends));
        assert_eq!(*told.lock().unwrap(), expected, "{}", format.name);
    }
}
