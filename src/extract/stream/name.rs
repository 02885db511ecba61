//! Names of elements as numbers.

use super::Hazard;

/// A name in lower case: six bits a character, of up to ten. Any other has a mark and a hash, and is told apart by its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::extract) struct Name(u64);

/// How many characters fit.
const EXACT: usize = 10;

/// The mark of a name that does not fit.
const MARK: u64 = 1 << 63;

/// What is no character of a name, because it ends one, or because it is odd.
const END: u8 = 62;
const ODD: u8 = 63;

/// The characters of names by their bytes.
const CODES: [u8; 256] = codes();

const fn codes() -> [u8; 256] {
    let mut codes = [ODD; 256];
    let characters = b"abcdefghijklmnopqrstuvwxyz0123456789-_:.";
    let (mut nth, mut code) = (0, 1);
    while nth < characters.len() {
        codes[characters[nth] as usize] = code;
        codes[characters[nth].to_ascii_uppercase() as usize] = code;
        nth += 1;
        code += 1;
    }
    let ends = b" \n\t\r\x0c/>";
    let mut nth = 0;
    while nth < ends.len() {
        codes[ends[nth] as usize] = END;
        nth += 1;
    }
    codes
}

impl Name {
    /// No name.
    pub(super) const NONE: Self = Self(0);

    /// The number of a name; ASCII letters in any case.
    pub(in crate::extract) const fn new(name: &[u8]) -> Self {
        let (mut number, mut hash, mut is_exact) = (0, 0, name.len() <= EXACT);
        let mut at = 0;
        while at < name.len() {
            let code = CODES[name[at] as usize];
            is_exact &= code < END;
            number = number << 6 | code as u64;
            hash = (hash ^ name[at].to_ascii_lowercase() as u64).wrapping_mul(0x0100_0000_01b3); // as FNV-1a does
            at += 1;
        }
        Self(if is_exact { number } else { hash | MARK })
    }

    /// The name of a tag that begins here, and how long it is.
    pub(super) fn read(text: &[u8]) -> Result<(Self, usize), Hazard> {
        let (mut number, mut length) = (0, 0);
        loop {
            match CODES[*text.get(length).ok_or("an unfinished tag")? as usize] {
                END => break,
                ODD => return Err("an odd tag name"),
                code => number = number << 6 | u64::from(code),
            }
            length += 1;
        }
        Ok((if length <= EXACT { Self(number) } else { Self::new(&text[..length]) }, length))
    }

    /// Whether the number may stand for more than one name.
    pub(in crate::extract) const fn is_long(self) -> bool {
        self.0 & MARK != 0
    }

    /// Whether it is [`NONE`](Self::NONE).
    pub(super) const fn is_none(self) -> bool {
        self.0 == 0
    }
}

macro_rules! names {
    ($($constant:ident = $name:literal)+) => { $(pub(super) const $constant: Name = Name::new($name.as_bytes());)+ };
}

names! {
    A = "a" ADDRESS = "address" BASE = "base" BODY = "body" BR = "br" BUTTON = "button" CAPTION = "caption"
    COLGROUP = "colgroup" DESC = "desc" DIALOG = "dialog" DIV = "div" HEAD = "head" HTML = "html" INPUT = "input"
    NOSCRIPT = "noscript" OL = "ol" OPTGROUP = "optgroup" OPTION = "option" P = "p" RTC = "rtc" RUBY = "ruby"
    SCRIPT = "script" SEARCH = "search" STYLE = "style" TABLE = "table" TBODY = "tbody" TD = "td" TEXTAREA = "textarea"
    TH = "th" TITLE = "title" TR = "tr" UL = "ul" XMP = "xmp"
}

/// A place for a name among 512.
pub(in crate::extract) const fn place(name: Name) -> usize {
    (name.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_but_for_those_that_say_they_are_not() {
        assert_ne!(Name::new(b"a"), Name::new(b"aa"));
        assert_ne!(Name::new(b"ab"), Name::new(b"ba"));
        assert!(!Name::new(b"figcaption").is_long());
        for long in [&b"eleven-char"[..], b"e(", "\u{e9}".as_bytes(), b"@", b"a b"] {
            assert!(Name::new(long).is_long(), "{long:?}");
            assert_eq!(Name::new(long), Name::new(&long.to_ascii_uppercase()));
        }
        assert_ne!(Name::new(b"eleven-char"), Name::new(b"eleven-chars"));
    }

    #[test]
    fn a_name_is_read_up_to_what_ends_it() {
        for (text, length) in [("a>", 1), ("H1 x", 2), ("x-y_z:a.b9/", 10), ("custom-element-0\n", 16), (">", 0)] {
            assert_eq!(Name::read(text.as_bytes()), Ok((Name::new(&text.as_bytes()[..length]), length)), "{text}");
        }
        assert_eq!(Name::read(b"div"), Err("an unfinished tag"));
        for odd in ["a<b>", "a\"b>", "\u{e9}>", "a\0>", "a=b>"] {
            assert_eq!(Name::read(odd.as_bytes()), Err("an odd tag name"), "{odd}");
        }
    }
}
