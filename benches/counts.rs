//! Fixed work for `benches/count`, which has its instructions counted by valgrind: no clock has a part in that, so that it can be
//! compared with the count that is kept.
//!
//! `counts WORKLOAD ROUNDS` makes all ready and then does the same work so many times, 1 or 2: what two rounds take more than one is a
//! round, without the program's start and with everything warm. Without arguments each is done once, to see that it works.

#[path = "shop/page.rs"]
mod page;
#[path = "shop/record.rs"]
mod record;

use std::env;
use std::fmt::Write;
use std::hint::black_box;
use std::io::{self, Cursor};
use std::time::{Duration, Instant, SystemTime};

use scrape::extract::{Extractor, Parser};
use scrape::frontier::{Frontier, Next};
use scrape::model::{Columns, Data, Done, Outcome, Row, Ticket};
use scrape::sink::{self, Destination, FORMATS, To};
use scrape::{Field, Origin, extract, frontier, source};

/// A workload: its name, and what makes its rounds ready.
type Workload = (&'static str, fn() -> Vec<Box<dyn FnOnce()>>);

/// As many rounds as are ever done.
const ROUNDS: usize = 2;

const WORKLOADS: &[Workload] = &[
    ("schedule", || rounds(schedule)),
    ("extract-title", || rounds(|| pages(40, &["title=title"], Parser::Auto))),
    ("extract-fields", || rounds(|| pages(4, &THREE, Parser::Auto))),
    ("extract-tree", || rounds(|| pages(2, &TREE, Parser::Auto))),
    ("extract-dom", || rounds(|| pages(1, &THREE, Parser::Dom))),
    ("write-jsonl", || rounds(|| write("jsonl"))),
    ("write-csv", || rounds(|| write("csv"))),
];

/// Fields that need no tree.
const THREE: [&str; 3] = ["title=title", "links[]=a[href]::attr(href)", "h2[]=h2"];

/// Fields of which one needs the tree.
const TREE: [&str; 3] = ["title=title", "links[]=a[href]::attr(href)", "intro[]=h2 + p"];

fn rounds<W: FnOnce() + 'static>(make: impl Fn() -> W) -> Vec<Box<dyn FnOnce()>> {
    (0..ROUNDS).map(|_| Box::new(make()) as Box<dyn FnOnce()>).collect()
}

/// 4,000 lines of a list, of 40 hosts in turn, are read, pushed, given out and settled, with up to 400 of them in sight.
fn schedule() -> impl FnOnce() {
    const SIGHT: usize = 400;
    let mut list = String::new();
    for n in 0..4000 {
        let _ = writeln!(list, "https://host-{}.example/category/{}/page-{n}.html?ref=list", n % 40, n % 7);
    }
    let now = Instant::now();
    move || {
        let from = Origin::Reader { name: "list.txt".to_owned(), from: Box::new(Cursor::new(list)) };
        let settings = source::Settings { inputs: vec![from], ..source::Settings::default() };
        let mut targets = source::open(settings).expect("memory can be read").filter_map(|read| read.expect("it is text").target);
        let settings = frontier::Settings { window: SIGHT, seed: 1, ..frontier::Settings::default() };
        let mut frontier = Frontier::new(settings, now);
        let (mut clock, mut settled) = (now, 0);
        for target in targets.by_ref().take(SIGHT) {
            frontier.push(target, clock);
        }
        loop {
            match frontier.next(clock) {
                Next::Go(ticket) => {
                    clock += Duration::from_millis(1);
                    settled += usize::from(frontier.settle(done(*ticket), clock).is_some());
                    if let Some(target) = targets.next() {
                        frontier.push(target, clock);
                    }
                }
                Next::Wait(at) => clock = at,
                Next::Refused(record) => panic!("refused: {record:?}"),
                Next::Idle => break,
            }
        }
        assert_eq!(settled, 4000);
    }
}

fn done(ticket: Ticket) -> Done {
    let row = Row { status: 200, content_type: None, bytes: 0, received: 0, body: None, data: Data::default(), charset: None };
    Done { ticket, outcome: Outcome::Row(row), asked: None, elapsed: Duration::from_millis(1), at: SystemTime::UNIX_EPOCH }
}

/// Fields are read from so many pages of 20 KiB and as many of 200 KiB.
fn pages(count: usize, fields: &[&str], parser: Parser) -> impl FnOnce() + use<> {
    let fields: Vec<Field> = fields.iter().map(|field| field.parse().expect("a field")).collect();
    let extractor =
        Extractor::new(extract::Settings { fields, parser, ..extract::Settings::default() }).expect("the names differ");
    let pages = [20, 200].map(|kib| page::page("text/html; charset=utf-8", page::html(kib, "Ünïcödé, 5 €")));
    move || {
        for _ in 0..count {
            for page in &pages {
                black_box(extractor.run(page).expect("a usual page"));
            }
        }
    }
}

/// 5,000 records go through the channel and the format, and their bytes nowhere.
fn write(format: &'static str) -> impl FnOnce() {
    let columns = Columns { data: record::FIELDS.map(Into::into).to_vec(), ..Columns::default() };
    let records: Vec<_> = (1..=5000).map(|index| record::record(&columns.data, index)).collect();
    let mut records = record::stream(&records);
    let format = FORMATS.iter().find(|entry| entry.name == format).expect("it is in the table");
    move || {
        let output = To { place: Destination::Writer(Box::new(io::sink())), format: Some(format) };
        let mut count = 0;
        let mut writer =
            sink::open(sink::Settings { outputs: vec![output], ..sink::Settings::default() }, &columns).expect("a sink");
        writer.run(&mut records, &mut |_| count += 1).expect("there is room");
        writer.finish(true).expect("there is room");
        assert_eq!(count, 5000);
    }
}

fn main() {
    let mut args = env::args().skip(1).filter(|arg| !arg.starts_with("--")); // those of cargo
    let (name, count) = (args.next(), args.next().map_or(1, |count| count.parse().expect("a number of rounds")));
    let is_asked_for = |(workload, _): &&Workload| name.as_deref().is_none_or(|name| name == *workload);
    let asked: Vec<_> = WORKLOADS.iter().filter(is_asked_for).collect();
    assert!(!asked.is_empty() && count <= ROUNDS, "no such workload, or too many rounds");
    for (_, make) in asked {
        let mut ready = make();
        ready.drain(..count).for_each(|round| round());
    }
}
