//! Places whose n-th operation goes wrong, for every n until a run meets none: what was shown as written is in every output, and
//! every output ends after a whole record, or its error says that it does not.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::flaky::{Fault, Flaky, Plot};
use super::*;
use crate::sink::formats::Kind;
use crate::sink::place::{Lent, Opened, Sink};
use crate::sink::samples::{Shared, byte_formats, columns, sent, with_title};
use crate::sink::stream::Stream;
use crate::sink::{Every, Existing, FORMATS, Format, FormatEntry, Style};

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

/// Records with titles of these lengths.
fn records(lengths: impl IntoIterator<Item = usize>) -> Vec<Record> {
    (1..).zip(lengths).map(|(index, length)| with_title(index, &"é\"\n".repeat(length))).collect()
}

/// What a run came to.
#[derive(Default)]
struct Ran {
    seen: Vec<Record>,
    /// Every output was opened.
    opened: bool,
    errors: Vec<Error>,
    partial: Vec<PathBuf>,
}

/// Runs records into places of these formats.
fn run(outputs: Vec<(Box<dyn Sink>, &FormatEntry)>, every: Option<Every>, records: &[Record]) -> Ran {
    let mut ran = Ran::default();
    let mut opened: Vec<Box<dyn Output>> = vec![];
    for (sink, format) in outputs {
        let (format, lead) = made(format);
        match Stream::new(sink, format, lead) {
            Ok(stream) => opened.push(Box::new(stream)),
            Err(error) => {
                ran.errors.push(error);
                return ran;
            }
        }
    }
    let mut writer = match Writer::new(opened, Earlier::default()).synced(every) {
        Ok(writer) => writer,
        Err(error) => {
            ran.errors.push(error);
            return ran;
        }
    };
    ran.opened = true;
    let seen = &mut ran.seen;
    let outcome = writer.run(&mut sent(records), &mut |record| seen.push(record.clone()));
    let (finished, ended) = writer.end(outcome.is_ok());
    ran.errors.extend(outcome.err());
    ran.errors.extend(ended.err());
    ran.partial = finished.partial;
    ran
}

/// What a file of a format holds with none, one, two, … of the records, each without and with its end.
fn steps(format: &FormatEntry, records: &[Record]) -> Vec<(Vec<u8>, Vec<u8>)> {
    (0..=records.len()).map(|count| expected(format, &records[..count])).collect()
}

/// How many whole records a file holds, if it ends after one; with and without its end are both right.
fn whole(steps: &[(Vec<u8>, Vec<u8>)], kept: &[u8]) -> Option<usize> {
    // Where the first batch was lost whole, the empty array has an empty line.
    let kept = if kept == b"[\n\n]\n" { b"[\n]\n" } else { kept };
    steps.iter().position(|(without, with)| kept == without || kept == with)
}

/// A folder in memory where there is one: hundreds of runs need not wait for a disk.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

const FAULTS: [Fault; 5] = [Fault::Full, Fault::Broken, Fault::Dead, Fault::Interrupted, Fault::Short];

/// Every n, for a run into files of these formats, until one meets no fault.
fn every_nth(formats: &[&FormatEntry], existing: Existing, every: Option<Every>) {
    let records = records([3; 10]);
    let steps: Vec<_> = formats.iter().map(|format| steps(format, &records)).collect();
    for fault in FAULTS {
        for nth in 1.. {
            assert!(nth < 200, "a run has an end");
            let told = format!("{:?} {existing:?} {every:?} {fault:?} {nth}", formats.iter().map(|f| f.name).collect::<Vec<_>>());
            let folder = folder();
            let (plot, mut outputs, mut paths) = (Plot::new(fault, nth), vec![], vec![]);
            for (at, format) in formats.iter().enumerate() {
                let path = folder.path().join(format!("{at}.{}", format.name));
                if existing == Existing::Overwrite {
                    fs::write(&path, "old").unwrap();
                }
                outputs.push((Flaky::boxed(crate::sink::file::open(&path, existing).unwrap(), &plot), *format));
                paths.push(path);
            }
            let ran = run(outputs, every, &records);
            let met = plot.met.load(Ordering::SeqCst);
            assert_eq!(ran.seen, records[..ran.seen.len()], "{told}");
            if !met || matches!(fault, Fault::Interrupted | Fault::Short) {
                assert!(ran.errors.is_empty() && ran.partial.is_empty(), "{told}: {:?}", ran.errors);
                assert_eq!(ran.seen.len(), records.len(), "{told}");
            }
            let mut counts = vec![];
            for (steps, path) in steps.iter().zip(&paths) {
                let partial = crate::sink::claims::beside(path, ".partial");
                let file = if partial.exists() { &partial } else { path };
                let kept = fs::read(file).unwrap();
                if existing == Existing::Overwrite {
                    let is_old = fs::read(path).unwrap() == b"old";
                    assert_eq!(is_old, partial.exists(), "{told}: the file or its partial one, whole");
                    assert!(!is_old || ran.partial.contains(&partial) || !ran.opened, "{told}: {:?}", ran.partial);
                    assert!(is_old || kept == steps[10].1, "{told}: only what is complete is swapped in");
                }
                match whole(steps, &kept) {
                    Some(count) => counts.push(count),
                    // Before the first record there is nothing but a piece of the lead.
                    None if !ran.opened => {}
                    None => {
                        let torn = |error: &Error| matches!(error, Error::Stuck { is_torn: true, path, .. } if path == file);
                        assert!(ran.errors.iter().any(torn), "{told}: {:?} {}", ran.errors, String::from_utf8_lossy(&kept));
                        assert!(kept.starts_with(&steps[ran.seen.len()].0), "{told}: what was shown is there");
                        assert!(steps[10].1.starts_with(&kept), "{told}");
                    }
                }
            }
            if ran.opened && counts.len() == formats.len() {
                assert_eq!(counts.iter().min(), Some(&ran.seen.len()), "{told}: shown is what all of them have: {counts:?}");
            }
            if !met {
                assert!(nth > 5 * formats.len(), "{told}: there are that many operations");
                break;
            }
        }
    }
}

#[test]
fn whichever_operation_fails_every_file_has_the_records_that_were_shown_and_ends_after_a_whole_one() {
    for existing in [Existing::Refuse, Existing::Overwrite] {
        for format in byte_formats() {
            every_nth(&[format], existing, Some(Every::Records(4)));
            every_nth(&[format], existing, None);
        }
    }
}

#[test]
fn whichever_operation_of_two_outputs_fails_both_have_the_records_that_were_shown() {
    for existing in [Existing::Refuse, Existing::Overwrite] {
        for (one, other) in byte_formats().zip(byte_formats().cycle().skip(1)) {
            every_nth(&[one, other], existing, Some(Every::Records(4)));
        }
    }
}

#[test]
fn where_nothing_can_be_taken_back_the_records_that_were_shown_are_whole_all_the_same() {
    let records = records([7000; 30]);
    for format in byte_formats() {
        for nth in 1..12 {
            let shared = Shared::default();
            let sink = Flaky::boxed(Lent(Box::new(shared.clone())), &Plot::new(Fault::Full, nth));
            let ran = run(vec![(sink, format)], None, &records);
            let kept = shared.text().into_bytes();
            assert!(!ran.opened || kept.starts_with(&expected(format, &ran.seen).0));
            // Where it was the flush that failed, the end could be written.
            let is_piece = expected(format, &records).1.starts_with(&kept) || kept == expected(format, &ran.seen).1;
            assert!(is_piece, "{} {nth}", format.name);
        }
    }
}

#[test]
fn the_disk_is_asked_after_each_so_many_records_and_before_the_end() {
    let records = records([1; 10]);
    let lines: Vec<u64> = (0..=10).map(|count| expected(&FORMATS[0], &records[..count]).0.len() as u64).collect();
    for (every, counts) in [(Some(4), vec![0, 4, 8, 10, 10]), (Some(1), (0..=10).chain([10, 10]).collect()), (None, vec![10, 10])]
    {
        let folder = tempfile::tempdir().unwrap();
        let inner = crate::sink::file::open(&folder.path().join("x.jsonl"), Existing::Refuse).unwrap();
        let synced = Arc::<Mutex<Vec<u64>>>::default();
        let sink = Flaky { inner, plot: Plot::new(Fault::Broken, 0), is_full: false, synced: Arc::clone(&synced) };
        let ran = run(vec![(Box::new(sink), &FORMATS[0])], every.map(Every::Records), &records);
        assert!(ran.errors.is_empty(), "{:?}", ran.errors);
        let counts: Vec<_> = counts.iter().map(|count| lines[*count]).collect();
        assert_eq!(*synced.lock().unwrap(), counts, "{every:?}: the last time when the file is closed");
    }
}

#[test]
fn the_disk_is_asked_in_time_also_when_no_further_record_comes() {
    let folder = tempfile::tempdir().unwrap();
    let inner = crate::sink::file::open(&folder.path().join("x.jsonl"), Existing::Refuse).unwrap();
    let synced = Arc::<Mutex<Vec<u64>>>::default();
    let sink = Flaky { inner, plot: Plot::new(Fault::Broken, 0), is_full: false, synced: Arc::clone(&synced) };
    let (format, lead) = made(&FORMATS[0]);
    let stream: Box<dyn Output> = Box::new(Stream::new(Box::new(sink), format, lead).unwrap());
    let writer = Writer::new(vec![stream], Earlier::default()).synced(Some(Every::Time(Duration::from_millis(5))));
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    thread::scope(|scope| {
        let mut writer = writer.unwrap();
        scope.spawn(move || writer.run(&mut receiver, &mut |_| ()).unwrap());
        let record = with_title(1, "x");
        let length = expected(&FORMATS[0], std::slice::from_ref(&record)).0.len() as u64;
        sender.blocking_send(record).unwrap();
        // The channel stays open: had the writer not woken up by itself, this would never end.
        while synced.lock().unwrap().last() != Some(&length) {
            thread::yield_now();
        }
        drop(sender);
    });
}

proptest! {
    #[test]
    fn a_file_cut_by_a_full_disk_holds_what_was_shown(nth in 1usize..12, lengths in proptest::collection::vec(0usize..4000, 1..20)) {
        let records = records(lengths);
        let folder = folder();
        let file = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
        let inner = Opened { file: file.reopen().unwrap(), path: None, swap: None };
        let ran = run(vec![(Flaky::boxed(inner, &Plot::new(Fault::Full, nth)), &FORMATS[0])], None, &records);
        prop_assert_eq!(&ran.seen[..], &records[..ran.seen.len()]);
        prop_assert!(fs::read(file.path()).unwrap() == expected(&FORMATS[0], &ran.seen).0);
    }
}
