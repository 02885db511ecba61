//! An element as a selector sees it, and what is taken from it. Everything is what `scraper`'s elements answer; each step to another
//! element is counted, as for those.

use std::io;

use html5ever::serialize::{Serialize, Serializer, TraversalScope};
use html5ever::{Attribute, LocalName, Namespace, QualName, local_name, ns};
use scraper::CaseSensitivity;
use scraper::selector::{CssLocalName, CssString, NonTSPseudoClass, PseudoElement, Simple};
use selectors::attr::{AttrSelectorOperation, NamespaceConstraint};
use selectors::bloom::BloomFilter;
use selectors::context::SelectorCaches;
use selectors::matching::{ElementSelectorFlags, MatchingContext};
use selectors::{Element, OpaqueElement};

use super::nodes::{Data, Id, Node, Tree};
use crate::extract::css::{Source, Words, is_match, is_named};
use crate::extract::selector::Compiled;
use crate::extract::shadows::no_shadows;
use crate::extract::step::Steps;

/// An element, and what counts the steps to others.
#[derive(Clone, Debug)]
pub(in crate::extract) struct Found<'a, 'l> {
    tree: &'a Tree,
    id: Id,
    name: &'a QualName,
    attributes: &'a [Attribute],
    steps: &'a Steps<'a, 'l>,
}

impl Tree {
    /// All elements, in document order.
    pub(in crate::extract) fn elements<'a, 'l>(&'a self, steps: &'a Steps<'a, 'l>) -> impl Iterator<Item = Found<'a, 'l>> {
        self.inside(Id::ROOT).filter_map(|id| Found::new(self, id, steps))
    }

    /// The first `href` of a `base` element. Most pages have none, and are not walked for it.
    pub(in crate::extract) fn base<'a>(&'a self, steps: &'a Steps<'a, '_>) -> Option<&'a str> {
        let mut bases = self.elements(steps).filter(|element| element.name.local == local_name!("base"));
        if self.has_base { bases.find_map(|base| base.plain("href")) } else { None }
    }
}

impl<'a, 'l> Found<'a, 'l> {
    /// The node at a place, if it is an element.
    fn new(tree: &'a Tree, id: Id, steps: &'a Steps<'a, 'l>) -> Option<Self> {
        let element = tree.element(id)?;
        Some(Self { tree, id, name: &element.name, attributes: tree.attributes(id, element), steps })
    }

    /// Another element, counted as a step.
    fn go(&self, to: Option<Id>) -> Option<Self> {
        self.steps.step();
        Self::new(self.tree, to?, self.steps)
    }

    /// The first element on a way through the tree, counted as a step.
    fn find(&self, first: Option<Id>, next: impl Fn(&Node) -> Option<Id>) -> Option<Self> {
        self.steps.step();
        std::iter::successors(first, |id| next(self.tree.node(*id))).find_map(|id| Self::new(self.tree, id, self.steps))
    }

    fn node(&self) -> &'a Node {
        self.tree.node(self.id)
    }

    pub(super) fn name(&self) -> &'a QualName {
        self.name
    }

    /// The value of an attribute that is in no namespace and has no prefix.
    fn plain(&self, name: &str) -> Option<&'a str> {
        let is = |own: &&Attribute| *own.name.local == *name && own.name.ns == ns!() && own.name.prefix.is_none();
        self.attributes.iter().find(is).map(|own| &*own.value)
    }

    /// Whether there is an attribute of such a local name.
    pub(super) fn has(&self, name: &LocalName) -> bool {
        self.attributes.iter().any(|own| own.name.local == *name)
    }
}

impl Source for Found<'_, '_> {
    fn is_meant(&self, compiled: &Compiled, caches: &mut SelectorCaches) -> bool {
        let mut close = compiled.selectors.slice().iter().zip(&compiled.needs);
        close.any(|(selector, need)| need.decides(self).unwrap_or_else(|| is_match([selector], self, caches)))
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        // Of SVG's two with one name that which is first by its whole name.
        self.attributes.iter().filter(|own| is_named(&own.name, name)).min_by_key(|own| &own.name).map(|own| &*own.value)
    }

    fn text(&self) -> String {
        let mut words = Words::default();
        for id in self.tree.inside(self.id) {
            self.steps.step();
            let node = self.tree.node(id);
            let Data::Text(text) = &node.data else { continue };
            let parent = node.parent.filter(|parent| *parent != self.id).and_then(|parent| self.tree.element(parent));
            if !parent.is_some_and(|parent| matches!(parent.name.local, local_name!("script") | local_name!("style"))) {
                words.push(text);
            }
        }
        words.line
    }
}

impl Serialize for Found<'_, '_> {
    fn serialize<S: Serializer>(&self, to: &mut S, _: TraversalScope) -> io::Result<()> {
        let mut open: Vec<(Id, Option<&QualName>)> = Vec::new();
        for id in self.tree.inside(self.id) {
            let node = self.tree.node(id);
            while let Some((_, name)) = open.pop_if(|(last, _)| node.parent != Some(*last) && id != self.id) {
                end(to, name)?;
            }
            open.push((id, None));
            match &node.data {
                Data::Doctype(name) => to.write_doctype(name)?,
                Data::Comment(text) => to.write_comment(text)?,
                Data::Text(text) => to.write_text(text)?,
                Data::Element(element) => {
                    let mut attributes: Vec<&Attribute> = self.tree.attributes(id, element).iter().collect();
                    attributes.sort_unstable_by_key(|own| &own.name);
                    to.start_elem(element.name.clone(), attributes.into_iter().map(|own| (&own.name, &*own.value)))?;
                    open.last_mut().expect("it was just put there").1 = Some(&element.name);
                }
                Data::Document | Data::Fragment | Data::Instruction => {}
            }
        }
        open.into_iter().rev().try_for_each(|(_, name)| end(to, name))
    }
}

fn end<S: Serializer>(to: &mut S, name: Option<&QualName>) -> io::Result<()> {
    name.map_or(Ok(()), |name| to.end_elem(name.clone()))
}

impl Element for Found<'_, '_> {
    type Impl = Simple;

    fn opaque(&self) -> OpaqueElement {
        self.steps.look_up();
        OpaqueElement::new(self.node())
    }

    fn parent_element(&self) -> Option<Self> {
        self.go(self.node().parent)
    }

    fn prev_sibling_element(&self) -> Option<Self> {
        self.find(self.node().previous, |node| node.previous)
    }

    fn next_sibling_element(&self) -> Option<Self> {
        self.find(self.node().next, |node| node.next)
    }

    fn first_element_child(&self) -> Option<Self> {
        self.find(self.node().first, |node| node.next)
    }

    fn is_same_type(&self, other: &Self) -> bool {
        self.name == other.name
    }

    fn is_html_element_in_html_document(&self) -> bool {
        self.name.ns == ns!(html)
    }

    fn has_local_name(&self, name: &CssLocalName) -> bool {
        self.name.local == name.0
    }

    fn has_namespace(&self, namespace: &Namespace) -> bool {
        self.name.ns == *namespace
    }

    fn attr_matches(
        &self,
        namespace: &NamespaceConstraint<&Namespace>,
        name: &CssLocalName,
        operation: &AttrSelectorOperation<&CssString>,
    ) -> bool {
        let own = || self.attributes.iter().filter(|own| own.name.local == name.0);
        self.steps.read(own().map(|own| own.value.len()).sum());
        own().any(|own| {
            !matches!(*namespace, NamespaceConstraint::Specific(url) if *url != own.name.ns) && operation.eval_str(&own.value)
        })
    }

    fn has_id(&self, id: &CssLocalName, case: CaseSensitivity) -> bool {
        let own = self.attributes.iter().filter(|own| own.name.local == local_name!("id")).min_by_key(|own| &own.name);
        own.is_some_and(|own| case.eq(id.0.as_bytes(), own.value.as_bytes()))
    }

    fn has_class(&self, name: &CssLocalName, case: CaseSensitivity) -> bool {
        let classes = self.plain("class").unwrap_or_default();
        self.steps.read(classes.len());
        classes.split_ascii_whitespace().any(|class| case.eq(class.as_bytes(), name.0.as_bytes()))
    }

    fn is_empty(&self) -> bool {
        let children = std::iter::successors(self.node().first, |id| self.tree.node(*id).next);
        !children.map(|id| &self.tree.node(id).data).any(|data| matches!(data, Data::Element(_) | Data::Text(_)))
    }

    fn is_root(&self) -> bool {
        self.node().parent == Some(Id::ROOT)
    }

    fn is_link(&self) -> bool {
        self.name.local == local_name!("link")
    }

    no_shadows!();
}
