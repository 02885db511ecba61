//! Does what html5ever's tree builder says, as `scraper`'s sink would.

use std::borrow::Cow;
use std::cell::{Ref, RefCell};

use html5ever::interface::ElementFlags;
use html5ever::tendril::StrTendril;
use html5ever::tree_builder::{NodeOrText, QuirksMode, TreeSink};
use html5ever::{Attribute, QualName};

use super::nodes::{Data, Id, Tree};
use crate::extract::guard::{Growing, NODES};

/// A tree that is being built.
#[derive(Debug)]
pub(super) struct Sink(RefCell<Tree>);

impl Sink {
    pub(super) fn new(tree: Tree) -> Self {
        Self(RefCell::new(tree))
    }

    pub(super) fn into_tree(self) -> Tree {
        self.0.into_inner()
    }
}

impl TreeSink for Sink {
    type Handle = Id;
    type Output = Tree;
    type ElemName<'a> = Ref<'a, QualName>;

    fn finish(self) -> Tree {
        self.into_tree()
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Id {
        Id::ROOT
    }

    fn elem_name<'a>(&'a self, target: &Id) -> Ref<'a, QualName> {
        Ref::map(self.0.borrow(), |tree| &tree.element(*target).expect("the builder asks elements for their names").name)
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, _: ElementFlags) -> Id {
        self.0.borrow_mut().add_element(name, attributes)
    }

    fn create_comment(&self, text: StrTendril) -> Id {
        self.0.borrow_mut().add(Data::Comment(text))
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Id {
        self.0.borrow_mut().add(Data::Instruction)
    }

    fn append(&self, parent: &Id, child: NodeOrText<Id>) {
        let mut tree = self.0.borrow_mut();
        match child {
            NodeOrText::AppendNode(child) => tree.append(*parent, child),
            NodeOrText::AppendText(text) => tree.append_text(*parent, text),
        }
    }

    fn append_before_sibling(&self, sibling: &Id, child: NodeOrText<Id>) {
        let mut tree = self.0.borrow_mut();
        match child {
            NodeOrText::AppendNode(child) => tree.insert(*sibling, child),
            NodeOrText::AppendText(text) => tree.insert_text(*sibling, text),
        }
    }

    fn append_based_on_parent_node(&self, element: &Id, previous: &Id, child: NodeOrText<Id>) {
        let has_parent = self.0.borrow().node(*element).parent.is_some();
        if has_parent { self.append_before_sibling(element, child) } else { self.append(previous, child) }
    }

    fn append_doctype_to_document(&self, name: StrTendril, _public: StrTendril, _system: StrTendril) {
        let mut tree = self.0.borrow_mut();
        let doctype = tree.add(Data::Doctype(name));
        tree.append(Id::ROOT, doctype);
    }

    fn get_template_contents(&self, target: &Id) -> Id {
        self.0.borrow().node(*target).first.expect("a template is made with its contents")
    }

    fn same_node(&self, one: &Id, other: &Id) -> bool {
        one == other
    }

    /// The builder heeds it; selectors do not, as with `scraper`.
    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn add_attrs_if_missing(&self, target: &Id, attributes: Vec<Attribute>) {
        self.0.borrow_mut().add_attributes(*target, attributes);
    }

    fn remove_from_parent(&self, target: &Id) {
        self.0.borrow_mut().detach(*target);
    }

    fn reparent_children(&self, from: &Id, to: &Id) {
        self.0.borrow_mut().move_children(*from, *to);
    }
}

impl Growing for Sink {
    fn nodes(&self) -> usize {
        self.0.borrow().len()
    }

    fn attributes(&self, _new: usize, _before: usize) -> usize {
        self.0.borrow().given
    }

    fn is_new_deeper(&self, new: usize, max: usize) -> bool {
        let tree = self.0.borrow();
        tree.newest(new).step_by(NODES).any(|id| {
            let deepest = max + usize::from(tree.element(id).is_none()); // text may stand in the deepest element
            tree.around(id).take(deepest + 1).count() > deepest
        })
    }

    fn is_deeper(&self, max: usize) -> bool {
        let tree = self.0.borrow();
        let mut depth = 0;
        let mut last = None;
        tree.inside(Id::ROOT).any(|id| {
            let parent = tree.node(id).parent;
            // The node before is the parent, or in the one that stands before it.
            while last.is_some() && last != parent {
                last = last.and_then(|last| tree.node(last).parent);
                depth -= 1;
            }
            last = Some(id);
            depth += 1;
            depth > max + 1 && tree.element(id).is_some()
        })
    }
}
