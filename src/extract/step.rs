//! An element as a selector sees it, where each step to another one is counted: a single match may walk over the whole page for
//! each of its elements (`:has(b ~ i)`). Matching has no way to be stopped, so it is unwound when the time is over.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use html5ever::Namespace;
use html5ever::serialize::{Serialize, Serializer, TraversalScope};
use scraper::selector::{CssLocalName, CssString, NonTSPseudoClass, PseudoElement, Simple};
use scraper::{CaseSensitivity, Element, ElementRef, Node};
use selectors::OpaqueElement;
use selectors::attr::{AttrSelectorOperation, NamespaceConstraint};
use selectors::bloom::BloomFilter;
use selectors::context::SelectorCaches;
use selectors::matching::{ElementSelectorFlags, MatchingContext};

use super::css::{Source, Words, is_match, is_named};
use super::limits::{Limits, too_large};
use super::selector::Compiled;
use crate::model::Failure;

/// How many steps are made between two looks at the clock.
const STRIDE: usize = 4096;

/// So many bytes are read in the time of a step.
const STEP: usize = 64;

/// So often elements may be looked up in what one match remembers, where it remembers 4 KiB of each that two `:has` ask. Each of these
/// is looked up seven times, so that it is 28,000 of them.
const LOOKUPS: usize = 6 << 15;

/// Why a match was unwound.
pub(super) enum Cut {
    /// The time is over.
    Late,
    /// It would remember too much.
    Full,
}

/// Counts the steps of matching.
#[derive(Debug)]
pub(super) struct Steps<'a, 'b> {
    limits: &'a Limits<'b>,
    part: u32,
    made: Cell<usize>,
    lookups: Cell<usize>,
}

impl Steps<'_, '_> {
    /// A match begins, of a selector with several `:has`, or of one with a single one, which remembers little.
    pub(super) fn may_remember(&self, asks_twice: bool) {
        self.lookups.set(if asks_twice { LOOKUPS } else { usize::MAX });
    }

    /// An element is looked up in what was remembered; does not come back when that is too much.
    pub(super) fn look_up(&self) {
        match self.lookups.get().checked_sub(1) {
            Some(left) => self.lookups.set(left),
            None => resume_unwind(Box::new(Cut::Full)), // no panic: nobody is told of it
        }
    }

    /// Counts a step; does not come back when the time is over.
    pub(super) fn step(&self) {
        self.read(0);
    }

    /// Counts the reading of so many bytes as steps.
    pub(super) fn read(&self, bytes: usize) {
        self.made.set(self.made.get() + 1 + bytes / STEP);
        if self.made.get() >= STRIDE {
            self.made.set(0);
            if self.limits.is_late(self.part) {
                resume_unwind(Box::new(Cut::Late));
            }
        }
    }
}

/// Matches until the time is over.
pub(super) fn in_time<'l, T>(limits: &Limits<'l>, work: impl FnOnce(&Steps<'_, 'l>) -> Result<T, Failure>) -> Result<T, Failure> {
    within(limits, 1, work).unwrap_or_else(|cut| {
        Err(match cut {
            Cut::Late => limits.late("matching a selector"),
            Cut::Full => {
                too_large("a selector would remember too many elements: one with fewer `:has` before a `~` is needed".to_owned())
            }
        })
    })
}

/// Works until a part of the time is over, as 8 for an eighth of it, since the page was begun, or says what came first.
pub(super) fn within<'l, T>(limits: &Limits<'l>, part: u32, work: impl FnOnce(&Steps<'_, 'l>) -> T) -> Result<T, Cut> {
    let steps = Steps { limits, part, made: Cell::new(0), lookups: Cell::new(usize::MAX) };
    // What it leaves half done is dropped with it, but for the page, which it only reads.
    match catch_unwind(AssertUnwindSafe(|| work(&steps))) {
        Ok(done) => Ok(done),
        Err(cause) => Err(*cause.downcast().unwrap_or_else(|panic| resume_unwind(panic))),
    }
}

/// An element, and what counts the steps to others.
#[derive(Clone, Debug)]
pub(super) struct Step<'a, 'b> {
    pub(super) element: ElementRef<'a>,
    pub(super) steps: &'a Steps<'a, 'b>,
}

/// Everything is the element's own answer, but for the ways to others.
impl Element for Step<'_, '_> {
    type Impl = Simple;

    fn opaque(&self) -> OpaqueElement {
        self.steps.look_up();
        self.element.opaque()
    }

    fn parent_element(&self) -> Option<Self> {
        self.go(Element::parent_element)
    }

    fn prev_sibling_element(&self) -> Option<Self> {
        self.go(Element::prev_sibling_element)
    }

    fn next_sibling_element(&self) -> Option<Self> {
        self.go(Element::next_sibling_element)
    }

    fn first_element_child(&self) -> Option<Self> {
        self.go(Element::first_element_child)
    }

    fn is_same_type(&self, other: &Self) -> bool {
        self.element.is_same_type(&other.element)
    }

    fn is_html_element_in_html_document(&self) -> bool {
        self.element.is_html_element_in_html_document()
    }

    fn has_local_name(&self, name: &CssLocalName) -> bool {
        self.element.has_local_name(name)
    }

    fn has_namespace(&self, namespace: &Namespace) -> bool {
        self.element.has_namespace(namespace)
    }

    fn attr_matches(
        &self,
        namespace: &NamespaceConstraint<&Namespace>,
        name: &CssLocalName,
        operation: &AttrSelectorOperation<&CssString>,
    ) -> bool {
        let own = self.element.value().attrs.iter().filter(|(own, _)| own.local == name.0);
        self.steps.read(own.map(|(_, value)| value.len()).sum());
        self.element.attr_matches(namespace, name, operation)
    }

    fn has_id(&self, id: &CssLocalName, case: CaseSensitivity) -> bool {
        self.element.has_id(id, case)
    }

    /// The element itself would keep a list of its classes, which one that the parser repeated has once more each time.
    fn has_class(&self, name: &CssLocalName, case: CaseSensitivity) -> bool {
        let classes = self.element.attr("class").unwrap_or_default();
        self.steps.read(classes.len());
        classes.split_ascii_whitespace().any(|class| case.eq(class.as_bytes(), name.0.as_bytes()))
    }

    fn is_empty(&self) -> bool {
        Element::is_empty(&self.element)
    }

    fn is_root(&self) -> bool {
        self.element.is_root()
    }

    fn is_link(&self) -> bool {
        self.element.is_link()
    }

    fn is_html_slot_element(&self) -> bool {
        self.element.is_html_slot_element()
    }

    fn match_non_ts_pseudo_class(&self, class: &NonTSPseudoClass, context: &mut MatchingContext<'_, Simple>) -> bool {
        self.element.match_non_ts_pseudo_class(class, context)
    }

    fn match_pseudo_element(&self, pseudo: &PseudoElement, context: &mut MatchingContext<'_, Simple>) -> bool {
        self.element.match_pseudo_element(pseudo, context)
    }

    fn parent_node_is_shadow_root(&self) -> bool {
        self.element.parent_node_is_shadow_root()
    }

    fn containing_shadow_host(&self) -> Option<Self> {
        self.go(Element::containing_shadow_host)
    }

    fn is_pseudo_element(&self) -> bool {
        self.element.is_pseudo_element()
    }

    fn is_part(&self, name: &CssLocalName) -> bool {
        self.element.is_part(name)
    }

    fn imported_part(&self, name: &CssLocalName) -> Option<CssLocalName> {
        self.element.imported_part(name)
    }

    fn has_custom_state(&self, name: &CssLocalName) -> bool {
        self.element.has_custom_state(name)
    }

    fn apply_selector_flags(&self, flags: ElementSelectorFlags) {
        self.element.apply_selector_flags(flags);
    }

    fn add_element_unique_hashes(&self, filter: &mut BloomFilter) -> bool {
        self.element.add_element_unique_hashes(filter)
    }
}

impl Source for Step<'_, '_> {
    fn is_meant(&self, compiled: &Compiled, caches: &mut SelectorCaches) -> bool {
        is_match(compiled.selectors.slice(), self, caches)
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.element.value().attrs.iter().find(|(own, _)| is_named(own, name)).map(|(_, value)| &**value)
    }

    fn text(&self) -> String {
        let mut words = Words::default();
        for node in self.element.descendants() {
            self.steps.step();
            let Node::Text(text) = node.value() else { continue };
            let parent = node.parent().filter(|parent| *parent != *self.element).and_then(ElementRef::wrap);
            if !parent.is_some_and(|parent| matches!(parent.value().name(), "script" | "style")) {
                words.push(text);
            }
        }
        words.line
    }
}

impl Serialize for Step<'_, '_> {
    fn serialize<S: Serializer>(&self, to: &mut S, scope: TraversalScope) -> io::Result<()> {
        self.element.serialize(to, scope)
    }
}

impl<'a> Step<'a, '_> {
    /// Another element, if there is one.
    fn go(&self, to: impl FnOnce(&ElementRef<'a>) -> Option<ElementRef<'a>>) -> Option<Self> {
        self.steps.step();
        to(&self.element).map(|element| Self { element, steps: self.steps })
    }
}
