//! The nouns of a run. Leaves: nothing here imports another module of the crate.
//!
//! A [`Target`] is read from the input, travels as a [`Ticket`] through the frontier, is fetched into a [`Page`] or a
//! [`Failure`], and ends as exactly one [`Record`].

mod failure;
mod page;
mod record;
mod target;
mod text;
mod ticket;

pub use failure::{ErrorKind, Failure};
pub use page::Page;
pub use record::{Columns, Data, Record, Timestamp};
pub use target::{Input, Read, Target, UrlError, parse_url, redact};
pub use text::Clean;
pub use ticket::{Done, Outcome, Row, Ticket};
