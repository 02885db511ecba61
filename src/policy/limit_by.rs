//! What counts as one host where limits are counted.

// stub
pub fn site<'a>(_host: &url::Host<&'a str>) -> &'a str {
    ""
}
/// What shares the limits of one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitBy {
    /// Each host and port for itself.
    #[default]
    Host,
    /// All hosts of one registrable domain, by the public suffix list: `a.example.co.uk` and `b.example.co.uk`.
    Site,
    /// All hosts at one address.
    Ip,
}
