use proptest::prelude::*;

use super::super::tests::Pieces;
use super::*;

/// What becomes of a table: its rows, each with its first and last line, and nothing in place of a bad one.
fn rows(pieces: Vec<Vec<u8>>) -> Vec<(u64, u64, Option<ByteRecord>)> {
    let mut rows = Rows::new("x".to_owned(), Box::new(Pieces::new(pieces)), b',');
    let mut all = Vec::new();
    loop {
        let record = match rows.advance().unwrap() {
            Next::Row => Some(rows.record.clone()),
            Next::Bad(_) => None,
            Next::End => return all,
        };
        all.push((rows.feed().first, rows.feed().line, record));
    }
}

fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(prop::sample::select(b"ab,\"\r\n\n".to_vec()), 1..6), 0..12)
}

/// The same bytes cut into pieces of the same lengths, and a rest.
fn cut_like(pieces: &[Vec<u8>], mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let sizes = pieces.iter().map(Vec::len);
    let mut cut: Vec<_> = sizes.map(|size| bytes.split_off(..size.min(bytes.len())).unwrap().to_vec()).collect();
    cut.push(bytes.to_vec());
    cut
}

proptest! {
    #[test]
    fn up_to_a_stray_quote_the_rows_are_those_that_csv_reads(pieces in pieces()) {
        // A carriage return by itself ends a row too, in files that no program has written for decades.
        let bytes = [b"ab".to_vec(), pieces.concat()].concat();
        let bytes = String::from_utf8(bytes).unwrap().replace("\r\n", "\n").replace('\r', "").replace('\n', "\r\n");
        let whole = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes.as_bytes());
        let expected: Vec<ByteRecord> = whole.into_byte_records().map(Result::unwrap).collect();
        let found = rows(cut_like(&pieces, bytes.as_bytes()));
        let read: Vec<_> = found.iter().map_while(|(_, _, row)| row.clone()).collect();
        prop_assert_eq!(&read[..], &expected[..read.len()]);
        prop_assert!(read.len() < found.len() || read.len() == expected.len());
    }

    #[test]
    fn every_line_is_in_one_row_whatever_the_quotes_and_however_the_bytes_arrive(pieces in pieces()) {
        let bytes = pieces.concat();
        let found = rows(pieces);
        prop_assert_eq!(&found, &rows(vec![bytes.clone()]));
        let mut places: Vec<_> = found.into_iter().map(|(first, last, _)| (first, last)).collect();
        // Carriage returns may make several rows of a line.
        places.dedup();
        let lines = bytes.split(|byte| *byte == b'\n').zip(1..);
        for (line, number) in lines {
            let count = places.iter().filter(|(first, last)| (*first..=*last).contains(&number)).count();
            prop_assert!(count == 1 || count == 0 && line.iter().all(|byte| *byte == b'\r'), "line {}", number);
        }
        prop_assert!(places.is_sorted());
    }
}
