//! The guarded parse: html5ever fed in slices, so that a hostile page ends after a bounded time.
//!
//! The tree builder takes time quadratic in the depth of the tree (and in a tag's attributes, and more of that kind) and
//! has no limits of its own. Between two slices the depth of what is new, the number of nodes and the clock are looked at.

use html5ever::driver::{ParseOpts, parse_document};
use html5ever::tendril::TendrilSink;
use html5ever::tree_builder::TreeBuilderOpts;
use scraper::{Html, HtmlTreeSink};

use super::limits::{Limits, too_large};
use crate::model::Failure;

/// What is fed at a time. Small enough that one slice at the deepest place allowed is a matter of milliseconds, large
/// enough that looking after it does not show.
const SLICE: usize = 4096;

/// Parses a page, or says which limit it is beyond: never a page in part.
pub(super) fn parse(text: &str, limits: &Limits) -> Result<Html, Failure> {
    // No script runs here, so what pages show instead of scripts is read: <noscript> holds elements, not one text.
    let opts =
        ParseOpts { tree_builder: TreeBuilderOpts { scripting_enabled: false, ..Default::default() }, ..Default::default() };
    let mut parser = parse_document(HtmlTreeSink::new(Html::new_document()), opts);
    let (mut fed, mut known) = (0, 0);
    while fed < text.len() {
        let end = text.floor_char_boundary(fed + SLICE);
        parser.process(text[fed..end].into());
        fed = end;

        let html = parser.tokenizer.sink.sink.0.borrow();
        let nodes = html.tree.nodes().len();
        if nodes > limits.max_nodes {
            return Err(too_large(format!("the page builds more than {} nodes in its first {fed} bytes", limits.max_nodes)));
        }
        if has_new_depth(&html, nodes - known, limits.max_depth) {
            return Err(too_deep(limits));
        }
        known = nodes;
        limits.check_time(|| format!("parsing its first {fed} of {} bytes", text.len()))?;
    }
    let html = parser.finish();
    if is_deeper(&html, limits.max_depth) { Err(too_deep(limits)) } else { Ok(html) }
}

fn too_deep(limits: &Limits) -> Failure {
    too_large(format!("the page nests elements deeper than {}, which is where browsers stop nesting too", limits.max_depth))
}

/// Whether one of the newest nodes lies deeper than `max`. Nesting grows node by node, so looking at every 16th lets it grow
/// by no more than that before the whole tree is looked at.
fn has_new_depth(html: &Html, new: usize, max: usize) -> bool {
    html.tree.nodes().rev().take(new).step_by(16).any(|node| {
        let deepest = max + usize::from(!node.value().is_element()); // text may stand in the deepest element
        node.ancestors().take(deepest + 1).count() > deepest
    })
}

/// Whether any element lies deeper than `max`: misplaced tags can move old nodes deeper after they were looked at.
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
