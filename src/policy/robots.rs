//! robots.txt (RFC 9309): what it says, and whose is obeyed.

/// Whose robots.txt is obeyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Listed URLs, and what they are redirected to, are the user's own decision and are fetched; discovered ones obey.
    #[default]
    Auto,
    /// All URLs obey.
    Always,
    /// None does.
    Never,
}

// stub
#[derive(Debug, Default)]
pub struct Rules;
#[derive(Debug)]
pub struct Disallowed;
impl std::fmt::Display for Disallowed {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
#[derive(Debug)]
pub enum Unavailable {
    AllowAll,
    Unreachable,
}
impl Rules {
    pub fn parse(_body: &[u8], _agent: &str) -> Self {
        Self
    }
    pub fn allow_all() -> Self {
        Self
    }
    pub fn unreachable(_reason: &str) -> Self {
        Self
    }
    pub fn check(&self, _url: &url::Url) -> Result<(), Disallowed> {
        Ok(())
    }
    pub fn crawl_delay(&self) -> Option<std::time::Duration> {
        None
    }
    pub fn weight(&self) -> usize {
        0
    }
}
pub fn is_unavailable(_failure: &crate::model::Failure) -> bool {
    true
}
pub fn product_token(agent: &str) -> &str {
    agent
}
pub fn robots_url(url: &url::Url) -> url::Url {
    url.clone()
}
