use std::collections::HashSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::thread;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// The SHA-256 of nothing.
const NOTHING: &str = "e3/b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn page(body: impl Into<Vec<u8>>, content_type: Option<&str>) -> Page {
    Page {
        url: "http://a.example/".parse().unwrap(),
        status: 200,
        content_type: content_type.map(str::to_owned),
        body: body.into().into(),
        codings: Vec::new(),
        asked: None,
        left_after: None,
    }
}

fn html(body: impl Into<Vec<u8>>) -> Page {
    page(body, Some("text/html"))
}

fn bodies(folder: &TempDir, sync: bool) -> Bodies {
    Bodies::open(Settings { folder: Some(folder.path().to_owned()), sync }).unwrap().unwrap()
}

/// All files below a folder, hidden ones too.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_body_has_the_name_of_what_is_in_it() {
    assert_eq!(name(b"", "bin"), format!("{NOTHING}.bin"));
    assert_eq!(name(b"abc", "html"), "ba/7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.html");
}

#[test]
fn what_is_saved_is_what_came_and_there_once() {
    for sync in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let bodies = bodies(&folder, sync);
        assert!(files(folder.path()).is_empty(), "nothing stays of the trial");
        let first = bodies.save(&html("<p>x")).unwrap();
        let written = fs::metadata(&first).unwrap();
        assert_eq!((fs::read_to_string(&first).unwrap().as_str(), bodies.save(&html("<p>x")).unwrap()), ("<p>x", first.clone()));
        let again = fs::metadata(&first).unwrap();
        assert_eq!((written.ino(), written.mtime_nsec()), (again.ino(), again.mtime_nsec()), "it is not written again");
        let text = bodies.save(&page("<p>x", Some("text/plain; charset=utf-8"))).unwrap();
        assert_eq!(Path::new(&text), Path::new(&first).with_extension("txt"), "another type is another file");
        let empty = bodies.save(&page("", None)).unwrap();
        assert_eq!(Path::new(&empty), folder.path().join(format!("{NOTHING}.bin")));
        assert_eq!((fs::metadata(&empty).unwrap().len(), files(folder.path()).len()), (0, 3));
    }
}

#[test]
fn the_folder_is_made_and_its_name_is_kept_as_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let given = folder.path().join("a/../b/c/");
    fs::create_dir(folder.path().join("a")).unwrap();
    let bodies = Bodies::open(Settings { folder: Some(given.clone()), sync: true }).unwrap().unwrap();
    let path = bodies.save(&html("x")).unwrap();
    assert!(path.starts_with(given.to_str().unwrap()) && !path.contains("//"), "{path}");
    assert!(Bodies::open(Settings::default()).unwrap().is_none());
}

#[test]
fn what_is_left_of_a_killed_run_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let bodies = bodies(&folder, false);
    let path = folder.path().join(name(b"whole", "html"));
    fs::create_dir(path.parent().unwrap()).unwrap();
    let torn = path.with_file_name(format!(".{}.0.part", path.file_name().unwrap().to_str().unwrap()));
    fs::write(&torn, "longer than the whole").unwrap();
    assert_eq!(Path::new(&bodies.save(&html("whole")).unwrap()), path);
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), files(folder.path())), ("whole", vec![path]));
}

#[test]
fn a_part_that_somebody_writes_is_left_to_him() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.html");
    let mut first = Part::beside(&path).unwrap();
    first.file().write_all(b"wh").unwrap();
    let mut second = Part::beside(&path).unwrap();
    second.file().write_all(b"whole").unwrap();
    second.take_name(&path, false).unwrap();
    first.file().write_all(b"ole").unwrap();
    first.take_name(&path, false).unwrap();
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), files(folder.path())), ("whole", vec![path]));
}

#[test]
fn a_part_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.html");
    drop(Part::beside(&path).unwrap());
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_file_that_lost_its_content_with_the_machine_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let bodies = bodies(&folder, false);
    let path = bodies.save(&html("whole")).unwrap();
    for damage in ["", "who", "whole and more"] {
        fs::write(&path, damage).unwrap();
        assert_eq!(bodies.save(&html("whole")).unwrap(), path);
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), files(folder.path()).len()), ("whole", 1));
    }
}

#[test]
fn what_cannot_be_saved_is_an_error_that_names_it_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bodies = bodies(&folder, false);
    let path = folder.path().join(name(b"x", "html"));
    fs::create_dir_all(&path).unwrap();
    let error = bodies.save(&html("x")).unwrap_err();
    assert!(matches!(&error, Error::Write { path: named, .. } if Path::new(named) == path) && !error.is_usage(), "{error}");
    fs::remove_dir(&path).unwrap();
    assert!(bodies.save(&html("x")).is_ok());
    let gone = folder.path().to_owned();
    drop(folder);
    let error = bodies.save(&html("x")).unwrap_err();
    assert!(matches!(&error, Error::Write { source, .. } if source.kind() == io::ErrorKind::NotFound), "{error}");
    assert!(!gone.exists(), "a folder that vanished is not made again behind its owner's back");
}

#[test]
fn a_folder_that_takes_nothing_is_found_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let open = |folder: &Path| Bodies::open(Settings { folder: Some(folder.to_owned()), sync: false });
    let file = folder.path().join("file");
    fs::write(&file, "precious").unwrap();
    for wrong in [&file, &file.join("below")] {
        let error = open(wrong).unwrap_err();
        assert!(error.to_string().contains(wrong.to_str().unwrap()) && !error.is_usage(), "{error}");
        assert!(matches!(error, Error::Folder { source, .. } if source.kind() == io::ErrorKind::NotADirectory));
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    // Nothing is forbidden to root.
    assert!(fs::write(closed.join("x"), "").is_ok() || open(&closed).is_err());
}

#[test]
fn a_folder_that_no_record_could_name_is_a_usage_error() {
    use std::os::unix::ffi::OsStringExt;
    let folder = PathBuf::from(std::ffi::OsString::from_vec(b"bod\xff".to_vec()));
    let error = Bodies::open(Settings { folder: Some(folder), sync: false }).unwrap_err();
    assert!(error.is_usage(), "{error}");
}

/// Many threads, each with a view of the folder of its own as if it were another run, save the same few bodies.
#[test]
fn whoever_saves_the_same_at_a_time_all_find_it_whole() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<_> = (0..40).map(|n| html(vec![b'a' + n; 30_000])).collect();
    let start = std::sync::Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let bodies = bodies(&folder, false);
                start.wait();
                for page in &all {
                    let path = bodies.save(page).unwrap();
                    assert_eq!(fs::read(path).unwrap(), page.body);
                }
            });
        }
    });
    let names: HashSet<_> = files(folder.path()).into_iter().collect();
    assert_eq!(names.len(), all.len(), "{names:?}");
}

proptest! {
    #[test]
    fn no_content_type_leads_out_of_the_folder(content_type in "(.|/|\\.\\.|\0|\n)*", body in proptest::collection::vec(0_u8.., 0..20)) {
        let folder = tempfile::tempdir().unwrap();
        let path = bodies(&folder, false).save(&page(body.clone(), Some(&content_type))).unwrap();
        let below = path.strip_prefix(folder.path().to_str().unwrap()).unwrap();
        let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase());
        let (name, extension) = below.split_once('.').unwrap();
        prop_assert!(name.len() == 66 && name[..1] == *"/" && hex(&name[1..3]) && name[3..4] == *"/" && hex(&name[4..]), "{}", below);
        prop_assert!(extension.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{}", below);
        prop_assert_eq!(fs::read(path).unwrap(), body);
    }
}
