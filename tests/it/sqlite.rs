//! Records in a database: what other programs find in it, while a run goes on, after it, and after it was killed.

use std::process::Command;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;

use crate::harness::{Gate, Reply, Site, Work};

/// Another program that reads a database.
fn reader(work: &Work, name: &str) -> Connection {
    let connection = Connection::open_with_flags(work.path(name), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    connection
}

fn rows(connection: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut select = connection.prepare(sql).unwrap();
    let width = select.column_count();
    let rows = select.query_map([], |row| (0..width).map(|at| row.get(at)).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}

/// What the query answers as one text, its values separated by blanks.
fn answer(connection: &Connection, sql: &str) -> String {
    let shown = |value: Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(_) => panic!("nothing is a BLOB"),
    };
    rows(connection, sql).into_iter().flatten().map(shown).collect::<Vec<_>>().join(" ")
}

fn count(work: &Work, name: &str) -> usize {
    answer(&reader(work, name), "SELECT count(*) FROM records").parse().unwrap()
}

fn is_whole(work: &Work, name: &str) {
    let checked = Connection::open(work.path(name)).unwrap();
    assert_eq!(answer(&checked, "PRAGMA integrity_check"), "ok", "{name}");
}

#[test]
fn a_database_has_what_jsonl_has() {
    let site = Site::of_pages();
    let work = Work::new();
    work.write("list.csv", format!("url,sku,a b\n{},007,\"x\"\"y\"\nnonsense,2,\n", site.url("/p/1")));
    let fields = "-s title=title -s none=h6 -s links[]=a::attr(href) --ordered";
    let lines = work.scrape(fields).arg("list.csv").run().code(3).records();
    for name in ["a.db", "b.sqlite", "c.SQLite3"] {
        let run = work.scrape(fields).args(["list.csv", "-o", name]).run().code(3);
        assert_eq!(run.text(), "");
        let found = rows(&reader(&work, name), "SELECT * FROM records ORDER BY \"index\"");
        let text = |text: &serde_json::Value| text.as_str().map_or(Value::Null, |text| Value::Text(text.to_owned()));
        for (row, line) in found.iter().zip(&lines) {
            assert_eq!(row.len(), 11 + 3 + 2);
            assert_eq!(row[0], Value::Integer(line["index"].as_i64().unwrap()));
            assert_eq!(row[1], text(&line["url"]));
            assert_eq!(row[3], line["status"].as_i64().map_or(Value::Null, Value::Integer));
            assert_eq!(row[9], text(&line["error"]));
            assert_eq!(row[10], text(&line["error_message"]));
            assert_eq!(row[11], text(&line["data"]["title"]));
            assert_eq!(row[12], Value::Null);
            let list = &line["data"]["links"];
            assert_eq!(row[13], if list.is_null() { Value::Null } else { Value::Text(list.to_string()) });
            assert_eq!(row[14], text(&line["input"]["sku"]));
            assert_eq!(row[15], text(&line["input"]["a b"]));
        }
        assert_eq!(found.len(), lines.len());
        is_whole(&work, name);
    }
    work.scrape("-f sqlite -o plain").arg(site.url("/p/1")).run().code(0);
    assert_eq!(count(&work, "plain"), 1);
    assert_eq!(work.names(), ["a.db", "b.sqlite", "c.SQLite3", "list.csv", "plain"], "each is one file");
}

#[test]
fn the_program_sqlite3_reads_it() {
    // Where it is not installed there is nothing to show.
    if Command::new("sqlite3").arg("--version").output().is_err() {
        return;
    }
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/slow", Reply::title("slow").behind(&gate));
    let work = Work::new();
    let live = work.scrape("-o out.db").args([site.url("/p/1"), site.url("/slow")]).spawn();
    site.wait_for("/slow");
    let query = |sql: &str| {
        let run = Command::new("sqlite3").arg(work.path("out.db")).arg(sql).output().unwrap();
        assert!(run.status.success(), "{run:?}");
        String::from_utf8(run.stdout).unwrap()
    };
    wait_until(|| query("SELECT count(*) FROM records") == "1\n");
    gate.open();
    live.end().code(0);
    assert_eq!(
        query("SELECT count(*), typeof(status), typeof(title), typeof(error) FROM records GROUP BY status"),
        "2|integer|text|null\n"
    );
}

/// Looks again and again until it is so.
#[track_caller]
fn wait_until(mut condition: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !condition() {
        assert!(start.elapsed() < crate::harness::LIMIT, "waited in vain");
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
}

#[test]
fn a_record_is_there_for_readers_as_soon_as_it_is_written() {
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/slow", Reply::title("slow").behind(&gate));
    let work = Work::new();
    let live = work.scrape("-o out.db -c 2").stdin(site.url("/slow") + "\n" + &site.list(3)).spawn();
    site.wait_for("/slow");
    wait_until(|| work.path("out.db-wal").exists());
    wait_until(|| count(&work, "out.db") == 3);
    let held = reader(&work, "out.db");
    held.execute_batch("BEGIN").unwrap();
    assert_eq!(answer(&held, "SELECT count(*) FROM records"), "3");
    gate.open();
    // A reader in the middle of its transaction holds nobody up.
    live.end().code(0);
    assert_eq!(answer(&held, "SELECT count(*) FROM records"), "3", "it sees what it saw");
    held.execute_batch("COMMIT").unwrap();
    assert_eq!(answer(&held, "SELECT count(*) FROM records"), "4");
    drop(held);
    is_whole(&work, "out.db");
    assert_eq!(count(&work, "out.db"), 4);
}

#[test]
fn what_is_no_file_is_no_database() {
    let site = Site::of_pages();
    let work = Work::new();
    let fifo = work.path("fifo.db");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for flags in
        ["-f sqlite", "-f db -o -", "-f sqlite -o /dev/stdout", "-f sqlite -o /dev/null", "-o fifo.db", "-o fifo.db --append"]
    {
        let run = work.scrape(flags).arg(site.url("/p/1")).run().code(2);
        assert!(run.stderr.contains("-o out.db") && run.text().is_empty(), "{flags}: {}", run.stderr);
    }
    assert!(site.hits().is_empty());
    assert_eq!(work.names(), ["fifo.db"]);
}

#[test]
fn what_is_for_a_database_is_a_usage_error_elsewhere() {
    let site = Site::of_pages();
    let work = Work::new();
    for flags in ["--table x", "--upsert", "--table x -o x.csv", "--upsert -o x.jsonl", "--upsert -f csv -o out.db"] {
        let run = work.scrape(flags).arg(site.url("/p/1")).run().code(2);
        assert!(run.stderr.contains("database") || run.stderr.contains("--output"), "{flags}: {}", run.stderr);
    }
    for table in ["", "sqlite_x"] {
        let run = work.scrape("-o out.db").args(["--table", table]).arg(site.url("/p/1")).run().code(2);
        assert!(run.stderr.contains("no table can be called"), "{}", run.stderr);
    }
    assert!(site.hits().is_empty() && work.names().is_empty());
    work.scrape("-o x.csv").env("SCRAPE_TABLE", "mine").env("SCRAPE_UPSERT", "1").arg(site.url("/p/1")).run().code(0);
    work.scrape("-o x.db").env("SCRAPE_TABLE", "mine").env("SCRAPE_UPSERT", "1").arg(site.url("/p/1")).run().code(0);
    assert_eq!(answer(&reader(&work, "x.db"), "SELECT count(first_seen) FROM mine"), "1", "a habit counts where it can");
}

#[test]
fn fields_may_be_called_anything_but_what_is_there() {
    let site = Site::of_pages();
    let work = Work::new();
    let names = ["select", "\"quoted\"", "it's", "größe", "日本", "x;--", "rowid"];
    let fields = |names: &[&str]| names.iter().flat_map(|name| ["-s".to_owned(), format!("{name}=title")]).collect::<Vec<_>>();
    work.scrape("-o out.db").args(fields(&names)).arg(site.url("/p/1")).run().code(0);
    let columns = answer(&reader(&work, "out.db"), "SELECT name FROM pragma_table_info('records') LIMIT 99 OFFSET 11");
    assert_eq!(columns, names.join(" "));
    let hits = site.hits().len();
    for names in [&["index"][..], &["INDEX"], &["Final_URL"], &["title", "Title"]] {
        let run = work.scrape("-o clash.db").args(fields(names)).arg(site.url("/p/1")).run().code(2);
        assert!(run.stderr.contains(names[names.len() - 1]) && run.stderr.contains("-f jsonl"), "{}", run.stderr);
    }
    assert_eq!((site.hits().len(), work.names()), (hits, vec!["out.db".to_owned()]));
}

#[test]
fn an_existing_database_is_refused_appended_to_or_replaced_as_a_whole() {
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/slow", Reply::title("slow").behind(&gate));
    let work = Work::new();
    work.scrape("-o out.db").arg(site.url("/p/{1,2}")).run().code(0);
    let run = work.scrape("-o out.db").arg(site.url("/p/3")).run().code(2);
    assert!(run.stderr.contains("--overwrite") && run.stderr.contains("--append"), "{}", run.stderr);
    work.scrape("--append -o out.db").arg(site.url("/p/4")).run().code(0);
    assert_eq!(count(&work, "out.db"), 3);
    let run = work.scrape("--append -s other=h1 -o out.db").arg(site.url("/p/3")).run().code(2);
    assert!(run.stderr.contains("\"title\"") && run.stderr.contains("--table"), "{}", run.stderr);
    work.scrape("--append -s other=h1 -o out.db --table other").arg(site.url("/p/5")).run().code(0);
    assert_eq!(answer(&reader(&work, "out.db"), "SELECT (SELECT count(*) FROM records), count(*) FROM other"), "3 1");
    let live = work.scrape("--overwrite -o out.db").args([site.url("/p/6"), site.url("/slow")]).spawn();
    site.wait_for("/slow");
    assert_eq!(count(&work, "out.db"), 3);
    gate.open();
    live.end().code(0);
    assert_eq!((count(&work, "out.db"), site.count("/p/3")), (2, 0));
    assert_eq!(work.names(), ["out.db"]);
    for (name, content) in [("text.db", "https://a.example/\n"), ("cut.db", &"SQLite format 3\0".repeat(100))] {
        work.write(name, content);
        let run = work.scrape("--append -o").arg(name).arg(site.url("/p/3")).run();
        assert!(matches!(run.exit, Some(1 | 2)) && run.stderr.contains(name), "{}", run.stderr);
        assert_eq!(work.read(name), content);
    }
    assert_eq!(site.count("/p/3"), 0);
}

#[test]
fn with_upsert_a_url_has_one_row_over_all_runs() {
    let site = Site::of_pages();
    let work = Work::new();
    let seen = || {
        let sql = "SELECT first_seen, last_seen FROM records WHERE url LIKE '%/p/1'";
        rows(&reader(&work, "prices.db"), sql).remove(0)
    };
    work.scrape("--upsert -o prices.db").arg(site.url("/p/{1,2}")).run().code(0);
    let first = seen();
    assert_eq!(first[0], first[1]);
    site.page("/p/1", Reply::title("new"));
    work.scrape("--upsert -o prices.db").arg(site.url("/p/{1,3}")).run().code(0);
    let second = seen();
    assert_eq!(second[0], first[0]);
    assert!(matches!((&second[1], &first[1]), (Value::Text(second), Value::Text(first)) if second > first), "{second:?}");
    assert_eq!(answer(&reader(&work, "prices.db"), "SELECT count(*) FROM records"), "3");
    assert_eq!(answer(&reader(&work, "prices.db"), "SELECT title FROM records WHERE url LIKE '%/p/1'"), "new");
    let run = work.scrape("--append -o prices.db").arg(site.url("/p/1")).run().code(2);
    assert!(run.stderr.contains("--upsert"), "{}", run.stderr);
    assert_eq!(work.names(), ["prices.db"]);
}

#[test]
fn with_upsert_a_killed_run_goes_on_until_each_row_is_of_its_day() {
    let site = Site::of_pages();
    let gates = [Gate::default(), Gate::default()];
    let work = Work::new();
    let paths = ["/1", "/2", "/3", "/4", "/5"];
    work.write("urls.txt", paths.map(|path| site.url(path) + "\n").concat());
    let run = |flags: &str| work.scrape("urls.txt -o e.db --upsert -c 9").args(flags.split_whitespace());
    let of_day_2 =
        || answer(&reader(&work, "e.db"), "SELECT count(*) FROM records WHERE title = 'day 2'").parse::<u64>().unwrap();
    for path in paths {
        site.page(path, Reply::title("day 1"));
    }
    run("").run().code(0);
    let replies = [None, None, Some(&gates[0]), Some(&gates[1]), Some(&gates[1])];
    for (path, gate) in paths.into_iter().zip(replies) {
        let reply = Reply::title("day 2");
        site.page(path, if let Some(gate) = gate { reply.behind(gate) } else { reply });
    }
    for (flags, rows, gate) in [("", 2, &gates[0]), ("--resume", 3, &gates[1])] {
        let live = run(flags).spawn();
        wait_until(|| of_day_2() == rows);
        live.signal(Signal::KILL);
        live.end();
        gate.open();
    }
    let rest = run("--resume").run().code(0).summary();
    assert_eq!((rest.ok, rest.skipped, rest.left, of_day_2()), (2, 3, 0, 5));
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    assert_eq!(answer(&reader(&work, "e.db"), tables), "records");
    let next = run("--resume").run().code(0).summary();
    assert_eq!((next.ok, next.skipped), (5, 0), "a run that is complete is not gone on with: the next day's begins");
    assert_eq!(work.names(), ["e.db", "urls.txt"]);
}

#[test]
fn a_second_run_on_one_database_stops_and_says_who_holds_it() {
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/slow", Reply::title("slow").behind(&gate));
    let work = Work::new();
    let live = work.scrape("--append -o out.db").arg(site.url("/slow")).spawn();
    site.wait_for("/slow");
    let names = work.names();
    for flags in ["--append -o out.db", "--overwrite -o out.db", "--upsert -o ./out.db"] {
        let second = work.scrape(flags).arg(site.url("/p/1")).run().code(1);
        assert!(second.stderr.contains("out.db is being written by another run"), "{}", second.stderr);
        let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
        assert!(second.stderr.contains("(process ") || !locks.contains("FLOCK"), "{}", second.stderr);
        assert_eq!(work.names(), names, "{flags}");
    }
    gate.open();
    live.end().code(0);
    assert_eq!((count(&work, "out.db"), site.count("/p/1")), (1, 0));
}

#[test]
fn a_run_that_is_killed_leaves_a_whole_database_with_all_that_was_seen_in_it() {
    let site = Site::of_pages();
    let work = Work::new();
    let mut least = 0;
    for round in 1..=6 {
        let before = site.hits().len();
        let live = work.scrape("--append -o out.db -c 8").stdin(site.list(3000)).spawn();
        site.wait_for_hits(before + 40 * round);
        wait_until(|| count(&work, "out.db") > least);
        let seen = count(&work, "out.db");
        live.signal(Signal::KILL);
        assert_eq!(live.end().exit, None);
        let found = count(&work, "out.db");
        assert!(found >= seen, "{found} of {seen}");
        is_whole(&work, "out.db");
        least = count(&work, "out.db");
        let fetched = site.hits().len();
        assert!(least <= fetched, "{least} of {fetched}");
    }
    work.scrape("--append -o out.db").arg(site.url("/p/1")).run().code(0);
    assert_eq!(count(&work, "out.db"), least + 1);
    assert_eq!(work.names(), ["out.db"]);
}

#[test]
fn a_killed_run_that_overwrites_leaves_the_old_database() {
    let site = Site::of_pages();
    let work = Work::new();
    work.scrape("-o out.db").arg(site.url("/p/{1,2,3}")).run().code(0);
    for _ in 0..2 {
        let before = site.hits().len();
        let live = work.scrape("--overwrite -o out.db -c 4").stdin(site.list(3000)).spawn();
        site.wait_for_hits(before + 30);
        live.signal(Signal::KILL);
        live.end();
        assert_eq!(count(&work, "out.db"), 3);
    }
    is_whole(&work, "out.db.partial");
    work.scrape("--overwrite -o out.db").arg(site.url("/p/1")).run().code(0);
    assert_eq!((count(&work, "out.db"), work.names()), (1, vec!["out.db".to_owned()]));
}

#[test]
fn a_stopped_run_leaves_one_whole_file() {
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/slow", Reply::title("slow").behind(&gate));
    let work = Work::new();
    let live = work.scrape("-o out.db -c 2 --grace 100ms").stdin(site.list(3) + "\n" + &site.url("/slow")).spawn();
    site.wait_for("/slow");
    wait_until(|| work.path("out.db-wal").exists() && count(&work, "out.db") == 3);
    live.signal_and_settle(Signal::TERM);
    let run = live.end();
    assert_eq!(run.exit, Some(143), "{}", run.stderr);
    assert_eq!(work.names(), ["out.db"]);
    is_whole(&work, "out.db");
    assert!(count(&work, "out.db") >= 3);
    gate.open();
}

#[test]
fn an_output_that_cannot_be_made_or_vanishes_ends_the_run() {
    let site = Site::of_pages();
    let work = Work::new();
    let run = work.scrape("-o no/such/out.db").arg(site.url("/p/1")).run().code(1);
    assert!(run.stderr.contains("no/such/out.db") && run.stderr.contains("there is no directory"), "{}", run.stderr);
    let run = work.scrape("-o /proc/out.db").arg(site.url("/p/1")).run().code(1);
    assert!(run.stderr.contains("/proc/out.db"), "{}", run.stderr);
    assert!(site.hits().is_empty());
    let gate = Gate::default();
    site.page("/slow", Reply::title("slow").behind(&gate));
    std::fs::create_dir(work.path("sub")).unwrap();
    let live = work.scrape("-o sub/out.db").arg(site.url("/slow")).spawn();
    site.wait_for("/slow");
    std::fs::remove_dir_all(work.path("sub")).unwrap();
    gate.open();
    let run = live.end().code(1);
    assert!(run.stderr.contains("sub/out.db") && run.stderr.contains("deleted"), "{}", run.stderr);
}

#[test]
fn a_full_disk_ends_the_run_with_a_whole_database_that_can_be_gone_on_with() {
    let site = Site::of_pages();
    let work = Work::new();
    // The disk is as large as a file may grow.
    let limit = r#"ulimit -f 200; exec "$0" "$@""#;
    site.on("/long/*", |_| Reply::title(&"long ".repeat(2000)));
    let list: String = (0..300).map(|page| site.url(&format!("/long/{page}")) + "\n").collect();
    // Each record is a transaction, so that the first ones fit however many wait.
    let run = work.scrape("-o out.db --fsync 1").stdin(list).shell(limit).run().code(1);
    assert!(run.stderr.contains("out.db"), "{}", run.stderr);
    is_whole(&work, "out.db");
    let found = count(&work, "out.db");
    assert!((1..300).contains(&found), "{found}");
    work.scrape("--append -o out.db").arg(site.url("/p/1")).run().code(0);
    assert_eq!((count(&work, "out.db"), work.names()), (found + 1, vec!["out.db".to_owned()]));
}

#[test]
fn a_dry_run_makes_no_database() {
    let work = Work::new();
    work.scrape("--dry-run --upsert --table x -o out.db https://a.example/").run().code(0);
    assert!(work.names().is_empty());
}
