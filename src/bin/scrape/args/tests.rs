//! The command line against the settings that it is laid over.

use std::ffi::OsString;
use std::time::Duration;

use scrape::Plan;

use super::help::{command, defaults};
use super::values::{duration, size};
use super::*;

#[test]
fn the_command_is_consistent() {
    command().debug_assert();
}

#[test]
fn help_shows_the_defaults_of_the_settings_and_they_read_back_as_the_same() {
    let help = command().render_long_help().to_string();
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (id, default) in defaults() {
        assert!(words(help.clone()).contains(&format!("[default: {default}]")), "{id}");
        let long = command().get_arguments().find(|arg| arg.get_id() == id).and_then(|arg| arg.get_long().map(str::to_owned));
        // What is for a database needs one.
        let output = (id == "table").then(|| "--output=out.db".into());
        let typed = [OsString::from("scrape"), format!("--{}={default}", long.expect(id)).into()].into_iter().chain(output);
        let typed = Args::read(typed).unwrap_or_else(|error| panic!("{id}: {error}"));
        let plan = crate::plan::plan(typed).expect(id);
        let (meant, default_plan) = (format!("{:?}", plan.fetch), format!("{:?}", Plan::default().fetch));
        assert_eq!(meant, default_plan, "{id}");
        let seedless = |plan: Plan| scrape::crawl::Settings {
            frontier: scrape::frontier::Settings { seed: 0, ..plan.crawl.frontier },
            ..plan.crawl
        };
        assert_eq!(format!("{:?}", seedless(plan)), format!("{:?}", seedless(Plan::default())), "{id}");
    }
}

#[test]
fn times_and_sizes_read_as_documented() {
    for (text, millis) in [("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("1h", 3_600_000), ("1.5", 1500), ("0", 0)] {
        assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
    }
    assert!(["", "-1", "nan", "inf", "ten", "1000d", "1e30"].iter().all(|text| duration(text).is_err()));
    for (text, bytes) in [("10", 10), ("64K", 64_000), ("10M", 10_000_000), ("1G", 1_000_000_000), ("1Mi", 1 << 20)] {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
}
