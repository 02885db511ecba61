//! A database beside outputs of bytes.

use super::*;
use crate::sink::To;
use crate::sink::samples::with_title;

/// Records of pages of a site.
fn of_site(site: &str, count: u64) -> Vec<Record> {
    (1..=count).map(|index| Record { url: format!("http://{site}.example/{index}"), ..with_title(index, "x") }).collect()
}

fn both(folder: &TempDir, names: [&str; 2], existing: Existing, table: &str) -> Settings {
    let outputs = names.map(|name| To::from(Destination::File(folder.path().join(name)))).into();
    let database = Database { table: table.to_owned(), ..Database::default() };
    Settings { outputs, existing, database, ..Settings::default() }
}

#[test]
fn what_a_database_could_not_take_no_other_output_has() {
    let (folder, path) = folder();
    let mut writer = crate::sink::open(both(&folder, ["out.jsonl", "out.db"], Existing::Refuse, "records"), &columns()).unwrap();
    // Another program spoils what is to be written to.
    let other = Connection::open(&path).unwrap();
    other.execute_batch("DROP TABLE records").unwrap();
    writer.run(&mut sent(&of_site("a", 9)), &mut |_| panic!("it is in one of them at most")).unwrap_err();
    let _ = writer.finish(false);
    assert_eq!(fs::read_to_string(folder.path().join("out.jsonl")).unwrap(), "");
}

#[test]
fn a_table_that_is_new_beside_records_is_refused_and_not_made() {
    let (folder, path) = folder();
    write_all(both(&folder, ["out.csv", "out.db"], Existing::Refuse, "records"), &columns(), &of_site("a", 9)).unwrap();
    let before = fs::read(folder.path().join("out.csv")).unwrap();
    let error = crate::sink::open(both(&folder, ["out.csv", "out.db"], Existing::Resume, "pages"), &columns()).err().unwrap();
    assert!(matches!(error, Error::Lacks { .. }) && error.is_usage(), "{error}");
    assert_eq!(fs::read(folder.path().join("out.csv")).unwrap(), before);
    assert_eq!(texts(&path, "SELECT name FROM sqlite_schema WHERE type = 'table'"), ["records"]);
}

#[test]
fn outputs_of_other_lists_are_refused_and_left_as_they_are() {
    let (folder, path) = folder();
    let csv = folder.path().join("out.csv");
    write_all(into(Destination::File(csv.clone()), None), &columns(), &of_site("a", 1500)).unwrap();
    write(&path, Existing::Refuse, &of_site("b", 1500)).unwrap();
    let before = (fs::read(&csv).unwrap(), count(&path));
    let error = crate::sink::open(both(&folder, ["out.csv", "out.db"], Existing::Resume, "records"), &columns()).err().unwrap();
    assert!(matches!(error, Error::Apart { count: 1500, common: 0, .. }) && error.is_usage(), "{error}");
    assert_eq!((fs::read(&csv).unwrap(), count(&path)), before);
}

#[test]
fn a_run_of_bytes_sees_that_a_database_is_written_under_its_name() {
    let (_folder, path) = folder();
    let _holder = database(&path, Existing::Refuse);
    for existing in [Existing::Append, Existing::Overwrite, Existing::Resume] {
        let settings = Settings { existing, ..into(Destination::File(path.clone()), crate::sink::FormatEntry::named("jsonl")) };
        let error = crate::sink::open(settings, &columns()).err().unwrap();
        assert!(matches!(&error, Error::Busy { path: named, .. } if *named == path), "{existing:?}: {error}");
    }
}
