//! Runs through the library, for what no command line can say: a resolver of the test's own, and a part of the loopback that plays the
//! public internet.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scrape::fetch::{Found, Lookup};
use scrape::{Destination, Origin, Plan, Record, Stop, Summary};

use super::LIMIT;

/// A resolver that answers each name as it is told, one answer after the other, the last one for ever.
#[derive(Debug, Default)]
pub(crate) struct Names {
    answers: Mutex<HashMap<String, Vec<Answer>>>,
    asked: Mutex<Vec<String>>,
}

/// What a name is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// These addresses.
    Are(Vec<IpAddr>),
    /// No such name, or something else.
    Fails(io::ErrorKind),
    /// Nothing, ever.
    Never,
}

/// The addresses of a text with blanks between them.
pub(crate) fn are(addresses: &str) -> Answer {
    Answer::Are(addresses.split(' ').map(|text| text.parse().expect("it is an address")).collect())
}

impl Names {
    /// What a name is answered with.
    pub(crate) fn name<const N: usize>(self, name: &str, answers: [Answer; N]) -> Self {
        self.answers.lock().expect("nobody panics with it").insert(name.to_owned(), answers.into());
        self
    }

    /// The names that were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics with it").clone()
    }
}

impl Lookup for Names {
    fn look_up(&self, name: &str) -> Found {
        self.asked.lock().expect("nobody panics with it").push(name.to_owned());
        let mut answers = self.answers.lock().expect("nobody panics with it");
        let answers = answers.get_mut(name).unwrap_or_else(|| panic!("nobody said what {name} is"));
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Box::pin(async move {
            match answer {
                // The port is not looked at.
                Answer::Are(addresses) => Ok(addresses.into_iter().map(|address| SocketAddr::new(address, 9)).collect()),
                Answer::Fails(kind) => Err(io::Error::new(kind, "the test's resolver says no")),
                Answer::Never => std::future::pending().await,
            }
        })
    }
}

/// A plan for these URLs, one at a time, with a resolver of the test's own and without waits. 127.0.0.2 is public, and nothing else.
pub(crate) fn plan(urls: &[&str], names: &Arc<Names>) -> Plan {
    let mut plan = Plan::default();
    plan.source.inputs = urls.iter().map(|url| Origin::Url((*url).to_owned())).collect();
    plan.crawl.concurrency = 1;
    plan.crawl.frontier.retry.backoff = Duration::from_millis(1);
    plan.fetch.direct = true;
    plan.fetch.lookup = Arc::<Names>::clone(names);
    plan.fetch.guard.public = vec!["127.0.0.2/32".parse().expect("it is a network")];
    plan
}

/// Runs a plan to its end; answers the records in the order of the list, and the summary.
#[track_caller]
pub(crate) fn library(plan: Plan) -> (Vec<Record>, Summary) {
    let (stopper, stop) = scrape::stop();
    let ended = library_until(plan, stop);
    drop(stopper);
    ended
}

/// The same, where somebody may stop it.
#[track_caller]
pub(crate) fn library_until(mut plan: Plan, stop: Stop) -> (Vec<Record>, Summary) {
    plan.sink.outputs = vec![Destination::Writer(Box::new(io::sink())).into()];
    let records = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&records);
    let observe = move |record: &Record| seen.lock().expect("nobody panics with it").push(record.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the machine has room for one");
    let run = async { tokio::time::timeout(LIMIT, scrape::run(plan, observe, stop)).await };
    let summary = runtime.block_on(run).expect("the run ends").expect("the run works");
    runtime.shutdown_background();
    let mut records = records.lock().expect("nobody panics with it").clone();
    records.sort_by_key(|record| record.index);
    (records, summary)
}
