//! The machine as cron and containers have it: bare, small, and for long lists.

use std::process::Command;
use std::time::Duration;

use crate::harness::{Gate, Reply, Run, Site, Work, field, records, scrape};

#[test]
fn it_works_as_from_cron() {
    let site = Site::of_pages();
    let work = Work::new();
    work.write("urls.txt", site.list(3));
    let bare = work.scrape("").arg(work.path("urls.txt")).folder("/").shell(r#"exec "$0" "$@" <&-"#).run().code(0);
    assert_eq!(bare.records().len(), 3);
    let homeless = work.scrape("urls.txt").env("HOME", "/nonexistent").env("TMPDIR", "/nonexistent").run().code(0);
    assert_eq!(homeless.records().len(), 3);
    let locale = work.scrape("urls.txt").env("LC_ALL", "xx_XX.bogus").env("TERM", "").run().code(0);
    assert_eq!(locale.records().len(), 3);
}

#[test]
fn it_works_with_none_of_the_three_standard_streams() {
    // What is opened first would get their numbers, and a record would go to a socket, or a warning into the file.
    let site = Site::of_pages();
    let work = Work::new();
    let script = r#"exec "$0" "$@" <&- >&- 2>&-"#;
    let run = work.scrape("-vvv -o out.jsonl").arg(site.url("/p/[1-20]")).shell(script).run().code(0);
    assert!(run.stdout.is_empty() && run.stderr.is_empty());
    assert_eq!(records(&work.read("out.jsonl")).len(), 20);
    work.scrape("-vvv").arg(site.url("/p/[1-20]")).shell(script).run().code(0);
    assert_eq!((site.paths().len(), site.faults()), (40, Vec::new()), "every byte that the site got is HTTP");
}

#[test]
fn it_works_in_a_folder_that_is_gone() {
    let site = Site::of_pages();
    let work = Work::new();
    std::fs::create_dir(work.path("gone")).unwrap();
    let script = r#"rmdir "$PWD" && exec "$0" "$@""#;
    let run = work.scrape("-").folder(work.path("gone")).shell(script).stdin(site.list(3)).run().code(0);
    assert_eq!(run.records().len(), 3);
    std::fs::create_dir(work.path("gone")).unwrap();
    let run = work.scrape("-o out.jsonl -").folder(work.path("gone")).shell(script).stdin(site.list(1)).run().code(1);
    assert!(run.stderr.contains("out.jsonl") && run.stderr.contains("No such file"), "{}", run.stderr);
    assert_eq!(site.paths().len(), 3, "before any request");
}

/// Whether this process may make namespaces and become somebody else, as root may in most places.
fn may(command: &str) -> bool {
    Command::new("sh").args(["-c", command]).output().is_ok_and(|output| output.status.success())
}

#[test]
fn where_no_thread_can_be_started_it_makes_do_or_says_so_before_any_request() {
    // A user of nobody else's, because the limit is on all processes of one.
    let user = 200_000 + std::process::id();
    let become_user = format!("setpriv --reuid {user} --regid {user} --clear-groups");
    if !may(&format!("{become_user} prlimit --nproc=9 test -x {}", env!("CARGO_BIN_EXE_scrape"))) {
        return; // the limit does not hold for root, and only root can be others
    }
    let site = Site::start();
    let page = format!("<title>x</title>{}", " ".repeat(100_000));
    site.on("/p/*", move |_| Reply::html(&page));
    let work = Work::new();
    work.write("urls.txt", site.list(50));
    let run = |threads: u32| {
        // The list does not end before its pages are read: the thread that reads it would leave its place to one for pages.
        let list = "{ cat urls.txt; sleep 1; }";
        let script = format!(r#"{list} | {become_user} prlimit --nproc={threads} "$0" "$@""#);
        work.scrape("--retries 0 -").shell(&script).run()
    };
    let mut fewest = None;
    for threads in 1..12 {
        let run = run(threads);
        if run.exit == Some(0) {
            // One thread reads all pages, and looks up all names.
            assert_eq!(run.records().len(), 50);
            fewest = Some(threads);
            break;
        }
        assert!(run.exit == Some(1) && run.stderr.contains("cannot start a thread"), "{threads}: {run:?}");
        assert!(!run.stderr.contains("panic") && site.hits().is_empty(), "{threads}: {}", run.stderr);
    }
    let fewest = fewest.expect("twelve threads are enough");
    assert!((2..=5).contains(&fewest), "{fewest}");
}

/// The practice site and the run in a network of their own, in which there are four ports to connect from.
fn with_four_ports() -> Option<Run> {
    let ports = "ip link set lo up && echo 40000 40003 > /proc/sys/net/ipv4/ip_local_port_range";
    if !may(&format!("unshare -rn sh -c '{ports}'")) {
        return None; // it may not make a network
    }
    let script = format!(r#"exec unshare -rn sh -c '{ports} && "$0" "$@"; code=$?; times >&2; exit $code' "$0" "$@""#);
    Some(scrape("--demo -c 20").shell(&script).run())
}

#[test]
fn used_up_ports_never_fail_a_url_and_waiting_for_one_costs_nothing() {
    let Some(run) = with_four_ports() else { return };
    let (talk, times) =
        run.stderr.split_once("in 52 = ok 51 + failed 1 + skipped 0 + left 0\n").expect("only the missing page failed");
    assert!(run.exit == Some(3) && talk.contains("Cannot assign requested address"), "{talk}");
    assert_eq!(run.records().iter().filter(|record| field(record, "error") == "http_status").count(), 1);
    // The shell's own time and that of what it ran, as 0m1.20s.
    let seconds = |time: &str| {
        let (minutes, seconds) = time.trim_end_matches('s').split_once('m').unwrap();
        minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
    };
    let busy: f64 = times.split_whitespace().map(seconds).sum();
    assert!(busy < run.took.as_secs_f64() * 0.7, "{busy} s of {:?}", run.took);
}

#[test]
fn a_disk_that_fills_up_leaves_whole_records() {
    let mount = "mount -t tmpfs -o size=64k none full";
    let work = Work::new();
    std::fs::create_dir(work.path("full")).unwrap();
    if !may(&format!("cd {} && unshare -rm sh -c '{mount}'", work.path("").display())) {
        return; // it may not mount
    }
    let site = Site::of_pages();
    let script = format!(r#"exec unshare -rm sh -c '{mount} && "$0" "$@"; code=$?; cp full/out.* .; exit $code' "$0" "$@""#);
    for name in ["out.jsonl", "out.csv", "out.json"] {
        let seen = site.hits().len();
        let run = work.scrape("-o").arg(format!("full/{name}")).arg(site.url("/p/[1-100000]")).shell(&script).run().code(1);
        assert!(run.stderr.contains("No space left") && run.stderr.contains(name), "{}", run.stderr);
        assert!(run.stderr.contains("once there is room, --resume goes on from there"), "{}", run.stderr);
        assert!(site.hits().len() - seen < 20_000, "it stops fetching");
        let (text, done) = (work.read(name), run.summary_of_broken());
        let rows = match name {
            "out.jsonl" => records(&text).len(),
            "out.csv" => text.lines().count() - 1,
            _ => text.lines().filter(|line| line.contains("\"index\":")).count(),
        };
        assert!(text.ends_with('\n') || name == "out.json", "{name} ends inside a row");
        assert!(rows > 50 && rows as u64 == done, "{rows} rows of {done} in {name}");
    }
}

#[test]
fn a_run_that_is_killed_leaves_whole_records_but_for_the_last_one() {
    let site = Site::of_pages();
    let work = Work::new();
    let mut live = work.scrape("-o out.jsonl -").arg(site.url("/p/[1-1000000]")).spawn();
    work.wait_for_lines("out.jsonl", 500);
    live.signal(rustix::process::Signal::KILL);
    while live.is_running() {
        std::thread::park_timeout(Duration::from_millis(2));
    }
    let text = work.read("out.jsonl");
    let (whole, _) = text.rsplit_once('\n').unwrap();
    let mut indexes: Vec<_> = records(&format!("{whole}\n")).iter().map(|record| field(record, "index").as_u64()).collect();
    let count = indexes.len();
    indexes.sort_unstable();
    indexes.dedup();
    assert!(count >= 500 && indexes.len() == count, "each target once");
}

#[test]
fn a_closed_stderr_does_not_matter() {
    let site = Site::of_pages();
    let run = scrape("-vv -").shell(r#"exec "$0" "$@" 2>&-"#).stdin(site.list(3)).run().code(0);
    assert_eq!(run.records().len(), 3);
}

#[test]
fn few_descriptors_never_fail_a_url() {
    let site = Site::of_pages();
    let script = r#"ulimit -S -n 64; ulimit -H -n 64; exec "$0" "$@""#;
    let run = scrape("-c 200 --retries 0 -").shell(script).stdin(site.list(300)).run().code(0);
    assert_eq!(run.records().len(), 300);
    assert!(run.stderr.contains("open files"), "it says that there are fewer at a time: {}", run.stderr);
    assert!(site.peak() <= 64);
}

#[test]
fn many_hosts_never_fail_a_url_for_want_of_descriptors() {
    // More hosts than descriptors: connections that are kept alive must make room, and what finds none waits.
    for (hosts, limit) in [(30, 36), (120, 64)] {
        let site = Site::hosts(hosts);
        site.on("/p", |_| Reply::title("x"));
        let script = format!(r#"ulimit -S -n {limit}; ulimit -H -n {limit}; exec "$0" "$@""#);
        let list: String = (0..usize::from(hosts) * 3).map(|i| site.url_of(i % usize::from(hosts), "/p") + "\n").collect();
        let run = scrape("-c 20 --retries 0 -").shell(&script).stdin(list).run().code(0);
        assert_eq!(run.records().len(), usize::from(hosts) * 3);
    }
}

#[test]
fn a_limit_without_room_for_one_request_is_said_before_the_first() {
    let site = Site::of_pages();
    let run = scrape("-").shell(r#"ulimit -n 12; exec "$0" "$@""#).stdin(site.list(1)).run().code(1);
    assert!(run.stderr.contains("too low for a single request"), "{}", run.stderr);
    assert_eq!(site.paths(), Vec::<String>::new());
}

#[test]
fn a_low_soft_limit_is_raised() {
    let site = Site::start();
    let gate = Gate::default();
    let held = gate.clone();
    site.on("/p/*", move |_| Reply::title("x").behind(&held));
    let live = scrape("-c 100 -").shell(r#"ulimit -S -n 64; exec "$0" "$@""#).stdin(site.list(100)).spawn();
    site.wait_for_hits(100);
    gate.open();
    live.end().code(0);
}

/// The most memory that a list of so many pages needs, measured while the last page is being waited for.
fn peak_memory(pages: usize, flags: &str) -> u64 {
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/last", Reply::title("last").behind(&gate));
    let mut live = scrape(flags).arg("-").stdin(site.list(pages) + &site.url("/last")).spawn();
    for _ in 0..pages {
        live.line();
    }
    site.wait_for("/last");
    let peak = live.peak_memory();
    gate.open();
    live.end().code(0);
    peak
}

#[test]
fn memory_does_not_grow_with_the_list() {
    let (short, long) = (peak_memory(1000, "-c 8"), peak_memory(20_000, "-c 8"));
    assert!(long < short + (4 << 20), "{} KiB for 1000 pages, {} KiB for 20000", short >> 10, long >> 10);
}

#[test]
fn memory_does_not_grow_with_markup_that_is_made_for_it() {
    let each = |count: usize, piece: &dyn Fn(usize) -> String| (0..count).map(piece).collect::<String>();
    let attributes = each(300, &|n| format!(" a{n}"));
    let long = "long ".repeat(20_000);
    let floods = [
        // The parser repeats what is not closed in each of the paragraphs.
        format!("<p>{}{}", each(500, &|n| format!("<b a{n}>")), "<p>x".repeat(500_000)),
        format!("<p>{}{}", each(300, &|n| format!("<b b{n}{attributes}>")), "<p>x".repeat(100_000)),
        format!("<p><b class='{long}'>{}", "<p>x".repeat(100_000)),
        "<p>".repeat(3_000_000),
        "<br>".repeat(2_000_000),
        "<div>".repeat(1_000_000),
        format!("<p><b title='{long}'>{}", "<p>x".repeat(100_000)),
        format!("<title>{}", "x".repeat(5_000_000)),
    ];
    let (site, gate) = (Site::of_pages(), Gate::default());
    site.page("/last", Reply::title("last").behind(&gate));
    let mut list = String::new();
    for (number, flood) in floods.iter().enumerate() {
        let path = format!("/flood/{number}");
        site.page(&path, Reply::html(flood));
        list += &(site.url(&path) + "\n");
    }
    let fields = ["title=title", "none=b.nosuch", "html=html::html"];
    let flags = fields.into_iter().flat_map(|field| ["-s", field]);
    let run =
        scrape("-c 8 --max-parse 2s --retries 0 --timeout 2m --read-timeout 2m -").args(flags).stdin(list + &site.url("/last"));
    let mut live = run.spawn();
    let lines: Vec<_> = (0..floods.len()).map(|_| live.line().chars().take(600).collect::<String>()).collect();
    site.wait_for("/last");
    let peak = live.peak_memory();
    gate.open();
    live.end().code(3);
    let refused = lines.iter().filter(|line| line.contains("\"error\":\"too_large\"")).count();
    assert_eq!(refused, floods.len() - 1, "all but the long title: {lines:#?}");
    assert!(peak < 300 << 20, "{} MiB", peak >> 20);
}

#[test]
fn memory_does_not_grow_with_an_endless_body() {
    let site = Site::of_pages();
    let gate = Gate::default();
    site.page("/last", Reply::title("last").behind(&gate));
    site.on("/endless/*", |_| Reply::raw("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n").endless("x".repeat(1 << 16)));
    let list: String = (0..20).map(|page| site.url(&format!("/endless/{page}")) + "\n").collect();
    let mut live = scrape("-c 4 --max-body 1M --retries 0 -").stdin(list + &site.url("/last")).spawn();
    for _ in 0..20 {
        assert!(live.line().contains("too_large"));
    }
    site.wait_for("/last");
    let peak = live.peak_memory();
    gate.open();
    live.end().code(3);
    assert!(peak < 40 << 20, "{} MiB", peak >> 20);
}

#[test]
fn a_file_that_reaches_the_limit_of_its_size_ends_the_run_and_holds_whole_records() {
    let (site, work) = (Site::of_pages(), Work::new());
    let run = work.scrape("-o out.jsonl -").shell(r#"ulimit -f 4; exec "$0" "$@""#).stdin(site.list(200)).run().code(1);
    assert!(run.stderr.contains("out.jsonl") && run.stderr.contains("once there is room, --resume"), "{}", run.stderr);
    let text = work.read("out.jsonl");
    assert!(text.ends_with('\n') && text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{text}");
}
