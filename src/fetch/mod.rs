//! x
/// x
pub fn decode() {}
