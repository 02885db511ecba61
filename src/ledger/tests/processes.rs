//! Several processes on one file: this test program itself, started again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::ledger::store::with_suffix;

const FILE: &str = "LEDGER_TEST_FILE";
const JOB: &str = "LEDGER_TEST_JOB";

/// Starts a process that does one of the jobs below.
fn start(path: &Path, job: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "ledger::tests::processes::another_process", "--ignored", "--nocapture", "--quiet"]);
    command.env(FILE, path).env(JOB, job).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// A run that waits for the others' locks as long as it takes: on a busy machine the tenth of a second that a crawl has for them
/// is not enough, and it would go on without the file.
fn patient(path: &Path) -> Ledger {
    let mut run = open(path, SystemTime::now());
    run.keeper.store().unwrap().set_patience(Duration::from_mins(1));
    run
}

/// The lines that a job says.
fn lines(child: &mut Child) -> impl Iterator<Item = String> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.filter_map(|line| line.strip_prefix("job ").map(str::to_owned))
}

#[test]
#[ignore = "the other process of the tests below"]
fn another_process() {
    let (Ok(path), Ok(job)) = (std::env::var(FILE), std::env::var(JOB)) else { return };
    let path = Path::new(&path);
    let mut run = patient(path);
    match job.as_str() {
        "start" => {
            let until = SystemTime::now() + Duration::from_millis(400);
            let rates = rates(&["200/s", "50/s"]);
            println!("job begun");
            let (mut now, mut next) = (SystemTime::now(), UNIX_EPOCH);
            while now < until {
                if now < next {
                    std::thread::yield_now();
                } else if let Err(later) = run.reserve(KEY, &rates, burst(2), now) {
                    next = later;
                } else {
                    println!("job {}", now.duration_since(UNIX_EPOCH).unwrap().as_nanos());
                }
                now = SystemTime::now();
            }
        }
        "write" => loop {
            let now = SystemTime::now();
            for host in 0..20 {
                let key = format!("host-{host}.example:443");
                run.learn(&key, Some(3.0), now);
                let _ = run.reserve(&key, &rates(&["1000/s"]), burst(3), now);
                run.keep_robots(&key, Some(&vec![b'x'; 300 * host]), now);
                let _ = run.enter(&key, 1000, now);
                println!("job {host}");
            }
        },
        "open" => println!("job {}", run.known("probe.example:80", SystemTime::now()).is_some()),
        other => panic!("no job {other}"),
    }
}

#[test]
fn processes_that_ask_at_once_keep_the_limits_together() {
    let (_folder, path) = place();
    let mut children: Vec<_> = (0..4).map(|_| start(&path, "start")).collect();
    let mut starts = Vec::new();
    for child in &mut children {
        let said: Vec<String> = lines(child).collect();
        assert!(child.wait().unwrap().success());
        assert_eq!(said[0], "begun");
        starts.extend(said[1..].iter().map(|nanos| UNIX_EPOCH + Duration::from_nanos(nanos.parse().unwrap())));
    }
    assert!(starts.len() > 10, "{} starts", starts.len());
    for rate in rates(&["200/s", "50/s"]) {
        assert!(holds(&mut starts, rate, 2));
    }
}

#[test]
fn a_process_killed_in_the_middle_damages_nothing_and_holds_nothing() {
    let (_folder, path) = place();
    for round in 0..12 {
        let (mut one, mut other) = (start(&path, "write"), start(&path, "write"));
        assert_eq!(lines(&mut one).nth(7 + 13 * round).as_deref(), Some(&*((7 + 13 * round) % 20).to_string()));
        one.kill().unwrap();
        one.wait().unwrap();
        let mut run = patient(&path);
        assert!(run.known("host-3.example:443", SystemTime::now()).is_some(), "what was written is there");
        assert!(lines(&mut other).next().is_some());
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(run.enter("host-0.example:443", 1, SystemTime::now()), "the dead have nothing in flight");
        let check = run.keeper.store().unwrap().read().query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
        assert_eq!(check.unwrap(), "ok");
        run.close(SystemTime::now());
    }
    assert!(!with_suffix(&path, ".corrupt").exists());
    drop(open(&path, SystemTime::now()));
    let left = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert!(left.len() <= 1, "{left:?}");
}

#[test]
fn processes_that_find_one_damaged_file_begin_one_fresh_file() {
    for _ in 0..5 {
        let (_folder, path) = place();
        fs::write(&path, "https://example.com/\n".repeat(300)).unwrap();
        let mut children: Vec<_> = (0..4).map(|_| start(&path, "open")).collect();
        for child in &mut children {
            assert_eq!(lines(child).collect::<Vec<_>>(), ["false"]);
            assert!(child.wait().unwrap().success());
        }
        assert_eq!(fs::read(with_suffix(&path, ".corrupt")).unwrap().len(), 21 * 300, "it is still what was damaged");
    }
}
