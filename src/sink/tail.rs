//! The end of an existing file that is to be appended to: whether its last record is whole.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use serde::de::IgnoredAny;

use super::Error;

/// How much of a file is looked at in one go.
const LOOK: u64 = 1 << 16;

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
    Ok((start, part(file, start)?))
}

/// Some bytes from a place on.
fn part(file: &mut File, start: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(LOOK).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// For lines of JSON: all of the file stays, and a whole last line without its newline gets one.
pub(super) fn end_line(path: &Path, file: &mut File, out: &mut Vec<u8>) -> Result<u64, Error> {
    let failed = |cause| Error::open(path, cause);
    let (start, tail) = last(file).map_err(failed)?;
    if tail.last().is_some_and(|byte| *byte != b'\n') {
        let line = last_line(file, start + tail.len() as u64).map_err(failed)?;
        if !is_json(file, line).map_err(failed)? {
            return Err(Error::Torn { path: path.to_owned() });
        }
        out.push(b'\n');
    }
    Ok(start + tail.len() as u64)
}

/// Where the last line of a file of this length begins.
fn last_line(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(LOOK);
        let mut bytes = part(file, start)?;
        bytes.truncate(usize::try_from(end - start).expect("it is no more than is looked at"));
        if let Some(at) = memchr::memrchr(b'\n', &bytes) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Whether all that follows a place in a file is one value of JSON.
pub(super) fn is_json(file: &mut File, start: u64) -> io::Result<bool> {
    file.seek(SeekFrom::Start(start))?;
    match serde_json::from_reader::<_, IgnoredAny>(BufReader::new(file)) {
        Err(error) if error.is_io() => Err(error.into()),
        outcome => Ok(outcome.is_ok()),
    }
}

/// Whether a table ends after a whole row. Its last cell does not say so: only a newline outside of all quotes does.
pub(super) fn ends_after_row(file: &mut File) -> io::Result<bool> {
    file.rewind()?;
    let (mut quotes, mut last) = (0, b'\n');
    let mut bytes = vec![0; 1 << 16];
    loop {
        match file.read(&mut bytes) {
            Ok(0) => return Ok(quotes % 2 == 0 && last == b'\n'),
            Ok(count) => {
                quotes += memchr::memchr_iter(b'"', &bytes[..count]).count();
                last = bytes[count - 1];
            }
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
}
