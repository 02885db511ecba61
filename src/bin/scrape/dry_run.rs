//! What `--dry-run` prints: the survey of the list and the limits that apply, for a person or as one JSON object.

use std::time::Duration;

use scrape::crawl::Settings;
use scrape::model::Clean;
use scrape::policy::{LimitBy, Rate, robots};
use scrape::run::survey::{ASSUMED, Expected, Load, Survey};
use serde_json::{Value, json};

/// How the survey is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Json,
}

/// The lines to print.
pub(crate) fn lines(survey: &Survey, settings: &Settings, form: Form) -> Vec<String> {
    match form {
        Form::Text => text(survey, settings),
        Form::Json => vec![json(survey, settings).to_string()],
    }
}

fn text(survey: &Survey, settings: &Settings) -> Vec<String> {
    let parts = [
        ("targets", vec![targets(survey)]),
        ("hosts", vec![survey.hosts.to_string()]),
        ("requests", vec![requests(survey)]),
        ("limits", limits(survey, settings)),
        ("largest", largest(survey, settings)),
        ("duration", duration(survey, settings)),
        ("bad lines", bad_lines(survey)),
    ];
    let line = |name: &str, text: String| format!("{name:<11}{text}").trim_end().to_owned();
    let part = |(name, texts): (&'static str, Vec<String>)| {
        texts.into_iter().enumerate().map(move |(at, text)| line(if at == 0 { name } else { "" }, text))
    };
    parts.into_iter().flat_map(part).collect()
}

fn targets(survey: &Survey) -> String {
    let bad = if survey.bad > 0 { format!(", {} of them no usable URL", survey.bad) } else { String::new() };
    let repeated = if survey.repeated > 0 { format!("; {} repeated ones are skipped", survey.repeated) } else { String::new() };
    format!("{}{bad}{repeated}", survey.targets)
}

fn requests(survey: &Survey) -> String {
    let robots = if survey.robots > 0 { format!(", {} of them for robots.txt", survey.robots) } else { String::new() };
    format!("{}{robots}; redirects and retries come on top", survey.requests())
}

fn limits(survey: &Survey, settings: &Settings) -> Vec<String> {
    let frontier = &settings.frontier;
    let whose = match frontier.limit_by {
        LimitBy::Host => "host",
        LimitBy::Site => "site",
        LimitBy::Ip => "address",
    };
    let per_host = frontier.per_host.map(|places| format!(", {places} to one {whose}")).unwrap_or_default();
    let mut lines = vec![format!("{} requests at a time{per_host}", settings.concurrency)];
    lines.extend(frontier.rps.iter().map(|rate| format!("{} over all hosts", per_time(*rate))));
    lines.extend(frontier.host_rps.iter().map(|rate| format!("{} for each {whose}", per_time(*rate))));
    if frontier.burst.get() > 1 && !(frontier.rps.is_empty() && frontier.host_rps.is_empty()) {
        lines.push(format!("a burst of {} where a rate was not used up", frontier.burst));
    }
    if frontier.hosts != std::sync::Arc::default() {
        lines.push("what the settings file has for single hosts".to_owned());
    }
    if frontier.adapt && survey.largest.iter().any(|load| load.rate.is_none()) {
        lines.push(format!("a {whose} without a rate is slowed down by what it answers"));
    }
    if frontier.limit_by == LimitBy::Ip {
        lines.push("which hosts share an address is not looked up here: each is counted by itself".to_owned());
    }
    if let Some(deadline) = settings.deadline {
        lines.push(format!("no request starts later than {}", time(deadline)));
    }
    lines
}

fn largest(survey: &Survey, settings: &Settings) -> Vec<String> {
    let count = survey.largest.iter().map(|load| load.targets.to_string().len()).max().unwrap_or(0);
    let name = survey.largest.iter().map(|load| load.name.chars().count()).max().unwrap_or(0);
    let burst = settings.frontier.burst.get();
    let line = |load: &Load| {
        let mut limits: Vec<_> = load.rate.map(per_time).into_iter().collect();
        limits.extend(load.places.map(|places| format!("{places} at a time")));
        let takes = load.by_rate(burst);
        limits.extend((!takes.is_zero()).then(|| format!("at least {}", time(takes))));
        format!("{:>count$}  {:<name$}  {}", load.targets, load.name, limits.join(", "))
    };
    survey.largest.iter().map(line).collect()
}

fn duration(survey: &Survey, settings: &Settings) -> Vec<String> {
    let at_least = survey
        .at_least
        .as_ref()
        .map(|expected| format!("at least {}: {}", time(expected.takes), by_rate(survey, settings, expected)));
    let about = survey.about.as_ref().map(|expected| {
        format!("about {} if a page takes {}: {}", time(expected.takes), time(ASSUMED), by_places(survey, settings, expected))
    });
    let mut lines: Vec<_> = at_least.into_iter().chain(about).collect();
    if lines.is_empty() {
        lines.push("nothing to wait for".to_owned());
    }
    let takes = survey.at_least.as_ref().map_or(Duration::ZERO, |expected| expected.takes);
    if let Some(deadline) = settings.deadline.filter(|deadline| *deadline < takes) {
        lines.push(format!("longer than --deadline {}: some targets would be left", time(deadline)));
    }
    lines
}

fn by_rate(survey: &Survey, settings: &Settings, expected: &Expected) -> String {
    let slowest = settings.frontier.rps.iter().max_by_key(|rate| rate.period()).copied();
    let rate = expected.host.as_ref().map_or(slowest, |load| load.rate).map(per_time).unwrap_or_default();
    format!("{} at {rate}", who(survey, expected))
}

fn by_places(survey: &Survey, settings: &Settings, expected: &Expected) -> String {
    let places = expected.host.as_ref().and_then(|load| load.places).unwrap_or(settings.concurrency);
    format!("{}, {places} at a time", who(survey, expected))
}

fn who(survey: &Survey, expected: &Expected) -> String {
    let (name, targets, requests) = match &expected.host {
        Some(load) => (load.name.as_str(), load.targets, load.requests),
        None => ("the list", survey.targets - survey.bad, survey.requests()),
    };
    if targets == requests { format!("{name} has {targets} targets") } else { format!("{name} has {requests} requests") }
}

fn bad_lines(survey: &Survey) -> Vec<String> {
    let mut lines: Vec<_> = survey.bad_lines.iter().map(|line| Clean(line).to_string()).collect();
    let more = survey.bad - lines.len() as u64;
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

fn json(survey: &Survey, settings: &Settings) -> Value {
    let frontier = &settings.frontier;
    let rates = |rates: &[Rate]| rates.iter().map(|rate| per_time(*rate)).collect::<Vec<_>>();
    let seconds = |time: Duration| time.as_secs_f64();
    let largest = survey.largest.iter().map(|load| {
        json!({
            "host": load.name, "targets": load.targets, "requests": load.requests, "rate": load.rate.map(per_time), "per_host": load.places,
            "at_least_s": seconds(load.by_rate(frontier.burst.get())),
        })
    });
    let expected = |expected: &Option<Expected>, why: fn(&Survey, &Settings, &Expected) -> String| {
        expected.as_ref().map(|expected| {
            let host = expected.host.as_ref().map(|load| load.name.as_str());
            json!({ "seconds": seconds(expected.takes), "host": host, "because": why(survey, settings, expected) })
        })
    };
    json!({
        "targets": survey.targets, "repeated": survey.repeated, "bad": survey.bad, "hosts": survey.hosts, "requests": survey.requests(),
        "robots_requests": survey.robots,
        "limits": {
            "concurrency": settings.concurrency, "per_host": frontier.per_host, "rps": rates(&frontier.rps), "host_rps": rates(&frontier.host_rps),
            "burst": frontier.burst, "deadline_s": settings.deadline.map(seconds), "adapt": frontier.adapt,
            "limit_by": match frontier.limit_by { LimitBy::Host => "host", LimitBy::Site => "site", LimitBy::Ip => "ip" },
            "robots": match frontier.robots { robots::Mode::Auto => "auto", robots::Mode::Always => "always", robots::Mode::Never => "never" },
        },
        "largest": largest.collect::<Vec<_>>(),
        "at_least": expected(&survey.at_least, by_rate), "about": expected(&survey.about, by_places),
        "bad_lines": survey.bad_lines,
    })
}

/// A rate as `--rps` takes it, in the shortest time that makes it a number from 0.1.
fn per_time(rate: Rate) -> String {
    let per_second = rate.period().as_secs_f64().recip();
    let (number, unit) = [(per_second, "s"), (per_second * 60.0, "m"), (per_second * 3600.0, "h")]
        .into_iter()
        .find(|(number, _)| *number >= 0.1)
        .unwrap_or((per_second * 86_400.0, "d"));
    format!("{}/{unit}", (number * 1000.0).round() / 1000.0)
}

/// A time in whole seconds; less than one is told in milliseconds.
fn time(time: Duration) -> String {
    let whole = if time < Duration::from_secs(1) {
        Duration::from_millis(time.subsec_millis().into())
    } else {
        Duration::from_secs(time.as_secs())
    };
    humantime::format_duration(whole).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_told_as_it_is_written() {
        for (written, told) in [
            ("5", "5/s"),
            ("0.4", "0.4/s"),
            ("30/m", "0.5/s"),
            ("3/m", "3/m"),
            ("100/h", "1.667/m"),
            ("1/h", "1/h"),
            ("1/365d", "0.003/d"),
        ] {
            assert_eq!(per_time(written.parse().unwrap()), told);
        }
    }

    #[test]
    fn a_time_is_told_in_whole_seconds() {
        assert_eq!(time(Duration::from_millis(747_500)), "12m 27s");
        assert_eq!((time(Duration::from_millis(900)), time(Duration::from_secs(1))), ("900ms".to_owned(), "1s".to_owned()));
    }
}
