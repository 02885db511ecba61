//! What stands between html5ever's tokenizer and its tree builder: hands the tokens on until a page is beyond a limit.
//!
//! A single tag may build hundreds of elements with all their attributes, so it is looked after each token what the tree has
//! become, not only now and then.

use std::cell::{Cell, OnceCell};

use html5ever::local_name;
use html5ever::tokenizer::{Tag, Token, TokenSink, TokenSinkResult};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts, TreeSink};
use scraper::{Html, HtmlTreeSink};

use super::limits::{Limits, too_large};
use crate::model::Failure;

/// How many tokens pass between two looks at the clock.
const TOKENS: u32 = 256;

/// How many nodes are built between two looks at their depth. Nesting grows node by node, so it grows by no more than that.
pub(super) const NODES: usize = 16;

/// So many attributes take as much memory as a node.
const ATTRIBUTES: usize = 4;

/// A tree that is being built, as far as its limits ask.
pub(super) trait Growing: TreeSink {
    /// How many nodes were ever made.
    fn nodes(&self) -> usize;

    /// How many attributes elements were made with: so many those before the `new` newest nodes.
    fn attributes(&self, new: usize, before: usize) -> usize;

    /// Whether one of the newest nodes lies deeper than `max`, every [`NODES`]th looked at.
    fn is_new_deeper(&self, new: usize, max: usize) -> bool;

    /// Whether any element lies deeper than `max`: misplaced tags can move old nodes deeper after they were looked at.
    fn is_deeper(&self, max: usize) -> bool;
}

/// A tree builder that stops where a limit is passed.
pub(super) struct Guard<'a, 'b, S: TreeSink> {
    builder: TreeBuilder<S::Handle, S>,
    limits: &'a Limits<'b>,
    tokens: Cell<u32>,
    /// The nodes whose attributes, and those whose depth was looked at.
    known: Cell<usize>,
    plumbed: Cell<usize>,
    attributes: Cell<usize>,
    /// The attributes of `html` and `body` tags.
    joined: Cell<usize>,
    over: OnceCell<Failure>,
}

impl<'a, 'b, S: Growing> Guard<'a, 'b, S> {
    pub(super) fn new(sink: S, limits: &'a Limits<'b>) -> Self {
        // No script runs here, so what pages show instead of scripts is read: <noscript> holds elements, not one text.
        let opts = TreeBuilderOpts { scripting_enabled: false, ..Default::default() };
        Self {
            builder: TreeBuilder::new(sink, opts),
            limits,
            tokens: Cell::new(0),
            known: Cell::new(0),
            plumbed: Cell::new(0),
            attributes: Cell::new(0),
            joined: Cell::new(0),
            over: OnceCell::new(),
        }
    }

    /// Which limit was passed, if one was.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.over.get().cloned().map_or(Ok(()), Err)
    }

    /// The tree, or which limit it is beyond.
    pub(super) fn finish(self) -> Result<S, Failure> {
        self.check()?;
        let sink = self.builder.sink;
        if sink.is_deeper(self.limits.max_depth) { Err(too_deep(self.limits)) } else { Ok(sink) }
    }

    /// Looks at the attributes of a tag. All that `html` and `body` tags have become those of one element.
    fn look_at(&self, tag: &Tag) -> Result<(), Failure> {
        let mut attributes = tag.attrs.len();
        if attributes > 0 && matches!(tag.name, local_name!("html") | local_name!("body")) {
            attributes += self.joined.get();
            self.joined.set(attributes);
        }
        let max = self.limits.max_attributes;
        if attributes > max { Err(too_large(format!("the page has a tag with more than {max} attributes"))) } else { Ok(()) }
    }

    /// Looks at what a token has done to the tree.
    fn look(&self) -> Result<(), Failure> {
        self.tokens.set(self.tokens.get() + 1);
        if self.tokens.get() == TOKENS {
            self.tokens.set(0);
            self.limits.check_time("parsing it")?;
        }
        let sink = &self.builder.sink;
        let nodes = sink.nodes();
        let new = nodes - self.known.replace(nodes);
        if new > 0 {
            let attributes = sink.attributes(new, self.attributes.get());
            self.attributes.set(attributes);
            self.limits.check_nodes(nodes + attributes / ATTRIBUTES)?;
        }
        let unplumbed = nodes - self.plumbed.get();
        if unplumbed >= NODES {
            self.plumbed.set(nodes);
            if sink.is_new_deeper(unplumbed, self.limits.max_depth) {
                return Err(too_deep(self.limits));
            }
        }
        Ok(())
    }
}

impl<S: Growing> TokenSink for &Guard<'_, '_, S> {
    type Handle = S::Handle;

    #[inline]
    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<S::Handle> {
        if self.over.get().is_some() {
            return TokenSinkResult::Continue;
        }
        let over = if let Token::TagToken(tag) = &token { self.look_at(tag) } else { Ok(()) };
        let result = if over.is_ok() { self.builder.process_token(token, line) } else { TokenSinkResult::Continue };
        if let Err(failure) = over.and_then(|()| self.look()) {
            self.over.get_or_init(|| failure);
        }
        result
    }

    fn end(&self) {
        self.builder.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder.adjusted_current_node_present_but_not_in_html_namespace()
    }
}

fn too_deep(limits: &Limits<'_>) -> Failure {
    too_large(format!("the page nests elements deeper than {}, which is where browsers stop nesting too", limits.max_depth))
}

impl Growing for HtmlTreeSink {
    fn nodes(&self) -> usize {
        self.0.borrow().tree.nodes().len()
    }

    fn attributes(&self, new: usize, before: usize) -> usize {
        let html = self.0.borrow();
        let elements = html.tree.nodes().rev().take(new).filter_map(|node| node.value().as_element());
        before + elements.map(|element| element.attrs.len()).sum::<usize>()
    }

    fn is_new_deeper(&self, new: usize, max: usize) -> bool {
        self.0.borrow().tree.nodes().rev().take(new).step_by(NODES).any(|node| {
            let deepest = max + usize::from(!node.value().is_element()); // text may stand in the deepest element
            node.ancestors().take(deepest + 1).count() > deepest
        })
    }

    fn is_deeper(&self, max: usize) -> bool {
        is_deeper(&self.0.borrow(), max)
    }
}

fn is_deeper(html: &Html, max: usize) -> bool {
    let mut node = html.tree.root();
    let mut depth = 0;
    loop {
        if depth > max && node.value().is_element() {
            return true;
        }
        if let Some(child) = node.first_child() {
            node = child;
            depth += 1;
            continue;
        }
        node = loop {
            if let Some(next) = node.next_sibling() {
                break next;
            }
            let Some(parent) = node.parent() else { return false };
            node = parent;
            depth -= 1;
        };
    }
}
