//! What the frontier has to tell whoever logs, sums up or remembers.

use std::time::Duration;

use bytes::Bytes;

use crate::policy::adapt::Change;

/// Something that happened to a host, for the log, the summary and the next run.
#[derive(Debug)]
pub struct Event {
    /// `host:port`, or what shares its limits.
    pub host: Box<str>,
    /// What happened.
    pub what: What,
}

/// What can happen to a host.
#[derive(Debug)]
pub enum What {
    /// It asked to be left alone for this long, by this header.
    Asked {
        /// How long, clamped.
        wait: Duration,
        /// The header.
        by: &'static str,
    },
    /// Its answers changed its pace.
    Adapted(Change),
    /// It could not be reached: it is left alone for this long, and then probed.
    Opened(Duration),
    /// It was reached again.
    Closed,
    /// It is given up.
    GivenUp,
    /// Its robots.txt came.
    Robots(Bytes),
    /// It has no robots.txt: everything is allowed.
    NoRobots,
    /// Its robots.txt could not be had: everything is disallowed.
    RobotsUnreachable(String),
}
