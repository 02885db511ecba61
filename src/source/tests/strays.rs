//! Stray quotes in tables: what they cost, and what they do not.

use proptest::prelude::*;

use super::*;

/// What stands for each row: a URL, or the line of a row whose quote is stray.
fn rows(table: &str) -> Vec<String> {
    let shorten = |said: String| match said.split_once(": a quote in this row is ") {
        Some((place, _)) => place.to_owned(),
        None => said,
    };
    all(of([bytes("x.csv", table)])).into_iter().map(shorten).collect()
}

#[test]
fn a_stray_quote_costs_its_row_and_none_of_those_after_it() {
    for (table, expected) in [
        // Nothing closes it.
        ("url,n\nhttp://a/1,\"oops\n\nhttp://a/2,x\nhttp://a/3,y", &["x.csv:2", "http://a/2", "http://a/3"][..]),
        ("url,n\n\"http://a/1,x\nhttp://a/2,x\n", &["x.csv:2", "http://a/2"]),
        // Another stray one, or one that opens a cell, seems to.
        ("url,n\nhttp://a/1,\"oops\nhttp://a/2,x\nhttp://a/3,\"oops\n", &["x.csv:2", "http://a/2", "x.csv:4"]),
        ("url,n\nhttp://a/1,\"oops\nhttp://a/2,\"x\n\ny\"\nhttp://a/3,z\n", &["x.csv:2", "http://a/2", "http://a/3"]),
        ("n,url\n\"oops,http://a/1\n\", x\",http://a/2\n", &["x.csv:2", "http://a/2"]),
        // It is followed by one that closes a cell by the rules, but the row that this makes is none of the table.
        ("url,n\nhttp://a/1,\"oops\nhttp://a/2,\",\"\nhttp://a/3,z\n", &["x.csv:2", "http://a/2", "http://a/3"]),
        ("url,n\n\"http://a/1\nhttp://a/2,\"\"\nhttp://a/3\",z\n", &["x.csv:2", "http://a/2", "http://a/3%22"]),
        (
            "n,url\n\"x,http://a/1\ny,http://a/2\nz\"\n",
            &["x.csv:2", "http://a/2", "x.csv:4: columns in this row: 1, in the header: 2"],
        ),
    ] {
        let shown = rows(table);
        assert_eq!(shown, expected, "{table}");
    }
    let target = &read(of([bytes("x.csv", "url,n\nhttp://a/1,\"oops\nhttp://a/2,x\n")]))[0];
    assert_eq!((target.given(), &target.input), ("http://a/1,\"oops", &None));
}

/// Rows without end, of which the first opens a quote.
struct Endless(u64);

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0 += 1;
        assert!(self.0 < 1200, "it must have been given up at 1 MiB");
        let row = if self.0 == 1 { "url,n\nhttp://a/1,\"oops\n".to_owned() } else { "x".repeat(999) + "\n" };
        row.as_bytes().read(into)
    }
}

#[test]
fn a_row_with_a_stray_quote_is_given_up_at_the_cap() {
    let table = |rest: &str| format!("url,n\nhttp://a/1,\"oops\n{}{rest}", "http://a/2,x\n".repeat(1 << 18));
    let targets = read(of([bytes("x.csv", table("http://a/3,\"x\ny\"\n"))]));
    assert_eq!(targets.len(), 2 + (1 << 18));
    assert!(said(&targets[0]).starts_with("x.csv:2: a quote in this row is never closed: "));
    assert!(targets[1..=1 << 18].iter().all(|target| said(target) == "http://a/2"));
    assert_eq!(targets.last().unwrap().input.as_ref().unwrap()["n"], "x\ny");

    // Nor is there a wait for an end that never comes.
    let mut reader = open(of([Origin::Reader { name: "x.csv".to_owned(), from: Box::new(Endless(0)) }])).unwrap();
    assert!(said(&reader.next().unwrap().unwrap().target.unwrap()).starts_with("x.csv:2: a quote in this row is never closed: "));

    let long = "x".repeat(2 << 20);
    assert_eq!(
        rows(&format!("url,n\nhttp://a/1,\"oops\nhttp://a/2,x\n{long}\n\nhttp://a/3,x\n")),
        ["x.csv:2", "http://a/2", "x.csv:4: the line is longer than 1024 KiB", "http://a/3"]
    );
}

#[test]
fn rows_that_a_stray_quote_swallowed_come_before_the_error_that_ended_the_reading() {
    let mut from = Pieces::new(vec![b"url,n\nhttp://a/1,\"oops\nhttp://a/2,x\nhttp".to_vec()]);
    from.then = Some(io::Error::other("the disk is on fire"));
    let mut reader = open(of([Origin::Reader { name: "x.csv".to_owned(), from: Box::new(from) }])).unwrap();
    let mut next = || reader.next().map(|read| read.map(|read| said(&read.target.unwrap())));
    assert!(next().unwrap().unwrap().starts_with("x.csv:2: a quote"));
    assert_eq!(next().unwrap().unwrap(), "http://a/2");
    assert_eq!(chain(&next().unwrap().unwrap_err()), "x.csv:4: cannot read this line: the disk is on fire");
    assert!(next().is_none());
}

/// A cell, in quotes where it has to be.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

proptest! {
    /// A stray quote and a later one may make a cell that is by the rules, and then nobody can tell: where that is the last of its
    /// row too, or opens a cell that begins with a line break. So a letter comes first here.
    #[test]
    fn whatever_quotes_are_stray_every_other_row_comes_out_once_and_in_order(
        rows in prop::collection::vec(("[ab,]{0,2}", "([ab,][ab,\"\n]{0,3})?", prop::option::weighted(0.3, "\"[ab][ab,]{0,3}")), 0..12),
        url_first in any::<bool>(),
    ) {
        let row = |url: &str, left: &str, right: &str| {
            let [first, second] = if url_first { [url, left] } else { [left, url] };
            format!("{first},{second},{right}\n")
        };
        let mut table = row("url", "l", "r");
        let mut expected = Vec::new();
        for (at, (left, right, stray)) in rows.iter().enumerate() {
            let (url, line) = (format!("http://h/{at}"), table.lines().count() + 1);
            expected.push(match stray {
                Some(_) => (format!("x.csv:{line}"), None),
                None => (url.clone(), Some([left.clone(), right.clone()])),
            });
            table += &row(&url, &cell(left), stray.as_ref().unwrap_or(&cell(right)));
        }
        let found = read(of([bytes("x.csv", &table)])).into_iter().map(|target| {
            let said = said(&target);
            let place = said.split_once(": a quote in this row is ").map(|(place, _)| place.to_owned());
            let input = target.input.map(|input| ["l", "r"].map(|name| input[name].as_str().unwrap().to_owned()));
            (place.unwrap_or(said), input)
        });
        prop_assert_eq!(found.collect::<Vec<_>>(), expected, "{}", table);
    }
}
