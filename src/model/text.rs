//! Text from pages and URLs on its way to a terminal or a log.

use std::fmt::{self, Write};

/// Shows a text with every control and bidirectional-override character escaped, so that nothing a server sends can
/// move the cursor, recolour the screen, forge a log line or turn text around. Newlines and tabs are escaped too.
///
/// ```
/// use scrape::model::Clean;
/// assert_eq!(Clean("a\u{1b}[2Jb\n").to_string(), "a\\u{1b}[2Jb\\n");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Clean<'a>(pub &'a str);

impl Clean<'_> {
    /// Whether a character would do something rather than show something: C0, DEL, C1, the line and paragraph
    /// separators, and the bidirectional controls.
    #[must_use]
    pub const fn is_hostile(c: char) -> bool {
        matches!(c, '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    }
}

impl fmt::Display for Clean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if Self::is_hostile(c) {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Clean;

    #[test]
    fn nothing_that_acts_on_a_terminal_passes() {
        let hostile: String = ('\0'..='\u{ffff}').filter(|c| Clean::is_hostile(*c)).collect();
        assert!(!Clean(&hostile).to_string().chars().any(Clean::is_hostile));
        assert_eq!(Clean("naïve 日本 🧑‍🚀").to_string(), "naïve 日本 🧑‍🚀");
    }
}
