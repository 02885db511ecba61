//! SVG in a page: its elements stand in the tree as their tags do, until a tag of HTML breaks out of them.

use super::Hazard;
use super::kind::{Kind, Open, kind};
use super::name::{A, DESC, STYLE, TITLE};
use super::scan::Tag;
use super::tree::{Next, Tree};

impl Tree<'_, '_, '_> {
    /// A start tag of SVG, or in it. What HTML tags do there is left to the DOM.
    pub(super) fn start_foreign(&mut self, tag: &Tag) -> Result<Next, Hazard> {
        let is_html = !matches!(kind(tag.name), Kind::Plain | Kind::Svg) && !matches!(tag.name, A | STYLE | TITLE);
        let is_inside = self.current().is_some_and(Open::is_foreign);
        let holds_html = |open: &Open| open.is_foreign() && matches!(open.name, TITLE | DESC);
        let written = tag.at.of(self.text);
        let breaks_out = ["ruby", "span", "sub", "sup", "var", "foreignobject"];
        let is_hazard = is_html || breaks_out.iter().any(|name| written.eq_ignore_ascii_case(name));
        if is_inside && (is_hazard || self.current().is_some_and(holds_html)) {
            return Err("HTML in SVG");
        }
        self.push(tag, Kind::Foreign)?;
        if tag.self_closing {
            self.pop();
        }
        Ok(Next::Tags)
    }

    /// An end tag in SVG.
    pub(super) fn end_foreign(&mut self, tag: &Tag) -> Result<(), Hazard> {
        if !self.current().is_some_and(|open| self.is_same(open, tag)) {
            return Err("an end tag in SVG of another element");
        }
        self.pop();
        Ok(())
    }
}
