use proptest::prelude::*;

use super::*;
use crate::sink::samples::{failed, full, with_title};

fn of(index: u64, url: &str, is_ok: bool) -> Record {
    let record = if is_ok { with_title(index, "x") } else { failed() };
    Record { index, url: url.to_owned(), ..record }
}

/// The index, the URL and whether it failed of every row, sorted.
fn all(path: &Path) -> Vec<(u64, String, bool)> {
    let mut found = Vec::new();
    let database = database(path, Existing::Append);
    database.each(&mut |index, url, failed| found.push((index, url.to_owned(), failed))).unwrap();
    found.sort();
    found
}

#[test]
fn every_record_is_told_with_its_index_and_url() {
    let (_folder, path) = folder();
    write(&path, Existing::Refuse, &[of(3, "http://a/", true), of(1, "http://b/\0\u{fffd}ü", false)]).unwrap();
    assert_eq!(all(&path), [(1, "http://b/\0\u{fffd}ü".to_owned(), true), (3, "http://a/".to_owned(), false)]);
    for (existing, finished) in [(Existing::Append, 0), (Existing::Resume, 2), (Existing::RetryFailed, 1)] {
        let mut writer = opened(&path, existing).unwrap();
        assert_eq!(writer.take_earlier().len(), finished, "{existing:?}");
    }
}

#[test]
fn what_a_killed_run_has_left_in_the_log_is_there() {
    let (folder, path) = folder();
    let mut writer = opened(&path, Existing::Refuse).unwrap();
    run(&mut writer, &[of(1, "http://a/", true), of(2, "http://b/", true)]);
    let killed = folder.path().join("killed.db");
    for suffix in ["", "-wal"] {
        fs::copy(with_suffix(&path, suffix), with_suffix(&killed, suffix)).unwrap();
    }
    let mut resumed = opened(&killed, Existing::Resume).unwrap();
    assert_eq!(resumed.take_earlier().len(), 2);
    resumed.finish(true).unwrap();
    assert_eq!(count(&killed), 2);
}

#[test]
fn records_that_other_outputs_lack_are_removed() {
    let (folder, path) = folder();
    let records: Vec<_> = (1..=9).map(|index| of(index, &format!("http://h/{}", index % 3), index != 5)).collect();
    write(&path, Existing::Refuse, &records).unwrap();
    let mut database = database(&path, Existing::Resume);
    // Places, from 0: of the indexes 2, 6 and 8.
    database.retain(&mut |place| matches!(place, 1 | 5 | 7)).unwrap();
    database.retain(&mut |_| true).unwrap();
    Box::new(database).finish(true).unwrap();
    assert_eq!(
        all(&path),
        [(2, "http://h/2".to_owned(), false), (6, "http://h/0".to_owned(), false), (8, "http://h/2".to_owned(), false)]
    );
    assert_eq!(names(&folder), ["out.db"]);
    assert_eq!(texts(&path, "SELECT count(*) FROM sqlite_schema"), ["1"], "no table of ours stays");
}

#[test]
fn a_record_of_a_target_that_failed_replaces_that_of_its_index_first() {
    let (_folder, path) = folder();
    write(&path, Existing::Refuse, &[of(1, "http://a/", false), of(2, "http://a/", false), of(3, "http://b/", true)]).unwrap();
    let mut writer = opened(&path, Existing::RetryFailed).unwrap();
    run(&mut writer, &[of(2, "http://a/", true)]);
    assert_eq!(
        texts(&path, "SELECT \"index\" || coalesce(error, '') FROM records ORDER BY \"index\""),
        ["1invalid_url", "2", "3"]
    );
    run(&mut writer, &[of(7, "http://a/", false), of(8, "http://a/", true)]);
    writer.finish(false).unwrap();
    let expected = [(2, "http://a/", false), (3, "http://b/", false), (7, "http://a/", true), (8, "http://a/", false)];
    assert_eq!(all(&path), expected.map(|(index, url, failed)| (index, url.to_owned(), failed)));
}

#[test]
fn a_failure_that_no_target_replaces_stays() {
    let (_folder, path) = folder();
    write(&path, Existing::Refuse, &[full(), failed()]).unwrap();
    for complete in [false, true] {
        opened(&path, Existing::RetryFailed).unwrap().finish(complete).unwrap();
        assert_eq!(count(&path), 2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// However often a run that tries failures again is killed, each target has one record.
    #[test]
    fn each_target_has_one_record_after_any_number_of_retries(
        outcomes in prop::collection::vec(any::<bool>(), 1..40),
        urls in 1..5_u64,
        rounds in prop::collection::vec((0..40_usize, any::<bool>()), 0..5),
    ) {
        let (_folder, path) = folder();
        let url = |index: u64| format!("http://h/{}", index % urls);
        let targets: Vec<_> = (1..).zip(&outcomes).map(|(index, is_ok)| of(index, &url(index), *is_ok)).collect();
        write(&path, Existing::Refuse, &targets).unwrap();
        for (until, is_ok) in rounds {
            let failed: Vec<_> = all(&path).into_iter().filter(|(.., failed)| *failed).take(until).collect();
            let again: Vec<_> = failed.into_iter().map(|(index, url, _)| of(index, &url, is_ok)).collect();
            let mut writer = opened(&path, Existing::RetryFailed).unwrap();
            run(&mut writer, &again);
            drop(writer);
            let found: Vec<_> = all(&path).into_iter().map(|(index, url, _)| (index, url)).collect();
            let expected: Vec<_> = targets.iter().map(|target| (target.index, target.url.clone())).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
