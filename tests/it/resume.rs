//! `--resume`: the output of a run that was cut short is gone on with. What has a record in it is not fetched again, whatever became of
//! the list meanwhile.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{DATABASE, FORMS, Form, Gate, Reply, Row, Run, Scrape, Site, Work, scrape};
use crate::waits::ask;

/// A site with pages `/p/*`, pages `/h/*` that are held back until the gate is opened, and `/gone`, which is not there.
struct Shop {
    site: Site,
    gate: Gate,
}

impl Shop {
    fn open() -> Self {
        let (site, gate) = (Site::of_pages(), Gate::default());
        let held = gate.clone();
        site.on("/h/*", move |request| Reply::title(&request.path).behind(&held));
        site.page("/gone", Reply::status(404));
        Self { site, gate }
    }

    /// A list of these paths; what is no path stands as it is.
    fn list(&self, paths: &str) -> String {
        let url = |path: &str| if path.starts_with('/') { self.site.url(path) } else { path.to_owned() };
        paths.split_whitespace().map(|path| url(path) + "\n").collect()
    }

    /// The paths that are asked for while something is done.
    fn asked(&self, what: impl FnOnce()) -> Vec<String> {
        let before = self.site.hits().len();
        what();
        let mut paths = self.site.paths().split_off(before);
        paths.sort();
        paths
    }
}

/// Runs to where only held pages are left, which is after so many records, and kills it.
#[track_caller]
fn kill(run: Scrape, form: Form, work: &Work, rows: usize) {
    let live = run.spawn();
    form.wait_for_rows(work, rows);
    live.signal(Signal::KILL);
    assert_eq!(live.end().exit, None);
}

/// What a list has to become: each line with its index.
#[track_caller]
fn assert_each_once(rows: &[Row], list: &str) {
    let rows: Vec<_> = rows.iter().map(|row| (row.index, row.url.as_str())).collect();
    assert_eq!(rows, (1..).zip(list.lines()).collect::<Vec<_>>());
}

/// The counts at the end: ok, failed, skipped, left.
#[track_caller]
fn counts(run: &Run) -> [u64; 4] {
    let summary = run.summary();
    [summary.ok, summary.failed, summary.skipped, summary.left]
}

#[test]
fn a_run_that_was_killed_goes_on_and_fetches_what_is_left_alone() {
    for form in FORMS {
        let (shop, work) = (Shop::open(), Work::new());
        let list = shop.list("/p/1 /h/1 /p/2 nonsense /gone /p/1 /h/2 /p/3 /h/1");
        work.write("urls.txt", &list);
        let run = || work.scrape("urls.txt -c 9 --resume -o").arg(form.file());
        kill(run(), form, &work, 6);
        shop.gate.open();
        let asked = shop.asked(|| assert_eq!(counts(&run().run().code(0)), [3, 0, 6, 0], "{}", form.name));
        assert_eq!(asked, ["/h/1", "/h/1", "/h/2"]);
        let rows = form.rows(&work);
        assert_each_once(&rows, &list);
        assert_eq!(rows.iter().filter(|row| !row.error.is_empty()).count(), 2, "failed records stay: {rows:?}");
        let (before, asked) = (work.read(&form.file()), shop.asked(|| assert_eq!(counts(&run().run().code(0)), [0, 0, 9, 0])));
        assert_eq!((asked, work.read(&form.file())), (vec![], before), "nothing is left to do");
    }
}

#[test]
fn a_list_that_has_changed_is_gone_on_with_by_its_urls() {
    for (before, after, new) in [
        ("/p/1 /p/2 /p/3", "/p/1 /p/2 /p/3 /p/4 /p/5", "/p/4 /p/5"),
        ("/p/1 /p/2 /p/3", "/p/9 /p/1 /p/2 /p/8 /p/3", "/p/8 /p/9"),
        ("/p/1 /p/2 /p/3", "/p/3 /p/1", ""),
        ("/p/1 /p/2 /p/3", "/p/3 /p/2 /p/1", ""),
        ("/p/1 /p/2 /p/3", "/p/2 /p/2 /p/1 /p/1", "/p/1 /p/2"),
        ("/p/1 /p/1 /p/2", "/p/9 /p/1 /p/2 /p/1 /p/1", "/p/1 /p/9"),
        ("/p/1 nonsense", "nonsense /p/1 nonsense", ""),
    ] {
        for form in [FORMS[0], FORMS[2]] {
            let (shop, work) = (Shop::open(), Work::new());
            let run = || work.scrape("urls.txt -q --resume -o").arg(form.file());
            work.write("urls.txt", shop.list(before));
            run().run();
            let count = form.rows(&work).len();
            work.write("urls.txt", shop.list(after));
            let asked = shop.asked(|| drop(run().run()));
            assert_eq!(asked.join(" "), new, "{before} became {after}");
            assert!(form.rows(&work).len() >= count + asked.len());
        }
    }
}

#[test]
fn what_is_no_output_of_this_list_is_told() {
    let (shop, work) = (Shop::open(), Work::new());
    work.scrape("-o out.jsonl -").stdin(shop.list("/p/1 /p/2")).run().code(0);
    let run = work.scrape("--resume -o out.jsonl -").stdin(shop.list("/p/3")).run().code(0);
    assert!(run.stderr.contains("none of the output's records belongs to a target of this list"), "{}", run.stderr);
    assert_eq!(counts(&run), [1, 0, 0, 0]);
    let run = work.scrape("--resume -o out.jsonl -").stdin(shop.list("/p/3 /p/4")).run().code(0);
    assert!(!run.stderr.contains("none of the output's records"), "{}", run.stderr);
}

#[test]
fn a_failed_record_is_replaced_where_it_is_asked_for() {
    for form in FORMS {
        let (shop, work) = (Shop::open(), Work::new());
        let list = shop.list("/p/1 /flaky /p/2 nonsense /gone");
        shop.site.pages("/flaky", [Reply::status(404), Reply::title("now it is there")]);
        work.write("urls.txt", &list);
        let run = |flags: &str| work.scrape(flags).args(["urls.txt", "-o"]).arg(form.file()).run();
        assert_eq!(counts(&run("").code(3)), [2, 3, 0, 0]);
        let asked = shop.asked(|| assert_eq!(counts(&run("--resume --retry-failed").code(3)), [1, 2, 2, 0]));
        assert_eq!(asked, ["/flaky", "/gone"]);
        let rows = form.rows(&work);
        assert_each_once(&rows, &list);
        let errors: Vec<_> = rows.iter().map(|row| row.error.as_str()).collect();
        assert_eq!(errors, ["", "", "", "invalid_url", "http_status"], "{}", form.name);
        assert_eq!(rows[1].title, "now it is there");
        assert_eq!(work.names(), [form.file().as_str(), "urls.txt"]);
    }
}

#[test]
fn what_failed_and_is_not_tried_again_stays() {
    let outputs = [FORMS[0], FORMS[1], FORMS[2], FORMS[3], DATABASE].map(|form| vec![form]);
    for forms in outputs.into_iter().chain([vec![FORMS[0], FORMS[1], FORMS[2], DATABASE]]) {
        let (shop, work) = (Shop::open(), Work::new());
        shop.site.pages("/flaky", [Reply::status(404), Reply::title("now it is there")]);
        let list = shop.list("/p/1 /flaky nonsense /gone /p/2 /gone");
        work.write("urls.txt", &list).write("other.txt", shop.list("/p/7")).write("good.txt", shop.list("/p/1 /p/2"));
        let run = |flags: &str| {
            let run = work.scrape(flags);
            forms.iter().fold(run, |run, form| run.arg("-o").arg(form.file())).run()
        };
        let rows = || {
            let all: Vec<_> = forms.iter().map(|form| form.rows(&work)).collect();
            assert!(all.iter().all(|rows| *rows == all[0]), "each output has the same: {all:?}");
            all.into_iter().next().unwrap()
        };
        run("urls.txt").code(3);
        let before = rows();
        run("good.txt --resume --retry-failed").code(0);
        assert_eq!(rows(), before, "none of those that failed is on the list");
        assert_eq!(shop.asked(|| drop(run("urls.txt --limit 2 --resume --retry-failed").code(0))), ["/flaky"]);
        let errors: Vec<_> = rows().into_iter().map(|row| row.error).collect();
        assert_eq!(errors, ["", "", "invalid_url", "http_status", "", "http_status"]);
        assert_each_once(&rows(), &list);
        run("other.txt --resume --retry-failed").code(0);
        assert_eq!(rows().len(), 7, "another list adds to the output");
        work.write("fewer.txt", shop.list("/p/1 /gone /p/2"));
        shop.site.page("/gone", Reply::title("back"));
        assert_eq!(shop.asked(|| drop(run("fewer.txt --resume --retry-failed").code(0))), ["/gone"]);
        let mut errors: Vec<_> = rows().into_iter().map(|row| row.error).collect();
        errors.sort();
        assert_eq!(errors, ["", "", "", "", "", "http_status", "invalid_url"], "one of the two was on the list");
    }
}

#[test]
fn tries_of_a_file_that_was_made_anew_since_are_not_gone_on_with() {
    for form in FORMS {
        let (shop, work) = (Shop::open(), Work::new());
        let gate = Gate::default();
        let held = gate.clone();
        shop.site
            .pages("/flaky", [Reply::status(404), Reply::title("late").behind(&held), Reply::status(404), Reply::title("there")]);
        shop.site.pages("/news", [Reply::title("old"), Reply::title("new")]);
        let list = shop.list("/news /flaky");
        work.write("urls.txt", &list);
        let run = |flags: &str| work.scrape(flags).args(["urls.txt", "-o"]).arg(form.file());
        run("").run().code(3);
        let live = run("--resume --retry-failed").spawn();
        shop.site.wait_for_hits(3);
        live.signal(Signal::KILL);
        live.end();
        gate.open();
        let retry = format!("{}.retry", form.file());
        assert!(work.read(&retry).contains("old"));
        run("--overwrite").run().code(3);
        let end = run("--resume --retry-failed").run().code(0);
        assert!(end.stderr.contains(&retry), "{}", end.stderr);
        let titles: Vec<_> = form.rows(&work).into_iter().map(|row| row.title).collect();
        assert_eq!(titles, ["new", "there"], "{}", form.name);
        assert_eq!(work.names(), [form.file().as_str(), "urls.txt"]);
    }
}

#[test]
fn trying_again_leaves_the_file_alone_until_it_is_done() {
    let (shop, work) = (Shop::open(), Work::new());
    let (form, gate) = (FORMS[0], Gate::default());
    let held = gate.clone();
    shop.site.pages("/flaky", [Reply::status(404), Reply::title("late").behind(&held), Reply::title("there")]);
    let list = shop.list("/p/1 /flaky /gone");
    work.write("urls.txt", &list);
    work.scrape("urls.txt -o out.jsonl").run().code(3);
    let before = work.read("out.jsonl");
    let run = || work.scrape("urls.txt --resume --retry-failed -o out.jsonl");
    let live = run().spawn();
    // The page that is there is copied; the one that is gone is tried again.
    work.wait_for_lines("out.jsonl.retry", 2);
    live.signal(Signal::KILL);
    live.end();
    assert_eq!(work.read("out.jsonl"), before);
    gate.open();
    let asked = shop.asked(|| drop(run().run().code(0)));
    assert_eq!(asked, ["/flaky"], "what was tried again already is not tried once more");
    assert_each_once(&form.rows(&work), &list);
    assert_eq!(work.names(), ["out.jsonl", "urls.txt"]);
}

#[test]
fn a_run_that_replaces_a_file_goes_on_beside_it() {
    let (shop, work) = (Shop::open(), Work::new());
    work.write("urls.txt", shop.list("/p/1 /h/1 /p/2")).write("out.jsonl", "precious\n");
    let run = || work.scrape("urls.txt --overwrite --resume -o out.jsonl");
    let live = run().spawn();
    work.wait_for_lines("out.jsonl.partial", 2);
    live.signal(Signal::KILL);
    live.end();
    assert_eq!(work.read("out.jsonl"), "precious\n");
    shop.gate.open();
    assert_eq!(shop.asked(|| drop(run().run().code(0))), ["/h/1"]);
    assert_eq!((FORMS[0].rows(&work).len(), work.names()), (3, vec!["out.jsonl".to_owned(), "urls.txt".to_owned()]));
    assert_eq!(shop.asked(|| drop(run().run().code(0))).len(), 3, "with nothing to go on with it begins anew");
}

#[test]
fn a_list_on_stdin_is_gone_on_with() {
    let (shop, work) = (Shop::open(), Work::new());
    let form = FORMS[2];
    let list = shop.list("/p/1 /h/1 /p/2 /h/2 /p/3");
    kill(work.scrape("--resume -o out.csv -").stdin(&list), form, &work, 3);
    shop.gate.open();
    let mut live = work.scrape("--resume -o out.csv -").open_stdin().spawn();
    live.write(&list[..list.len() / 2]);
    live.wait_until_it_catches(Signal::USR1);
    ask(&live, "input");
    assert_eq!(form.rows(&work).len(), 3, "it waits for the end of the list");
    live.write(&list[list.len() / 2..]);
    live.close_stdin();
    assert_eq!(counts(&live.end().code(0)), [2, 0, 3, 0]);
    assert_each_once(&form.rows(&work), &list);
}

#[test]
fn a_stop_does_not_wait_for_the_end_of_the_list() {
    for form in FORMS {
        let (shop, work) = (Shop::open(), Work::new());
        work.scrape("-o").arg(form.file()).arg("-").stdin(shop.list("/p/1")).run().code(0);
        let mut live = work.scrape("--resume -o").arg(form.file()).arg("-").open_stdin().spawn();
        live.write(shop.list("/p/1 /p/2"));
        live.wait_until_it_catches(Signal::INT);
        live.signal(Signal::INT);
        let run = live.end().code(130);
        assert_eq!(counts(&run)[0], 0);
        assert_eq!(form.rows(&work).len(), 1);
    }
}

#[test]
fn with_nothing_to_go_on_with_a_pipe_is_read_as_it_comes() {
    let (shop, work) = (Shop::open(), Work::new());
    let mut live = work.scrape("--resume -o out.jsonl -").open_stdin().spawn();
    live.write(shop.list("/p/1"));
    FORMS[0].wait_for_rows(&work, 1);
    live.close_stdin();
    live.end().code(0);
}

#[test]
fn where_it_is_a_habit_the_output_may_be_stdout() {
    let site = Site::of_pages();
    let run = scrape("-").env("SCRAPE_RESUME", "1").env("SCRAPE_RETRY_FAILED", "1").stdin(site.list(2)).run().code(0);
    assert_eq!(run.records().len(), 2);
    let run = scrape("--resume -o - -").stdin(site.list(2)).run().code(2);
    assert!(run.stderr.contains("--resume"), "{}", run.stderr);
}

#[test]
fn a_table_or_objects_as_the_list_are_gone_on_with() {
    let shop = Shop::open();
    let url = |path: &str| shop.site.url(path);
    let table = format!("id,url,note\n1,{},a\n2,{},\"b,\nc\"\n3,nonsense,\n4,\n5,{},d\n", url("/p/1"), url("/h/1"), url("/p/2"));
    let objects: String = ["/p/1", "/h/1", "/p/2"].map(|path| json!({"url": url(path), "id": 7}).to_string() + "\n").concat();
    let objects = objects + "[1]\n{\"url\": 5}\n";
    for (name, list) in [("urls.csv", table), ("urls.jsonl", objects)] {
        for form in FORMS {
            let (shop, work) = (&shop, Work::new());
            work.write(name, &list);
            let run = || work.scrape("--resume -o").arg(form.file()).arg(name);
            let gate = Gate::default();
            let held = gate.clone();
            shop.site.on("/h/*", move |request| Reply::title(&request.path).behind(&held));
            kill(run(), form, &work, 4);
            gate.open();
            assert_eq!(counts(&run().run().code(0)), [1, 0, 4, 0], "{name} to {}", form.name);
            let rows: Vec<_> = form.rows(&work).iter().map(|row| row.index).collect();
            assert_eq!(rows, [1, 2, 3, 4, 5]);
        }
    }
}

#[test]
fn what_shapes_the_list_shapes_what_is_gone_on_with() {
    for (flags, list, kept, counted) in [
        ("--unique", "/p/1 /h/1 /p/1 /p/2 /h/1", &[1, 2, 4][..], [1, 0, 4, 0]),
        ("--limit 4", "/p/1 /h/1 /p/2 /h/2 /p/3 /h/3", &[1, 2, 3, 4], [2, 0, 2, 0]),
        ("--ordered", "/p/1 /p/2 /h/1 /p/3", &[1, 2, 3, 4], [2, 0, 2, 0]),
        ("--https-only", "/p/1 nonsense", &[1, 2], [0, 0, 2, 0]),
    ] {
        for form in FORMS {
            let (shop, work) = (Shop::open(), Work::new());
            work.write("urls.txt", shop.list(list));
            let run = || work.scrape(flags).args(["urls.txt", "--resume", "-o"]).arg(form.file());
            if flags == "--https-only" {
                run().run().code(3);
            } else {
                kill(run(), form, &work, 2);
            }
            shop.gate.open();
            assert_eq!(counts(&run().run().code(0)), counted, "{flags} to {}", form.name);
            let indexes: Vec<_> = form.rows(&work).iter().map(|row| row.index).collect();
            assert_eq!(indexes, kept, "{flags} to {}", form.name);
        }
    }
}

#[test]
fn a_url_is_known_by_what_its_record_shows_of_it() {
    for form in FORMS {
        let (shop, work) = (Shop::open(), Work::new());
        let secret = |path: &str| shop.site.url(path).replace("http://", "http://ann:s3cret@");
        let list = [secret("/p/1"), shop.site.url("/p/2?token=s3cret"), secret("/h/1?token=s3cret"), "u:s3cret@".to_owned()];
        work.write("urls.txt", list.join("\n"));
        let run = || work.scrape("urls.txt --redact token --resume -o").arg(form.file());
        kill(run(), form, &work, 3);
        shop.gate.open();
        let asked = shop.asked(|| assert_eq!(counts(&run().run().code(0)), [1, 0, 3, 0], "{}", form.name));
        assert_eq!(asked, ["/h/1?token=s3cret"]);
        let rows = form.rows(&work);
        assert!(rows.len() == 4 && rows.iter().all(|row| !row.url.contains("s3cret")), "{rows:?}");
    }
}

#[test]
fn other_fields_are_refused_before_any_request_and_the_file_is_left_as_it_is() {
    for form in FORMS {
        let (shop, work) = (Shop::open(), Work::new());
        work.scrape("-s title=title -o").arg(form.file()).arg("-").stdin(shop.list("/p/1")).run().code(0);
        let before = work.read(&form.file());
        let asked = shop.asked(|| {
            let run = work.scrape("-s title=title -s link=a --resume -o").arg(form.file()).arg("-");
            let run = run.stdin(shop.list("/p/1 /p/2")).run().code(2);
            assert!(run.stderr.contains(&form.file()) && run.stderr.contains("link"), "{}", run.stderr);
        });
        assert_eq!((asked, work.read(&form.file())), (vec![], before));
    }
}

#[test]
fn a_run_that_was_interrupted_or_had_its_deadline_goes_on() {
    for form in FORMS {
        let (shop, work) = (Shop::open(), Work::new());
        let list = shop.list("/p/1 /h/1 /p/2 /h/2");
        work.write("urls.txt", &list);
        let run = |flags: &str| work.scrape(flags).args(["urls.txt", "--resume", "-o"]).arg(form.file());
        let live = run("--grace 0").spawn();
        form.wait_for_rows(&work, 2);
        live.signal(Signal::INT);
        live.end().code(130);
        assert_eq!(form.rows(&work).len(), 2, "what was written is whole");
        run("--grace 0 --deadline 200ms").run().code(4);
        assert_eq!(form.rows(&work).len(), 2);
        shop.gate.open();
        assert_eq!(counts(&run("").run().code(0)), [2, 0, 2, 0], "{}", form.name);
        assert_each_once(&form.rows(&work), &list);
    }
}

#[test]
fn a_database_is_gone_on_with_like_any_other_output() {
    let (shop, work) = (Shop::open(), Work::new());
    let list = shop.list("/p/1 /h/1 /p/2 nonsense /gone /p/1 /h/2 /h/1");
    work.write("urls.txt", &list);
    let run = |flags: &str| work.scrape("urls.txt -c 9 --resume -o out.db").args(flags.split_whitespace());
    kill(run(""), DATABASE, &work, 5);
    shop.gate.open();
    let asked = shop.asked(|| assert_eq!(counts(&run("").run().code(0)), [3, 0, 5, 0]));
    assert_eq!(asked, ["/h/1", "/h/1", "/h/2"]);
    assert_each_once(&DATABASE.rows(&work), &list);
    shop.site.page("/gone", Reply::title("back"));
    let asked = shop.asked(|| assert_eq!(counts(&run("--retry-failed").run().code(3)), [1, 1, 6, 0]));
    assert_eq!(asked, ["/gone"]);
    let rows = DATABASE.rows(&work);
    assert_each_once(&rows, &list);
    assert_eq!(rows.iter().filter(|row| !row.error.is_empty()).count(), 1, "{rows:?}");
    let before = DATABASE.rows(&work);
    let refused = run("-s other=h1").run().code(2);
    assert!(refused.stderr.contains("other") && refused.stderr.contains("out.db"), "{}", refused.stderr);
    assert_eq!(DATABASE.rows(&work), before);
}

#[test]
fn of_several_outputs_what_all_have_is_finished() {
    let (shop, work) = (Shop::open(), Work::new());
    let list = shop.list("/p/1 /p/2 /p/3 /h/1 nonsense /p/4");
    work.write("urls.txt", &list);
    let outputs = "-o out.jsonl -o out.csv -o out.db";
    let run = || work.scrape("urls.txt -c 9 --resume").args(outputs.split_whitespace());
    kill(run(), DATABASE, &work, 5);
    // What one of them has lost: its last line, and another one its first two.
    let csv = work.read("out.csv");
    work.write("out.csv", csv.split_inclusive('\n').take(5).collect::<String>());
    let jsonl = work.read("out.jsonl");
    work.write("out.jsonl", jsonl.split_inclusive('\n').skip(2).collect::<String>());
    shop.gate.open();
    let [ok, failed, skipped, left] = counts(&run().run());
    assert_eq!((ok + failed, skipped, left), (4, 2, 0), "the third and the fourth record are in all of them");
    for form in [FORMS[0], FORMS[2], DATABASE] {
        assert_each_once(&form.rows(&work), &list);
    }
    let refused = work.scrape("urls.txt --resume -o out.jsonl -o new.db").run().code(2);
    assert!(refused.stderr.contains("new.db has none yet") && !work.path("new.db").exists(), "{}", refused.stderr);
}

#[test]
fn a_run_whose_output_had_no_more_room_goes_on_once_there_is_some() {
    for form in FORMS {
        let (site, work) = (Site::of_pages(), Work::new());
        let list = site.list(100);
        work.write("urls.txt", &list);
        let run = || work.scrape("urls.txt --resume -o").arg(form.file());
        let run_full = run().shell(r#"ulimit -f 4; exec "$0" "$@""#).run().code(1);
        assert!(run_full.stderr.contains(&form.file()), "{}", run_full.stderr);
        let seen = run().run().code(0);
        assert!(seen.summary().skipped > 0 && seen.summary().left == 0, "{}", seen.stderr);
        assert_each_once(&form.rows(&work), &list);
    }
}

/// The most memory of a run that goes on with so many records, measured while its one page is being waited for.
fn peak_memory(records: u64) -> u64 {
    let (shop, work) = (Shop::open(), Work::new());
    let url = |page: u64| format!("http://a.example/{page}");
    let output: String = (1..=records).fold(String::new(), |output, page| {
        let record = json!({
            "index": page, "url": url(page), "final_url": url(page), "status": 200, "content_type": "text/html", "bytes": 1, "attempts": 1,
            "elapsed_ms": 1, "fetched_at": "2026-01-01T00:00:00.000Z", "error": null, "error_message": null, "data": {"title": null},
        });
        output + &record.to_string() + "\n"
    });
    let list = (1..=records).fold(String::new(), |list, page| list + &url(page) + "\n");
    work.write("out.jsonl", output).write("urls.txt", list + &shop.list("/h/1"));
    let live = work.scrape("urls.txt --resume -o out.jsonl").spawn();
    shop.site.wait_for("/h/1");
    let peak = live.peak_memory();
    shop.gate.open();
    assert_eq!(counts(&live.end().code(0)), [1, 0, records, 0]);
    peak
}

#[test]
#[ignore = "a million records take a while without optimisation"]
fn a_finished_target_takes_sixteen_bytes() {
    let (few, many) = (peak_memory(1000), peak_memory(1_000_000));
    assert!(many < few + (22 << 20), "{} KiB for 1000 targets, {} KiB for 1000000", few >> 10, many >> 10);
}

#[test]
fn in_order_the_output_is_the_same_whatever_the_concurrency() {
    let site = Site::start();
    site.on("/p/*", |request| {
        let page: u64 = request.path["/p/".len()..].parse().unwrap();
        Reply::title(&request.path).delay(std::time::Duration::from_millis(page * 7 % 30))
    });
    site.page("/gone", Reply::status(404));
    let list = site.list(40) + &site.url("/gone") + "\nnonsense\n" + &site.list(5);
    for form in FORMS {
        let output = |concurrency: &str| {
            let run = scrape("--ordered --retries 0 -").args(["-c", concurrency, "-f", form.name]).stdin(&list).run().code(3);
            without_times(form, run.text())
        };
        let one = output("1");
        assert_eq!(one.lines().count(), 47 + form.head + usize::from(form.name == "json"), "{one}");
        for concurrency in ["3", "40"] {
            assert_eq!(output(concurrency), one, "{concurrency} at a time");
        }
    }
}

/// An output without what no two runs have in common.
fn without_times(form: Form, text: &str) -> String {
    let times = ["elapsed_ms", "fetched_at"];
    if form.name.starts_with("json") {
        let line = |line: &str| {
            let (record, comma) = line.strip_suffix(',').map_or((line, ""), |record| (record, ","));
            let Ok(Value::Object(mut record)) = serde_json::from_str(record) else { return line.to_owned() + "\n" };
            for time in times {
                record.insert(time.to_owned(), Value::Null);
            }
            Value::Object(record).to_string() + comma + "\n"
        };
        return text.split_inclusive('\n').map(str::trim_end).map(line).collect();
    }
    let at: Vec<_> = text.lines().next().unwrap().split([',', '\t']).map(|name| times.contains(&name)).collect();
    let delimiter = if form.name == "csv" { b',' } else { b'\t' };
    let mut table = csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(text.as_bytes());
    let row = |row: csv::StringRecord| {
        row.iter().zip(&at).filter(|(_, time)| !**time).map(|(cell, _)| format!("{cell:?}")).collect::<Vec<_>>().join(",") + "\n"
    };
    table.records().map(|record| row(record.unwrap())).collect()
}
