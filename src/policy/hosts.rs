//! stub
use super::{Rate, robots::Mode};
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostRules {}
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostRule<'a> {
    pub rps: Option<&'a [Rate]>,
    pub per_host: Option<usize>,
    pub robots: Option<Mode>,
}
impl HostRules {
    pub fn rule(&self, _host: &str, _port: u16) -> HostRule<'_> {
        HostRule::default()
    }
}
