//! Several outputs: what is finished is what all of them have.

use super::*;

/// A file of each format, in one folder.
fn files() -> (TempDir, Vec<PathBuf>) {
    let folder = folder();
    let paths = byte_formats().map(|format| folder.path().join(format!("out.{}", format.name))).collect();
    (folder, paths)
}

fn paths(files: &[PathBuf]) -> Vec<&Path> {
    files.iter().map(PathBuf::as_path).collect()
}

#[test]
fn outputs_that_were_cut_at_different_places_end_up_the_same() {
    let records = records(9);
    let (_folder, files) = files();
    for cuts in [[0, 0, 0, 0], [1, 200, 3000, 0], [3000, 1, 1, 0], [2000, 900, 400, 100], [0, 0, 0, 2500]] {
        for (cut, (path, format)) in cuts.iter().zip(files.iter().zip(byte_formats())) {
            let whole = written(format.name, &records);
            write(path, &whole.as_bytes()[..whole.len().saturating_sub(*cut)]).unwrap();
        }
        go_on(opened(&paths(&files), Existing::Resume), &records, true).unwrap();
        for (path, format) in files.iter().zip(byte_formats()) {
            assert_eq!(read_to_string(path).unwrap(), written(format.name, &records), "{} {cuts:?}", format.name);
        }
    }
}

#[test]
fn records_that_one_output_lacks_in_its_middle_are_dropped_from_all() {
    let records = records(9);
    for existing in [Existing::Resume, Existing::RetryFailed] {
        let (folder, files) = files();
        for (at, (path, format)) in files.iter().zip(byte_formats()).enumerate() {
            // Each lacks another one; one has them in another order.
            let mut own = records.clone();
            own.remove(at * 2);
            if at == 1 {
                own.reverse();
            }
            write(path, written(format.name, &own)).unwrap();
        }
        let failed = records.iter().filter(|record| record.error.is_some()).count();
        let lacking = [0, 2, 4, 6].into_iter().filter(|at| records[*at].error.is_none()).count();
        let fetched = go_on(opened(&paths(&files), existing), &records, true).unwrap();
        assert_eq!(fetched, if existing == Existing::Resume { 4 } else { failed + lacking });
        for (path, format) in files.iter().zip(byte_formats()) {
            let mut found = read_back(format.name, path);
            found.sort();
            assert_eq!(found, expected(&records), "{} {existing:?}", format.name);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), files.len(), "nothing else is left");
    }
}

#[test]
fn a_run_that_was_killed_while_its_files_took_their_names_is_gone_on_with() {
    let records = records(9);
    for swapped in 0..4 {
        let (folder, files) = files();
        for (at, (path, format)) in files.iter().zip(byte_formats()).enumerate() {
            write(path, "old").unwrap();
            let partial = crate::sink::file::partial_of(path);
            write(&partial, written(format.name, &records)).unwrap();
            if at < swapped {
                std::fs::rename(&partial, path).unwrap();
            }
        }
        let fetched = go_on(opened(&paths(&files), Existing::ResumeOverwrite), &records, true).unwrap();
        assert_eq!(fetched, 0, "{swapped} have their names");
        for (path, format) in files.iter().zip(byte_formats()) {
            assert_eq!(read_to_string(path).unwrap(), written(format.name, &records), "{}", format.name);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), files.len(), "nothing else is left");
    }
}

#[test]
fn a_record_that_is_there_twice_is_kept_as_often_as_all_have_it() {
    let (_folder, files) = files();
    let (once, twice) = (record(1), [record(1), record(2), record(1)]);
    write(&files[0], written("jsonl", &twice)).unwrap();
    write(&files[1], written("json", &[record(2), once.clone()])).unwrap();
    let mut writer = opened(&paths(&files[..2]), Existing::Resume).unwrap();
    assert_eq!(writer.take_earlier().len(), 2);
    writer.finish(true).unwrap();
    assert_eq!(read_to_string(&files[0]).unwrap(), written("jsonl", &twice[..2]));
}

#[test]
fn one_refused_output_leaves_the_others_as_they_were() {
    for existing in [Existing::Resume, Existing::RetryFailed] {
        let (folder, files) = files();
        let torn = format!("{}torn", written("jsonl", &records(3)));
        write(&files[0], &torn).unwrap();
        write(&files[1], "[1]").unwrap();
        assert!(opened(&paths(&files[..2]), existing).err().unwrap().is_usage());
        assert_eq!((read_to_string(&files[0]).unwrap(), read_to_string(&files[1]).unwrap()), (torn, "[1]".to_owned()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}

#[test]
fn an_output_that_is_added_later_does_not_empty_the_others() {
    for existing in [Existing::Resume, Existing::RetryFailed] {
        let (folder, files) = files();
        let old = written("jsonl", &records(3));
        write(&files[0], &old).unwrap();
        let error = opened(&paths(&files), existing).err().unwrap();
        let shown = error.to_string();
        assert!(error.is_usage() && shown.contains("out.json has none") && shown.contains(" has records already"), "{shown}");
        assert_eq!(read_to_string(&files[0]).unwrap(), old);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        // Nothing is lost where there is nothing.
        write(&files[0], "").unwrap();
        go_on(opened(&paths(&files), existing), &records(3), true).unwrap();
        assert_eq!(read_to_string(&files[0]).unwrap(), old);
    }
}

#[test]
fn outputs_without_a_memory_do_not_take_part() {
    let (_folder, files) = files();
    let records = records(5);
    write(&files[0], written("jsonl", &records[..2])).unwrap();
    let shared = crate::sink::samples::Shared::default();
    let mut settings = settings(&[&files[0], Path::new("/dev/null")], Existing::Resume);
    settings.outputs.push(Destination::Writer(Box::new(shared.clone())).into());
    assert_eq!(go_on(open(settings, &columns()), &records, true).unwrap(), 3);
    assert_eq!(read_to_string(&files[0]).unwrap(), written("jsonl", &records));
    assert_eq!(shared.text(), written("jsonl", &records[2..]));
}
