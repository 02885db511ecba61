//! The insertion modes: which rules a tag meets, and those before the body.

use super::Hazard;
use super::kind::{Kind, Open, kind};
use super::name::{HEAD, HTML, NOSCRIPT};
use super::scan::{Tag, is_space};
use super::tree::{Mode, Next, Tree};

impl<'t> Tree<'_, '_, 't> {
    /// Takes note of a start tag.
    pub(super) fn start(&mut self, tag: &Tag) -> Result<Next, Hazard> {
        if self.current().is_some_and(Open::is_foreign) {
            return self.start_foreign(tag);
        }
        let kind = kind(tag.name);
        loop {
            // A mode either says what is done, or leaves the tag to the next.
            let done = match self.mode {
                Mode::InBody => return self.start_in_body(tag, kind),
                Mode::Initial | Mode::BeforeHead => self.start_before_head(tag, kind)?,
                Mode::InHead | Mode::InHeadNoscript => self.start_in_head(tag, kind)?,
                Mode::AfterHead => self.start_after_head(tag, kind)?,
                Mode::InTable => self.start_in_table(tag, kind)?,
                Mode::InCaption | Mode::InCell => return self.start_in_cell(tag, kind),
                Mode::InColumnGroup => self.start_in_column_group(tag, kind)?,
                Mode::InTableBody => self.start_in_table_body(tag, kind)?,
                Mode::InRow => self.start_in_row(tag, kind)?,
            };
            if let Some(next) = done {
                return Ok(next);
            }
        }
    }

    fn start_before_head(&mut self, tag: &Tag, kind: Kind) -> Result<Option<Next>, Hazard> {
        if self.mode == Mode::Initial {
            self.mode = Mode::BeforeHead;
            if kind == Kind::Html {
                self.push(tag, kind)?;
                return Ok(Some(Next::Tags));
            }
            self.push_implied(HTML)?;
            return Ok(None);
        }
        match kind {
            Kind::Html => return self.start_in_body(tag, kind).map(Some),
            Kind::Head => self.push(tag, kind)?,
            _ => self.push_implied(HEAD)?,
        }
        self.mode = Mode::InHead;
        Ok((kind == Kind::Head).then_some(Next::Tags))
    }

    fn start_in_head(&mut self, tag: &Tag, kind: Kind) -> Result<Option<Next>, Hazard> {
        let in_noscript = self.mode == Mode::InHeadNoscript;
        let own = ["style", "noframes"].iter().any(|name| self.is_written(tag, name));
        match kind {
            Kind::Html => self.start_in_body(tag, kind).map(Some),
            Kind::Head => Ok(Some(Next::Tags)),
            Kind::Noscript if in_noscript => Ok(Some(Next::Tags)),
            Kind::Meta if !in_noscript || !self.is_written(tag, "base") => self.void(tag, kind).map(Some),
            Kind::Rawtext if own => self.raw(tag, kind).map(Some),
            _ if in_noscript => {
                self.pop();
                self.mode = Mode::InHead;
                Ok(None)
            }
            Kind::Rcdata if self.is_written(tag, "title") => self.raw(tag, kind).map(Some),
            Kind::Script => self.raw(tag, kind).map(Some),
            Kind::Noscript => {
                self.push(tag, kind)?;
                self.mode = Mode::InHeadNoscript;
                Ok(Some(Next::Tags))
            }
            Kind::Hazard => Err("an element that is left to the DOM"),
            _ => {
                self.pop();
                self.mode = Mode::AfterHead;
                Ok(None)
            }
        }
    }

    fn is_written(&self, tag: &Tag, name: &str) -> bool {
        tag.at.of(self.text).eq_ignore_ascii_case(name)
    }

    fn start_after_head(&mut self, tag: &Tag, kind: Kind) -> Result<Option<Next>, Hazard> {
        match kind {
            Kind::Html => self.start_in_body(tag, kind).map(Some),
            Kind::Head => Ok(Some(Next::Tags)),
            Kind::Body => {
                self.push(tag, kind)?;
                self.mode = Mode::InBody;
                Ok(Some(Next::Tags))
            }
            Kind::Hazard | Kind::Meta | Kind::Script => Err("an element of the head after it"),
            Kind::Rcdata | Kind::Rawtext => Err("an element of the head after it, or one like it"),
            _ => self.open_body().map(|()| None),
        }
    }

    /// Takes note of an end tag.
    pub(super) fn end(&mut self, tag: &Tag) -> Result<(), Hazard> {
        if self.current().is_some_and(Open::is_foreign) {
            return self.end_foreign(tag);
        }
        let kind = kind(tag.name);
        match self.mode {
            Mode::InBody => self.end_in_body(tag, kind),
            Mode::InTable | Mode::InTableBody | Mode::InRow | Mode::InColumnGroup => self.end_in_table(tag, kind),
            Mode::InCaption | Mode::InCell => self.end_in_cell(tag, kind),
            Mode::InHead if kind == Kind::Head => {
                self.pop();
                self.mode = Mode::AfterHead;
                Ok(())
            }
            Mode::InHeadNoscript if tag.name == NOSCRIPT => {
                self.pop();
                self.mode = Mode::InHead;
                Ok(())
            }
            Mode::Initial if !matches!(kind, Kind::Head | Kind::Body | Kind::Html | Kind::Void) => {
                self.is_typed = true; // a doctype that follows counts no more
                Ok(())
            }
            _ if matches!(kind, Kind::Head | Kind::Body | Kind::Html | Kind::Void) => Err("an end tag that is early"),
            _ => Ok(()),
        }
    }

    /// Takes note of a text between tags.
    pub(super) fn characters(&mut self, text: &'t str) -> Result<(), Hazard> {
        self.count(0)?;
        let length = || text.bytes().take_while(|byte| is_space(*byte)).count();
        match self.mode {
            Mode::InBody | Mode::InCaption | Mode::InCell => return self.harvest.text(text, &self.stack, false),
            Mode::InTable | Mode::InTableBody | Mode::InRow | Mode::InColumnGroup if length() < text.len() => {
                return Err("a text that does not belong into a table");
            }
            Mode::InTable | Mode::InTableBody | Mode::InRow | Mode::InColumnGroup => {
                return self.harvest.text(text, &self.stack, false);
            }
            _ => {}
        }
        let (space, rest) = text.split_at(length());
        if matches!(self.mode, Mode::InHead | Mode::InHeadNoscript | Mode::AfterHead) {
            self.harvest.text(space, &self.stack, true)?;
        }
        if rest.starts_with('&') {
            return Err("a reference where white space matters");
        }
        if !rest.is_empty() {
            self.open_body()?;
            self.harvest.text(rest, &self.stack, false)?;
        }
        Ok(())
    }
}
