use std::error::Error as _;

use proptest::prelude::*;

use super::*;
use crate::sink::samples::{full, with_title};

/// Enough records for some hundred pages.
fn many(records: u64) -> Vec<Record> {
    (1..=records).map(|index| with_title(index, &"long ".repeat(200))).collect()
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    for content in ["precious", "{\"index\":1}\n", &"https://a.example/\n".repeat(1000), "\0\0\0", "SQLite format 3"] {
        let (folder, path) = folder();
        fs::write(&path, content).unwrap();
        for existing in [Existing::Append, Existing::Resume, Existing::RetryFailed] {
            let error = refusal(&path, existing);
            assert!(matches!(error, Error::Database(DatabaseError::NoDatabase { .. })), "{content:.9}: {error}");
            assert!(error.is_usage() && error.to_string().contains("out.db"), "{error}");
            assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names(&folder).len()), (content, 1));
        }
    }
    let (_folder, path) = folder();
    fs::write(&path, "").unwrap();
    write(&path, Existing::Append, &[full()]).expect("an empty file is an empty database");
}

#[test]
fn a_database_that_was_cut_is_refused_and_left_alone() {
    let (folder, path) = folder();
    write(&path, Existing::Refuse, &many(100)).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in [100, 4095, 4096, 8192, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        for existing in [Existing::Append, Existing::Resume] {
            let error = refusal(&path, existing);
            assert!(matches!(error, Error::Database(DatabaseError::Damaged { .. })), "{length}: {error}");
            assert!(!error.is_usage() && error.source().is_some() && error.to_string().contains("out.db"), "{error}");
            assert!(fs::read(&path).unwrap() == whole[..length] && names(&folder) == ["out.db"], "{length}");
        }
        let mut writer = opened(&path, Existing::Overwrite).unwrap();
        run(&mut writer, &[full()]);
        writer.finish(false).unwrap();
        fs::remove_file(folder.path().join("out.db.partial")).unwrap();
    }
}

#[test]
fn the_rows_of_another_program_that_was_killed_stay_in_its_log() {
    let (folder, path) = folder();
    let other = folder.path().join("other.db");
    let old = Connection::open(&other).unwrap();
    old.execute_batch("PRAGMA journal_mode=wal; CREATE TABLE records (x); INSERT INTO records VALUES ('old')").unwrap();
    for suffix in ["", "-wal"] {
        fs::copy(with_suffix(&other, suffix), with_suffix(&path, suffix)).unwrap();
    }
    let both = || ["", "-wal"].map(|suffix| fs::read(with_suffix(&path, suffix)).unwrap());
    let before = both();
    let error = refusal(&path, Existing::Append);
    assert!(error.to_string().contains("it has a column \"x\""), "{error}");
    assert!(both() == before);
    assert_eq!(texts(&path, "SELECT x FROM records"), ["old"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn damage_is_refused_or_harmless_and_never_a_panic(
        at in 0..200_000_usize,
        bytes in prop::collection::vec(any::<u8>(), 1..64),
    ) {
        let (_folder, path) = folder();
        write(&path, Existing::Refuse, &many(150)).unwrap();
        let mut content = fs::read(&path).unwrap();
        let at = at % (content.len() - bytes.len());
        content[at..at + bytes.len()].copy_from_slice(&bytes);
        fs::write(&path, &content).unwrap();
        for existing in [Existing::Append, Existing::Resume, Existing::RetryFailed] {
            match opened(&path, existing) {
                Ok(mut writer) => {
                    let _ = writer.run(&mut sent(&[full()]), &mut |_| ());
                    let _ = writer.finish(true);
                    fs::write(&path, &content).unwrap();
                }
                Err(error) => {
                    prop_assert!(error.to_string().contains("out.db"), "{}", error);
                    let found = fs::read(&path).unwrap();
                    // A row that turns out to be damaged is met after the file was prepared: its header says in which mode it is.
                    let same = |(at, byte): (usize, &u8)| content.get(at) == Some(byte) || at < 100;
                    prop_assert!(found.len() == content.len() && found.iter().enumerate().all(same));
                    fs::write(&path, &content).unwrap();
                }
            }
        }
    }
}

#[test]
fn a_full_disk_ends_the_run_with_the_batches_before_it_and_the_next_run_goes_on() {
    let records = many(100);
    let mut failures = 0;
    for pages in (8..).step_by(3) {
        let (folder, path) = folder();
        let mut output = database(&path, Existing::Resume);
        let full: String = format!("PRAGMA max_page_count={pages}");
        output.connection.query_row(&full, [], |_| Ok(())).unwrap();
        let mut kept = 0;
        let mut outcome = Ok(());
        for batch in records.chunks(7) {
            for record in batch {
                output.add(record);
            }
            let wrote = output.write();
            assert!(wrote.whole == if wrote.outcome.is_ok() { batch.len() } else { 0 });
            kept += wrote.whole;
            outcome = wrote.outcome;
            if outcome.is_err() {
                output.add(&records[0]);
                assert_eq!(output.write().whole, 0, "nothing is written after a failure");
                break;
            }
        }
        Box::new(output).finish(outcome.is_ok()).unwrap();
        assert_eq!((count(&path), names(&folder)), (kept, vec!["out.db".to_owned()]));
        assert_eq!(texts(&path, "PRAGMA integrity_check"), ["ok"]);
        let Err(error) = outcome else { break };
        assert_eq!(error.to_string(), format!("cannot write {}", path.display()));
        assert!(error.source().unwrap().to_string().contains("full") && !error.is_usage(), "{error:?}");
        let mut writer = opened(&path, Existing::Resume).unwrap();
        assert_eq!(writer.take_earlier().len(), kept);
        run(&mut writer, &records[kept..]);
        writer.finish(true).unwrap();
        assert_eq!(count(&path), records.len());
        failures += 1;
    }
    assert!(failures > 5, "{failures}");
}

#[test]
fn a_file_that_somebody_takes_away_ends_the_run() {
    for is_replaced in [true, false] {
        let (_folder, path) = folder();
        let mut writer = opened(&path, Existing::Refuse).unwrap();
        run(&mut writer, &[full()]);
        fs::remove_file(&path).unwrap();
        if is_replaced {
            fs::write(&path, "precious").unwrap();
        }
        let error = writer.run(&mut sent(&[full()]), &mut |_| panic!("it is not written")).unwrap_err();
        assert!(error.to_string().contains("out.db: somebody has deleted, moved or replaced it"), "{error}");
        assert!(!error.is_usage());
        writer.finish(false).unwrap();
        assert_eq!(fs::read_to_string(&path).ok(), is_replaced.then(|| "precious".to_owned()));
    }
}

#[test]
fn a_directory_that_vanishes_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sub/out.db");
    fs::create_dir(path.parent().unwrap()).unwrap();
    let mut writer = opened(&path, Existing::Overwrite).unwrap();
    run(&mut writer, &[full()]);
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    let error = writer.run(&mut sent(&[full()]), &mut |_| panic!("it is not written")).unwrap_err();
    assert!(error.to_string().contains("out.db"), "{error}");
    let _ = writer.finish(false);
}

#[test]
fn a_program_that_writes_at_the_same_time_is_waited_for() {
    let (_folder, path) = folder();
    let mut writer = opened(&path, Existing::Refuse).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; CREATE TABLE other (x)").unwrap();
    std::thread::scope(|scope| {
        let written = scope.spawn(|| run(&mut writer, &[full()]));
        other.execute_batch("COMMIT").unwrap();
        written.join().unwrap();
    });
    drop(other);
    writer.finish(true).unwrap();
    assert_eq!(count(&path), 1);
}
