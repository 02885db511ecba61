//! A concurrent scraper: a list of URLs in, one record a URL out.
//!
//! ```text
//!  urls.txt                                                                              out.csv
//!     │                                                                                     ▲
//!     ▼            Target                  Page                   Record                    │
//!  source ──▶ [targets, bounded] ──▶ crawl: frontier ▸ fetch ▸ extract ──▶ [records, bounded] ──▶ sink
//!  thread 1                           task 2 (+ at most N workers)                          thread 3
//!                                                                                            └▶ observe(&Record)
//! ```
//!
//! Every target that is read becomes exactly one [`Record`], success or failure. Both channels are bounded, a body never leaves
//! its worker, and what hosts that wait leave over is parked on disk; so memory depends on the options and never on the length of
//! the list. Bodies that are to be kept ([`Plan::bodies`]) are files, written where they are read.
//!
//! A run is polite unless it is told otherwise: each host's pace follows its answers, a host that asks to be left alone or cannot
//! be reached is, and none of that holds up another host. Rates, robots.txt and what is known of single hosts are
//! [`frontier::Settings`]; what is kept of hosts between runs is [`crawl::Settings::pace_state`]; [`survey`] says what a run would do.
//!
//! ```no_run
//! use scrape::{Origin, Plan, Record};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut plan = Plan::default(); // JSONL on stdout, the title of each page, 20 at a time
//! plan.source.inputs = vec![Origin::File("urls.txt".into())];
//! plan.extract.fields = vec!["title=title".parse()?, "links[]=a[href]::attr(href)".parse()?];
//! plan.crawl.frontier.rps = vec!["5/s".parse()?];
//! let (_stopper, stop) = scrape::stop();
//! let mut failed = 0;
//! let observe = move |record: &Record| {
//!     failed += usize::from(record.error.is_some());
//!     eprintln!("{failed} failed so far, the last page was {}", record.url);
//! };
//! let summary = scrape::run(plan, observe, stop).await?;
//! eprintln!("{}", summary.identity());
//! # Ok(())
//! # }
//! ```
//!
//! The folders are layers, and imports only go down: [`run`](mod@run) over [`crawl`] over [`source`], [`frontier`], [`fetch`],
//! [`extract`], [`bodies`], [`sink`] and [`ledger`], which know nothing of each other, over [`policy`] over [`model`].

pub mod bodies;
pub mod crawl;
pub mod extract;
pub mod fetch;
pub mod frontier;
pub mod ledger;
pub mod model;
pub mod policy;
pub mod run;
pub mod sink;
pub mod source;

pub use crawl::{Halt, Stop, Stopper, stop};
pub use extract::{Extractor, Field};
pub use model::{Columns, Data, Ended, ErrorKind, Failure, Page, Record, Status, Summary, Target, Waits};
pub use run::survey::{Survey, survey};
pub use run::{Cause, Error, Observe, Plan, run};
pub use sink::{Destination, Existing, To};
pub use source::Origin;
