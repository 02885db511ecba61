use std::cell::RefCell;
use std::io::{self, Write as _};

use proptest::prelude::*;

use super::*;
use crate::model::Columns;
use crate::sink::place::{Lent, Opened, Sink};
use crate::sink::samples::{Shared, byte_formats, columns, into, sent, with_title};
use crate::sink::stream::{BATCH, Stream};
use crate::sink::{Destination, FORMATS, Finished, Format, FormatEntry, Kind, Style, open};

/// What an operation of a `Flaky` place does instead of what it should.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The disk is full: half of the bytes still fit, and from then on none.
    Full,
    /// Nothing is taken, and every later write works.
    Broken,
    /// A signal comes in between.
    Interrupted,
    /// Half of the bytes are taken.
    Short,
}

/// A place whose n-th write goes wrong.
struct Flaky<S> {
    inner: S,
    fault: Fault,
    left: usize,
    full: bool,
}

impl<S: Sink> Sink for Flaky<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let Some(left) = self.left.checked_sub(1) else { return self.inner.write(bytes) };
        self.left = left;
        if left > 0 {
            return self.inner.write(bytes);
        }
        match self.fault {
            Fault::Interrupted => Err(io::ErrorKind::Interrupted.into()),
            Fault::Broken => Err(io::Error::other("broken")),
            Fault::Short | Fault::Full => {
                self.full = matches!(self.fault, Fault::Full);
                self.inner.write(&bytes[..bytes.len().div_ceil(2)])
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }

    fn take_back(&mut self, count: u64) -> io::Result<()> {
        self.inner.take_back(count)
    }

    fn close(self: Box<Self>, complete: bool) -> Result<Finished, Error> {
        Box::new(self.inner).close(complete)
    }

    fn name(&self) -> String {
        self.inner.name()
    }
}

/// Thirty records of a few kilobytes: three batches.
fn records() -> Vec<Record> {
    (1..=30).map(|index| with_title(index, &"long, \"long\" ".repeat(450 + usize::try_from(index).unwrap()))).collect()
}

fn made(format: &FormatEntry) -> (Box<dyn Format>, Vec<u8>) {
    let Kind::Bytes(make) = format.kind else { panic!("{} is not made of bytes", format.name) };
    let mut format = make(Style::default(), columns()).unwrap();
    let mut lead = Vec::new();
    format.begin(&mut lead);
    (format, lead)
}

/// What a format makes of records, with and without its end.
fn expected(format: &FormatEntry, records: &[Record]) -> (Vec<u8>, Vec<u8>) {
    let (mut format, mut out) = made(format);
    for record in records {
        format.record(record, &mut out);
    }
    let without = out.clone();
    format.end(&mut out);
    (without, out)
}

/// A writer to one output of bytes.
fn into_one(sink: Box<dyn Sink>, format: Box<dyn Format>, lead: Vec<u8>) -> Result<Writer, Error> {
    Ok(Writer::new(vec![Box::new(Stream::new(sink, format, lead)?)], Earlier::default()))
}

/// Runs a format into a place whose n-th write goes wrong. Answers the observed records, whether it opened at all, and whether
/// everything went well.
fn run_into(format: &FormatEntry, sink: Box<dyn Sink>, records: &[Record]) -> (Vec<Record>, bool, bool) {
    let mut seen = Vec::new();
    let (format, lead) = made(format);
    let Ok(mut writer) = into_one(sink, format, lead) else { return (seen, false, false) };
    let run = writer.run(&mut sent(records), &mut |record| seen.push(record.clone()));
    let complete = run.is_ok();
    let finished = writer.finish(complete).is_ok();
    (seen, true, complete && finished)
}

#[test]
fn whichever_write_fails_the_file_holds_whole_records_and_exactly_the_observed_ones() {
    let records = records();
    for (format, fault) in byte_formats().flat_map(|format| [Fault::Full, Fault::Broken].map(|fault| (format, fault))) {
        let mut failures = 0;
        for left in 1.. {
            let file = tempfile::NamedTempFile::new().unwrap();
            let inner = Opened { file: file.reopen().unwrap(), path: Some(file.path().to_owned()), swap: None };
            let (seen, opened, well) = run_into(format, Box::new(Flaky { inner, fault, left, full: false }), &records);
            // Where the first batch was lost whole, the empty array has an empty line.
            let kept = std::fs::read_to_string(file.path()).unwrap().replace("[\n\n]", "[\n]").into_bytes();
            assert_eq!(seen, records[..seen.len()]);
            let (without, with) = expected(format, &seen);
            let fits = if opened { kept == with || kept == without } else { kept.is_empty() };
            assert!(fits, "{} {fault:?} {left}: {} records", format.name, seen.len());
            if matches!(fault, Fault::Broken) && opened && seen.len() < records.len() {
                assert_eq!(kept, with, "{}: the end is written where it can be", format.name);
            }
            if well {
                assert_eq!(seen.len(), records.len());
                break;
            }
            failures += 1;
        }
        assert!(failures >= 3, "{}: there are three batches to fail", format.name);
    }
}

#[test]
fn where_nothing_can_be_taken_back_the_observed_records_are_whole_all_the_same() {
    let records = records();
    for format in byte_formats() {
        for left in 1..8 {
            let shared = Shared::default();
            let inner = Lent(Box::new(shared.clone()));
            let (seen, opened, _) = run_into(format, Box::new(Flaky { inner, fault: Fault::Full, left, full: false }), &records);
            let (kept, (without, _)) = (shared.text().into_bytes(), expected(format, &seen));
            assert!(!opened || kept.starts_with(&without));
            assert!(expected(format, &records).1.starts_with(&kept), "{} {left}", format.name);
        }
    }
}

#[test]
fn interruptions_and_short_writes_are_not_noticed() {
    let records = records();
    for (format, fault) in byte_formats().flat_map(|format| [Fault::Interrupted, Fault::Short].map(|fault| (format, fault))) {
        for left in 1..8 {
            let shared = Shared::default();
            let inner = Lent(Box::new(shared.clone()));
            let (seen, _, well) = run_into(format, Box::new(Flaky { inner, fault, left, full: false }), &records);
            assert!(well && seen == records);
            assert!(shared.text().into_bytes() == expected(format, &records).1, "{} {fault:?} {left}", format.name);
        }
    }
}

#[test]
fn a_failed_run_does_not_replace_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("out.jsonl");
    std::fs::write(&target, "old").unwrap();
    let inner = crate::sink::file::open(&target, crate::sink::Existing::Overwrite).unwrap();
    let (format, lead) = made(&FORMATS[0]);
    let mut writer = into_one(Box::new(Flaky { inner, fault: Fault::Full, left: 1, full: false }), format, lead).unwrap();
    let error = writer.run(&mut sent(&records()), &mut |_| ()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot write {}", folder.path().join("out.jsonl.partial").display()));
    assert_eq!(writer.finish(true).unwrap().partial, [folder.path().join("out.jsonl.partial")]);
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "old");
}

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
    let size = expected(&FORMATS[0], &records).0.len();
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

proptest! {
    #[test]
    fn a_file_cut_by_a_full_disk_holds_what_was_observed(left in 1usize..6, lengths in proptest::collection::vec(0usize..30_000, 1..20)) {
        let records: Vec<_> = (1..).zip(&lengths).map(|(index, length)| with_title(index, &"é".repeat(*length))).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        let inner = Opened { file: file.reopen().unwrap(), path: None, swap: None };
        let sink = Box::new(Flaky { inner, fault: Fault::Full, left, full: false });
        let (seen, ..) = run_into(&FORMATS[0], sink, &records);
        prop_assert_eq!(&seen[..], &records[..seen.len()]);
        prop_assert!(std::fs::read(file.path()).unwrap() == expected(&FORMATS[0], &seen).0);
    }
}
