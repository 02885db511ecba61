//! The guard: which addresses may not be asked, because a page of the public web has no business leading there.
//!
//! Fetch asks it about the address that is about to be dialled, and about the one that sent a redirect.

mod special;
#[cfg(test)]
mod tests;

// core's: an address is a value; std's module of that name is that of sockets, and nothing here opens one.
use core::net::IpAddr;

use ipnet::IpNet;

pub use self::special::{Special, special};

/// When addresses that are not public are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Where a redirect from a public address leads to them. What is listed is the user's own decision.
    #[default]
    Redirects,
    /// Always, for listed URLs too.
    Always,
    /// Never.
    Never,
}

impl Mode {
    /// Whether a request is guarded. `is_led`: a redirect from a public address led to it.
    #[must_use]
    pub const fn watches(self, is_led: bool) -> bool {
        match self {
            Self::Redirects => is_led,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Which addresses are refused, and when.
///
/// ```
/// use scrape::policy::Guard;
/// let guard = Guard::default();
/// assert_eq!(guard.objection("8.8.8.8".parse().unwrap()), None);
/// assert_eq!(guard.objection("::ffff:10.0.0.1".parse().unwrap()).unwrap().to_string(), "a private address");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// When. Default: where a redirect leads.
    pub mode: Mode,
    /// Networks that count as public, whatever they are. Default: none.
    pub public: Vec<IpNet>,
}

impl Guard {
    /// What an address is, if it is not public.
    #[must_use]
    pub fn objection(&self, address: IpAddr) -> Option<Special> {
        let address = address.to_canonical();
        special(address).filter(|_| !self.public.iter().any(|net| net.contains(&address)))
    }
}
