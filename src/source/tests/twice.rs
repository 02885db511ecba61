//! The list read twice: what an earlier run has finished is skipped, whatever the list is written in and wherever it comes from.

use proptest::prelude::*;

use super::*;
use crate::model::{Data, Earlier, Record, Secrets};

/// A pipe, for which it makes a difference what has arrived.
fn piped(name: &str, content: &str) -> Origin {
    let pieces = content.as_bytes().chunks(7).map(<[u8]>::to_vec).collect();
    Origin::Reader { name: name.to_owned(), from: Box::new(Pieces::new(pieces)) }
}

/// The record of a target, as far as it says which target it is of.
fn record(target: &Target, secrets: &Secrets) -> (u64, String) {
    let failure = target.url.as_ref().err();
    let mut record = Record {
        index: target.index,
        url: target.shown().into_owned(),
        final_url: None,
        status: None,
        content_type: None,
        bytes: None,
        attempts: 0,
        elapsed_ms: None,
        fetched_at: None,
        error: failure.map(|failure| failure.kind),
        error_message: None,
        body: None,
        data: Data::default(),
        input: None,
    };
    secrets.hide(&mut record);
    (record.index, record.url)
}

fn earlier(records: &[(u64, String)]) -> Earlier {
    let mut earlier = Earlier::default();
    for (index, url) in records {
        earlier.add(*index, url);
    }
    earlier
}

/// What is left of a list: the indexes of the targets, and how many were skipped.
fn left(settings: Settings, records: &[(u64, String)], secrets: &Secrets) -> (Vec<u64>, u64) {
    let reader = open(Settings { twice: true, ..settings }).unwrap();
    let (reader, finished) = reader.resume(earlier(records), secrets.clone(), || true).unwrap().unwrap();
    let total = reader.total();
    let reads: Vec<_> = reader.map(|read| read.unwrap()).collect();
    let skipped = reads.iter().map(|read| read.skipped).sum::<u64>();
    let left: Vec<_> = reads.iter().filter_map(|read| read.target.as_ref()).map(|target| target.index).collect();
    if !records.is_empty() {
        assert_eq!(total, Some(left.len() as u64));
        assert!(finished <= skipped, "{finished} of {skipped}");
    }
    (left, skipped)
}

const LIST: &str =
    "http://a/1\n\n# x\nnot a url\nhttp://ann:s3cret@a/2?token=x\nhttp://a/1\nhttp://a/\u{1}\nhttp://a/{1,2}\nu:p@h\n";
const TABLE: &str = "n,url\n1,http://a/1\n2,\n\"x\",http://a/2?token=y\n\"open,http://a/3\n5,not a url\n6,ann:x@y,z\n";
const OBJECTS: &str = "{\"url\":\"http://a/1\",\"n\":1}\n[1]\n{\"url\":\"http://a/1\",\"method\":\"POST\"}\n{\"url\":7}\n{\"u\":\"http://ann:s3cret@a/\"}\n";

#[test]
fn whatever_was_finished_is_skipped_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = [Secrets::default(), Secrets::new(["token".to_owned()])];
    let rules: [fn() -> Settings; 4] = [
        Settings::default,
        || Settings { unique: true, ..Settings::default() },
        || Settings { glob: true, limit: Some(7), ..Settings::default() },
        || Settings { https_only: true, unique: true, limit: Some(3), ..Settings::default() },
    ];
    let inputs = || {
        let (list, _) = file(&folder, "list.txt", LIST);
        let (table, _) = file(&folder, "table.csv", TABLE);
        let url = Origin::Url("http://b/[1-3]".to_owned());
        vec![list, url, piped("pipe.txt", LIST), table, piped("pipe.csv", TABLE), piped("pipe.jsonl", OBJECTS)]
    };
    for (secrets, rule) in secrets.iter().flat_map(|secrets| rules.map(|rule| (secrets, rule))) {
        let settings = || Settings { inputs: inputs(), ..rule() };
        let all = read(settings());
        let records: Vec<_> = all.iter().map(|target| record(target, secrets)).collect();
        let total: u64 =
            open(settings()).unwrap().map(|read| read.unwrap()).map(|read| read.skipped + u64::from(read.target.is_some())).sum();
        for (start, step) in [(0, 1), (0, 2), (1, 2), (2, 3), (5, 7)] {
            let done: Vec<_> = records.iter().skip(start).step_by(step).cloned().collect();
            let (mut expected, skipped) = (records.clone(), total - (records.len() - done.len()) as u64);
            expected.retain(|record| !done.contains(record));
            let expected: Vec<_> = expected.iter().map(|(index, _)| *index).collect();
            assert_eq!(left(settings(), &done, secrets), (expected, skipped), "{:?}: {done:?}", settings());
        }
    }
}

#[test]
fn nothing_is_read_ahead_where_nothing_is_finished() {
    let mut from = Pieces::new(vec![b"url\nhttp://a/1\n".to_vec()]);
    from.then = Some(io::Error::other("read too far"));
    let input = Origin::Reader { name: "x.csv".to_owned(), from: Box::new(from) };
    let reader = open(Settings { twice: true, ..of([input]) }).unwrap();
    let (mut reader, finished) = reader.resume(Earlier::default(), Secrets::default(), || true).unwrap().unwrap();
    assert_eq!((finished, reader.total()), (0, None));
    assert!(reader.next().unwrap().unwrap().target.is_some());
    assert!(reader.next().unwrap().is_err());
}

#[test]
fn a_list_that_cannot_be_read_to_its_end_or_is_not_wanted_to_its_end_is_told_so() {
    let failing = || {
        let mut from = Pieces::new(vec![b"http://a/1\n".to_vec()]);
        from.then = Some(io::Error::other("the disk is on fire"));
        let input = Origin::Reader { name: "urls.txt".to_owned(), from: Box::new(from) };
        open(Settings { twice: true, ..of([input]) }).unwrap()
    };
    let done = [(1, "http://a/1".to_owned())];
    let error = failing().resume(earlier(&done), Secrets::default(), || true).err().unwrap();
    assert_eq!(chain(&error), "urls.txt:2: cannot read this line: the disk is on fire");
    assert!(failing().resume(earlier(&done), Secrets::default(), || false).unwrap().is_none());
}

#[test]
fn skipped_targets_are_handed_on_together_and_both_readings_are_of_one_file() {
    let list = (1..=2500).map(|page| format!("http://a/{page}\n")).collect::<Vec<_>>().concat();
    let done: Vec<_> = (1..=2500).filter(|page| *page != 2400).map(|page| (page, format!("http://a/{page}"))).collect();
    let folder = tempfile::tempdir().unwrap();
    let (input, path) = file(&folder, "list.txt", &list);
    let reader = open(Settings { twice: true, ..of([input]) }).unwrap();
    let another = path.with_extension("new");
    fs::write(&another, "http://b/").unwrap();
    fs::rename(another, path).unwrap();
    let (reader, finished) = reader.resume(earlier(&done), Secrets::default(), || true).unwrap().unwrap();
    let reads: Vec<_> = reader.map(|read| read.unwrap()).map(|read| (read.skipped, read.target.is_some(), read.more)).collect();
    assert_eq!(reads, [(1000, false, true), (1000, false, true), (399, true, true), (100, false, false)]);
    assert_eq!(finished, 2499);
}

proptest! {
    #[test]
    fn the_text_of_a_url_is_enough_where_it_says_so(url in "(http://|https://|)[a-z@:/?=&{,\"\t ]{0,20}", named in any::<bool>()) {
        let secrets = if named { Secrets::new(["a".to_owned()]) } else { Secrets::default() };
        for https_only in [false, true] {
            let settings = Settings { https_only, ..of([bytes("x", &url)]) };
            for target in read(settings) {
                let (_, shown) = record(&target, &secrets);
                prop_assert_eq!(secrets.url_of(&target), shown.as_str());
                if let Some(text) = secrets.url_of_text(target.given()) {
                    prop_assert_eq!(text, shown.as_str());
                }
            }
        }
    }
}
