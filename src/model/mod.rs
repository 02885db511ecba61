//! The nouns of a run. Leaves: nothing here imports another module of the crate.
//!
//! A [`Target`] is read from the input, travels as a [`Ticket`] through the frontier, is fetched into a [`Page`] or a
//! [`Failure`], and ends as exactly one [`Record`]. While it runs, the crawl says where it stands ([`Status`]) and what it waits
//! for ([`Waits`]); at its end the run is a [`Summary`].

mod asked;
mod counts;
mod earlier;
mod failure;
mod flight;
mod page;
mod record;
mod request;
mod secrets;
mod status;
mod summary;
mod target;
mod text;
mod ticket;
mod waits;

pub use asked::Asked;
pub use counts::{Counts, HostCounts, Latency, Matched};
pub use earlier::{Claims, Earlier, Finished};
pub use failure::{ErrorKind, Failure};
pub use flight::{Flight, Flying, Phase};
pub use page::{Charset, Judge, Page, Verdict};
pub use record::{Columns, Data, Record, Saved, Timestamp};
pub use request::{Body, Media, Request, parse_header, parse_method};
pub use secrets::Secrets;
pub use status::{News, Status};
pub use summary::{Culprit, Ended, Slowed, Summary};
pub use target::{Input, MAX_URL, Read, Target, UrlError, parse_url, redact, redact_text, shown};
pub use text::Clean;
pub use ticket::{Done, Outcome, Past, Purpose, Row, Ticket};
pub use waits::{HostWait, Stage, Waits, Why};
