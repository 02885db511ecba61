//! The "in body" rules: what a tag does where no other mode says otherwise.

use html5ever::tree_builder::QuirksMode;
use scraper::Html;

use super::Hazard;
use super::kind::{Kind, Open};
use super::name::{A, ADDRESS, BR, BUTTON, DIV, OL, OPTGROUP, OPTION, P, RTC, RUBY, UL, XMP};
use super::scan::Tag;
use super::tree::{Form, Mode, Next, Tree};

impl Tree<'_, '_, '_> {
    /// A start tag, by the "in body" rules.
    pub(super) fn start_in_body(&mut self, tag: &Tag, kind: Kind) -> Result<Next, Hazard> {
        match kind {
            Kind::Html | Kind::Body if !self.attributes.is_empty() => return Err("attributes for an element that is there"),
            _ if is_stray(kind) => return Ok(Next::Tags),
            Kind::Form => return self.start_form(tag),
            Kind::Svg => return self.start_foreign(tag),
            Kind::Hazard => return Err("an element that is left to the DOM"),
            _ => self.make_way(tag, kind)?,
        }
        match kind {
            Kind::Meta | Kind::Void | Kind::Input | Kind::Hr => self.void(tag, kind),
            Kind::Rcdata | Kind::Rawtext | Kind::Script => self.raw(tag, kind),
            _ => {
                self.push(tag, kind)?;
                Ok(if kind == Kind::Pre { Next::TagsAfterLine } else { Next::Tags })
            }
        }
    }

    /// Closes what an element ends that begins.
    fn make_way(&mut self, tag: &Tag, kind: Kind) -> Result<(), Hazard> {
        match kind {
            Kind::Block | Kind::Pre => self.close_paragraph()?,
            Kind::Rawtext if tag.name == XMP => self.close_paragraph()?,
            Kind::Hr => {
                self.close_paragraph()?;
                if self.in_select() {
                    self.generate_implied_ends(None);
                }
            }
            Kind::Heading => {
                self.close_paragraph()?;
                if self.current().is_some_and(|open| open.kind == Kind::Heading) {
                    self.pop();
                }
            }
            Kind::Li | Kind::Definition => self.close_item(kind)?,
            Kind::Option | Kind::Optgroup => self.close_option(kind),
            Kind::RubyBase | Kind::RubyText if self.in_scope(RUBY).is_some() => {
                self.generate_implied_ends((kind == Kind::RubyText).then_some(RTC));
            }
            Kind::Table => {
                if self.paragraph().is_some() && !self.is_quirky() {
                    self.close_paragraph()?;
                }
                self.mode = Mode::InTable;
            }
            Kind::Input | Kind::Select if self.in_select() => return Err("an end of a select without its tag"),
            Kind::Button if self.in_scope(BUTTON).is_some() => return Err("a button in a button"),
            Kind::Formatting if tag.name == A && self.is_in_link() => return Err("a link in a link"),
            _ => {}
        }
        Ok(())
    }

    /// Whether this is a page of old, where a table may stand in a paragraph. The tree builder itself is asked.
    fn is_quirky(&mut self) -> bool {
        let doctype = self.doctype;
        let ask = || doctype.is_none_or(|doctype| Html::parse_document(doctype).quirks_mode == QuirksMode::Quirks);
        *self.is_quirky.get_or_insert_with(ask)
    }

    fn is_in_link(&self) -> bool {
        let is_bound = |open: &Open| matches!(open.kind, Kind::Marker | Kind::Cell | Kind::Caption);
        self.anchors > 0 && self.find(|open| open.name == A, is_bound).is_some()
    }

    fn in_select(&self) -> bool {
        self.find(|open| open.kind == Kind::Select, Open::is_scope).is_some()
    }

    /// Closes the item of a list that another follows.
    fn close_item(&mut self, kind: Kind) -> Result<(), Hazard> {
        let is_bound = |open: &Open| open.is_special() && !matches!(open.name, ADDRESS | DIV | P);
        if let Some(at) = self.find(|open| open.kind == kind, is_bound) {
            self.close(at, false)?;
        }
        self.close_paragraph()
    }

    fn close_option(&mut self, kind: Kind) {
        if self.in_select() {
            self.generate_implied_ends((kind == Kind::Option).then_some(OPTGROUP));
        } else if self.is_current(OPTION) {
            self.pop();
        }
    }

    fn start_form(&mut self, tag: &Tag) -> Result<Next, Hazard> {
        if self.form == Form::None {
            self.close_paragraph()?;
            self.push(tag, Kind::Form)?;
            self.form = Form::At(self.stack.len() - 1);
        }
        Ok(Next::Tags)
    }

    /// A form among the rows of a table, which holds nothing.
    pub(super) fn start_form_in_table(&mut self, tag: &Tag) -> Result<Next, Hazard> {
        if self.form == Form::None {
            self.void(tag, Kind::Form)?;
            self.form = Form::Elsewhere;
        }
        Ok(Next::Tags)
    }

    fn end_form(&mut self) -> Result<(), Hazard> {
        let Form::At(form) = std::mem::replace(&mut self.form, Form::None) else { return Ok(()) };
        if self.find(|open| open.tag == self.stack[form].tag, Open::is_scope).is_none() {
            return Ok(());
        }
        self.generate_implied_ends(None);
        if self.stack.len() != form + 1 {
            return Err("an end of a form with others open inside");
        }
        self.pop();
        Ok(())
    }

    /// An end tag, by the "in body" rules. Where nothing of that name is open, they pass it over.
    pub(super) fn end_in_body(&mut self, tag: &Tag, kind: Kind) -> Result<(), Hazard> {
        let found = match kind {
            Kind::Html | Kind::Body => None,
            _ if tag.name == BR => return Err("an end tag that makes an element"),
            _ if tag.name == P => {
                if self.paragraph().is_none() {
                    self.push_implied(P)?;
                }
                self.paragraph()
            }
            Kind::Block | Kind::Pre | Kind::Button | Kind::Select | Kind::Definition => self.in_scope(tag.name),
            Kind::Form => return self.end_form(),
            Kind::Li => {
                let is_bound = |open: &Open| open.is_scope() || matches!(open.name, OL | UL);
                self.find(|open| open.name == tag.name, is_bound)
            }
            Kind::Heading => self.find(|open| open.kind == Kind::Heading, Open::is_scope),
            Kind::Formatting if self.is_current(tag.name) => {
                self.pop();
                None
            }
            Kind::Formatting if !self.stack.iter().any(|open| open.name == tag.name) => None,
            Kind::Formatting => return Err("formatting elements that overlap"),
            Kind::Marker => {
                return self.in_scope(tag.name).map_or(Ok(()), |at| self.close(at, true));
            }
            Kind::Hazard => return Err("an element that is left to the DOM"),
            _ => self.find(|open| self.is_same(open, tag), Open::is_special).filter(|at| self.is_same(&self.stack[*at], tag)),
        };
        found.map_or(Ok(()), |at| self.close(at, false))
    }
}

/// Whether a start tag is passed over in a body.
fn is_stray(kind: Kind) -> bool {
    let is_outer = matches!(kind, Kind::Html | Kind::Body | Kind::Head);
    is_outer || matches!(kind, Kind::Caption | Kind::Col | Kind::Colgroup | Kind::Section | Kind::Row | Kind::Cell)
}
