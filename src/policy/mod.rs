//! Verdicts without a clock, a socket or a runtime: time is an argument, the answer is a value.
//!
//! Asked by the frontier (how fast may a host go, is this failure tried again) and by fetch (what does `Retry-After` say).

pub mod budget;
pub mod hosts;
pub mod limit_by;
pub mod pace;
pub mod retry;
pub mod robots;

pub use budget::{Share, ShareError};
pub use hosts::{HostRule, HostRules, PatternError};
pub use limit_by::LimitBy;
pub use pace::{Pace, Rate, RateError};
pub use retry::{RetryOn, RetryOnError, Verdict, retry_after};
