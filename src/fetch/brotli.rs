//! Brotli as HTTP has it (RFC 7932): windows of at most 16 MiB, and nothing after the end.
//!
//! The crate's own reader takes windows of up to 1 GiB, and does not always see that data goes on after its end. That must be seen:
//! brotli has no checksum, and most texts that begin with a digit or a brace begin with a whole, empty brotli body.

use std::io::{self, Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

/// Reads what brotli data unpacks to.
pub(super) struct Brotli<'a> {
    data: &'a [u8],
    at: usize,
    total: usize,
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    is_done: bool,
}

impl<'a> Brotli<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        let alloc = StandardAlloc::default;
        let state = Box::new(BrotliState::new_strict(alloc(), alloc(), alloc()));
        Self { data, at: 0, total: 0, state, is_done: false }
    }
}

impl Read for Brotli<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_done || buffer.is_empty() {
            return Ok(0);
        }
        let (mut left, mut room, mut read) = (self.data.len() - self.at, buffer.len(), 0);
        let (data, state) = (self.data, &mut *self.state);
        match BrotliDecompressStream(&mut left, &mut self.at, data, &mut room, &mut read, buffer, &mut self.total, state) {
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultSuccess if left == 0 => self.is_done = true,
            BrotliResult::ResultSuccess => return damaged(format!("{left} bytes follow its end")),
            BrotliResult::NeedsMoreInput if read > 0 => {}
            BrotliResult::NeedsMoreInput => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut short")),
            BrotliResult::ResultFailure => return damaged("it is damaged".to_owned()),
        }
        Ok(read)
    }
}

fn damaged(how: String) -> io::Result<usize> {
    Err(io::Error::new(io::ErrorKind::InvalidData, how))
}
