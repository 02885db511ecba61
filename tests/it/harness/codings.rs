//! Content codings, as a server would apply them.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

pub(crate) fn gzip(body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body.as_ref()).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// `deflate` as the standard has it.
pub(crate) fn zlib(body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body.as_ref()).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// `deflate` as some servers have it, without zlib's frame.
pub(crate) fn deflate(body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body.as_ref()).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

pub(crate) fn zstandard(body: impl AsRef<[u8]>) -> Vec<u8> {
    zstd::encode_all(body.as_ref(), 0).expect("memory can be read")
}

/// Brotli as one stored block: a window of 22 bits, a length of 16, "not compressed", the bytes, and an empty last block.
pub(crate) fn brotli(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = u16::try_from(body.len() - 1).expect("a page of a test is short");
    let head = 0x0b_u32 | u32::from(length) << 7 | 1 << 23;
    [&head.to_le_bytes()[..3], body, &[3]].concat()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    #[test]
    fn the_brotli_written_by_hand_is_brotli() {
        for text in ["hello", "x", &"long ".repeat(1000)] {
            let mut back = String::new();
            brotli_decompressor::Decompressor::new(&super::brotli(text)[..], 4096).read_to_string(&mut back).unwrap();
            assert_eq!(back, text);
        }
        assert_eq!(super::brotli("hello"), b"\x0b\x02\x80hello\x03");
    }
}
