//! What fuzzing found, and what it starts from, checked again with the assertions of the fuzz targets.

use std::fs;
use std::path::Path;

#[path = "../fuzz/checks/asked.rs"]
mod asked;
#[path = "../fuzz/checks/charset.rs"]
mod charset;
#[path = "../fuzz/checks/decode.rs"]
mod decode;
#[path = "../fuzz/checks/early.rs"]
pub(crate) mod early;
#[path = "../fuzz/checks/journal.rs"]
mod journal;
#[path = "../fuzz/checks/lines.rs"]
mod lines;
#[path = "../fuzz/checks/page.rs"]
mod page;
#[path = "../fuzz/checks/selector.rs"]
mod selector;
#[path = "../fuzz/checks/tiers.rs"]
pub(crate) mod tiers;

type Check = fn(&[u8]);

/// Every fuzz target.
const TARGETS: [(&str, Check); 9] = [
    ("asked", asked::check),
    ("charset", charset::check),
    ("decode", decode::check),
    ("early", early::check),
    ("journal", journal::check),
    ("lines", lines::check),
    ("page", page::check),
    ("selector", selector::check),
    ("tiers", tiers::check),
];

#[test]
fn what_was_once_found_by_fuzzing_stays_mended() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    for (target, check) in TARGETS {
        assert!(fuzz.join(format!("targets/{target}.rs")).is_file(), "{target} is fuzzed");
        let seeds: Vec<_> = fs::read_dir(fuzz.join("seeds").join(target)).unwrap().map(|seed| seed.unwrap().path()).collect();
        assert!(seeds.len() > 5, "{target} has seeds");
        for seed in seeds {
            println!("{}", seed.display()); // shown where it fails
            check(&fs::read(&seed).unwrap());
        }
    }
    let targets = fs::read_dir(fuzz.join("targets")).unwrap().count();
    assert_eq!(targets, TARGETS.len(), "every target's seeds are checked");
}
