//! Verdicts without a clock, a socket or a runtime: time is an argument, the answer is a value.
//!
//! Asked by the frontier (how fast may a host go, is this failure tried again) and by fetch (what does `Retry-After` say).

pub mod pace;
pub mod retry;

pub use pace::{Pace, Rate, RateError};
pub use retry::{RetryOn, RetryOnError, Verdict, retry_after};
