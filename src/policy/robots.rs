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
