//! Trying again what failed, and going on with what is to replace a file.

use super::*;

/// The records of a list as a second run makes them: without errors.
fn mended(records: &[Record]) -> Vec<Record> {
    let mend = |record: &Record| Record { error: None, error_message: None, data: full().data, ..record.clone() };
    records.iter().map(mend).collect()
}

/// Without an error first, in their order, then the others.
fn tried(records: &[Record], again: &[Record]) -> Vec<Record> {
    let failed = |at: &usize| records[*at].error.is_some();
    let good = (0..records.len()).filter(|at| !failed(at)).map(|at| records[at].clone());
    good.chain((0..records.len()).filter(failed).map(|at| again[at].clone())).collect()
}

#[test]
fn what_failed_is_tried_again_and_the_rest_stays_byte_by_byte() {
    let records = records(20);
    let again = mended(&records);
    for format in byte_formats() {
        for cut in [0, 1, 30] {
            let (folder, path) = file_of(format);
            let old = written(format.name, &records);
            write(&path, &old[..old.len() - cut]).unwrap();
            let mut writer = opened(&[&path], Existing::RetryFailed).unwrap();
            let earlier = writer.take_earlier();
            let left = left(&earlier, &again);
            writer.run(&mut sent(&left), &mut |_| ()).unwrap();
            assert_eq!(read_to_string(&path).unwrap(), old[..old.len() - cut], "untouched until the end");
            assert_eq!(writer.finish(true).unwrap().partial, [] as [PathBuf; 0]);
            let mut good: Vec<_> = records.iter().filter(|record| record.error.is_none()).cloned().collect();
            good.truncate(again.len() - left.len());
            assert_eq!(read_to_string(&path).unwrap(), written(format.name, &[good, left].concat()), "{} {cut}", format.name);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }
}

#[test]
fn a_run_of_tries_that_was_cut_anywhere_is_gone_on_with() {
    let records = records(4);
    let again = mended(&records);
    for format in byte_formats() {
        let (_folder, path) = file_of(format);
        let retry = path.with_file_name(format!("out.{}.retry", format.name));
        let (old, whole) = (written(format.name, &records), written(format.name, &tried(&records, &again)));
        for cut in 0..whole.len() {
            write(&path, &old).unwrap();
            write(&retry, &whole.as_bytes()[..cut]).unwrap();
            go_on(opened(&[&path], Existing::RetryFailed), &again, true).unwrap();
            assert_eq!(read_to_string(&path).unwrap(), whole, "{} {cut}", format.name);
            assert!(!retry.exists());
        }
    }
}

#[test]
fn a_try_that_failed_again_is_finished_until_the_next_run_of_tries() {
    let records = records(12);
    for format in byte_formats() {
        let (_folder, path) = file_of(format);
        write(&path, written(format.name, &records)).unwrap();
        let retry = path.with_file_name(format!("out.{}.retry", format.name));
        let mut writer = opened(&[&path], Existing::RetryFailed).unwrap();
        writer.run(&mut sent(&records[2..3]), &mut |_| ()).unwrap();
        assert_eq!(writer.finish(false).unwrap().partial, [&*retry]);
        assert_eq!(go_on(opened(&[&path], Existing::RetryFailed), &records, true).unwrap(), 1, "the third is finished");
        let mut found = read_back(format.name, &path);
        found.sort();
        assert_eq!(found, expected(&records));
        assert_eq!(go_on(opened(&[&path], Existing::RetryFailed), &records, true).unwrap(), 2);
    }
}

#[test]
fn a_page_that_came_since_is_not_lost_to_an_older_try_that_failed() {
    let records = records(12);
    let again = mended(&records);
    for format in byte_formats() {
        let (_folder, path) = file_of(format);
        write(&path, written(format.name, &again)).unwrap();
        let retry = path.with_file_name(format!("out.{}.retry", format.name));
        for stale in [tried(&records, &records), records.clone(), records.iter().rev().cloned().collect()] {
            write(&retry, written(format.name, &stale)).unwrap();
            assert_eq!(go_on(opened(&[&path], Existing::RetryFailed), &again, true).unwrap(), 0, "{}", format.name);
            let mut found = read_back(format.name, &path);
            found.sort();
            assert_eq!(found, expected(&again), "{}", format.name);
        }
    }
}

#[test]
fn tries_without_a_file_begin_one() {
    for format in byte_formats() {
        let (folder, path) = file_of(format);
        go_on(opened(&[&path], Existing::RetryFailed), &records(5), true).unwrap();
        assert_eq!(read_to_string(&path).unwrap(), written(format.name, &records(5)));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_run_that_overwrites_goes_on_with_what_it_had_and_leaves_the_old_file_alone() {
    let records = records(6);
    for format in byte_formats() {
        let (_folder, path) = file_of(format);
        let partial = path.with_file_name(format!("out.{}.partial", format.name));
        let whole = written(format.name, &records);
        for cut in (0..whole.len()).step_by(7) {
            write(&path, "old").unwrap();
            write(&partial, &whole.as_bytes()[..cut]).unwrap();
            let writer = opened(&[&path], Existing::ResumeOverwrite).unwrap();
            assert_eq!(writer.finish(false).unwrap().partial, [&*partial]);
            assert_eq!(read_to_string(&path).unwrap(), "old");
            go_on(opened(&[&path], Existing::ResumeOverwrite), &records, true).unwrap();
            assert_eq!(read_to_string(&path).unwrap(), whole, "{} {cut}", format.name);
            assert!(!partial.exists());
        }
        write(&partial, "something else").unwrap();
        assert!(opened(&[&path], Existing::ResumeOverwrite).err().unwrap().is_usage());
        assert_eq!((read_to_string(&partial).unwrap(), read_to_string(&path).unwrap()), ("something else".to_owned(), whole));
    }
}

/// The records of a list that have failed.
fn failed(records: &[Record]) -> Vec<Record> {
    records.iter().filter(|record| record.error.is_some()).cloned().collect()
}

/// The others.
fn good(records: &[Record]) -> Vec<Record> {
    records.iter().filter(|record| record.error.is_none()).cloned().collect()
}

/// A record of a page.
fn of(index: u64, url: &str, is_ok: bool) -> Record {
    let error = (!is_ok).then_some(ErrorKind::Timeout);
    Record { index, url: url.to_owned(), error, ..full() }
}

#[test]
fn what_failed_and_is_not_tried_again_stays() {
    let records = records(24);
    let again = mended(&records);
    for format in byte_formats() {
        for reached in [0, 2, 5, 12, 16, 24] {
            let (folder, path) = file_of(format);
            write(&path, written(format.name, &records)).unwrap();
            let mut writer = opened(&[&path], Existing::RetryFailed).unwrap();
            let left = left(&writer.take_earlier(), &again[..reached]);
            writer.run(&mut sent(&left), &mut |_| ()).unwrap();
            writer.finish(true).unwrap();
            let mut over = failed(&records);
            over.retain(|record| left.iter().all(|other| other.index != record.index));
            let expected = written(format.name, &[good(&records), left, over].concat());
            assert_eq!(read_to_string(&path).unwrap(), expected, "{} {reached}", format.name);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }
}

#[test]
fn another_list_takes_no_record_away() {
    let (records, other) = (records(12), [of(1, "http://other.example/", true), of(3, "http://other.example/3", false)]);
    for format in byte_formats() {
        let (_folder, path) = file_of(format);
        write(&path, written(format.name, &records)).unwrap();
        go_on(opened(&[&path], Existing::RetryFailed), &other, true).unwrap();
        let expected = [&*good(&records), &other, &*failed(&records)].concat();
        assert_eq!(read_to_string(&path).unwrap(), written(format.name, &expected), "{}", format.name);
    }
}

#[test]
fn a_try_replaces_the_failure_of_its_index_else_one_of_its_url_and_no_more_than_one() {
    let (u, v) = ("http://u/", "http://v/");
    let old = [of(1, u, false), of(4, u, true), of(3, u, false), of(2, u, false), of(2, u, false), of(5, v, false)];
    let cases: [(&[Record], &[usize]); 6] = [
        (&[], &[0, 2, 3, 4, 5]),
        (&[of(2, u, true)], &[0, 2, 4, 5]),
        (&[of(9, u, true), of(1, u, false)], &[2, 4, 5]),
        (&[of(9, u, false), of(3, u, true)], &[3, 4, 5]),
        (&[of(7, u, true), of(8, u, true), of(9, u, true), of(10, u, true), of(11, u, true)], &[5]),
        (&[of(5, u, true), of(1, v, true)], &[2, 3, 4]),
    ];
    for format in byte_formats() {
        for (tries, over) in cases {
            let (_folder, path) = file_of(format);
            write(&path, written(format.name, &old)).unwrap();
            let mut writer = opened(&[&path], Existing::RetryFailed).unwrap();
            writer.run(&mut sent(tries), &mut |_| ()).unwrap();
            writer.finish(true).unwrap();
            let over: Vec<_> = over.iter().map(|at| old[*at].clone()).collect();
            let expected = [&old[1..2], tries, &over].concat();
            assert_eq!(read_back(format.name, &path), self::expected(&expected), "{} {tries:?}", format.name);
        }
    }
}

#[test]
fn a_run_that_was_cut_while_it_carried_over_is_gone_on_with() {
    let records = records(18);
    let again = mended(&records);
    // The third is tried again, the tenth and the seventeenth are not.
    let whole = [good(&records), again[2..3].to_vec(), vec![records[9].clone(), records[16].clone()]].concat();
    for format in byte_formats() {
        let (_folder, path) = file_of(format);
        let retry = path.with_file_name(format!("out.{}.retry", format.name));
        let (old, whole) = (written(format.name, &records), written(format.name, &whole));
        let list: Vec<_> = again.iter().filter(|record| !matches!(record.index, 10 | 17)).cloned().collect();
        for cut in (0..whole.len()).rev().step_by(17) {
            write(&path, &old).unwrap();
            write(&retry, &whole.as_bytes()[..cut]).unwrap();
            go_on(opened(&[&path], Existing::RetryFailed), &list, true).unwrap();
            assert_eq!(read_to_string(&path).unwrap(), whole, "{} {cut}", format.name);
        }
    }
}

#[test]
fn a_run_of_tries_that_does_not_end_carries_nothing_over() {
    let records = records(12);
    for format in byte_formats() {
        let (_folder, path) = file_of(format);
        let retry = path.with_file_name(format!("out.{}.retry", format.name));
        write(&path, written(format.name, &records)).unwrap();
        opened(&[&path], Existing::RetryFailed).unwrap().finish(false).unwrap();
        assert_eq!(read_to_string(&retry).unwrap(), written(format.name, &good(&records)));
        assert_eq!(read_to_string(&path).unwrap(), written(format.name, &records));
    }
}

#[test]
fn tries_that_are_older_than_the_file_are_begun_anew() {
    let (old, new) = (records(12), mended(&records(12)));
    let hour = std::time::Duration::from_hours(1);
    for format in byte_formats() {
        let (folder, path) = file_of(format);
        let retry = path.with_file_name(format!("out.{}.retry", format.name));
        let stale = [written(format.name, &tried(&old, &old)), "something else".to_owned(), written(format.name, &old[..2])];
        for stale in stale {
            write(&path, written(format.name, &[&new[..5], &old[9..10]].concat())).unwrap();
            write(&retry, &stale).unwrap();
            let file = std::fs::File::options().write(true).open(&retry).unwrap();
            file.set_modified(std::time::SystemTime::now() - hour).unwrap();
            drop(file);
            // A refusal leaves it as it is.
            let other = folder.path().join("other.jsonl");
            write(&other, "[1]").unwrap();
            assert!(opened(&[&path, &other], Existing::RetryFailed).is_err());
            assert_eq!(read_to_string(&retry).unwrap(), stale);
            std::fs::remove_file(&other).unwrap();
            assert_eq!(go_on(opened(&[&path], Existing::RetryFailed), &new, true).unwrap(), 7, "{}", format.name);
            assert_eq!(read_to_string(&path).unwrap(), written(format.name, &new), "{}", format.name);
            assert!(!retry.exists());
        }
    }
}

#[test]
fn a_database_among_the_outputs_has_what_failed_twice_tried_once_more() {
    let (folder, path) = file_of(&FORMATS[0]);
    let files = [&*path, &folder.path().join("out.db")];
    let old: Vec<_> = (1..=2100).map(|index| of(index, &format!("http://u/{index}"), index == 1)).collect();
    go_on(opened(&files, Existing::Resume), &old, true).unwrap();
    let fetched = go_on(opened(&files, Existing::RetryFailed), &old, false).unwrap();
    assert_eq!(fetched, 2099);
    let mut writer = opened(&files, Existing::RetryFailed).unwrap();
    assert_eq!(writer.take_earlier().len(), 1);
    writer.run(&mut sent(&mended(&old[1..3])), &mut |_| ()).unwrap();
    writer.finish(true).unwrap();
    assert_eq!(read_back("jsonl", &path).iter().filter(|(.., error)| error.is_empty()).count(), 3);
    assert_eq!(read_back("jsonl", &path).len(), 2100);
    let mut writer = opened(&files, Existing::Resume).unwrap();
    assert_eq!(writer.take_earlier().len(), 2100, "both have the same records");
}
