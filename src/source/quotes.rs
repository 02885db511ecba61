//! The quotes of a row: whether it is whole where a line of it ends, and whether it is quoted by the rules.
//!
//! The rules are RFC 4180's: a cell is quoted as a whole or not at all, and a quote within one is written twice. The csv crate
//! takes what breaks them in its stride, and in a row of one line that does no harm. But a stray quote opens a cell which the next
//! quote of another row seems to close, and nearly always that breaks them: hence no row of several lines may.
//!
//! That also bounds the time, however many quotes are stray. By the rules every quote opens a cell or closes it (a double one does
//! both), so the lines that leave a cell open have an even number of quotes, and the one that opens it has an odd number. Where a
//! row is given up, of the lines it looked at only the last can begin another that looks ahead: each is looked at thrice at most.

use memchr::memchr;

/// How the quotes of a row stand after some of its lines.
pub(super) struct Quotes {
    delimiter: u8,
    cell: Cell,
    lax: bool,
}

/// Where in a cell one is.
#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Start,
    Plain,
    Quoted,
    /// Behind a quote in a quoted cell: it closes the cell, or it is the first of two.
    Behind,
}

impl Quotes {
    /// Those of a row that is still to be read.
    pub(super) const fn new(delimiter: u8) -> Self {
        Self { delimiter, cell: Cell::Start, lax: false }
    }

    /// Reads the row's next line, which comes without its newline.
    pub(super) fn read(&mut self, line: &[u8]) {
        // Most lines have no quote, and leave things as they were.
        if memchr(b'"', line).is_none() {
            return;
        }
        for &byte in line.strip_suffix(b"\r").unwrap_or(line) {
            // A carriage return by itself ends a row for the csv crate, though it does not end the line.
            let ends = byte == self.delimiter || byte == b'\r';
            (self.cell, self.lax) = match (self.cell, byte) {
                (Cell::Quoted, b'"') => (Cell::Behind, self.lax),
                (Cell::Quoted, _) | (Cell::Start | Cell::Behind, b'"') => (Cell::Quoted, self.lax),
                (_, _) if ends => (Cell::Start, self.lax || byte == b'\r'),
                (Cell::Start, _) => (Cell::Plain, self.lax),
                (Cell::Plain, _) => (Cell::Plain, self.lax || byte == b'"'),
                (Cell::Behind, _) => (Cell::Plain, true),
            };
        }
        if self.cell != Cell::Quoted {
            self.cell = Cell::Start;
        }
    }

    /// Whether the row goes on with the next line.
    pub(super) fn is_open(&self) -> bool {
        self.cell == Cell::Quoted
    }

    /// Whether the row breaks the rules.
    pub(super) const fn is_lax(&self) -> bool {
        self.lax
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_that_opens_a_cell_leaves_none_open(line in "[a,\"\r]{0,12}") {
            let goes_on = |before: &str| {
                let mut quotes = Quotes::new(b',');
                quotes.read(before.as_bytes());
                quotes.read(line.as_bytes());
                quotes.is_open() && !quotes.is_lax()
            };
            prop_assert!(!(goes_on("") && goes_on("\"")));
        }
    }

    #[test]
    fn a_row_is_open_within_quotes_and_lax_where_it_breaks_the_rules() {
        for (lines, open, lax) in [
            (&["a,b"][..], false, false),
            (&["a,\"b,\"\"c\"\"\"\r"], false, false),
            (&["a,\"b", "", "x\"\"y", "c\",d"], false, false),
            (&["a,\"b", "c"], true, false),
            (&["\"\"\""], true, false),
            (&["a\"b"], false, true),
            (&["\"a\"b"], false, true),
            (&["\"a\" ,\"b"], true, true),
            (&["a,\"oops", "b,\"x\""], false, true),
            (&["a,\"oops", "b,\", x\""], false, true),
            (&["a,\"b\"\rc,\"d"], true, true),
        ] {
            let mut quotes = Quotes::new(b',');
            for line in lines {
                quotes.read(line.as_bytes());
            }
            assert_eq!((quotes.is_open(), quotes.is_lax()), (open, lax), "{lines:?}");
        }
    }
}
