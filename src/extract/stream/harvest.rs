//! What is taken from a page while it goes by: the values, in the order in which their elements begin.

use std::borrow::Cow;
use std::cell::RefCell;

use html5ever::LocalName;
use selectors::context::SelectorCaches;
use serde_json::Value;
use url::Url;

use super::element::{Seen, View, attribute};
use super::kind::Open;
use super::name::{BASE, Name, SCRIPT, STYLE};
use super::plan::{Filter, Plan};
use super::scan::Attribute;
use super::{Hazard, entity};
use crate::extract::css::{Words, is_match};
use crate::extract::document::Base;
use crate::extract::limits::{Limits, VALUE};
use crate::extract::selector::Wanted;
use crate::extract::step::Steps;

/// A value, perhaps still being read.
#[derive(Debug)]
enum Slot<'t> {
    Open,
    Text(String),
    Attribute(Attribute<'t>),
}

/// An element whose text is being read.
#[derive(Debug)]
struct Capture {
    depth: usize,
    field: usize,
    slot: usize,
    words: Words,
}

/// The values so far.
pub(super) struct Harvest<'a, 'l, 't> {
    text: &'t str,
    plan: &'a Plan,
    steps: &'a Steps<'a, 'l>,
    limits: &'a Limits<'l>,
    slots: Vec<Vec<Slot<'t>>>,
    /// The innermost last.
    captures: Vec<Capture>,
    /// How many fields still look for their only value or read it; with a list, all.
    pending: usize,
    base: Option<Attribute<'t>>,
    caches: SelectorCaches,
    scratch: RefCell<Vec<Attribute<'t>>>,
    /// About how many bytes the values take.
    bytes: usize,
}

impl<'a, 'l, 't> Harvest<'a, 'l, 't> {
    pub(super) fn new(text: &'t str, plan: &'a Plan, limits: &'a Limits<'l>, steps: &'a Steps<'a, 'l>) -> Self {
        Self {
            text,
            plan,
            steps,
            limits,
            slots: plan.fields.iter().map(|_| Vec::new()).collect(),
            captures: Vec::new(),
            pending: plan.fields.len(),
            base: None,
            caches: SelectorCaches::default(),
            scratch: RefCell::default(),
            bytes: 0,
        }
    }

    /// Whether all values are whole; of lists that cannot be said.
    pub(super) fn is_complete(&self) -> bool {
        self.pending == 0
    }

    /// Whether a value is a link that a `<base>` further on would lead elsewhere.
    pub(super) fn awaits_base(&self) -> bool {
        let is_open = |slot: &Slot<'_>| matches!(slot, Slot::Attribute(link) if !is_absolute(&entity::value(link)));
        let mut fields = self.plan.fields.iter().zip(&self.slots);
        self.base.is_none() && fields.any(|(field, slots)| field.is_link() && slots.iter().any(is_open))
    }

    /// Takes note of an element that begins: the last of the stack, with these attributes.
    pub(super) fn open(&mut self, stack: &[Open], attributes: &[Attribute<'t>]) -> Result<(), Hazard> {
        let depth = stack.len() - 1;
        let open = &stack[depth];
        if open.name == BASE && self.base.is_none() {
            self.base = attribute(attributes, "href").copied();
        }
        if self.pending == 0 || !self.plan.may_mean(open.name) {
            return Ok(());
        }
        if self.bytes > self.limits.room() {
            return Err("values of more bytes than allowed");
        }
        for (at, field) in self.plan.fields.iter().enumerate() {
            let is_found = !field.list && !self.slots[at].is_empty();
            // Those that it may match, by its own tag.
            let mut close = field.filters.iter().filter(|filter| is_close(filter, open.name, attributes)).peekable();
            if is_found || close.peek().is_none() {
                continue;
            }
            if open.is_foreign() {
                return Err("an element of SVG that a selector may match");
            }
            let view = View { text: self.text, stack, attributes, scratch: &self.scratch, steps: self.steps };
            if close.any(|filter| filter.whole)
                || is_match(field.compiled.selectors.slice(), &Seen { view: &view, depth }, &mut self.caches)
            {
                self.take(at, depth, attributes);
            }
        }
        Ok(())
    }

    /// Takes the value of a field from the last element of the stack, or begins to.
    fn take(&mut self, at: usize, depth: usize, attributes: &[Attribute<'t>]) {
        self.bytes += VALUE;
        let slots = &mut self.slots[at];
        if let Wanted::Attribute { name, .. } = &self.plan.fields[at].compiled.wanted {
            let Some(found) = attribute(attributes, name) else { return };
            slots.push(Slot::Attribute(*found));
            self.bytes += found.value.len();
            self.pending -= usize::from(self.plan.ends);
        } else {
            self.captures.push(Capture { depth, field: at, slot: slots.len(), words: Words::default() });
            slots.push(Slot::Open);
        }
    }

    /// Takes note of a text in the last element of the stack. One that is raw holds no character references.
    pub(super) fn text(&mut self, text: &str, stack: &[Open], is_raw: bool) -> Result<(), Hazard> {
        if self.captures.is_empty() {
            return Ok(());
        }
        let text = if is_raw { Cow::Borrowed(text) } else { entity::text(text) };
        let depth = stack.len() - 1;
        let is_hidden = matches!(stack[depth].name, SCRIPT | STYLE);
        for capture in &mut self.captures {
            if !is_hidden || capture.depth == depth {
                capture.words.push(&text);
                self.bytes += text.len();
                self.steps.read(text.len());
            }
        }
        if self.bytes > self.limits.room() { Err("values of more bytes than allowed") } else { Ok(()) }
    }

    /// Takes note that the element at this depth of the stack has ended.
    pub(super) fn close(&mut self, depth: usize) {
        while let Some(capture) = self.captures.pop_if(|capture| capture.depth >= depth) {
            self.slots[capture.field][capture.slot] = Slot::Text(capture.words.line);
            self.pending -= usize::from(self.plan.ends);
        }
    }

    /// The values of the fields.
    pub(super) fn finish(self, url: &Url) -> Result<Vec<Value>, Hazard> {
        let href = self.base.as_ref().map(entity::value);
        let base = self.plan.links.then(|| Base::new(url, href.as_deref()));
        let mut values = Vec::with_capacity(self.slots.len());
        for (field, slots) in self.plan.fields.iter().zip(self.slots) {
            let mut texts = Vec::with_capacity(slots.len());
            for (nth, slot) in slots.into_iter().enumerate() {
                let text = match slot {
                    Slot::Open => String::new(), // all are closed at the end
                    Slot::Text(text) => text,
                    Slot::Attribute(attribute) => {
                        let value = entity::value(&attribute);
                        base.as_ref()
                            .filter(|_| field.is_link())
                            .map_or_else(|| value.to_string(), |base| base.join(&value, self.steps))
                    }
                };
                self.limits.count_value(nth + 1, text.len()).map_err(|_| "more values than allowed, or longer ones")?;
                texts.push(Value::String(text));
            }
            values.push(if field.list { Value::Array(texts) } else { texts.pop().unwrap_or(Value::Null) });
        }
        Ok(values)
    }
}

/// Whether a link leads to the same place whatever it is relative to.
fn is_absolute(link: &str) -> bool {
    let link = link.trim_ascii();
    ["http://", "https://"].iter().any(|start| link.get(..start.len()).is_some_and(|begun| begun.eq_ignore_ascii_case(start)))
}

/// Whether an element has what a selector asks of it at the least.
fn is_close(filter: &Filter, name: Name, attributes: &[Attribute<'_>]) -> bool {
    let has = |name: &LocalName| attribute(attributes, name).is_some();
    let has_class = |name: &LocalName| {
        // One that is written with a reference is looked at later.
        let is = |class: &str| *class == **name || class.contains('&');
        attribute(attributes, "class").is_some_and(|classes| classes.value.split_ascii_whitespace().any(is))
    };
    filter.name.is_none_or(|asked| asked == name) && filter.attributes.iter().all(has) && filter.classes.iter().all(has_class)
}
