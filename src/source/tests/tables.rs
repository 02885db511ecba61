//! Tables and objects: what travels, what is bad, and what cannot be read at all.

use super::*;

#[test]
fn the_format_follows_the_option_then_the_extension_then_is_a_list() {
    let url = |name: &str, content: &str, format| all(Settings { format, ..of([bytes(name, content)]) });
    for (name, content) in [
        ("x", "http://a/"),
        ("x.unknown", "http://a/"),
        ("x.csv", "url\nhttp://a/"),
        ("x.TSV", "n\turl\n1\thttp://a/"),
        ("x.jsonl", "{\"url\":\"http://a/\"}"),
        ("x.ndjson", "{\"url\":\"http://a/\"}"),
    ] {
        assert_eq!(url(name, content, None), ["http://a/"], "{name}");
    }
    assert_eq!(url("x.csv", "http://a/", Entry::by_name("list")), ["http://a/"]);
    assert_eq!(url("x", "url\nhttp://a/", Entry::by_name("csv")), ["http://a/"]);
}

#[test]
fn every_entry_of_the_table_is_found_by_its_name_and_by_each_of_its_extensions() {
    for entry in SOURCES {
        assert_eq!(Entry::by_name(entry.name).unwrap().name, entry.name);
        assert!(!entry.help.is_empty() && !entry.help.ends_with('.'));
        for extension in entry.extensions {
            assert_eq!(Entry::by_extension(Path::new(&format!("x.{extension}"))).unwrap().name, entry.name);
        }
    }
    assert_eq!(SOURCES.iter().map(|entry| entry.name).collect::<Vec<_>>(), ["list", "csv", "tsv", "jsonl"]);
}

#[test]
fn a_tables_other_columns_travel_as_strings_in_their_order() {
    let table = "\u{feff}z, URL ,a\r\n1,http://a/1,\"x, \"\"y\"\"\r\nz\"\r\n ,  http://a/2 ,\r\n";
    let settings = Settings { url_field: "URL".to_owned(), ..of([bytes("x.csv", table)]) };
    let input = |target: &Target| serde_json::to_string(&target.input).unwrap();
    let targets = read(settings);
    assert_eq!(targets.iter().map(said).collect::<Vec<_>>(), ["http://a/1", "http://a/2"]);
    assert_eq!(targets.iter().map(input).collect::<Vec<_>>(), [r#"{"z":"1","a":"x, \"y\"\r\nz"}"#, r#"{"z":" ","a":""}"#]);
    assert_eq!(read(of([bytes("x.csv", "url\nhttp://a/\n")]))[0].input, None);
}

#[test]
fn a_bad_row_is_a_target_that_names_its_first_line_and_the_table_goes_on() {
    let mut table = b"url,n\n\nhttp://a/1\nhttp://a/2,x,y\n,x\n \nhttp://a/3,\xff\nhttp://\xff/,x\nhttp://a/4,\"x\n\n\"\nhttp://a/5,\"x\ny\",z\nhttp://a/6,".to_vec();
    table.extend(vec![b'x'; 1 << 20]);
    table.extend(b"\nftp://a/7,x\nhttp://a/8,\"x");
    let targets = read(of([bytes("x.csv", table)]));
    assert_eq!(
        targets.iter().map(said).collect::<Vec<_>>(),
        [
            "http://a/1",
            "x.csv:4: columns in this row: 3, in the header: 2",
            "x.csv:5: the column `url` is empty",
            "x.csv:6: the column `url` is empty",
            "x.csv:7: the column `n` is not UTF-8",
            "x.csv:8: the column `url` is not UTF-8",
            "http://a/4",
            "x.csv:12: a quote in this row is not closed before line 13, and up to there it is no row of this table",
            "x.csv:13: not a URL: a line is https://host/path or host.example/path",
            "x.csv:14: the line is longer than 1024 KiB",
            "x.csv:15: the scheme \"ftp\" cannot be fetched: only http and https can",
            "x.csv:16: a quote in this row is never closed: close it, or write it twice in a cell in quotes",
        ]
    );
    assert_eq!(targets[4].given(), "http://a/3");
    assert_eq!(targets[5].given(), "http://\\xff/");
    assert_eq!(targets[11].given(), "http://a/8,\"x");
}

#[test]
fn cells_that_a_row_lacks_at_its_end_are_null_and_one_too_many_makes_it_bad() {
    let table = "l,url,n,m\nx,http://a/1\nx,http://a/2,\r\n\nx,http://a/3,\"y\nz\"\nx,http://a/4,y,z,\nx\n";
    let shown = |target: &Target| (said(target), serde_json::to_string(&target.input).unwrap());
    let expected = [
        ("http://a/1", r#"{"l":"x","n":null,"m":null}"#),
        ("http://a/2", r#"{"l":"x","n":"","m":null}"#),
        ("http://a/3", r#"{"l":"x","n":"y\nz","m":null}"#),
        ("x.csv:7: columns in this row: 5, in the header: 4", r#"{"l":"x","n":"y","m":"z"}"#),
        ("x.csv:8: columns in this row: 1, in the header: 4", r#"{"l":"x","n":null,"m":null}"#),
    ];
    let targets = read(of([bytes("x.csv", table)]));
    assert_eq!(targets.iter().map(shown).collect::<Vec<_>>(), expected.map(|(said, input)| (said.to_owned(), input.to_owned())));
    assert_eq!(targets[3].given(), "http://a/4");
}

#[test]
fn a_header_that_cannot_be_used_is_told_before_the_first_request() {
    let header = |content: &[u8]| refused(of([bytes("x.csv", content)]));
    assert_eq!(header(b""), ("x.csv: is empty: a table begins with a header that names its columns".to_owned(), false));
    assert_eq!(header(b"\n\r\n").0, header(b"").0);
    assert_eq!(
        header(b"\n\x1b[2J,URL\nx,http://a/"),
        (
            "x.csv:2: no columns are called `url`; the columns are `\\u{1b}[2J`, `URL`: choose one with --url-field".to_owned(),
            true
        )
    );
    assert!(header(b"url,a,url\n").0.starts_with("x.csv:1: 2 columns are called `url`; "));
    assert!(header(b"url,\xff\n").0.starts_with("x.csv:1: the header cannot be used: not UTF-8: "));
    assert_eq!(
        header(b"url,\"a").0,
        "x.csv:1: the header cannot be used: a quote in this row is never closed: close it, or write it twice in a cell in quotes"
    );
    assert!(header(&[b','; 1 << 10]).0.ends_with(" and 1005 more: choose one with --url-field"));
    assert_eq!(header(&vec![b'u'; 2 << 20]).0, "x.csv:1: the header cannot be used: the line is longer than 1024 KiB");
}

#[test]
fn the_columns_are_those_of_all_tables_and_known_before_the_first_row() {
    let columns = |inputs: Vec<Origin>| {
        let (names, free) = open(of(inputs)).unwrap().columns();
        (names.iter().map(ToString::to_string).collect::<Vec<_>>(), free)
    };
    let (a, b) = (|| bytes("a.csv", "url,z,a,a"), || bytes("b.tsv", "n\tz\turl"));
    assert_eq!(columns(vec![a(), b()]), (["z", "a", "a_4", "n"].map(str::to_owned).to_vec(), false));
    assert_eq!(columns(vec![b(), bytes("c.jsonl", ""), bytes("urls.txt", "")]), (["n", "z"].map(str::to_owned).to_vec(), true));
}

#[test]
fn jsonl_skips_blank_lines_and_numbers_the_others_by_their_place() {
    let lines =
        "\u{feff}{\"url\":\"http://a/1\",\"id\":1}\r\n \r\n{\"url\":\"http://a/\\u0007\"}\n{\"id\":\n{\"url\":\"http://a/2\"}";
    assert_eq!(
        all(of([bytes("x.jsonl", lines)])),
        [
            "http://a/1",
            "x.jsonl:3: not a usable URL: the control character '\\u{7}' at column 10",
            "x.jsonl:4: broken JSON: EOF while parsing a value at column 6",
            "http://a/2",
        ]
    );
}
