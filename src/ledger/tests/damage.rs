use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::*;
use crate::ledger::store::with_suffix;

/// A file with some of everything in it, closed.
fn made(path: &Path) -> Vec<u8> {
    let mut run = open(path, at(0.0));
    for host in 0..200 {
        let key = format!("host-{host}.example:443");
        run.learn(&key, Some(1.5), at(0.0));
        run.hold_off(&key, at(60.0), at(0.0));
        let _ = run.reserve(&key, &rates(&["1/m", "1/h"]), burst(2), at(0.0));
        run.keep_robots(&format!("https://{key}"), Some(&vec![b'a'; if host % 50 == 0 { 9000 } else { host }]), at(0.0));
    }
    run.close(at(1.0));
    fs::read(path).unwrap()
}

/// Asks for everything. Whatever the answers are, they come.
fn exercise(run: &mut Ledger, now: SystemTime) {
    for host in (0..200).step_by(7) {
        let key = format!("host-{host}.example:443");
        let _ = (run.known(&key, now), run.robots(&format!("https://{key}"), now));
        let _ = run.reserve(&key, &rates(&["1/m", "1/h"]), burst(2), now);
        run.hold_off(&key, now, now);
        run.learn(&key, Some(2.0), now);
        run.keep_robots(&key, Some(b"x"), now);
        if run.enter(&key, 1, now) {
            run.leave(&key, now);
        }
    }
}

/// Whether it keeps what it is told.
fn works(run: &mut Ledger, now: SystemTime) -> bool {
    run.learn("probe.example:80", Some(4.0), now);
    run.known("probe.example:80", now).is_some_and(|known| known.rate == Some(4.0))
}

fn corrupt(path: &Path) -> PathBuf {
    with_suffix(path, ".corrupt")
}

#[test]
fn what_is_no_database_is_moved_aside_whole_and_a_fresh_one_begun() {
    let text = b"https://example.com/\nhttps://example.org/\n".repeat(50);
    let noise: Vec<u8> = (0..20_000_u32).map(|i| u8::try_from(i.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect();
    for bytes in [&b"xy"[..], b"\n\n", b"SQLite format 3\0", &text, &noise, &[0; 5000]] {
        let (_folder, path) = place();
        fs::write(corrupt(&path), "an older one").unwrap();
        fs::write(&path, bytes).unwrap();
        let mut run = open(&path, at(0.0));
        assert!(works(&mut run, at(0.0)));
        assert_eq!(fs::read(with_suffix(&path, ".corrupt-2")).unwrap(), bytes);
        assert_eq!(fs::read(corrupt(&path)).unwrap(), b"an older one", "nothing is overwritten");
    }
}

#[test]
fn an_empty_file_is_begun() {
    let (_folder, path) = place();
    fs::write(&path, "").unwrap();
    assert!(works(&mut open(&path, at(0.0)), at(0.0)) && !corrupt(&path).exists());
}

#[test]
fn a_file_that_was_cut_is_intact_or_begun_anew() {
    let (_folder, path) = place();
    let whole = made(&path);
    for length in (0..whole.len()).step_by(512) {
        let (_folder, path) = place();
        fs::write(&path, &whole[..length]).unwrap();
        let mut run = open(&path, at(2.0));
        exercise(&mut run, at(2.0));
        assert!(works(&mut run, at(2.0)), "cut at {length}");
        assert_eq!(corrupt(&path).exists(), length > 0, "cut at {length}");
    }
}

#[test]
fn flipped_bits_never_end_a_run() {
    let (_folder, path) = place();
    let whole = made(&path);
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..300 {
        let (_folder, path) = place();
        let mut bytes = whole.clone();
        // Half of them where the header and the schema are.
        let range = if round % 2 == 0 { 0..2048 } else { 0..bytes.len() };
        let flips: Vec<usize> = (0..random.usize(1..8)).map(|_| random.usize(range.clone())).collect();
        for at in &flips {
            bytes[*at] ^= 1 << random.u8(0..8);
        }
        fs::write(&path, &bytes).unwrap();
        match Ledger::open(&path, at(2.0)) {
            Ok(mut run) => {
                exercise(&mut run, at(2.0));
                assert!(works(&mut run, at(2.0)), "{flips:?}");
                run.close(at(3.0));
            }
            // The two numbers in the header that say whose it is.
            Err(Error::Foreign { .. } | Error::Newer { .. }) => {
                assert!(flips.iter().any(|at| (60..64).contains(at) || (68..72).contains(at)), "{flips:?}");
            }
            Err(error) => panic!("{error}: {flips:?}"),
        }
    }
}

#[test]
fn a_file_of_others_is_refused_and_left_as_it_is() {
    let (_folder, path) = place();
    for (sql, says) in [
        ("CREATE TABLE mine (a); INSERT INTO mine VALUES (1);", "another program"),
        ("PRAGMA application_id = 7;", "another program"),
        ("PRAGMA application_id = 0x73637270; PRAGMA user_version = 2;", "format 2; this one knows 1"),
    ] {
        let _ = fs::remove_file(&path);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = fs::read(&path).unwrap();
        let error = Ledger::open(&path, at(0.0)).unwrap_err();
        assert!(error.to_string().contains(says) && error.to_string().contains("hosts.db"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before, "{says}");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}

#[test]
fn what_cannot_be_a_file_is_an_error_that_says_so() {
    let (folder, path) = place();
    assert!(matches!(Ledger::open(folder.path(), at(0.0)), Err(Error::NotAFile { .. })));
    assert!(matches!(Ledger::open(Path::new("/dev/null"), at(0.0)), Err(Error::NotAFile { .. })));
    assert!(matches!(Ledger::open(&folder.path().join("none/hosts.db"), at(0.0)), Err(Error::Open { .. })));
    assert!(matches!(Ledger::open(Path::new(""), at(0.0)), Err(Error::Io { .. })));
    fs::write(&path, "text").unwrap();
    assert!(matches!(Ledger::open(&path.join("below"), at(0.0)), Err(Error::Io { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"text");
}

#[test]
fn a_file_that_may_only_be_read_is_refused() {
    let (_folder, path) = place();
    let before = made(&path);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    // The superuser may write it all the same.
    if fs::OpenOptions::new().append(true).open(&path).is_err() {
        assert!(matches!(Ledger::open(&path, at(0.0)), Err(Error::ReadOnly { .. })));
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_file_that_is_deleted_meanwhile_is_begun_anew() {
    let (_folder, path) = place();
    let (mut one, mut other) = (open(&path, at(0.0)), open(&path, at(0.0)));
    assert!(works(&mut one, at(0.0)));
    fs::remove_file(&path).unwrap();
    let second = rates(&["1/s"]);
    assert_eq!(one.reserve(KEY, &second, burst(1), at(1.0)), Ok(()));
    assert_eq!(other.reserve(KEY, &second, burst(1), at(1.0)), Err(at(2.0)), "both have gone over to the new one");
}

#[test]
fn a_file_that_is_damaged_meanwhile_is_moved_aside_by_one_and_left_by_all() {
    let (_folder, path) = place();
    made(&path);
    let (mut one, mut other) = (open(&path, at(0.0)), open(&path, at(0.0)));
    let mut bytes = fs::read(&path).unwrap();
    bytes.iter_mut().skip(4096).for_each(|byte| *byte = 0xa5);
    fs::write(&path, &bytes).unwrap();
    exercise(&mut one, at(0.0));
    assert!(works(&mut one, at(0.0)), "at once");
    exercise(&mut other, at(0.0));
    assert!(other.known("probe.example:80", at(0.0)).is_some());
    assert_eq!(fs::read(corrupt(&path)).unwrap().len(), bytes.len());
}

#[test]
fn a_full_disk_is_as_if_nothing_were_known_until_there_is_room() {
    let (_folder, path) = place();
    let mut run = open(&path, at(0.0));
    assert!(works(&mut run, at(0.0)));
    run.keeper.store().unwrap().read().pragma_update(None, "max_page_count", 16).unwrap();
    run.keep_robots("https://example.com", Some(&vec![b'x'; 100_000]), at(1.0));
    assert_eq!(run.known("probe.example:80", at(1.0)), None);
    assert_eq!(run.reserve(KEY, &rates(&["1/h"]), burst(1), at(2.0)), Ok(()));
    assert_eq!(run.reserve(KEY, &rates(&["1/h"]), burst(1), at(2.0)), Ok(()));
    assert!(run.enter(KEY, 1, at(2.0)));
    run.leave(KEY, at(2.0));
    assert!(run.known("probe.example:80", at(7.0)).is_some(), "what was there is still there");
}

#[test]
fn a_lock_that_is_not_given_back_does_not_hold_the_run_up() {
    let (_folder, path) = place();
    let mut run = open(&path, at(0.0));
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = std::time::Instant::now();
    for _ in 0..1000 {
        assert_eq!(run.reserve(KEY, &rates(&["1/h"]), burst(1), at(1.0)), Ok(()));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "waited once: {:?}", began.elapsed());
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(run.reserve(KEY, &rates(&["1/h"]), burst(1), at(7.0)), Ok(()));
    assert!(run.reserve(KEY, &rates(&["1/h"]), burst(1), at(7.0)).is_err());
}
