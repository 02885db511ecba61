//! An open element as a selector sees it: by its tag, as it is written, and by those around it. Which selectors ask for no more than
//! that is decided in [`plan`](super::plan).

use std::cell::RefCell;

use html5ever::Namespace;
use scraper::CaseSensitivity;
use scraper::selector::{CssLocalName, CssString, NonTSPseudoClass, PseudoElement, Simple};
use selectors::attr::{AttrSelectorOperation, NamespaceConstraint};
use selectors::bloom::BloomFilter;
use selectors::matching::{ElementSelectorFlags, MatchingContext};
use selectors::{Element, OpaqueElement};

use super::entity;
use super::kind::Open;
use super::name::Name;
use super::scan::{Attribute, Scan};
use crate::extract::shadows::no_shadows;
use crate::extract::step::Steps;

/// The open elements.
#[derive(Debug)]
pub(super) struct View<'a, 'l, 't> {
    pub(super) text: &'t str,
    pub(super) stack: &'a [Open],
    /// Those of the last one.
    pub(super) attributes: &'a [Attribute<'t>],
    pub(super) scratch: &'a RefCell<Vec<Attribute<'t>>>,
    pub(super) steps: &'a Steps<'a, 'l>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Seen<'a, 'l, 't> {
    pub(super) view: &'a View<'a, 'l, 't>,
    pub(super) depth: usize,
}

impl Seen<'_, '_, '_> {
    fn open(&self) -> &Open {
        &self.view.stack[self.depth]
    }

    /// Asks about the value of an attribute; `false` where there is none.
    fn asks(&self, name: &str, is: impl FnOnce(&str) -> bool) -> bool {
        let ask = |attributes: &[Attribute<'_>]| {
            attribute(attributes, name).is_some_and(|attribute| {
                self.view.steps.read(attribute.value.len());
                is(&entity::value(attribute))
            })
        };
        if self.depth + 1 == self.view.stack.len() {
            return ask(self.view.attributes);
        }
        let Some(tag) = self.open().tag else { return false };
        let attributes = &mut self.view.scratch.borrow_mut();
        let mut scan = Scan { text: self.view.text, at: tag.end() };
        let read = scan.attributes(attributes);
        self.view.steps.read(scan.at - tag.end());
        read.is_ok() && ask(attributes) // it was read before
    }
}

/// The attribute of a name in any case; of two the first.
pub(super) fn attribute<'a, 't>(attributes: &'a [Attribute<'t>], name: &str) -> Option<&'a Attribute<'t>> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

impl Element for Seen<'_, '_, '_> {
    type Impl = Simple;

    fn opaque(&self) -> OpaqueElement {
        OpaqueElement::new(self.open())
    }

    fn parent_element(&self) -> Option<Self> {
        self.view.steps.step();
        self.depth.checked_sub(1).map(|depth| Self { view: self.view, depth })
    }

    /// Not known; no selector that asks is matched here.
    fn prev_sibling_element(&self) -> Option<Self> {
        None
    }

    /// Not known, as above.
    fn next_sibling_element(&self) -> Option<Self> {
        None
    }

    /// Not known, as above.
    fn first_element_child(&self) -> Option<Self> {
        None
    }

    fn is_same_type(&self, other: &Self) -> bool {
        self.open().name == other.open().name
    }

    fn is_html_element_in_html_document(&self) -> bool {
        true // of others none is matched here
    }

    fn has_local_name(&self, name: &CssLocalName) -> bool {
        let open = self.open();
        if open.name != Name::new(name.0.as_bytes()) || name.0.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return false;
        }
        let written = open.tag.map(|tag| tag.of(self.view.text));
        !open.name.is_long() || written.is_some_and(|written| written.eq_ignore_ascii_case(&name.0))
    }

    fn has_namespace(&self, namespace: &Namespace) -> bool {
        **namespace == *"http://www.w3.org/1999/xhtml"
    }

    fn attr_matches(
        &self,
        namespace: &NamespaceConstraint<&Namespace>,
        name: &CssLocalName,
        operation: &AttrSelectorOperation<&CssString>,
    ) -> bool {
        let is_none = !matches!(namespace, NamespaceConstraint::Specific(url) if !url.is_empty());
        is_none && self.asks(&name.0, |value| operation.eval_str(value))
    }

    fn has_id(&self, id: &CssLocalName, case: CaseSensitivity) -> bool {
        self.asks("id", |value| case.eq(id.0.as_bytes(), value.as_bytes()))
    }

    fn has_class(&self, name: &CssLocalName, case: CaseSensitivity) -> bool {
        self.asks("class", |value| value.split_ascii_whitespace().any(|class| case.eq(class.as_bytes(), name.0.as_bytes())))
    }

    /// Not known, as above.
    fn is_empty(&self) -> bool {
        false
    }

    fn is_root(&self) -> bool {
        self.depth == 0
    }

    fn is_link(&self) -> bool {
        false // as for the DOM's elements: no selector gets here
    }

    no_shadows!();
}
