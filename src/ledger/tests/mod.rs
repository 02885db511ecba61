//! Time is virtual: what is asked for at which time is what matters. Only what processes do to each other takes real time.

mod damage;
mod limits;
mod memory;
mod processes;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Error, Ledger};
use crate::policy::Rate;

const KEY: &str = "example.com:443";

/// A folder that lasts as long as the test, and the file in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hosts.db");
    (folder, path)
}

/// Some seconds after the tests' beginning of time.
fn at(seconds: f64) -> SystemTime {
    UNIX_EPOCH + Duration::from_hours(500_000) + Duration::from_secs_f64(seconds)
}

fn open(path: &Path, now: SystemTime) -> Ledger {
    Ledger::open(path, now).unwrap()
}

fn rates(texts: &[&str]) -> Vec<Rate> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn burst(burst: u32) -> NonZeroU32 {
    NonZeroU32::new(burst).unwrap()
}

/// Whether no window of time holds more starts than rate × window + burst.
fn holds(starts: &mut [SystemTime], rate: Rate, burst: u32) -> bool {
    starts.sort_unstable();
    let burst = usize::try_from(burst).unwrap();
    (burst..starts.len()).all(|i| {
        (0..=i - burst).all(|j| {
            let over = u32::try_from(i - j + 1 - burst).unwrap();
            starts[i].duration_since(starts[j]).unwrap() >= rate.period() * over
        })
    })
}
