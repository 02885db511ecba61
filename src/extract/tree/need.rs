//! What a selector asks of an element itself at the least, told without asking the selector: most elements are none that it means.

use html5ever::{LocalName, local_name, ns};
use scraper::selector::Simple;
use selectors::parser::{Component, Selector};

use super::Found;

/// What one selector needs.
#[derive(Clone, Debug)]
pub(in crate::extract) struct Need {
    /// As it is written, and in lower case, which is what counts in HTML.
    name: Option<[LocalName; 2]>,
    /// One of these two each.
    attributes: Vec<[LocalName; 2]>,
    /// Whether that is all, but for attributes.
    alone: bool,
}

impl Need {
    /// What a selector asks of its last element.
    pub(in crate::extract) fn new(selector: &Selector<Simple>) -> Self {
        let mut need = Self { name: None, attributes: Vec::new(), alone: true };
        let mut parts = selector.iter();
        for part in &mut parts {
            let attribute = match part {
                Component::LocalName(name) => {
                    need.name = Some([name.name.0.clone(), name.lower_name.0.clone()]);
                    continue;
                }
                Component::ExplicitUniversalType => continue,
                Component::ID(_) => Some([local_name!("id"), local_name!("id")]),
                Component::Class(_) => Some([local_name!("class"), local_name!("class")]),
                Component::AttributeInNoNamespaceExists { local_name, local_name_lower } => {
                    Some([local_name.0.clone(), local_name_lower.0.clone()])
                }
                Component::AttributeInNoNamespace { local_name, .. } => Some([local_name.0.clone(), local_name.0.clone()]),
                Component::AttributeOther(other) => Some([other.local_name.0.clone(), other.local_name_lower.0.clone()]),
                _ => None,
            };
            need.attributes.extend(attribute);
            need.alone = false;
        }
        need.alone &= parts.next_sequence().is_none();
        need
    }

    /// Whether an element is one that the selector matches; `None` if the selector is to be asked.
    pub(in crate::extract) fn decides(&self, element: &Found<'_, '_>) -> Option<bool> {
        if let Some([name, lower]) = &self.name {
            let own = element.name();
            if own.local != *(if own.ns == ns!(html) { lower } else { name }) {
                return Some(false);
            }
        }
        if self.alone {
            return Some(true);
        }
        let has = |[one, other]: &[LocalName; 2]| element.has(one) || element.has(other);
        if self.attributes.iter().all(has) { None } else { Some(false) }
    }
}
