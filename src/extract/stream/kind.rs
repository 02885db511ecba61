//! What the tree builder's rules say of each element: the sets of the HTML standard, as html5ever has them.

use super::name::{DIALOG, Name, P, SEARCH, place};
use super::span::Span;

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
    /// An element of SVG, which no name alone tells.
    Foreign,
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
    let mut table = [(Name::NONE, Kind::Plain); SLOTS];
    let mut at = 0;
    while at < KINDS.len() {
        assert!(!KINDS[at].0.is_long() || matches!(KINDS[at].1, Kind::Hazard), "another name may have its hash");
        let mut slot = place(KINDS[at].0);
        while !table[slot].0.is_none() {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = KINDS[at];
        at += 1;
    }
    table
};

/// The kind of a name.
pub(super) fn kind(name: Name) -> Kind {
    let mut slot = place(name);
    loop {
        let (known, kind) = PLACES[slot];
        if known == name {
            return kind;
        }
        if known.is_none() {
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
    /// Where its tag has its name, which its attributes follow; `None` for one that no tag made.
    pub(super) tag: Option<Span>,
}

impl Open {
    /// The builder's "special" elements, which generic end tags do not reach beyond.
    pub(super) fn is_special(&self) -> bool {
        let is_plain = matches!(
            self.kind,
            Kind::Formatting | Kind::Option | Kind::Optgroup | Kind::RubyBase | Kind::RubyText | Kind::Foreign | Kind::Plain
        );
        !is_plain && !matches!(self.name, DIALOG | SEARCH)
    }

    /// Whether it is one of SVG.
    pub(super) fn is_foreign(&self) -> bool {
        self.kind == Kind::Foreign
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
}
