//! Any bytes as an input: what is read does not depend on how they arrive, and every line is accounted for.

use std::io::{self, Read};

use scrape::ErrorKind;
use scrape::model::parse_url;
use scrape::source::{self, Origin, Settings};

/// More targets than this of one input say nothing new; a glob can make billions.
const LIMIT: u64 = 300;

/// What becomes of a target: its ordinal, its text, and its URL or the reason against it.
type Outcome = (u64, String, Result<String, String>);

/// The first byte chooses the format and whether globs expand, the second how the bytes arrive.
pub(crate) fn check(data: &[u8]) {
    let [how, size, bytes @ ..] = data else { return };
    let name = ["urls.txt", "urls.csv", "urls.tsv", "urls.jsonl"][usize::from(how & 3)];
    let glob = how & 4 != 0;
    let whole = read(name, glob, bytes, usize::MAX);
    let pieces = read(name, glob, bytes, usize::from(*size).max(1));
    assert_eq!(whole, pieces, "how the bytes arrive makes a difference");

    let Ok(targets) = whole else { return };
    for ((index, given, url), ordinal) in targets.iter().zip(1..) {
        assert_eq!(*index, ordinal, "ordinals count from 1 without gaps");
        match url {
            Ok(url) => check_url(url),
            Err(message) => assert!(message.starts_with(name), "{message:?} names no place"),
        }
        assert!(given.len() <= 4 * (64 << 10) || !name.ends_with("txt"), "{} bytes are shown of a line", given.len());
    }
    if name == "urls.txt" && !glob {
        let expected = (count_lines(bytes) as u64).min(LIMIT);
        assert_eq!(targets.len() as u64, expected, "a line is lost, or there is one too many");
    }
}

fn read(name: &str, glob: bool, bytes: &[u8], size: usize) -> Result<Vec<Outcome>, String> {
    let from = Box::new(Pieces { bytes: bytes.to_vec(), at: 0, size });
    let inputs = vec![Origin::Reader { name: name.to_owned(), from }];
    let reader = source::open(Settings { inputs, glob, limit: Some(LIMIT), ..Settings::default() });
    let reader = reader.map_err(|error| error.to_string())?;
    let targets = reader.map(|read| {
        let target = read.map_err(|error| error.to_string())?.target.expect("no repetition is dropped");
        let given = target.given().to_owned();
        let url = target.url.map(String::from).map_err(|failure| {
            assert_eq!(failure.kind, ErrorKind::InvalidUrl);
            failure.message
        });
        Ok((target.index, given, url))
    });
    targets.collect()
}

/// A URL is one that is fetched, can be sent as it is, and is read back as itself.
fn check_url(url: &str) {
    assert!(url.starts_with("http://") || url.starts_with("https://"), "{url}");
    assert!(url.bytes().all(|byte| byte.is_ascii_graphic()), "{url:?}");
    let again = parse_url(url).expect("a URL can be read again");
    assert_eq!(again.as_str(), url, "a URL is read back as another one");
    assert!(again.host_str().is_some_and(|host| !host.is_empty()), "{url}");
}

/// The lines that are neither blank nor comments, counted another way.
fn count_lines(bytes: &[u8]) -> usize {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).count()
}

/// Bytes that arrive so many at a time.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    size: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (self.bytes.len() - self.at).min(self.size).min(buffer.len());
        buffer[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
