use std::error::Error as _;
use std::fs::{Permissions, read_to_string, write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;
use crate::sink::samples::{columns, failed, full, into, sent, write_all, written};
use crate::sink::{Destination, End, Finished, Settings, Writer};

fn partial_of(target: &Path) -> PathBuf {
    beside(target, PARTIAL)
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.jsonl");
    (folder, path)
}

fn into_file(path: &Path, existing: Existing) -> Settings {
    Settings { existing, ..into(Destination::File(path.to_owned()), None) }
}

fn opened(path: &Path, existing: Existing) -> Result<Writer, Error> {
    crate::sink::open(into_file(path, existing), &columns())
}

fn refusal(path: &Path, existing: Existing) -> Error {
    opened(path, existing).err().expect("it must not open")
}

#[test]
fn a_new_file_is_made_whatever_existing_says() {
    for existing in [Existing::Refuse, Existing::Append, Existing::Overwrite] {
        let (folder, path) = folder();
        write_all(into_file(&path, existing), &columns(), &[full()]).unwrap();
        assert_eq!(read_to_string(&path).unwrap(), written("jsonl", &[full()]));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }
}

#[test]
fn an_existing_file_is_refused_and_the_ways_out_are_named() {
    let (_folder, path) = folder();
    write(&path, "precious").unwrap();
    let error = refusal(&path, Existing::Refuse);
    let shown = error.to_string();
    assert!(error.is_usage() && shown.contains("--overwrite") && shown.contains("--append") && shown.contains("another name"));
    assert_eq!(read_to_string(&path).unwrap(), "precious");
}

#[test]
fn overwriting_swaps_the_file_in_whole_at_the_end() {
    let (_folder, path) = folder();
    write(&path, "old").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let mut writer = opened(&path, Existing::Overwrite).unwrap();
    let partial = partial_of(&path);
    assert_eq!(fs::metadata(&partial).unwrap().permissions().mode() & 0o777, 0o640, "before any byte");
    writer.run(&mut sent(&[full()]), &mut |_| ()).unwrap();
    assert_eq!(read_to_string(&path).unwrap(), "old");
    assert_eq!(writer.finish(true).unwrap(), Finished::default());
    assert_eq!(read_to_string(&path).unwrap(), written("jsonl", &[full()]));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(!partial.exists());
}

#[test]
fn an_incomplete_run_leaves_the_old_file_and_names_its_own() {
    let (_folder, path) = folder();
    write(&path, "old").unwrap();
    for records in [&[full(), failed()][..], &[full()]] {
        let mut writer = opened(&path, Existing::Overwrite).unwrap();
        writer.run(&mut sent(records), &mut |_| ()).unwrap();
        let partial = writer.finish(false).unwrap().partial.remove(0);
        assert_eq!(read_to_string(&path).unwrap(), "old");
        assert_eq!(read_to_string(&partial).unwrap(), written("jsonl", records), "also over an earlier one");
    }
}

#[test]
fn the_file_behind_a_link_is_the_one_that_is_replaced() {
    let (folder, path) = folder();
    let behind = folder.path().join("behind.jsonl");
    symlink("behind.jsonl", &path).unwrap();
    for _ in 0..2 {
        write_all(into_file(&path, Existing::Overwrite), &columns(), &[full()]).unwrap();
        assert!(path.is_symlink() && !behind.is_symlink());
        assert_eq!(read_to_string(&behind).unwrap(), written("jsonl", &[full()]));
    }
}

#[test]
fn what_is_in_the_way_of_the_partial_file_is_not_written_through() {
    let (folder, path) = folder();
    let victim = folder.path().join("victim");
    write(&victim, "precious").unwrap();
    symlink(&victim, partial_of(&path)).unwrap();
    let error = refusal(&path, Existing::Overwrite);
    assert!(!error.is_usage() && error.to_string().contains("out.jsonl.partial"), "{error}");
    assert_eq!(read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn a_second_run_on_the_same_output_is_stopped() {
    let modes = [Existing::Refuse, Existing::Append, Existing::Overwrite];
    for (first, second) in modes.into_iter().flat_map(|first| modes.map(|second| (first, second))) {
        let (folder, path) = folder();
        if first != Existing::Refuse {
            write(&path, "").unwrap();
        }
        let holder = opened(&path, first).unwrap();
        let before = fs::read_dir(folder.path()).unwrap().count();
        let error = refusal(&path, second);
        assert!(matches!(error, Error::Busy { .. } | Error::Exists { .. }), "{first:?} {second:?}: {error}");
        assert_eq!(error.is_usage(), second == Existing::Refuse, "{first:?} {second:?}: {error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before, "the second leaves nothing behind");
        holder.finish(true).unwrap();
        opened(&path, Existing::Append).unwrap();
    }
}

#[test]
fn a_file_that_does_not_exist_yet_has_one_writer_too() {
    for second in [Existing::Refuse, Existing::Append, Existing::Overwrite] {
        let (_folder, path) = folder();
        let holder = opened(&path, Existing::Overwrite).unwrap();
        let error = refusal(&path, second);
        assert!(matches!(error, Error::Busy { .. }), "{second:?}: {error}");
        assert!(!path.exists());
        holder.finish(true).unwrap();
        assert!(path.exists());
    }
}

#[test]
fn what_cannot_be_a_file_is_said_before_any_record() {
    let (folder, path) = folder();
    write(&path, "").unwrap();
    for existing in [Existing::Refuse, Existing::Append, Existing::Overwrite] {
        let error = refusal(&folder.path().join("no/such/out.csv"), existing);
        assert!(matches!(&error, Error::NoDirectory { .. }) && error.to_string().ends_with("no/such"), "{error}");
        let directory = folder.path().join("results.csv");
        fs::create_dir_all(&directory).unwrap();
        for path in [directory, path.join("x.csv")] {
            let error = refusal(&path, existing);
            assert!(matches!(&error, Error::Open { .. }) && error.source().is_some() && !error.is_usage(), "{error}");
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        }
    }
}

#[test]
fn devices_are_written_as_they_are() {
    for existing in [Existing::Refuse, Existing::Append, Existing::Overwrite] {
        write_all(into_file(Path::new("/dev/null"), existing), &columns(), &[full()]).unwrap();
    }
    assert!(!Path::new("/dev/null.partial").exists());
}

#[test]
fn a_pipe_by_name_gets_the_records() {
    for existing in [Existing::Refuse, Existing::Append, Existing::Overwrite] {
        let (mut reader, writer) = io::pipe().unwrap();
        let path = PathBuf::from(format!("/proc/self/fd/{}", writer.as_raw_fd()));
        write_all(into_file(&path, existing), &columns(), &[full()]).unwrap();
        drop(writer);
        assert_eq!(io::read_to_string(&mut reader).unwrap(), written("jsonl", &[full()]), "{existing:?}");
    }
}

#[test]
fn a_full_device_is_an_error_with_its_path_and_cause() {
    for existing in [Existing::Refuse, Existing::Append, Existing::Overwrite] {
        let mut writer = opened(Path::new("/dev/full"), existing).unwrap();
        let error = writer.run(&mut sent(&[full()]), &mut |_| panic!("nothing was written")).unwrap_err();
        assert_eq!(error.to_string(), "cannot write /dev/full");
        assert!(error.source().unwrap().to_string().starts_with("No space left on device"));
        assert!(!error.is_usage() && writer.finish(false).is_ok());
    }
    let settings = into(Destination::File("/dev/full".into()), crate::sink::FormatEntry::named("csv"));
    assert!(crate::sink::open(settings, &columns()).is_err(), "the header is written before any request");
}

#[test]
fn standard_output_by_another_name_is_standard_output() {
    assert!(is_stdout(Path::new("/dev/stdout")) && !is_stdout(Path::new("stdout")));
    assert!(!is_terminal(Path::new("/dev/null")) && !is_terminal(Path::new("/nowhere")));
}

#[test]
fn a_pipe_whose_reader_has_gone_ends_the_run_quietly() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    for format in crate::sink::FORMATS {
        let to = Destination::Writer(Box::new(writer.try_clone().unwrap()));
        let mut writer = crate::sink::open(into(to, Some(format)), &columns()).unwrap();
        let end = writer.run(&mut sent(&[full()]), &mut |_| panic!("nobody has read it")).unwrap();
        assert_eq!(end, End::Closed, "{}", format.name);
        assert_eq!(writer.finish(true).unwrap(), Finished::default());
    }
}
