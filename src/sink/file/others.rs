//! What others do to the file meanwhile: they want it too, delete it, move it, or put another one in its place.

use std::fs::{self, read_to_string, write};
use std::sync::Barrier;

use super::tests::{folder, opened, refusal};
use super::*;
use crate::sink::samples::{columns, full, sent, written};
use crate::sink::{Destination, Settings};

#[test]
fn who_only_looks_whether_a_file_is_free_does_not_keep_a_run_from_it() {
    let (folder, path) = folder();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            for round in 0..200 {
                opened(&folder.path().join(format!("{round}.jsonl")), Existing::Refuse).unwrap();
            }
        });
        while !run.is_finished() {
            for round in 0..200 {
                lock::ensure_free(&folder.path().join(format!("{round}.jsonl"))).ok();
            }
        }
    });
    write(&path, "").unwrap();
    assert!(
        matches!(refusal(&path, Existing::Refuse), Error::Exists { .. }),
        "an empty file that nobody holds is there all the same"
    );
}

#[test]
fn of_two_that_begin_at_the_same_instant_exactly_one_gets_the_file() {
    let modes = [Existing::Refuse, Existing::Append, Existing::Overwrite];
    let race = |one: Existing, other: Existing, exists: bool| {
        let (folder, path) = folder();
        if exists {
            write(&path, "").unwrap();
        }
        let barrier = Barrier::new(2);
        let run = |existing| {
            barrier.wait();
            opened(&path, existing)
        };
        let (first, second) = std::thread::scope(|scope| {
            let first = scope.spawn(|| run(one));
            (run(other), first.join().unwrap())
        });
        let told = format!("{one:?} {other:?} {exists}: {:?} {:?}", first.as_ref().err(), second.as_ref().err());
        assert!(first.is_ok() != second.is_ok(), "{told}");
        let error = first.as_ref().err().or(second.as_ref().err());
        assert!(matches!(error, Some(Error::Busy { .. })), "{told}");
        [first, second].into_iter().flatten().for_each(|writer| drop(writer.finish(true).unwrap()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{told}: one file is left");
    };
    let race = &race;
    std::thread::scope(|scope| {
        for (one, other) in modes.into_iter().flat_map(|one| modes.map(|other| (one, other))) {
            scope.spawn(move || {
                for round in 0..12 {
                    // What exists is refused whoever holds it.
                    race(one, other, round % 2 == 1 && one != Existing::Refuse && other != Existing::Refuse);
                }
            });
        }
    });
}

#[test]
fn a_file_that_somebody_deletes_moves_or_replaces_is_missed() {
    for (existing, how) in [Existing::Refuse, Existing::Append, Existing::Overwrite].iter().flat_map(|e| [(e, 0), (e, 1), (e, 2)])
    {
        let (folder, path) = folder();
        let mut writer = opened(&path, *existing).unwrap();
        writer.run(&mut sent(&[full()]), &mut |_| ()).unwrap();
        let file = if *existing == Existing::Overwrite { partial_of(&path) } else { path };
        let moved = folder.path().join("moved");
        match how {
            0 => fs::remove_file(&file).unwrap(),
            1 => fs::rename(&file, &moved).unwrap(),
            _ => {
                fs::rename(&file, &moved).unwrap();
                write(&file, "theirs").unwrap();
            }
        }
        let error = writer.finish(true).unwrap_err();
        let Error::Gone { path: missed, is_deleted } = &error else { panic!("{existing:?} {how}: {error}") };
        assert!(*missed == file && *is_deleted == (how == 0) && !error.is_usage(), "{error}");
        assert!(how == 0 || read_to_string(&moved).unwrap() == written("jsonl", &[full()]));
        assert!(how < 2 || read_to_string(&file).unwrap() == "theirs", "and what took its name is left alone");
    }
}

#[test]
fn what_took_the_name_of_the_old_file_meanwhile_is_left_alone() {
    for old in [None, Some("old")] {
        let (_folder, path) = folder();
        old.inspect(|old| write(&path, old).unwrap());
        let mut writer = opened(&path, Existing::Overwrite).unwrap();
        writer.run(&mut sent(&[full()]), &mut |_| ()).unwrap();
        drop(fs::remove_file(&path));
        write(&path, "theirs").unwrap();
        let error = writer.finish(true).unwrap_err();
        assert!(matches!(error, Error::Replaced { .. }) && error.to_string().contains("out.jsonl.partial"), "{error}");
        assert_eq!(read_to_string(&path).unwrap(), "theirs");
        assert_eq!(read_to_string(partial_of(&path)).unwrap(), written("jsonl", &[full()]));
    }
    let (_folder, path) = folder();
    write(&path, "old").unwrap();
    let mut writer = opened(&path, Existing::Overwrite).unwrap();
    writer.run(&mut sent(&[full()]), &mut |_| ()).unwrap();
    fs::remove_file(&path).unwrap();
    writer.finish(true).unwrap();
    assert_eq!(read_to_string(&path).unwrap(), written("jsonl", &[full()]), "an old file that is gone is in nobody's way");
}

#[test]
fn of_two_files_none_is_swapped_in_unless_both_can_be() {
    let (folder, path) = folder();
    let other = folder.path().join("other.csv");
    for path in [&path, &other] {
        write(path, "old").unwrap();
    }
    let outputs = [&path, &other].map(|path| crate::sink::To::from(Destination::File(path.clone())));
    let settings = Settings { outputs: outputs.into(), existing: Existing::Overwrite, ..Settings::default() };
    let mut writer = crate::sink::open(settings, &columns()).unwrap();
    writer.run(&mut sent(&[full()]), &mut |_| ()).unwrap();
    fs::remove_file(partial_of(&other)).unwrap();
    let (finished, outcome) = writer.end(true);
    assert!(matches!(outcome, Err(Error::Gone { .. })));
    assert_eq!(finished.partial, [partial_of(&path)]);
    assert_eq!((read_to_string(&path).unwrap(), read_to_string(&other).unwrap()), ("old".to_owned(), "old".to_owned()));
}
