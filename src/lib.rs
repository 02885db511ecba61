//! scrape
pub mod fetch;
pub mod frontier;
pub mod model;
pub mod policy;
pub use model::{Columns, Data, ErrorKind, Failure, Record, Target};
