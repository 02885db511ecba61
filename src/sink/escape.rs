//! JSON that is safe to look at: the values are what they were, yet no character of the text acts on a terminal.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::model::Clean;

/// Appends a value as compact JSON. Beyond what JSON asks for, DEL, C1, U+2028, U+2029 and the bidirectional controls are
/// escaped too: `\u009b`.
pub(super) fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    value
        .serialize(&mut Serializer::with_formatter(out, Escaping))
        .expect("records and JSON values have string keys, and a Vec takes every write");
}

/// serde's compact form with more escapes. serde itself has escaped C0, `"` and `\` before it hands over a fragment.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // A maximum has no early way out, so that the compiler can look at many bytes at a time: most text ends here.
        if fragment.bytes().fold(0, u8::max) < 0x7f {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, hostile)) = rest.char_indices().find(|(_, c)| Clean::is_hostile(*c)) {
            write!(writer, "{}\\u{:04x}", &rest[..at], u32::from(hostile))?;
            rest = &rest[at + hostile.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(text: &str) -> String {
        let mut out = Vec::new();
        write_json(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_acts_on_a_terminal_is_escaped_and_what_shows_is_not() {
        assert_eq!(json("a\u{1b}[2J\u{7f}b"), r#""a\u001b[2J\u007fb""#);
        assert_eq!(json("\u{9b}31m ü \u{202e}x\u{2028}"), r#""\u009b31m ü \u202ex\u2028""#);
        assert_eq!(json("naïve 日本 🧑‍🚀 \"\\\n"), r#""naïve 日本 🧑‍🚀 \"\\\n""#);
    }

    #[test]
    fn every_hostile_character_reads_back_as_itself() {
        for c in ('\0'..='\u{ffff}').filter(|c| Clean::is_hostile(*c)) {
            let written = json(&format!("<{c}>"));
            assert!(!written.chars().any(Clean::is_hostile), "{written:?}");
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), format!("<{c}>"));
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_back_and_shows_no_hostile_character(text in ".*|[\u{0}-\u{ff}]*|\\PC*[\u{2000}-\u{2070}]*") {
            let written = json(&text);
            prop_assert!(!written.chars().any(Clean::is_hostile));
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }
}
