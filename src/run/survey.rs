//! What a run would do, found by reading its list alone: no request is sent, and no output is opened.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use url::Url;

use super::{Error, Plan};
use crate::crawl;
use crate::extract::Extractor;
use crate::policy::{LimitBy, Rate, robots, site};
use crate::source;

/// How many hosts and how many bad lines are named.
const NAMED: usize = 10;

/// How long a page is assumed to take where nothing but the number of requests at a time limits the run.
pub const ASSUMED: Duration = Duration::from_secs(1);

/// What a run would do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// Targets, bad lines included.
    pub targets: u64,
    /// Repeated URLs, which would be skipped.
    pub repeated: u64,
    /// Lines that are no usable URL.
    pub bad: u64,
    /// Why the first ten of them are none, each with its place.
    pub bad_lines: Vec<String>,
    /// Hosts, each port by itself.
    pub hosts: usize,
    /// Requests for robots.txt that would come before the pages, one a host that obeys.
    pub robots: u64,
    /// The ten hosts with most targets, or what they share their limits with: `a.example`, and `a.example:8080` on another than the
    /// usual ports.
    pub largest: Vec<Load>,
    /// The least time that the rates allow, if they limit anything.
    pub at_least: Option<Expected>,
    /// How long it would take if each page took [`ASSUMED`], where that is longer.
    pub about: Option<Expected>,
}

/// What would be asked of one host, or of several that share their limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Its name.
    pub name: String,
    /// Targets.
    pub targets: u64,
    /// Requests: the targets, and robots.txt where it is obeyed.
    pub requests: u64,
    /// The slowest of its rates.
    pub rate: Option<Rate>,
    /// Requests to it at a time, where that is limited for hosts.
    pub places: Option<usize>,
}

/// A time, and what makes it so long.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// From the first request to the start of the last one.
    pub takes: Duration,
    /// The host that decides; `None`: the run as a whole.
    pub host: Option<Load>,
}

/// Reads a plan's list to its end. What is kept is one small entry a host, and ten bad lines; with `unique` also what that keeps.
///
/// # Errors
/// The plan cannot be carried out, or the list cannot be read.
pub fn survey(plan: Plan) -> Result<Survey, Error> {
    Extractor::new(plan.extract)?;
    let mut survey = Survey::default();
    let mut hosts: HashMap<Box<str>, u64> = HashMap::new();
    let mut key = String::new();
    for read in source::open(plan.source)? {
        let read = read?;
        survey.repeated += read.skipped;
        let Some(target) = read.target else { continue };
        survey.targets += 1;
        match &target.url {
            Ok(url) => {
                key.clear();
                let _ = write!(key, "{}:{}", name(url), port(url)); // a String takes whatever is written
                match hosts.get_mut(key.as_str()) {
                    Some(targets) => *targets += 1,
                    None => drop(hosts.insert(key.as_str().into(), 1)),
                }
            }
            Err(failure) => {
                survey.bad += 1;
                if survey.bad_lines.len() < NAMED {
                    survey.bad_lines.push(failure.message.clone());
                }
            }
        }
    }
    survey.hosts = hosts.len();
    survey.weigh(&hosts, &plan.crawl);
    Ok(survey)
}

impl Survey {
    /// Requests that the list would lead to; retries and redirects come on top.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.targets - self.bad + self.robots
    }

    /// Finds the largest hosts, and what decides how long the run takes.
    fn weigh(&mut self, hosts: &HashMap<Box<str>, u64>, settings: &crawl::Settings) {
        let mut loads = loads(hosts, settings);
        self.robots = loads.iter().map(|load| load.requests - load.targets).sum();
        loads.sort_by(|one, two| two.targets.cmp(&one.targets).then_with(|| one.name.cmp(&two.name)));
        let slowest = settings.frontier.rps.iter().max_by_key(|rate| rate.period()).copied();
        let whole = Load {
            name: String::new(),
            targets: self.targets - self.bad,
            requests: self.requests(),
            rate: slowest,
            places: Some(settings.concurrency),
        };
        let burst = settings.frontier.burst.get();
        self.at_least = longest(&whole, &loads, |load| load.by_rate(burst));
        let at_least = self.at_least.as_ref().map_or(Duration::ZERO, |expected| expected.takes);
        self.about = longest(&whole, &loads, Load::by_places).filter(|about| about.takes > at_least);
        loads.truncate(NAMED);
        self.largest = loads;
    }
}

impl Load {
    /// When its last request starts, at the earliest.
    #[must_use]
    pub fn by_rate(&self, burst: u32) -> Duration {
        let waits = self.requests.saturating_sub(u64::from(burst));
        self.rate.map_or(Duration::ZERO, |rate| times(rate.period(), waits))
    }

    fn by_places(&self) -> Duration {
        self.places.map_or(Duration::ZERO, |places| times(ASSUMED, self.requests.div_ceil(places.max(1) as u64)))
    }
}

/// The longest time of all; where the run as a whole takes as long as a host, it is what decides.
fn longest(whole: &Load, hosts: &[Load], time: impl Fn(&Load) -> Duration) -> Option<Expected> {
    let host = hosts.iter().max_by_key(|load| time(load)).filter(|load| time(load) > time(whole));
    let takes = time(host.unwrap_or(whole));
    (!takes.is_zero()).then(|| Expected { takes, host: host.cloned() })
}

/// What is asked of each host, or of each site where the hosts of a site share their limits. Which hosts share an address only
/// lookups would tell.
fn loads(hosts: &HashMap<Box<str>, u64>, settings: &crawl::Settings) -> Vec<Load> {
    let frontier = &settings.frontier;
    let mut loads: HashMap<String, Load> = HashMap::new();
    for (key, targets) in hosts {
        let (host, port) = key.rsplit_once(':').expect("a host's key ends with its port");
        let port = port.parse().expect("the port was written from a number");
        let own = frontier.hosts.rule(host, port);
        let obeys = own.robots.unwrap_or(frontier.robots) == robots::Mode::Always;
        let (name, rule) = match frontier.limit_by {
            LimitBy::Site => {
                let url: Url = format!("http://{host}/").parse().expect("the host is that of a URL");
                (site(&url).to_owned(), frontier.hosts.rule(site(&url), 0))
            }
            LimitBy::Host | LimitBy::Ip => (shown(hosts, host, port), own),
        };
        let load = loads.entry(name).or_insert_with_key(|name| Load {
            name: name.clone(),
            targets: 0,
            requests: 0,
            rate: rule.rps.unwrap_or(&frontier.host_rps).iter().max_by_key(|rate| rate.period()).copied(),
            places: rule.per_host.or(frontier.per_host),
        });
        load.targets += targets;
        load.requests += targets + u64::from(obeys);
    }
    loads.into_values().collect()
}

/// A host's name with its port, which is left out where it goes without saying.
fn shown(hosts: &HashMap<Box<str>, u64>, host: &str, port: u16) -> String {
    let has = |port: u16| hosts.contains_key(format!("{host}:{port}").as_str());
    if port == 443 || port == 80 && !has(443) { host.to_owned() } else { format!("{host}:{port}") }
}

fn name(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

fn port(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or_default()
}

/// A product that ends at what a duration can hold.
fn times(time: Duration, count: u64) -> Duration {
    let nanos = time.as_nanos().saturating_mul(u128::from(count));
    Duration::from_nanos_u128(nanos.min(u128::from(u64::MAX) * 1_000_000_000))
}

#[cfg(test)]
mod tests;
