//! Lines, globs, repetitions and limits: what becomes a target, with which number.

use super::*;

#[test]
fn a_list_is_read_as_people_write_them() {
    let list = "\u{feff}http://a.example/1\r\n\n  # a comment\n#another\r\n \t http://a.example/2\u{a0} \n   \nexample.com/x";
    let targets = read(of([bytes("urls.txt", list)]));
    assert_eq!(
        targets.iter().map(said).collect::<Vec<_>>(),
        ["http://a.example/1", "http://a.example/2", "https://example.com/x"]
    );
    assert_eq!(targets.iter().map(|target| target.index).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(targets[2].given(), "example.com/x");
}

#[test]
fn a_bad_line_is_a_target_that_names_its_place_and_the_list_goes_on() {
    let mut list = b"http://a.example/\n# no target\nftp://a.example/\nhttp://a.ex\xffample/\xc3\xa9\nnot a url\nhttp://a\0b/\nhttp://a.example/\tnote\n".to_vec();
    list.extend(vec![b'x'; 70_000]);
    list.extend(b"\nhttp://b.example/\n");
    let targets = read(of([bytes("urls.txt", list)]));
    assert_eq!(
        targets.iter().map(said).collect::<Vec<_>>(),
        [
            "http://a.example/",
            "urls.txt:3: the scheme \"ftp\" cannot be fetched: only http and https can",
            "urls.txt:4: not UTF-8 from byte 12 of the line on",
            "urls.txt:5: not a URL: a line is https://host/path or host.example/path",
            "urls.txt:6: not a usable URL: the control character '\\0' at column 9",
            "urls.txt:7: not a usable URL: the control character '\\t' at column 18",
            "urls.txt:8: the line is longer than 64 KiB",
            "http://b.example/",
        ]
    );
    assert_eq!(targets[2].given(), "http://a.ex\\xffample/é");
    assert_eq!(targets[6].given(), "x".repeat(200) + "…");
}

#[test]
fn a_line_of_64_kib_is_still_a_line() {
    // Blanks around it count, and a URL may be nearly as long.
    let url = format!("http://a.example/{}", "x".repeat(65_534 - 17));
    assert_eq!(all(of([bytes("urls.txt", format!("{url}  \n {url} "))])), [url.clone(), url]);
}

#[test]
fn a_list_in_utf_16_is_told_so() {
    for name in ["urls.txt", "urls.csv", "urls.jsonl"] {
        for list in [&b"\xff\xfeh\0t\0t\0p\0"[..], b"\xfe\xff\0h\0t\0t\0p"] {
            let opened = open(of([bytes(name, list)]));
            let error = opened.and_then(|mut reader| reader.next().expect("it has a line")).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{name}: is UTF-16: save it as UTF-8")), "{error}");
        }
    }
    assert_eq!(all(of([bytes("urls.txt", b"\xff\xfe\xff\xff")])), ["urls.txt:1: not UTF-8 from byte 1 of the line on"]);
}

#[test]
fn globs_expand_in_arguments_always_and_in_files_when_asked() {
    let list = || bytes("urls.txt", "http://a/[1-2]\nhttp://a/[2-1]\nhttp://[::1]/{x}\n");
    let argument = || Origin::Url("http://b/{x,y}".to_owned());
    assert_eq!(
        all(of([argument(), list()])),
        ["http://b/x", "http://b/y", "http://a/[1-2]", "http://a/[2-1]", "http://[::1]/%7Bx%7D"]
    );
    let targets = read(Settings { glob: true, ..of([list(), argument()]) });
    assert_eq!(
        targets.iter().map(said).collect::<Vec<_>>(),
        [
            "http://a/1",
            "http://a/2",
            "urls.txt:2: column 10: `[2-1]` runs backwards",
            "http://[::1]/x",
            "http://b/x",
            "http://b/y"
        ]
    );
    assert_eq!(targets.iter().map(|target| target.index).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let table = bytes("x.csv", "url,n\nhttp://a/[1-2],x\n");
    let targets = read(Settings { glob: true, ..of([table]) });
    assert!(targets.len() == 2 && targets.iter().all(|target| target.input.as_ref().unwrap()["n"] == "x"));
}

#[test]
fn a_bad_argument_names_itself_without_its_password() {
    assert_eq!(
        refused(of([Origin::Url("http://u:secret@a/[".to_owned())])),
        (
            "cannot expand the argument \"http://u:***@a/[\": column 19: this `[` is never closed (write `\\[` for the character itself)"
                .to_owned(),
            true
        )
    );
    assert_eq!(
        all(of([Origin::Url("http://u:secret@a:[99999-99999]/".to_owned())])),
        ["argument \"http://u:***@a:[99999-99999]/\": not a usable URL: invalid port number"]
    );
}

#[test]
fn the_total_is_known_only_where_nothing_needs_to_be_read() {
    let total = |inputs: &[&str], unique, limit| {
        let inputs = inputs.iter().map(|input| Origin::from_arg(input.as_ref())).collect();
        open(Settings { inputs, unique, limit, ..Settings::default() }).unwrap().total()
    };
    assert_eq!(total(&["http://a/[1-10]/{x,y}", "http://b/"], false, None), Some(21));
    assert_eq!(total(&["http://a/[1-10]"], false, Some(3)), Some(3));
    assert_eq!(total(&["http://a/[1-10]"], false, Some(30)), Some(10));
    assert_eq!(total(&["http://a/[1-10]"], true, None), None);
    assert_eq!(total(&["http://a/[0-18446744073709551615]", "http://b/"], false, None), Some(u64::MAX));
    assert_eq!(open(of([Origin::Url("http://a/".to_owned()), bytes("-", "")])).unwrap().total(), None);
}

#[test]
fn unique_drops_repetitions_but_counts_their_lines_and_never_drops_a_bad_one() {
    let list = "http://a/1#x\nHTTP://A:80/1\nfoo\nfoo\nhttp://a/1?\nhttp://a/2\nhttp://a/1#y";
    let settings = |limit| Settings { unique: true, limit, ..of([bytes("-", list), Origin::Url("http://a/2".to_owned())]) };
    let indexes = |limit| -> Vec<(u64, Option<u64>)> {
        let reads = open(settings(limit)).unwrap().map(|read| read.unwrap());
        reads.map(|read| (read.skipped, read.target.map(|target| target.index))).collect()
    };
    assert_eq!(indexes(None), [(0, Some(1)), (1, Some(3)), (0, Some(4)), (0, Some(5)), (0, Some(6)), (1, None), (1, None)]);
    assert_eq!(indexes(Some(3)), [(0, Some(1)), (1, Some(3)), (0, Some(4))]);
}

#[test]
fn a_limit_counts_bad_lines_and_reads_no_further() {
    let limited = |limit| all(Settings { limit: Some(limit), ..of([pieces("-", &["foo\n", "http://a/1\nhttp://a/2\n"])]) }).len();
    assert_eq!((limited(0), limited(2), limited(9)), (0, 2, 3));
}
