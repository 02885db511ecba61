//! The compact sets against a model that keeps everything as it is.

use proptest::prelude::*;

use super::*;

/// What the list is read for: which targets are finished, by the rule as it is stated.
fn model(records: &[(u64, String)], list: &[String]) -> Vec<bool> {
    let mut used = vec![false; records.len()];
    let mut finished = vec![false; list.len()];
    for (target, url) in list.iter().enumerate() {
        let own = (target as u64 + 1, url.clone());
        if let Some(record) = (0..records.len()).find(|record| !used[*record] && records[*record] == own) {
            (used[record], finished[target]) = (true, true);
        }
    }
    for (target, url) in list.iter().enumerate() {
        if !finished[target]
            && let Some(record) = (0..records.len()).find(|record| !used[*record] && records[*record].1 == *url)
        {
            (used[record], finished[target]) = (true, true);
        }
    }
    finished
}

fn ours(records: &[(u64, String)], list: &[String]) -> (Vec<bool>, u64) {
    let mut earlier = Earlier::default();
    for (index, url) in records {
        earlier.add(*index, url);
    }
    assert_eq!((earlier.len(), earlier.is_empty()), (records.len(), records.is_empty()));
    let mut claims = earlier.claims();
    for (index, url) in (1..).zip(list) {
        claims.claim(index, url);
    }
    let mut finished = claims.settle();
    let count = finished.len();
    assert_eq!(finished.is_empty(), count == 0);
    ((1..).zip(list).map(|(index, url)| finished.take(index, url)).collect(), count)
}

#[track_caller]
fn check(records: &[(u64, String)], list: &[String]) -> Vec<bool> {
    let (found, count) = ours(records, list);
    assert_eq!(found, model(records, list), "{records:?} for {list:?}");
    assert_eq!(count, found.iter().filter(|finished| **finished).count() as u64, "{records:?} for {list:?}");
    found
}

fn texts(urls: &str) -> Vec<String> {
    urls.chars().map(String::from).collect()
}

/// The records of a run that ended after these targets of a list.
fn records(list: &str, done: &[u64]) -> Vec<(u64, String)> {
    let list = texts(list);
    done.iter().map(|index| (*index, list[usize::try_from(*index).unwrap() - 1].clone())).collect()
}

#[test]
fn of_a_list_that_has_not_changed_exactly_the_records_are_finished() {
    assert_eq!(check(&records("abcd", &[3, 1]), &texts("abcd")), [true, false, true, false]);
    assert_eq!(check(&records("aaaa", &[3, 1]), &texts("aaaa")), [true, false, true, false], "of one URL too");
    assert_eq!(check(&[], &texts("ab")), [false, false]);
    assert_eq!(check(&records("ab", &[1, 2]), &[]), [false; 0]);
}

#[test]
fn lines_that_were_added_removed_or_moved_change_nothing_for_the_others() {
    let done = records("abcd", &[1, 3]);
    assert_eq!(check(&done, &texts("xabcd")), [false, true, false, true, false]);
    assert_eq!(check(&done, &texts("abxcd")), [true, false, false, true, false]);
    assert_eq!(check(&done, &texts("bcd")), [false, true, false]);
    assert_eq!(check(&done, &texts("dcba")), [false, true, false, true]);
    assert_eq!(check(&done, &texts("wxyz")), [false; 4]);
}

#[test]
fn each_record_finishes_one_target() {
    assert_eq!(check(&records("ab", &[1]), &texts("xaa")), [false, true, false]);
    assert_eq!(check(&records("aab", &[2]), &texts("xaba")), [false, true, false, false], "its own place");
    assert_eq!(check(&records("xaa", &[2]), &texts("aa")), [false, true], "a target that has its place comes first");
    let twice = [records("ab", &[1, 2]), records("ab", &[1, 2])].concat();
    assert_eq!(check(&twice, &texts("abba")), [true; 4]);
}

#[test]
fn a_nul_is_what_a_table_writes_for_it() {
    assert_eq!(ours(&[(1, "a\u{fffd}".to_owned())], &["a\0".to_owned()]), (vec![true], 1));
}

#[test]
fn many_records_of_one_url_are_told_apart_in_no_time() {
    let url = ["http://a.example/".to_owned()];
    let records: Vec<_> = (1..=200_000).map(|index| (index, url[0].clone())).collect();
    let started = std::time::Instant::now();
    let list = vec![url[0].clone(); 300_000];
    let moved: Vec<_> = records.iter().map(|(index, url)| (index + 10_000_000, url.clone())).collect();
    for records in [records, moved] {
        let (found, count) = ours(&records, &list);
        assert_eq!((count, found.iter().position(|finished| !finished)), (200_000, Some(200_000)));
    }
    assert!(started.elapsed() < std::time::Duration::from_mins(1), "{:?}", started.elapsed());
}

proptest! {
    #[test]
    fn it_is_as_the_rule_says(
        records in prop::collection::vec((1_u64..12, "[a-d]"), 0..14),
        list in prop::collection::vec("[a-e]", 0..14),
    ) {
        check(&records, &list);
    }

    #[test]
    fn of_many_urls_too(
        urls in 1_usize..2000,
        done in prop::collection::vec(1_u64..2000, 0..300),
        front in 0_usize..3,
        cut in 0_usize..50,
    ) {
        let url = |at: u64| (at % 700).to_string();
        let mut list: Vec<_> = (1..=urls as u64).map(url).collect();
        let records: Vec<_> = done.iter().map(|index| (*index, url(*index))).collect();
        list.splice(..cut.min(urls), vec!["new".to_owned(); front]);
        check(&records, &list);
    }
}
