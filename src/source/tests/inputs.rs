//! Files and pipes: what opens, when a target is had, and what is known of the next one.

use super::*;

#[test]
fn a_pipe_yields_a_target_before_its_next_byte_is_asked_for() {
    /// Panics when it is read further than its script goes.
    struct Open(VecDeque<&'static str>);
    impl Read for Open {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let piece = self.0.pop_front().expect("nobody waits for what is not needed");
            into[..piece.len()].copy_from_slice(piece.as_bytes());
            Ok(piece.len())
        }
    }
    let open_end = |name: &str, script: &[&'static str]| {
        let from = Box::new(Open(script.iter().copied().collect()));
        open(of([Origin::Reader { name: name.to_owned(), from }])).unwrap()
    };
    let expect = |reader: &mut Reader, url: &str, more: bool| {
        let read = reader.next().unwrap().unwrap();
        assert_eq!((said(&read.target.unwrap()).as_str(), read.more), (url, more));
    };

    let mut list = open_end("-", &["http://a/", "1\nhttp://a/2\nht", "tp://a/3\n\n#", "x\n\n"]);
    expect(&mut list, "http://a/1", true);
    expect(&mut list, "http://a/2", false);
    expect(&mut list, "http://a/3", false);

    let mut table = open_end("x.csv", &["url,n", "ame\r", "\nhttp://a/1,x\r\nhttp://a/2,\"y\r\n\"\r\nhttp", "://a/3,z\n\r\n"]);
    expect(&mut table, "http://a/1", true);
    expect(&mut table, "http://a/2", false);
    expect(&mut table, "http://a/3", false);

    let oops = "x.csv:2: a quote in this row is never closed: close it, or write it twice in a cell in quotes";
    let mut table = open_end("x.csv", &["url,n\nhttp://a/1,\"oops\nhttp://a/2,x\nhttp", "://a/3,\"x\n", "y\"\nhttp://a"]);
    expect(&mut table, oops, true);
    expect(&mut table, "http://a/2", true);
    expect(&mut table, "http://a/3", false);

    let mut objects = open_end("x.jsonl", &["{\"url\":\"http://a/1\"}\n\n{\"url\":", "\"http://a/2\"}\n"]);
    expect(&mut objects, "http://a/1", false);
    expect(&mut objects, "http://a/2", false);
}

#[test]
fn more_is_said_of_files_and_globs_until_their_end_and_then_of_what_follows() {
    let folder = tempfile::tempdir().unwrap();
    let list = |name: &str| file(&folder, name, "http://a/1\nhttp://a/2\n# the end\n").0;
    assert_eq!(more(of([list("a.txt")])), [true, false]);
    assert_eq!(more(of([list("a.txt"), list("b.txt")])), [true, true, true, false]);
    assert_eq!(more(of([list("a.txt"), bytes("-", "http://a/3")])), [true, false, false]);
    assert_eq!(more(of([Origin::Url("http://a/[1-3]".to_owned()), list("a.txt")])), [true, true, true, true, false]);
    assert_eq!(more(Settings { limit: Some(1), ..of([list("a.txt")]) }), [false]);
    assert_eq!(more(Settings { glob: true, ..of([bytes("-", "http://a/{1,2}\n#\nhttp://a/3")]) }), [true, false, false]);
}

#[test]
fn a_read_that_fails_half_way_ends_the_run_and_names_the_line() {
    let mut from = Pieces::new(vec![b"http://a/1\nhttp://a".to_vec()]);
    from.then = Some(io::Error::other("the disk is on fire"));
    let mut reader =
        open(of([Origin::Reader { name: "urls.txt".to_owned(), from: Box::new(from) }, bytes("b", "http://b/")])).unwrap();
    assert!(reader.next().unwrap().unwrap().target.unwrap().url.is_ok());
    let error = reader.next().unwrap().unwrap_err();
    assert_eq!(chain(&error), "urls.txt:2: cannot read this line: the disk is on fire");
    assert!(!error.is_usage() && reader.next().is_none());

    let mut from = Pieces::new(vec![b"url\nhttp://a/1\n".to_vec()]);
    from.then = Some(io::Error::other("the disk is on fire"));
    let mut reader = open(of([Origin::Reader { name: "urls.csv".to_owned(), from: Box::new(from) }])).unwrap();
    assert!(reader.next().unwrap().unwrap().target.unwrap().url.is_ok());
    assert_eq!(chain(&reader.next().unwrap().unwrap_err()), "urls.csv:3: cannot read this line: the disk is on fire");
    assert!(reader.next().is_none());
}

#[test]
fn what_cannot_be_opened_is_told_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (good, _) = file(&folder, "good.csv", "no header that could be used");
    let missing = folder.path().join("missing.txt");
    let shown = missing.display();
    assert_eq!(
        refused(of([good, Origin::File(missing.clone())])),
        (format!("cannot open {shown}: No such file or directory (os error 2)"), false)
    );
    let shown = folder.path().display();
    assert_eq!(refused(of([Origin::File(folder.path().into())])).0, format!("cannot open {shown}: is a directory"));
}

#[test]
fn a_missing_file_that_looks_like_a_url_is_told_how_to_be_one() {
    let open = |name: &str| refused(of([Origin::from_arg(name.as_ref())])).0;
    let cause = "No such file or directory (os error 2)";
    for (name, hint) in [
        ("example.com/x", " (if it is a URL, write https://example.com/x)"),
        ("example.com", " (if it is a URL, write https://example.com)"),
        ("localhost:8080/", " (if it is a URL, write https://localhost:8080/)"),
        ("no-such-file.txt", ""),
        ("no-such-file", ""),
        ("./no/such.file", ""),
        ("ftp://a.example/", " (the scheme \"ftp\" cannot be fetched: only http and https can)"),
    ] {
        assert_eq!(open(name), format!("cannot open {name}{hint}: {cause}"));
    }
}
