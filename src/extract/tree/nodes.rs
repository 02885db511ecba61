//! The nodes of a page in one list, linked by their places in it.
//!
//! What `scraper` has as a node is one here as well, so that the two count alike: the contents of a `<template>` are a fragment
//! that is its first child, and a comment parts the texts around it.

use std::num::NonZeroU32;

use html5ever::tendril::StrTendril;
use html5ever::{Attribute, QualName, expanded_name, local_name, ns};

/// The place of a node in its tree, counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(NonZeroU32);

impl Id {
    /// The document, which is the first of the nodes.
    pub(super) const ROOT: Self = Self(NonZeroU32::MIN);

    /// The place of the `nth` node, counted from one.
    fn of(nth: usize) -> Self {
        let nth = u32::try_from(nth).ok().and_then(NonZeroU32::new);
        Self(nth.expect("a page has less than 4 billion nodes: they would take 256 GiB"))
    }

    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// A node and those that it touches.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: Option<Id>,
    pub(super) previous: Option<Id>,
    pub(super) next: Option<Id>,
    pub(super) first: Option<Id>,
    last: Option<Id>,
    pub(super) data: Data,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Data {
    Document,
    /// The contents of a `<template>`.
    Fragment,
    /// Its name.
    Doctype(StrTendril),
    Comment(StrTendril),
    /// No page has any: what looks like one is a comment.
    Instruction,
    Text(StrTendril),
    Element(Element),
}

/// An element: its name, and which of the tree's attributes it was made with.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) name: QualName,
    attributes: (u32, u32),
}

/// A page.
#[derive(Debug)]
pub(in crate::extract) struct Tree {
    nodes: Vec<Node>,
    attributes: Vec<Attribute>,
    /// All those of the elements that were given more later, sorted by name: `html` and `body` alone are.
    joined: Vec<(Id, Vec<Attribute>)>,
    /// How many attributes elements were made with.
    pub(super) given: usize,
    /// Whether any `base` element was made.
    pub(super) has_base: bool,
}

impl Tree {
    /// An empty tree, with room for what a text of so many bytes usually holds.
    pub(super) fn new(bytes: usize) -> Self {
        let (nodes, attributes) = (Vec::with_capacity(bytes / 24 + 8), Vec::with_capacity(bytes / 48));
        let mut tree = Self { nodes, attributes, joined: Vec::new(), given: 0, has_base: false };
        tree.add(Data::Document);
        tree
    }

    /// How many nodes were ever made.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id.index()]
    }

    fn at(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id.index()]
    }

    /// The element at a place, if it is one.
    pub(super) fn element(&self, id: Id) -> Option<&Element> {
        if let Data::Element(element) = &self.node(id).data { Some(element) } else { None }
    }

    /// The attributes of an element at a place, in any order.
    pub(super) fn attributes(&self, id: Id, element: &Element) -> &[Attribute] {
        if let Some((_, joined)) = self.joined.iter().find(|(of, _)| *of == id) {
            return joined;
        }
        let (start, end) = element.attributes;
        &self.attributes[start as usize..end as usize]
    }

    /// A new node without a place.
    pub(super) fn add(&mut self, data: Data) -> Id {
        self.nodes.push(Node { parent: None, previous: None, next: None, first: None, last: None, data });
        Id::of(self.nodes.len())
    }

    /// A new element without a place.
    pub(super) fn add_element(&mut self, name: QualName, attributes: Vec<Attribute>) -> Id {
        self.given += attributes.len();
        self.has_base |= name.local == local_name!("base");
        let attributes = self.keep(attributes);
        let is_template = name.expanded() == expanded_name!(html "template");
        let id = self.add(Data::Element(Element { name, attributes }));
        if is_template {
            let contents = self.add(Data::Fragment);
            self.append(id, contents);
        }
        id
    }

    /// Keeps attributes one after the other.
    fn keep(&mut self, attributes: Vec<Attribute>) -> (u32, u32) {
        let place = |at: usize| u32::try_from(at).expect("a page has less than 4 billion attributes: they would take 160 GiB");
        let start = place(self.attributes.len());
        self.attributes.extend(attributes);
        (start, place(self.attributes.len()))
    }

    /// Gives an element the attributes that it has not. A page may do that tag by tag, so it costs no copy of those that are there.
    pub(super) fn add_attributes(&mut self, id: Id, more: Vec<Attribute>) {
        let Some(element) = self.element(id).filter(|_| !more.is_empty()) else { return };
        let mut joined = match self.joined.iter().position(|(of, _)| *of == id) {
            Some(at) => self.joined.swap_remove(at).1,
            None => sorted(self.attributes(id, element)),
        };
        for new in more {
            if let Err(place) = joined.binary_search_by(|own| own.name.cmp(&new.name)) {
                joined.insert(place, new);
            }
        }
        self.joined.push((id, joined));
    }

    /// Puts a node that has no place behind the last child of another.
    pub(super) fn append(&mut self, parent: Id, child: Id) {
        self.detach(child);
        let last = self.at(parent).last.replace(child);
        match last {
            Some(last) => self.at(last).next = Some(child),
            None => self.at(parent).first = Some(child),
        }
        let node = self.at(child);
        node.parent = Some(parent);
        node.previous = last;
    }

    /// Puts a text behind the last child of a node; to one that is there it is added.
    pub(super) fn append_text(&mut self, parent: Id, text: StrTendril) {
        if let Some(text) = self.join(self.node(parent).last, text) {
            let id = self.add(Data::Text(text));
            self.append(parent, id);
        }
    }

    /// Puts a node before another that has a parent.
    pub(super) fn insert(&mut self, sibling: Id, child: Id) {
        self.detach(child);
        let Some(parent) = self.node(sibling).parent else { return };
        let previous = self.at(sibling).previous.replace(child);
        match previous {
            Some(previous) => self.at(previous).next = Some(child),
            None => self.at(parent).first = Some(child),
        }
        let node = self.at(child);
        node.parent = Some(parent);
        node.previous = previous;
        node.next = Some(sibling);
    }

    /// Puts a text before a node that has a parent; to one that is there it is added.
    pub(super) fn insert_text(&mut self, sibling: Id, text: StrTendril) {
        if self.node(sibling).parent.is_none() {
            return;
        }
        if let Some(text) = self.join(self.node(sibling).previous, text) {
            let id = self.add(Data::Text(text));
            self.insert(sibling, id);
        }
    }

    /// Adds a text to that of a node, or gives it back if it has none.
    fn join(&mut self, node: Option<Id>, text: StrTendril) -> Option<StrTendril> {
        if let Some(Data::Text(before)) = node.map(|node| &mut self.at(node).data) {
            before.push_tendril(&text);
            return None;
        }
        Some(text)
    }

    /// Takes a node from its place.
    pub(super) fn detach(&mut self, id: Id) {
        let node = self.at(id);
        let Some(parent) = node.parent.take() else { return };
        let (previous, next) = (node.previous.take(), node.next.take());
        match previous {
            Some(previous) => self.at(previous).next = next,
            None => self.at(parent).first = next,
        }
        match next {
            Some(next) => self.at(next).previous = previous,
            None => self.at(parent).last = previous,
        }
    }

    /// Moves all children of a node behind those of another.
    pub(super) fn move_children(&mut self, from: Id, to: Id) {
        while let Some(child) = self.node(from).first {
            self.append(to, child);
        }
    }

    /// So many nodes, the newest first.
    pub(super) fn newest(&self, count: usize) -> impl Iterator<Item = Id> {
        (1..=self.nodes.len()).rev().take(count).map(Id::of)
    }

    /// The nodes that a node is in, the innermost first.
    pub(super) fn around(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.node(id).parent, |id| self.node(*id).parent)
    }

    /// A node and all that is in it, in document order.
    pub(super) fn inside(&self, root: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(Some(root), move |id| {
            let node = self.node(*id);
            node.first.or_else(|| self.behind(*id, root))
        })
    }

    /// What follows a node and all that is in it, inside another.
    fn behind(&self, mut id: Id, root: Id) -> Option<Id> {
        while id != root {
            let node = self.node(id);
            if node.next.is_some() {
                return node.next;
            }
            id = node.parent?;
        }
        None
    }
}

/// A copy of attributes in the order of their names.
fn sorted(attributes: &[Attribute]) -> Vec<Attribute> {
    let mut sorted = attributes.to_vec();
    sorted.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(numbers: &[usize]) -> Vec<Attribute> {
        let name = |n: &usize| QualName::new(None, ns!(), format!("a{n}").into());
        numbers.iter().map(|n| Attribute { name: name(n), value: n.to_string().into() }).collect()
    }

    #[test]
    fn attributes_that_are_given_tag_by_tag_take_no_more_room_than_others() {
        let mut tree = Tree::new(0);
        let name = |local| QualName::new(None, ns!(html), local);
        let [html, body] = [local_name!("html"), local_name!("body")].map(|local| tree.add_element(name(local), given(&[0, 1])));
        for n in 1..1000 {
            tree.add_attributes(html, given(&[n - 1, n])); // one that it has, and one that it has not
            tree.add_attributes(body, given(&[n]));
        }
        for id in [html, body] {
            let mut all = tree.attributes(id, tree.element(id).unwrap()).to_vec();
            all.sort_by_key(|own| own.value.parse::<usize>().unwrap());
            assert!(all == given(&(0..1000).collect::<Vec<_>>()));
        }
        assert!(tree.attributes.len() < 2000, "{} are kept", tree.attributes.len());
    }
}
