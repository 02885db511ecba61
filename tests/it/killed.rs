//! A run that is killed at any instant, and gone on with until it is done: each target has one record, and each record is whole.

use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::process::Signal;

use crate::harness::{DATABASE, FORMS, Form, Live, Reply, Row, Scrape, Site, Work};

/// Pages of the list.
const PAGES: u64 = 40;

/// How long the title of a page is: most are short, some take several writes.
fn title(page: u64) -> String {
    let length = match page % 10 {
        3 => 200_000,
        7 => 20_000,
        _ => 10,
    };
    format!("{page}:{}", "x".repeat(length))
}

fn site() -> Site {
    let site = Site::start();
    site.on("/p/*", |request| Reply::title(&title(request.path["/p/".len()..].parse().unwrap())));
    site.page("/gone", Reply::status(404));
    site
}

/// Pages, one of them twice, one that is not there, and a line that is no URL.
fn list(site: &Site) -> Vec<String> {
    let mut list: Vec<_> = (1..=PAGES).map(|page| site.url(&format!("/p/{page}"))).collect();
    list.extend([site.url("/p/3"), "no url".to_owned(), site.url("/gone"), site.url("/p/1")]);
    list
}

/// What the output is to be in the end.
fn expected(list: &[String]) -> Vec<Row> {
    let row = |(index, url): (u64, &String)| {
        let page = url.rsplit_once("/p/").map(|(_, page)| page.parse().unwrap());
        let error = match page {
            Some(_) => "",
            None if url.ends_with("/gone") => "http_status",
            None => "invalid_url",
        };
        Row { index, url: url.clone(), error: error.to_owned(), title: page.map_or_else(String::new, title) }
    };
    (1..).zip(list).map(row).collect()
}

/// The run that is killed, into outputs of these forms.
fn command(work: &Work, forms: &[Form]) -> Scrape {
    work.scrape("-q -c 4 --resume urls.txt").args(forms.iter().flat_map(|form| ["-o".to_owned(), form.file()]))
}

/// Waits until an instant that chance has chosen: some time after some request, or some time after the start.
fn wait(site: &Site, live: &mut Live, rng: &mut Rng, whole: Duration) {
    let start = Instant::now();
    let pause = if rng.bool() {
        let seen = site.hits().len() + rng.usize(1..12);
        while site.hits().len() < seen && live.is_running() {
            std::thread::park_timeout(Duration::from_micros(200));
        }
        whole.mul_f64(rng.f64() * 0.03)
    } else {
        whole.mul_f64(rng.f64())
    };
    while start.elapsed() < pause && live.is_running() {
        std::thread::park_timeout(Duration::from_micros(100));
    }
}

/// Kills runs at so many instants, each going on with what the one before has left, and begins anew when the list is done.
fn kill_at(instants: usize, forms: &[Form], seed: u64) {
    let (site, mut rng) = (site(), Rng::with_seed(seed));
    let list = list(&site);
    let expected = expected(&list);
    let (mut killed, mut whole) = (0, Duration::ZERO);
    while killed < instants {
        let work = Work::new();
        work.write("urls.txt", list.join("\n"));
        if whole.is_zero() {
            whole = command(&work, forms).run().code(3).took;
            for form in forms {
                std::fs::remove_file(work.path(&form.file())).unwrap();
            }
        }
        while killed < instants {
            let mut live = command(&work, forms).spawn();
            wait(&site, &mut live, &mut rng, whole);
            if live.is_running() {
                live.signal(Signal::KILL);
            }
            if live.end().exit.is_some() {
                break; // it was done before
            }
            killed += 1;
        }
        let run = command(&work, forms).run();
        let mut names: Vec<_> = forms.iter().map(|form| form.file()).chain(["urls.txt".to_owned()]).collect();
        names.sort();
        let which = format!("{names:?} with seed {seed}");
        assert!(matches!(run.exit, Some(0 | 3)), "{which}: {run:?}");
        for form in forms {
            let rows = form.rows(&work);
            let found: Vec<_> = rows.iter().map(|row| (row.index, &row.url)).collect();
            assert!(rows == expected, "{which}: {}: {found:?}", form.name);
        }
        assert_eq!(work.names(), names, "{which}: nothing else is left behind");
    }
}

#[test]
fn a_run_that_is_killed_at_any_instant_is_gone_on_with_to_one_whole_record_a_target() {
    for form in FORMS {
        kill_at(5, &[form], 1);
    }
    kill_at(5, &[DATABASE], 1);
    kill_at(10, &[FORMS[2], DATABASE, FORMS[0]], 1);
}

#[test]
#[ignore = "two hundred instants a format take minutes"]
fn two_hundred_instants() {
    for form in FORMS {
        kill_at(200, &[form], fastrand::u64(..));
    }
    kill_at(200, &[DATABASE], fastrand::u64(..));
    kill_at(200, &[FORMS[1], DATABASE, FORMS[2]], fastrand::u64(..));
}
