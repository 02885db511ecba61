//! What single hosts have of their own: rates, limits, headers, whether their robots.txt is obeyed.

/// The rules for single hosts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostRules {}
