//! What the frontier tells of hosts, as the log and the summary say it.

use super::Crawl;
use crate::fetch::Fetch;
use crate::frontier::What;
use crate::model::{News, Slowed};
use crate::policy::adapt::Change;

/// So many hosts are remembered for the summary.
const MOST_SLOWED: usize = 1000;

impl<F: Fetch, S: FnMut(News<'_>)> Crawl<F, S> {
    pub(super) fn hear_news(&mut self) {
        while let Some(event) = self.frontier.event() {
            self.keep(&event);
            let host = event.host;
            match event.what {
                What::Asked { wait, by } => tracing::info!(%host, ?wait, by, "the host asks to be left alone"),
                What::Adapted(change) => {
                    let rate = change.rate.map(|rate| (rate * 100.0).round() / 100.0);
                    tracing::info!(%host, rate, in_flight = change.in_flight, why = change.why, "pace adapted");
                    if self.slowed.len() < MOST_SLOWED || self.slowed.contains_key(&host) {
                        let Change { rate, in_flight, why } = change;
                        self.slowed.insert(host.clone(), Slowed { host, rate, in_flight, why });
                    }
                }
                What::Opened(pause) => tracing::info!(%host, ?pause, "the host cannot be reached: paused, then probed"),
                What::Closed => tracing::info!(%host, "the host can be reached again"),
                What::GivenUp => tracing::warn!(%host, "the host is given up for now: its targets fail as circuit_open"),
                What::Robots(text) => tracing::debug!(%host, bytes = text.len(), "robots.txt"),
                What::NoRobots => tracing::debug!(%host, "no robots.txt: everything is allowed"),
                What::RobotsUnreachable(reason) => {
                    tracing::warn!(%host, reason, "no answer about robots.txt: nothing may be fetched");
                }
            }
        }
    }
}
