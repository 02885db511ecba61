//! The two ends of an existing file, which are all that appending looks at, however long the file is.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::Error;

/// How much of an end is looked at.
const LOOK: u64 = 4096;

/// The first bytes of a file.
pub(super) fn first(file: &mut File) -> io::Result<Vec<u8>> {
    file.rewind()?;
    let mut head = Vec::new();
    file.take(LOOK).read_to_end(&mut head)?;
    Ok(head)
}

/// The last bytes of a file and where they start.
pub(super) fn last(file: &mut File) -> io::Result<(u64, Vec<u8>)> {
    let start = file.metadata()?.len().saturating_sub(LOOK);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(LOOK).read_to_end(&mut tail)?;
    Ok((start, tail))
}

/// For formats of lines: all of the file stays, and a last line without its newline gets one.
pub(super) fn end_line(path: &Path, file: &mut File, out: &mut Vec<u8>) -> Result<u64, Error> {
    let (start, tail) = last(file).map_err(|cause| Error::open(path, cause))?;
    if tail.last().is_some_and(|byte| *byte != b'\n') {
        out.push(b'\n');
    }
    Ok(start + tail.len() as u64)
}
