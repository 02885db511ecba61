//! Bytes that changed or were lost.

use super::*;

/// The bytes of a record, as they stand in a file of a format.
fn bytes_of(format: &str, record: &Record) -> Vec<u8> {
    let empty = written(format, &[]);
    let one = written(format, std::slice::from_ref(record));
    match format {
        "json" => one.strip_prefix("[\n").unwrap().strip_suffix("\n]\n").unwrap().as_bytes().to_vec(),
        // With the line end before it: the ninth is a part of the 39th.
        "jsonl" => one.into_bytes(),
        _ => one.as_bytes()[empty.len() - 1..].to_vec(),
    }
}

/// Goes on with a damaged file and checks what the damage must not have done.
fn check(format: &FormatEntry, records: &[Record], path: &Path, damaged: &[u8], existing: Existing) {
    let name = format.name;
    let file =
        if existing == Existing::ResumeOverwrite { path.with_file_name(format!("out.{name}.partial")) } else { path.to_owned() };
    write(&file, damaged).unwrap();
    match go_on(opened(&[path], existing), records, true) {
        Ok(_) => {}
        Err(error) => {
            assert!(error.is_usage(), "{name}: {error}");
            assert_eq!(read(&file).unwrap(), damaged, "{name}: a refused file is left as it was");
            assert!(matches!(error, Error::Differs { .. } | Error::NotOurs { .. }), "{name}: {error}");
            return;
        }
    }
    let after = read(path).unwrap();
    let found = read_back(name, path);
    let count = |bytes: &[u8], part: &[u8]| memchr::memmem::find_iter(bytes, part).count();
    for record in records {
        let bytes = bytes_of(name, record);
        let kept = existing != Existing::RetryFailed || record.error.is_none();
        let (before, after) = (count(damaged, &bytes), count(&after, &bytes));
        assert!(!kept || after >= before, "{name}: the whole record {} is lost", record.index);
        assert!(after <= 1, "{name}: the record {} is there twice", record.index);
    }
    // A changed index or URL is another target's record; without one, each target has one.
    let known = expected(records);
    let ours = |(index, url, _): &(u64, String, String)| known.iter().any(|(own, own_url, _)| own == index && own_url == url);
    let strange = found.iter().filter(|found| !ours(found)).count();
    let mut once: Vec<_> = found.iter().filter(|found| ours(found)).map(|(index, ..)| index).collect();
    once.sort();
    once.dedup();
    assert_eq!(once.len() + strange, found.len(), "{name}: a target is there twice");
    assert!(once.len() + strange >= records.len(), "{name}: a target is lost");
    // Once more changes nothing.
    if existing == Existing::Resume {
        assert_eq!(go_on(opened(&[path], existing), records, true).unwrap(), 0);
        assert_eq!(read(path).unwrap(), after, "{name}");
    }
}

const ALL: [Existing; 3] = [Existing::Resume, Existing::ResumeOverwrite, Existing::RetryFailed];

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_of_the_tail_loses_or_doubles_a_record(
        cut in 0.0..1.0f64,
        flips in proptest::collection::vec((0usize..600, 0u8..8), 0..4),
        zeros in (0usize..500, 0usize..300),
    ) {
        let records = records(7);
        for format in byte_formats() {
            let (_folder, path) = file_of(format);
            let mut bytes = written(format.name, &records).into_bytes();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a small file")]
            bytes.truncate((bytes.len() as f64 * cut) as usize);
            let end = bytes.len();
            for (back, bit) in &flips {
                if let Some(at) = end.checked_sub(back + 1) {
                    bytes[at] ^= 1 << bit;
                }
            }
            if let Some(from) = end.checked_sub(zeros.0 + zeros.1) {
                bytes[from..end - zeros.0].fill(0);
            }
            for existing in ALL {
                check(format, &records, &path, &bytes, existing);
            }
        }
    }

    #[test]
    fn any_bytes_after_whole_records_are_no_record_of_ours(
        junk in "(\\PC|[\u{0}-\u{7f}]|[\\[\\]{},\"\n]|\\{\"index\":1,|1,http://a,)*"
    ) {
        let records = records(3);
        for format in byte_formats() {
            let (_folder, path) = file_of(format);
            for whole in [0, 1, 3] {
                let begun = written(format.name, &records[..whole]);
                let begun = begun.strip_suffix("\n]\n").unwrap_or(&begun);
                let bytes = format!("{begun}{junk}").into_bytes();
                check(format, &records, &path, &bytes, Existing::Resume);
            }
        }
    }
}

#[test]
fn every_flip_of_any_bit_leaves_the_whole_records() {
    let records = records(4);
    for format in byte_formats() {
        let (_folder, path) = file_of(format);
        let whole = written(format.name, &records).into_bytes();
        for at in (0..whole.len()).step_by(17) {
            for bit in [0, 1, 5, 7] {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                check(format, &records, &path, &bytes, Existing::Resume);
            }
        }
    }
}

#[test]
fn a_block_of_zeros_in_the_middle_takes_only_what_it_touches() {
    let records = records(40);
    for format in byte_formats() {
        for existing in ALL {
            let (folder, path) = file_of(format);
            let mut bytes = written(format.name, &records).into_bytes();
            bytes[4096..6000].fill(0);
            check(format, &records, &path, &bytes, existing);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
            let mut found = read_back(format.name, &path);
            found.sort();
            assert_eq!(found, expected(&records));
        }
    }
}

#[test]
fn what_an_interrupted_mending_left_is_replaced() {
    let records = records(9);
    for format in byte_formats() {
        let (folder, path) = file_of(format);
        let mut bytes = written(format.name, &records).into_bytes();
        bytes[900..950].fill(0);
        write(path.with_file_name(format!("out.{}.repair", format.name)), vec![b'x'; 9999]).unwrap();
        check(format, &records, &path, &bytes, Existing::Resume);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_file_of_zeros_is_a_file_whose_bytes_were_lost() {
    for format in byte_formats() {
        let (_folder, path) = file_of(format);
        write(&path, vec![0; 5000]).unwrap();
        assert_eq!(go_on(opened(&[&path], Existing::Resume), &records(3), true).unwrap(), 3);
        assert_eq!(read_to_string(&path).unwrap(), written(format.name, &records(3)));
    }
}

#[test]
fn a_lost_quote_takes_one_row_and_not_the_rest_of_the_table() {
    let records = records(30);
    let (_folder, path) = file_of(FormatEntry::named("csv").unwrap());
    let text = written("csv", &records);
    for (at, _) in text.match_indices('"') {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = b'x';
        write(&path, &bytes).unwrap();
        let fetched = go_on(opened(&[&path], Existing::Resume), &records, true);
        assert!(fetched.is_ok_and(|fetched| fetched <= 2), "{at}");
    }
}

/// What is logged meanwhile.
fn logged(what: impl FnOnce()) -> String {
    // Where there is one subscriber alone, a test on another thread can have its own lack of one taken for everybody's.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let log = crate::sink::samples::Shared::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).without_time().finish();
    tracing::subscriber::with_default(subscriber, what);
    log.text()
}

#[test]
fn what_is_dropped_is_told_with_its_place() {
    let records = records(6);
    let (_folder, path) = file_of(&FORMATS[0]);
    let whole = written("jsonl", &records);
    let go_on = || assert!(go_on(opened(&[&path], Existing::Resume), &records, true).is_ok());
    write(&path, &whole[..whole.len() - 9]).unwrap();
    let torn = whole.lines().last().unwrap().len() - 8;
    let name = path.display();
    assert!(logged(go_on).contains(&format!("{name}: the last {torn} bytes (from line 6) are no whole record and are dropped")));
    let mut damaged = whole.clone().into_bytes();
    let lines: Vec<_> = whole.match_indices('\n').map(|(at, _)| at).collect();
    damaged[lines[1] - 3] = b'x';
    damaged[lines[3] - 3..=lines[3] + 5].fill(0);
    write(&path, &damaged).unwrap();
    let dropped = lines[1] - lines[0] + lines[4] - lines[2];
    let expected = format!("{name}: {dropped} damaged bytes between whole records are dropped (lines 2, 4)");
    assert_eq!(logged(go_on).trim().split_once("scrape::").unwrap().1.split_once(": ").unwrap().1, expected);
    assert_eq!(logged(go_on), "", "nothing is to be said of a whole file");
}
