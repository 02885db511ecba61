//! Names of elements as numbers, and what the tree builder's rules say of each: the sets of the HTML standard, as html5ever has
//! them.

/// A name in lower case: its bytes, the last one lowest. What is longer than 15 bytes has its first 15 and a mark, and is told
/// apart by its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::extract) struct Name(u128);

/// How many bytes fit.
const SHORT: usize = 15;

/// The mark of a name that is longer. No byte of a name is like it, because names here are ASCII.
const LONG: u128 = 0xff << 120;

impl Name {
    /// The number of a name; ASCII letters in any case.
    pub(in crate::extract) const fn new(name: &[u8]) -> Self {
        let mut number = if name.len() > SHORT { LONG >> 8 } else { 0 };
        let mut at = 0;
        while at < name.len() && at < SHORT {
            number = number << 8 | name[at].to_ascii_lowercase() as u128;
            at += 1;
        }
        Self(if name.len() > SHORT { number | LONG } else { number })
    }

    /// Whether the number stands for more than one name.
    pub(in crate::extract) fn is_long(self) -> bool {
        self.0 & LONG == LONG
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

/// What the "in body" rules do with a start tag of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Html,
    Head,
    Body,
    /// `meta`, `link` and the like: nothing inside, and welcome in a `head`.
    Meta,
    /// Text in which character references count, up to the end tag.
    Rcdata,
    /// Text up to the end tag.
    Rawtext,
    Script,
    /// Nothing inside.
    Void,
    Input,
    /// Nothing inside, and it ends a paragraph.
    Hr,
    /// A box that ends a paragraph.
    Block,
    Heading,
    Pre,
    Li,
    /// `dd` and `dt`.
    Definition,
    Form,
    Button,
    /// What misnested tags make the builder repeat: `b`, `a` and the like.
    Formatting,
    /// What bounds that repeating, beside cells and captions.
    Marker,
    Table,
    Caption,
    Colgroup,
    Col,
    /// `tbody`, `thead` and `tfoot`.
    Section,
    Row,
    Cell,
    Select,
    Option,
    Optgroup,
    /// `rb` and `rtc`.
    RubyBase,
    /// `rp` and `rt`.
    RubyText,
    Noscript,
    Svg,
    /// What is left to the DOM.
    Hazard,
    /// All others.
    Plain,
}

macro_rules! kinds {
    ($($kind:ident: $($name:literal)+;)+) => {
        const KINDS: &[(Name, Kind)] = &[$($((Name::new($name.as_bytes()), Kind::$kind),)+)+];
    };
}

kinds! {
    Block: "div" "p" "ul" "section" "article" "nav" "header" "footer" "address" "aside" "blockquote" "center" "details" "dialog" "dir"
        "dl" "fieldset" "figcaption" "figure" "hgroup" "main" "menu" "ol" "search" "summary";
    Formatting: "a" "b" "i" "em" "strong" "code" "small" "big" "font" "s" "strike" "tt" "u";
    Void: "br" "img" "area" "embed" "keygen" "wbr" "param" "source" "track";
    Html: "html";
    Head: "head";
    Body: "body";
    Meta: "meta" "link" "base" "basefont" "bgsound";
    Rcdata: "title" "textarea";
    Rawtext: "style" "xmp" "iframe" "noembed" "noframes";
    Script: "script";
    Input: "input";
    Hr: "hr";
    Heading: "h1" "h2" "h3" "h4" "h5" "h6";
    Pre: "pre" "listing";
    Li: "li";
    Definition: "dd" "dt";
    Form: "form";
    Button: "button";
    Marker: "applet" "marquee" "object";
    Table: "table";
    Caption: "caption";
    Colgroup: "colgroup";
    Col: "col";
    Section: "tbody" "thead" "tfoot";
    Row: "tr";
    Cell: "td" "th";
    Select: "select";
    Option: "option";
    Optgroup: "optgroup";
    RubyBase: "rb" "rtc";
    RubyText: "rp" "rt";
    Noscript: "noscript";
    Svg: "svg";
    Hazard: "math" "template" "frameset" "frame" "image" "isindex" "nobr" "plaintext" "selectedcontent";
}

/// The slots of the table; four times as many as there are names, so that most are found at once.
const SLOTS: usize = 512;

/// The names by the place that they are looked up at, or after it where that is taken.
static PLACES: [(Name, Kind); SLOTS] = {
    let mut table = [(Name(0), Kind::Plain); SLOTS];
    let mut at = 0;
    while at < KINDS.len() {
        let mut slot = place(KINDS[at].0);
        while table[slot].0.0 != 0 {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = KINDS[at];
        at += 1;
    }
    table
};

#[expect(clippy::cast_possible_truncation, reason = "it mixes the bits")]
pub(in crate::extract) const fn place(name: Name) -> usize {
    let bits = (name.0 as u64) ^ ((name.0 >> 64) as u64);
    (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55) as usize
}

/// The kind of a name.
pub(super) fn kind(name: Name) -> Kind {
    let mut slot = place(name);
    loop {
        let (known, kind) = PLACES[slot];
        if known == name {
            return kind;
        }
        if known.0 == 0 {
            return Kind::Plain;
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// An element that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) name: Name,
    pub(super) kind: Kind,
    /// Whether it is one of SVG.
    pub(super) foreign: bool,
    /// Where its tag has its name, and what follows it; `None` for one that no tag made.
    pub(super) tag: Option<(u32, u32)>,
}

impl Open {
    /// The builder's "special" elements, which generic end tags do not reach beyond.
    pub(super) fn is_special(&self) -> bool {
        match self.kind {
            Kind::Formatting | Kind::Option | Kind::Optgroup | Kind::RubyBase | Kind::RubyText | Kind::Svg | Kind::Plain => false,
            Kind::Block => self.name != DIALOG && self.name != SEARCH,
            _ => !self.foreign,
        }
    }

    /// Whether other tags may end it without its own.
    pub(super) fn is_implied_end(&self) -> bool {
        self.name == P
            || matches!(self.kind, Kind::Definition | Kind::Li | Kind::Option | Kind::Optgroup | Kind::RubyBase | Kind::RubyText)
    }

    /// What bounds most of the builder's searches.
    pub(super) fn is_scope(&self) -> bool {
        matches!(self.kind, Kind::Marker | Kind::Caption | Kind::Html | Kind::Table | Kind::Cell | Kind::Select)
    }

    /// What bounds the search for parts of tables.
    pub(super) fn is_table_scope(&self) -> bool {
        matches!(self.kind, Kind::Html | Kind::Table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for (name, expected) in KINDS {
            assert_eq!(kind(*name), *expected, "{name:?}");
        }
        assert_eq!(kind(Name::new(b"TABLE")), Kind::Table);
        assert_eq!(kind(Name::new(b"span")), Kind::Plain);
        assert_eq!(kind(Name::new(b"")), Kind::Plain);
    }

    #[test]
    fn names_are_told_apart_but_for_those_that_say_they_are_not() {
        assert_ne!(Name::new(b"a"), Name::new(b"aa"));
        assert_ne!(Name::new(b"ab"), Name::new(b"ba"));
        assert!(!Name::new(b"fifteen-letters").is_long());
        assert!(Name::new(b"sixteen--letters").is_long());
        assert_ne!(Name::new(b"sixteen--letters"), Name::new(b"sixteen--letter"));
    }
}
