//! The open elements, and what each tag does to them: the tree builder's rules, as html5ever has them, for as long as they put every
//! node at the end of the last open element. Where one would put it elsewhere, move one, repeat one or change one that is there, that
//! is a hazard.
//!
//! What keeps it so small is one promise: **every formatting element (`b`, `a`, …) that is not ended by its own tag is open.** Then the
//! builder's list of them, which it repeats elements from, holds open elements only, and there is nothing to repeat. An element that
//! would end with such a one inside breaks the promise, so it is a hazard; only cells and captions may, whose end clears the list.

use super::Hazard;
use super::harvest::Harvest;
use super::kind::{Kind, Open, kind};
use super::name::{A, BODY, BUTTON, HEAD, HTML, Name, P, TEXTAREA};
use super::scan::{Attribute, Tag};
use super::span::Span;
use crate::extract::limits::Limits;

/// The builder's insertion mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Before the doctype, or where one would be.
    Initial,
    BeforeHead,
    InHead,
    InHeadNoscript,
    AfterHead,
    InBody,
    InTable,
    InCaption,
    InColumnGroup,
    InTableBody,
    InRow,
    InCell,
}

/// What is to be read after a start tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Tags,
    /// Tags, but for a line break that follows at once.
    TagsAfterLine,
    /// A text up to the end tag of the last open element; raw without character references.
    Text {
        is_raw: bool,
    },
}

/// The builder's form element pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    None,
    /// Its place among the open elements.
    At(usize),
    /// It is none of them.
    Elsewhere,
}

/// A page up to a tag of it.
pub(super) struct Tree<'a, 'l, 't> {
    pub(super) text: &'t str,
    pub(super) mode: Mode,
    pub(super) stack: Vec<Open>,
    /// Those of the tag at hand.
    pub(super) attributes: Vec<Attribute<'t>>,
    pub(super) harvest: Harvest<'a, 'l, 't>,
    /// The doctype, where it counts.
    pub(super) doctype: Option<&'t str>,
    /// Whether there was one, or something that it cannot follow.
    pub(super) is_typed: bool,
    /// What the doctype means, once it was asked.
    pub(super) is_quirky: Option<bool>,
    pub(super) form: Form,
    /// How many `p` and `a` are open.
    paragraphs: usize,
    pub(super) anchors: usize,
    limits: &'a Limits<'l>,
    /// No fewer than the nodes of the tree, four to a node and one to an attribute.
    size: usize,
}

impl<'a, 'l, 't> Tree<'a, 'l, 't> {
    pub(super) fn new(text: &'t str, harvest: Harvest<'a, 'l, 't>, limits: &'a Limits<'l>) -> Self {
        Self {
            text,
            mode: Mode::Initial,
            stack: Vec::with_capacity(32),
            attributes: Vec::new(),
            harvest,
            doctype: None,
            is_typed: false,
            is_quirky: None,
            form: Form::None,
            paragraphs: 0,
            anchors: 0,
            limits,
            size: 0,
        }
    }

    /// Takes note of nodes, of which there may be so many.
    pub(super) fn count(&mut self, attributes: usize) -> Result<(), Hazard> {
        self.size += 4 + attributes;
        if self.size / 4 > self.limits.max_nodes || attributes > self.limits.max_attributes {
            return Err("more nodes or attributes than allowed");
        }
        Ok(())
    }

    /// A tag whose attributes come to nothing may have so many as well.
    pub(super) fn check_attributes(&self) -> Result<(), Hazard> {
        if self.attributes.len() > self.limits.max_attributes { Err("more attributes than allowed") } else { Ok(()) }
    }

    /// Whether nothing that follows can move, remove or come before what has ended: no formatting element and no table is open, and
    /// the head is open or never will be.
    pub(super) fn is_calm(&self) -> bool {
        match self.mode {
            Mode::Initial | Mode::BeforeHead | Mode::InHead | Mode::InHeadNoscript => true,
            Mode::InBody => self.stack.iter().all(|open| !matches!(open.kind, Kind::Formatting | Kind::Table)),
            _ => false,
        }
    }

    /// The last open element.
    pub(super) fn current(&self) -> Option<&Open> {
        self.stack.last()
    }

    pub(super) fn is_current(&self, name: Name) -> bool {
        self.current().is_some_and(|open| open.name == name)
    }

    /// Opens the element of a tag.
    pub(super) fn push(&mut self, tag: &Tag, kind: Kind) -> Result<(), Hazard> {
        self.push_open(tag.name, kind, Some(tag.at))
    }

    /// Opens an element that no tag made.
    pub(super) fn push_implied(&mut self, name: Name) -> Result<(), Hazard> {
        self.push_open(name, kind(name), None)
    }

    fn push_open(&mut self, name: Name, kind: Kind, tag: Option<Span>) -> Result<(), Hazard> {
        if self.stack.len() >= self.limits.max_depth {
            return Err("a depth that is not allowed");
        }
        self.paragraphs += usize::from(name == P);
        self.anchors += usize::from(name == A && kind != Kind::Foreign);
        self.stack.push(Open { name, kind, tag });
        let attributes = if tag.is_some() { &self.attributes[..] } else { &[] };
        self.harvest.open(&self.stack, attributes)?;
        self.count(attributes.len())
    }

    /// Closes the last element.
    pub(super) fn pop(&mut self) {
        let Some(open) = self.stack.pop() else { return };
        self.paragraphs -= usize::from(open.name == P);
        self.anchors -= usize::from(open.name == A && !open.is_foreign());
        if self.form == Form::At(self.stack.len()) {
            self.form = Form::Elsewhere;
        }
        self.harvest.close(self.stack.len());
    }

    /// Closes the element at a place, and all inside. If it `clears` the list of formatting elements, some may be among them.
    pub(super) fn close(&mut self, at: usize, clears: bool) -> Result<(), Hazard> {
        while self.stack.len() > at + 1 {
            match self.stack[self.stack.len() - 1].kind {
                Kind::Formatting if !clears => return Err("a formatting element that another tag ends"),
                Kind::Marker | Kind::Cell | Kind::Caption | Kind::Table => return Err("a part that another tag ends"),
                _ => self.pop(),
            }
        }
        self.pop();
        Ok(())
    }

    /// The innermost element that is asked for, if none that is a bound stands before it.
    pub(super) fn find(&self, is: impl Fn(&Open) -> bool, is_bound: impl Fn(&Open) -> bool) -> Option<usize> {
        for (at, open) in self.stack.iter().enumerate().rev() {
            if is(open) {
                return Some(at);
            }
            if is_bound(open) {
                return None;
            }
        }
        None
    }

    pub(super) fn in_scope(&self, name: Name) -> Option<usize> {
        self.find(|open| open.name == name, Open::is_scope)
    }

    /// Closes the elements that need no end tag, up to one of this name.
    pub(super) fn generate_implied_ends(&mut self, except: Option<Name>) {
        while self.current().is_some_and(|open| open.is_implied_end() && Some(open.name) != except) {
            self.pop();
        }
    }

    pub(super) fn paragraph(&self) -> Option<usize> {
        let is_bound = |open: &Open| open.is_scope() || open.name == BUTTON;
        if self.paragraphs == 0 { None } else { self.find(|open| open.name == P, is_bound) }
    }

    pub(super) fn close_paragraph(&mut self) -> Result<(), Hazard> {
        self.paragraph().map_or(Ok(()), |at| self.close(at, false))
    }

    /// An element with nothing inside.
    pub(super) fn void(&mut self, tag: &Tag, kind: Kind) -> Result<Next, Hazard> {
        self.push(tag, kind)?;
        self.pop();
        Ok(Next::Tags)
    }

    /// An element with a text inside.
    pub(super) fn raw(&mut self, tag: &Tag, kind: Kind) -> Result<Next, Hazard> {
        self.push(tag, kind)?;
        Ok(Next::Text { is_raw: kind != Kind::Rcdata })
    }

    /// Whether an element is of the name of a tag.
    pub(super) fn is_same(&self, open: &Open, tag: &Tag) -> bool {
        let is_so = |own: Span| own.of(self.text).eq_ignore_ascii_case(tag.at.of(self.text));
        open.name == tag.name && (!tag.name.is_long() || open.tag.is_some_and(is_so))
    }

    /// Opens what every page has, up to its body.
    pub(super) fn open_body(&mut self) -> Result<(), Hazard> {
        if self.mode == Mode::Initial {
            self.push_implied(HTML)?;
            self.mode = Mode::BeforeHead;
        }
        if self.mode == Mode::BeforeHead {
            self.push_implied(HEAD)?;
            self.mode = Mode::InHead;
        }
        if self.mode == Mode::InHeadNoscript {
            self.pop();
            self.mode = Mode::InHead;
        }
        if self.mode == Mode::InHead {
            self.pop();
            self.mode = Mode::AfterHead;
        }
        if self.mode == Mode::AfterHead {
            self.push_implied(BODY)?;
            self.mode = Mode::InBody;
        }
        Ok(())
    }

    /// Whether the text of the last element is one that a line break at its start does not belong to.
    pub(super) fn drops_line(&self) -> bool {
        self.is_current(TEXTAREA)
    }
}
