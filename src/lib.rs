//! scrape
pub mod model;
pub use model::{Columns, Data, ErrorKind, Failure, Record, Target};
pub mod extract;
pub mod fetch;
