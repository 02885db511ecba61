//! Which fields can be read from a page as it goes by, and what their selectors ask of an element at the least.

use html5ever::LocalName;
use scraper::selector::Simple;
use selectors::parser::{Combinator, Component, Selector, SelectorList};

use super::name::{BODY, HTML, Name, place};
use crate::extract::selector::{Compiled, Wanted};

/// The fields of a recipe.
#[derive(Debug)]
pub(in crate::extract) struct Plan {
    pub(super) fields: Vec<Field>,
    /// Whether no field is a list, so that a page may be left where all are found.
    pub(in crate::extract) ends: bool,
    /// Whether no `html` or `body` tag further on can change what was found: its attributes become those of an element that has
    /// gone by.
    pub(super) steady: bool,
    /// Whether any value is a link.
    pub(super) links: bool,
    /// The [bits](bit) of all names that an element may need to have.
    names: u64,
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    /// Whether all its values are asked for.
    pub(super) list: bool,
    pub(super) compiled: Compiled,
    pub(super) filters: Vec<Filter>,
}

/// What one selector asks of an element itself.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) name: Option<Name>,
    /// Attributes that it must have.
    pub(super) attributes: Vec<LocalName>,
    /// Classes that it must have.
    pub(super) classes: Vec<LocalName>,
    /// Whether that is all that it asks.
    pub(super) whole: bool,
}

impl Plan {
    /// The plan of the selectors, with whether each is of a list; `None` if one of them looks at more than the elements around.
    pub(in crate::extract) fn new<'a>(fields: impl Iterator<Item = Option<(&'a Compiled, bool)>>) -> Option<Self> {
        let fields = fields
            .map(|field| {
                let (compiled, list) = field?;
                let is_known = !matches!(compiled.wanted, Wanted::Html) && looks_around(&compiled.selectors);
                let filters = compiled.selectors.slice().iter().map(Filter::new).collect();
                is_known.then(|| Field { list, compiled: compiled.clone(), filters })
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self {
            ends: !fields.iter().any(|field| field.list),
            steady: fields.iter().all(|field| field.compiled.selectors.slice().iter().all(is_steady)),
            links: fields.iter().any(Field::is_link),
            names: fields.iter().flat_map(|field| &field.filters).fold(0, |names, filter| names | filter.name.map_or(!0, bit)),
            fields,
        })
    }

    /// Whether a field may mean an element of this name, told at a glance: most elements are none that any field means.
    pub(super) fn may_mean(&self, name: Name) -> bool {
        self.names & bit(name) != 0
    }
}

/// One of 64 bits for each name.
fn bit(name: Name) -> u64 {
    1 << (place(name) % 64)
}

impl Field {
    /// Whether its values are links.
    pub(super) fn is_link(&self) -> bool {
        matches!(self.compiled.wanted, Wanted::Attribute { link: true, .. })
    }
}

/// Whether selectors ask only for an element itself and for those that it is in.
fn looks_around(selectors: &SelectorList<Simple>) -> bool {
    selectors.slice().iter().flat_map(Selector::iter_raw_match_order).all(|component| match component {
        Component::LocalName(_)
        | Component::ID(_)
        | Component::Class(_)
        | Component::AttributeInNoNamespaceExists { .. }
        | Component::AttributeInNoNamespace { .. }
        | Component::AttributeOther(_)
        | Component::ExplicitUniversalType
        | Component::Root
        | Component::Combinator(Combinator::Child | Combinator::Descendant) => true,
        Component::Negation(list) | Component::Is(list) | Component::Where(list) => looks_around(list),
        _ => false,
    })
}

/// Whether a selector asks nothing of `html` and `body` but that they are there: each of its parts names another element.
fn is_steady(selector: &Selector<Simple>) -> bool {
    let is_alone = |list: &SelectorList<Simple>| {
        list.slice().iter().all(|selector| !selector.iter_raw_match_order().any(|part| part.is_combinator() || is_nested(part)))
    };
    let mut parts = selector.iter();
    loop {
        let mut is_named = false;
        for part in &mut parts {
            match part {
                Component::LocalName(name) => {
                    let name = Name::new(name.lower_name.0.as_bytes());
                    is_named = name != HTML && name != BODY;
                }
                Component::Negation(list) | Component::Is(list) | Component::Where(list) if !is_alone(list) => return false,
                _ => {}
            }
        }
        if !is_named {
            return false;
        }
        if parts.next_sequence().is_none() {
            return true;
        }
    }
}

fn is_nested(part: &Component<Simple>) -> bool {
    matches!(part, Component::Negation(_) | Component::Is(_) | Component::Where(_))
}

impl Filter {
    fn new(selector: &Selector<Simple>) -> Self {
        let mut filter = Self { whole: true, ..Self::default() };
        let mut parts = selector.iter();
        for part in &mut parts {
            match part {
                Component::LocalName(name) => {
                    let name = Name::new(name.lower_name.0.as_bytes());
                    filter.whole &= !name.is_long();
                    filter.name = Some(name);
                }
                Component::AttributeInNoNamespaceExists { local_name_lower, .. } => {
                    filter.attributes.push(local_name_lower.0.clone());
                }
                Component::ExplicitUniversalType => {}
                _ => {
                    filter.whole = false;
                    match part {
                        Component::AttributeInNoNamespace { local_name, .. } => filter.attributes.push(local_name.0.clone()),
                        Component::AttributeOther(other) => filter.attributes.push(other.local_name_lower.0.clone()),
                        Component::Class(class) => filter.classes.push(class.0.clone()),
                        Component::ID(_) => filter.attributes.push("id".into()),
                        _ => {}
                    }
                }
            }
        }
        filter.whole &= parts.next_sequence().is_none();
        filter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::selector::compile;

    fn plan(selector: &str) -> Option<Plan> {
        let compiled = compile(selector).unwrap();
        Plan::new([Some((&compiled, false))].into_iter())
    }

    #[test]
    fn only_what_looks_at_the_elements_around_is_read_without_a_tree() {
        for selector in
            ["a", "*", ".x#y[z]", "a[b='c' i]", "a > b c", ":root", ":is(a, b > c):not(:where(.x))", "a::attr(href)", "a, b"]
        {
            assert!(plan(selector).is_some(), "{selector}");
        }
        for selector in [
            "a + b",
            "a ~ b",
            ":first-child",
            "a:nth-of-type(2)",
            ":has(b)",
            ":empty",
            ":not(:last-child)",
            "a::html",
            "a, b:only-child",
        ] {
            assert!(plan(selector).is_none(), "{selector}");
        }
    }

    #[test]
    fn only_elements_of_a_name_that_is_asked_for_are_looked_at() {
        let means = |selector: &str, name: &str| plan(selector).unwrap().may_mean(Name::new(name.as_bytes()));
        for (selector, names) in
            [("a[href], h2.x", "a h2 H2"), ("div > p", "p"), (".x, a", "a b li x-y-z-long-name"), ("*", "p q")]
        {
            assert!(names.split(' ').all(|name| means(selector, name)), "{selector}");
        }
        let others = ["div", "li", "h2", "p", "td", "span", "tr", "ul", "i", "b", "em", "img", "br", "section", "nav", "h1"];
        let passed_over = others.iter().filter(|name| !means("a", name)).count();
        assert!(passed_over >= 14, "only {passed_over} of {}", others.len());
    }

    #[test]
    fn what_html_and_body_may_get_later_is_known() {
        for selector in ["title", "meta[name=x]", "div.a > p:not(.b)", "a::attr(href)"] {
            assert!(plan(selector).unwrap().steady, "{selector}");
        }
        for selector in ["*", ".x", "body", ".x p", "[lang] > p", "p:not(.x *)", "html::attr(lang)", "a, .b", ":root a"] {
            assert!(!plan(selector).unwrap().steady, "{selector}");
        }
    }
}
