//! The insertion modes of tables. What does not belong into a table would be put before it, so it is a hazard.

use super::Hazard;
use super::kind::{Kind, Open};
use super::name::{CAPTION, COLGROUP, INPUT, STYLE, TABLE, TBODY, TD, TH, TR};
use super::scan::Tag;
use super::tree::{Mode, Next, Tree};

impl Tree<'_, '_, '_> {
    /// A start tag between the parts of a table.
    pub(super) fn start_in_table(&mut self, tag: &Tag, kind: Kind) -> Result<Option<Next>, Hazard> {
        match kind {
            Kind::Caption => self.mode = Mode::InCaption,
            Kind::Colgroup => self.mode = Mode::InColumnGroup,
            Kind::Section => self.mode = Mode::InTableBody,
            Kind::Col => {
                self.push_implied(COLGROUP)?;
                self.mode = Mode::InColumnGroup;
                return Ok(None);
            }
            Kind::Row | Kind::Cell => {
                self.push_implied(TBODY)?;
                self.mode = Mode::InTableBody;
                return Ok(None);
            }
            Kind::Script => return self.raw(tag, kind).map(Some),
            Kind::Rawtext if tag.name == STYLE => return self.raw(tag, kind).map(Some),
            Kind::Form => return self.start_form_in_table(tag).map(Some),
            Kind::Input if tag.name == INPUT && self.is_hidden() => return self.void(tag, kind).map(Some),
            _ => return Err("a tag that does not belong into a table"),
        }
        self.push(tag, kind)?;
        Ok(Some(Next::Tags))
    }

    /// Whether the tag at hand has the type `hidden`, plainly written.
    fn is_hidden(&self) -> bool {
        let kind = self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case("type"));
        kind.is_some_and(|kind| kind.value.eq_ignore_ascii_case("hidden"))
    }

    /// A start tag in a cell or a caption.
    pub(super) fn start_in_cell(&mut self, tag: &Tag, kind: Kind) -> Result<Next, Hazard> {
        if !matches!(kind, Kind::Caption | Kind::Col | Kind::Colgroup | Kind::Section | Kind::Row | Kind::Cell) {
            return self.start_in_body(tag, kind);
        }
        self.close_cell()?;
        self.start(tag)
    }

    /// Closes the cell or the caption that is open.
    fn close_cell(&mut self) -> Result<(), Hazard> {
        let is = |open: &Open| matches!(open.kind, Kind::Cell | Kind::Caption);
        let at = self.find(is, Open::is_table_scope).ok_or("a cell that is not open")?;
        self.mode = if self.mode == Mode::InCell { Mode::InRow } else { Mode::InTable };
        self.close(at, true)
    }

    /// A start tag among columns.
    pub(super) fn start_in_column_group(&mut self, tag: &Tag, kind: Kind) -> Result<Option<Next>, Hazard> {
        match kind {
            Kind::Html => self.start_in_body(tag, kind).map(Some),
            Kind::Col => self.void(tag, kind).map(Some),
            _ => {
                self.pop();
                self.mode = Mode::InTable;
                Ok(None)
            }
        }
    }

    /// A start tag between rows.
    pub(super) fn start_in_table_body(&mut self, tag: &Tag, kind: Kind) -> Result<Option<Next>, Hazard> {
        match kind {
            Kind::Row => {
                self.push(tag, kind)?;
                self.mode = Mode::InRow;
                Ok(Some(Next::Tags))
            }
            Kind::Cell => {
                self.push_implied(TR)?;
                self.mode = Mode::InRow;
                Ok(None)
            }
            Kind::Caption | Kind::Col | Kind::Colgroup | Kind::Section => {
                self.pop();
                self.mode = Mode::InTable;
                Ok(None)
            }
            _ => self.start_in_table(tag, kind),
        }
    }

    /// A start tag between cells.
    pub(super) fn start_in_row(&mut self, tag: &Tag, kind: Kind) -> Result<Option<Next>, Hazard> {
        match kind {
            Kind::Cell => {
                self.push(tag, kind)?;
                self.mode = Mode::InCell;
                Ok(Some(Next::Tags))
            }
            Kind::Caption | Kind::Col | Kind::Colgroup | Kind::Section | Kind::Row => {
                self.pop();
                self.mode = Mode::InTableBody;
                Ok(None)
            }
            _ => self.start_in_table(tag, kind),
        }
    }

    /// An end tag in a cell or a caption.
    pub(super) fn end_in_cell(&mut self, tag: &Tag, kind: Kind) -> Result<(), Hazard> {
        let is_open = |tree: &Self| tree.find(|open| open.name == tag.name, Open::is_table_scope).is_some();
        match kind {
            Kind::Cell if self.mode == Mode::InCell => {
                // It is the innermost one that ends, so it must be of this name.
                let innermost = self.find(|open| matches!(open.name, TD | TH), Open::is_table_scope);
                if innermost.is_some_and(|at| self.stack[at].name == tag.name) { self.close_cell() } else { Ok(()) }
            }
            Kind::Caption if self.mode == Mode::InCaption && tag.name == CAPTION => self.close_cell(),
            Kind::Table | Kind::Section | Kind::Row if self.mode == Mode::InCell || kind == Kind::Table => {
                if !is_open(self) {
                    return Ok(());
                }
                self.close_cell()?;
                self.end(tag)
            }
            Kind::Body | Kind::Html | Kind::Caption | Kind::Col | Kind::Colgroup | Kind::Section | Kind::Row | Kind::Cell => {
                Ok(())
            }
            _ => self.end_in_body(tag, kind),
        }
    }

    /// An end tag between the parts of a table, rows, cells or columns.
    pub(super) fn end_in_table(&mut self, tag: &Tag, kind: Kind) -> Result<(), Hazard> {
        match (self.mode, kind) {
            (Mode::InColumnGroup, Kind::Colgroup) => {
                self.pop();
                self.mode = Mode::InTable;
            }
            (Mode::InColumnGroup, Kind::Col) => {}
            (Mode::InColumnGroup, _) => {
                self.pop();
                self.mode = Mode::InTable;
                return self.end_in_table(tag, kind);
            }
            (Mode::InTable, Kind::Table) => {
                let at = self.find(|open| open.name == TABLE, Open::is_table_scope).ok_or("a table that is not open")?;
                self.close(at, false)?;
                self.reset_mode()?;
            }
            (Mode::InTableBody, Kind::Section) => {
                if self.is_current(tag.name) {
                    self.pop();
                    self.mode = Mode::InTable;
                }
            }
            (Mode::InRow, Kind::Row) => {
                self.pop();
                self.mode = Mode::InTableBody;
            }
            (Mode::InRow, Kind::Section) => {
                if self.find(|open| open.name == tag.name, Open::is_table_scope).is_some() {
                    self.pop();
                    self.mode = Mode::InTableBody;
                    return self.end_in_table(tag, kind);
                }
            }
            (Mode::InTableBody | Mode::InRow, Kind::Table) => {
                self.pop();
                self.mode = if self.mode == Mode::InRow { Mode::InTableBody } else { Mode::InTable };
                return self.end_in_table(tag, kind);
            }
            (
                _,
                Kind::Body | Kind::Html | Kind::Caption | Kind::Col | Kind::Colgroup | Kind::Section | Kind::Row | Kind::Cell,
            ) => {}
            (_, Kind::Form) => return self.end_in_body(tag, kind),
            _ => return Err("an end tag that does not belong into a table"),
        }
        Ok(())
    }

    /// The mode that the open elements stand for, after a table.
    fn reset_mode(&mut self) -> Result<(), Hazard> {
        let mode = self.stack.iter().rev().find_map(|open| match open.kind {
            Kind::Cell => Some(Mode::InCell),
            Kind::Caption => Some(Mode::InCaption),
            Kind::Body => Some(Mode::InBody),
            _ => None,
        });
        self.mode = mode.ok_or("a table in no body")?;
        Ok(())
    }
}
