//! Verdicts without a clock, a socket or a runtime: time is an argument, the answer is a value.
//!
//! Asked by the frontier (how fast may a host go, is this failure tried again) and by fetch (what does an answer ask for, which
//! proxy has its turn, is there room for a body); and by whoever runs a run, about what it came to.

pub mod adapt;
pub mod asked;
pub mod breaker;
pub mod budget;
pub mod guard;
pub mod hosts;
pub mod limit_by;
pub mod pace;
pub mod redirect;
pub mod retry;
pub mod robots;
pub mod room;
pub mod rotation;
pub mod threshold;

pub use adapt::{Adapt, Change, Signal};
pub use asked::{asked, retry_after};
pub use breaker::Breaker;
pub use budget::{Budget, Share, ShareError};
pub use guard::Guard;
pub use hosts::{HostRule, HostRules, PatternError};
pub use limit_by::{LimitBy, site};
pub use pace::{Pace, Rate, RateError};
pub use retry::{RetryOn, RetryOnError, Verdict};
pub use room::Room;
pub use rotation::Rotation;
pub use threshold::{Judged, Threshold, ThresholdError};
