//! Bytes into lines, for every format: whatever comes first, the newline or the cap, and never more in memory than the cap.

use std::io::{self, BufRead, BufReader, Read};

use memchr::memchr;

use super::{Bad, Error};

/// How much is asked of the input at a time. What has arrived is never held back to fill it.
const BUFFER: usize = 64 * 1024;

/// How many characters of an unusable line a record shows.
const SHOWN: usize = 200;

/// An input, a line at a time.
pub(super) struct Lines {
    name: String,
    from: BufReader<Box<dyn Read + Send>>,
    cap: usize,
    number: u64,
    passed_over: u64,
    bytes: Vec<u8>,
    cut: bool,
}

impl Lines {
    /// Lines of at most `cap` bytes; of a longer one the rest is read and forgotten.
    pub(super) fn new(name: String, from: Box<dyn Read + Send>, cap: usize) -> Self {
        Self { name, from: BufReader::with_capacity(BUFFER, from), cap, number: 0, passed_over: 0, bytes: Vec::new(), cut: false }
    }

    /// Goes to the next line as soon as its newline has arrived; false at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Error> {
        self.bytes.clear();
        self.cut = false;
        let (mut any, mut ended) = (false, false);
        while !ended {
            self.fill()?;
            let piece = self.from.buffer();
            if piece.is_empty() {
                break;
            }
            let end = memchr(b'\n', piece);
            let content = &piece[..end.unwrap_or(piece.len())];
            let kept = content.len().min(self.cap - self.bytes.len());
            self.bytes.extend_from_slice(&content[..kept]);
            self.cut |= kept < content.len();
            (any, ended) = (true, end.is_some());
            let used = content.len() + usize::from(ended);
            self.from.consume(used);
        }
        self.number += u64::from(any);
        if self.number == 1 {
            match *self.bytes {
                [0xef, 0xbb, 0xbf, ..] => drop(self.bytes.drain(..3)),
                // Its mark, and a character of ASCII. Each line of it would be a bad one.
                [0xff, 0xfe, _, 0, ..] | [0xfe, 0xff, 0, ..] => return Err(Error::Utf16 { name: self.name.clone() }),
                _ => {}
            }
        }
        Ok(any)
    }

    /// The same, to the next line that is not to be skipped.
    pub(super) fn advance_past(&mut self, skip: impl Fn(&[u8]) -> bool) -> Result<bool, Error> {
        while self.advance()? {
            if !skip(&self.bytes) {
                return Ok(true);
            }
            self.passed_over += 1;
        }
        Ok(false)
    }

    /// Makes sure that there are bytes in the buffer, but at the end.
    fn fill(&mut self) -> Result<(), Error> {
        loop {
            match self.from.fill_buf() {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::Read { place: self.place(self.number + 1), source }),
            }
        }
    }

    /// Whether a further line has arrived whole, those aside that are to be skipped.
    pub(super) fn is_ready(&mut self, skip: impl Fn(&[u8]) -> bool) -> bool {
        while let Some(end) = memchr(b'\n', self.from.buffer()) {
            if !skip(&self.from.buffer()[..end]) {
                return true;
            }
            self.from.consume(end + 1);
            self.number += 1;
            self.passed_over += 1;
        }
        false
    }

    /// Lines that were skipped so far.
    pub(super) const fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// The line at hand without its newline, up to the cap.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the line at hand is longer than the cap.
    pub(super) const fn is_cut(&self) -> bool {
        self.cut
    }

    /// The line at hand as text without surrounding blanks, or why it is none.
    pub(super) fn text(&self) -> Result<&str, Bad> {
        if self.cut {
            return Err(self.too_long());
        }
        match str::from_utf8(&self.bytes) {
            Ok(text) => Ok(text.trim()),
            Err(error) => {
                let why = format!("not UTF-8 from byte {} of the line on", error.valid_up_to() + 1);
                Err(Bad { shown: escape(self.bytes.trim_ascii()), why })
            }
        }
    }

    /// What to say of a line beyond the cap.
    pub(super) fn too_long(&self) -> Bad {
        // A character takes at most four bytes, so no more need be looked at.
        let start = &self.bytes[..self.bytes.len().min(4 * SHOWN)];
        Bad { shown: shorten(&escape(start.trim_ascii_start())), why: format!("the line is longer than {} KiB", self.cap / 1024) }
    }

    /// The number of the line at hand, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// How messages name a line.
    pub(super) fn place(&self, line: u64) -> String {
        format!("{}:{line}", self.name)
    }
}

/// Whether a line is empty but for blanks.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

/// Bytes as text, those that are not UTF-8 as `\xNN`.
pub(super) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

/// The first characters of a text that is shown only so that a person recognises it.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::Pieces;
    use super::*;

    fn all(pieces: Vec<Vec<u8>>, cap: usize) -> Vec<(u64, Vec<u8>, bool)> {
        let mut lines = Lines::new("x".to_owned(), Box::new(Pieces::new(pieces)), cap);
        let mut all = Vec::new();
        while lines.advance().unwrap() {
            all.push((lines.number(), lines.bytes().to_vec(), lines.is_cut()));
        }
        all
    }

    proptest! {
        #[test]
        fn how_the_bytes_arrive_makes_no_difference(
            pieces in prop::collection::vec(prop::collection::vec(prop::sample::select(b"ab\n\r\xff\xc3\xef\xbb\xbf".to_vec()), 0..6), 0..12),
            cap in 3_usize..9,
        ) {
            let bytes = pieces.concat();
            let mut expected: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
            if expected.last() == Some(&&b""[..]) {
                expected.pop();
            }
            let expected: Vec<_> = expected.into_iter().zip(1..).map(|(line, number)| {
                let kept = &line[..line.len().min(cap)];
                let bare = if number == 1 { kept.strip_prefix(b"\xef\xbb\xbf").unwrap_or(kept) } else { kept };
                (number, bare.to_vec(), line.len() > cap)
            }).collect();
            prop_assert_eq!(all(pieces, cap), expected);
        }
    }

    #[test]
    fn a_line_without_end_costs_no_more_than_the_cap() {
        let endless = io::repeat(b'x').take(1 << 26).chain(&b"\nshort"[..]);
        let mut lines = Lines::new("x".to_owned(), Box::new(endless), 100);
        assert!(lines.advance().unwrap() && lines.is_cut());
        assert!(lines.bytes.capacity() <= 256, "{}", lines.bytes.capacity());
        assert!(lines.advance().unwrap() && !lines.is_cut());
        assert_eq!((lines.bytes(), lines.number()), (&b"short"[..], 2));
    }

    #[test]
    fn bad_bytes_are_shown_escaped_and_long_lines_shortened() {
        assert_eq!(escape(b"a\xffb\xc3\xa9\xe2\x82"), "a\\xffbé\\xe2\\x82");
        assert_eq!(shorten(&"é".repeat(200)), "é".repeat(200));
        assert_eq!(shorten(&"é".repeat(201)), "é".repeat(200) + "…");
    }
}
