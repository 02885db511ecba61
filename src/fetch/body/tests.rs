//! Whole, cut, damaged and mislabelled bodies.

use std::io::Write;

use futures_util::FutureExt;

use super::*;
use crate::fetch::Memory;

const TEXT: &[u8] = b"<title>hello</title> hello hello hello hello hello";

fn page(codings: &str, body: Vec<u8>) -> Page {
    let codings = codings.split(',').map(str::to_owned).collect();
    Page {
        url: "http://a.example/".parse().unwrap(),
        status: 200,
        content_type: None,
        body: body.into(),
        codings,
        asked: None,
        left_after: None,
    }
}

fn decoded(codings: &str, body: Vec<u8>) -> Result<Vec<u8>, ErrorKind> {
    let mut page = page(codings, body);
    decode(&mut page, Cap::Refuse(100_000)).map(|()| page.body.to_vec()).map_err(|failure| failure.kind)
}

fn packed(coding: &str, data: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    match coding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        "zlib" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        "raw" => {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => zstd::encode_all(data, 3).unwrap(),
        _ => unreachable!(),
    }
}

/// TEXT in brotli: two uncompressed meta-blocks would do, but this is what an encoder wrote.
fn brotli() -> Vec<u8> {
    // Window 16 (one 0 bit), a meta-block: not last, MLEN-1 in four nibbles, uncompressed; then the text and an empty last block.
    let length = TEXT.len() - 1;
    let header = (u32::try_from(length).unwrap() << 4) | 1 << 20;
    let mut data = header.to_le_bytes()[..3].to_vec();
    data.extend_from_slice(TEXT);
    data.push(0b11);
    data
}

#[test]
fn every_coding_is_undone() {
    for (coding, name) in [("gzip", "gzip"), ("gzip", "x-gzip"), ("zlib", "deflate"), ("raw", "deflate"), ("zstd", "zstd")] {
        assert_eq!(decoded(name, packed(coding, TEXT)).as_deref(), Ok(TEXT), "{coding}");
    }
    assert_eq!(decoded("br", brotli()).as_deref(), Ok(TEXT));
    assert_eq!(decoded("gzip,zstd", packed("zstd", &packed("gzip", TEXT))).as_deref(), Ok(TEXT));
    assert_eq!(decoded("gzip", Vec::new()).as_deref(), Ok(&[][..]), "an empty body is empty");
}

#[test]
fn gzip_members_are_joined_and_what_follows_them_is_ignored() {
    let mut body = [packed("gzip", b"one "), packed("gzip", b"two")].concat();
    assert_eq!(decoded("gzip", body.clone()).as_deref(), Ok(&b"one two"[..]));
    body.extend_from_slice(&[0; 7]);
    assert_eq!(decoded("gzip", body).as_deref(), Ok(&b"one two"[..]));
}

#[test]
fn a_body_cut_anywhere_is_an_error() {
    for (coding, name) in [("gzip", "gzip"), ("zlib", "deflate"), ("raw", "deflate"), ("zstd", "zstd")] {
        let whole = packed(coding, TEXT);
        for length in 1..whole.len() {
            assert_eq!(decoded(name, whole[..length].to_vec()), Err(ErrorKind::Decode), "{coding} cut to {length}");
        }
    }
    let whole = brotli();
    for length in 1..whole.len() {
        assert_eq!(decoded("br", whole[..length].to_vec()), Err(ErrorKind::Decode), "br cut to {length}");
    }
}

#[test]
fn damage_and_lying_labels_are_errors() {
    let mut bad_sum = packed("gzip", TEXT);
    let end = bad_sum.len() - 6;
    bad_sum[end] ^= 1;
    assert_eq!(decoded("gzip", bad_sum), Err(ErrorKind::Decode));
    for name in ["gzip", "deflate", "br", "zstd", "compress", "utf-8"] {
        assert_eq!(decoded(name, TEXT.to_vec()), Err(ErrorKind::Decode), "{name}");
    }
    assert_eq!(decoded("gzip,gzip,gzip,gzip", TEXT.to_vec()), Err(ErrorKind::Decode));
}

#[test]
fn a_bomb_ends_at_the_cap() {
    let zeros = vec![0; 5_000_000];
    for (coding, name) in [("gzip", "gzip"), ("zlib", "deflate"), ("raw", "deflate"), ("zstd", "zstd")] {
        assert_eq!(decoded(name, packed(coding, &zeros)), Err(ErrorKind::TooLarge), "{coding}");
    }
    let just = vec![0; 100_000];
    assert_eq!(decoded("gzip", packed("gzip", &just)).map(|body| body.len()), Ok(100_000));
}

#[test]
fn where_a_beginning_is_wanted_the_rest_is_dropped() {
    let text: Vec<u8> = (0..100_000).map(|_| fastrand::u8(..)).collect();
    for (coding, name) in [("gzip", "gzip"), ("zlib", "deflate"), ("raw", "deflate"), ("zstd", "zstd")] {
        let mut whole = page(name, packed(coding, &text));
        assert_eq!(decode(&mut whole, Cap::Cut(1000)).map(|()| whole.body), Ok(text[..1000].to_vec().into()), "{coding}");
    }
    let mut plain = Page { codings: Vec::new(), ..page("", text.clone()) };
    assert_eq!(decode(&mut plain, Cap::Cut(1000)).map(|()| plain.body.len()), Ok(1000));
    let mut short = page("gzip", packed("gzip", TEXT));
    assert_eq!(decode(&mut short, Cap::Cut(1000)).map(|()| short.body), Ok(TEXT.into()));
}

#[test]
fn the_largest_cap_is_no_cap() {
    for (coding, name) in [("gzip", "gzip"), ("zlib", "deflate"), ("zstd", "zstd")] {
        let mut page = page(name, packed(coding, TEXT));
        assert_eq!(decode(&mut page, Cap::Refuse(u64::MAX)).map(|()| page.body), Ok(TEXT.into()), "{coding}");
    }
}

#[test]
fn a_zstd_window_beyond_8_mib_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(24).unwrap();
    encoder.include_contentsize(false).unwrap();
    encoder.write_all(TEXT).unwrap();
    assert_eq!(decoded("zstd", encoder.finish().unwrap()), Err(ErrorKind::Decode));
}

/// TEXT as an encoder packs it.
const BROTLI: &[u8] =
    &[139, 24, 0, 0, 36, 64, 96, 34, 7, 14, 45, 74, 229, 112, 152, 200, 1, 181, 32, 191, 223, 102, 218, 115, 9, 150, 23, 3];

/// 100 MB of zeros as an encoder packs them, in a window of 16 MiB.
const BROTLI_BOMB: &[u8] = &[
    207, 255, 255, 127, 0, 36, 0, 226, 177, 64, 114, 239, 255, 249, 255, 255, 15, 128, 4, 64, 28, 22, 128, 238, 253, 63, 255,
    255, 255, 1, 144, 0, 136, 195, 2, 208, 189, 255, 231, 255, 255, 63, 0, 18, 0, 113, 88, 0, 186, 247, 255, 252, 255, 255, 7,
    64, 2, 32, 14, 11, 64, 247, 254, 159, 255, 224, 245, 0, 72, 0, 196, 97, 1, 232, 98, 215, 27, 3,
];

/// TEXT in a window of 256 MiB, as only an extension of brotli has it.
const BROTLI_LARGE: &[u8] = &[
    17, 28, 98, 0, 0, 144, 0, 129, 137, 28, 56, 180, 40, 149, 195, 97, 34, 7, 212, 130, 252, 126, 155, 105, 207, 37, 88, 94, 24,
    3,
];

#[test]
fn brotli_is_whole_or_nothing() {
    assert_eq!(decoded("br", BROTLI.to_vec()).as_deref(), Ok(TEXT));
    for length in 1..BROTLI.len() {
        assert_eq!(decoded("br", BROTLI[..length].to_vec()), Err(ErrorKind::Decode), "cut to {length}");
    }
    assert_eq!(decoded("br", BROTLI_LARGE.to_vec()), Err(ErrorKind::Decode), "a large window is no window of HTTP");
    assert_eq!(decoded("br", BROTLI_BOMB.to_vec()), Err(ErrorKind::TooLarge));
}

#[test]
fn text_of_any_beginning_is_no_coded_body() {
    // As brotli a body that begins with `{` is a whole empty one, and raw deflate can end by chance: neither has a checksum.
    for name in ["gzip", "deflate", "br", "zstd"] {
        for first in 0..=127_u8 {
            let text = [&[first][..], b"\"a\": [1, 2, 3], \"title\": \"plain text, no coding\"}"].concat();
            assert_eq!(decoded(name, text), Err(ErrorKind::Decode), "{name} {:?}", char::from(first));
        }
    }
}

#[test]
fn what_follows_the_end_is_ignored_only_where_a_checksum_has_told_that_it_was_the_end() {
    let garbage = b"\0\0<!-- cached -->";
    for (coding, name, is_ignored) in
        [("gzip", "gzip", true), ("zlib", "deflate", true), ("raw", "deflate", false), ("zstd", "zstd", false)]
    {
        let expected = if is_ignored { Ok(TEXT) } else { Err(ErrorKind::Decode) };
        let body = [&packed(coding, TEXT)[..], garbage].concat();
        assert_eq!(decoded(name, body).as_deref().map_err(|kind| *kind), expected, "{coding}");
    }
    for garbage in [&garbage[..], &[0], &[0; 5000]] {
        for whole in [BROTLI, &brotli()] {
            assert_eq!(decoded("br", [whole, garbage].concat()), Err(ErrorKind::Decode));
        }
    }
}

#[test]
fn a_member_or_frame_that_is_cut_at_once_is_missed() {
    let gzip = packed("gzip", TEXT);
    let zstd = packed("zstd", TEXT);
    for length in 1..gzip.len() {
        assert_eq!(decoded("gzip", [&gzip[..], &gzip[..length]].concat()), Err(ErrorKind::Decode), "gzip and {length} bytes");
    }
    for length in 1..zstd.len() {
        assert_eq!(decoded("zstd", [&zstd[..], &zstd[..length]].concat()), Err(ErrorKind::Decode), "zstd and {length} bytes");
    }
}

#[test]
fn zstd_frames_are_joined_and_those_that_are_to_be_skipped_are() {
    let skipped = [&0x184d_2a50_u32.to_le_bytes()[..], &5_u32.to_le_bytes(), b"12345"].concat();
    let (one, two) = (packed("zstd", b"one "), packed("zstd", b"two"));
    for parts in [[&one, &two, &skipped], [&skipped, &one, &two], [&one, &skipped, &two]] {
        assert_eq!(decoded("zstd", parts.map(|part| &part[..]).concat()).as_deref(), Ok(&b"one two"[..]));
    }
    assert_eq!(decoded("zstd", skipped).as_deref(), Ok(&b""[..]));
    let mut checked = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    checked.include_checksum(true).unwrap();
    checked.write_all(TEXT).unwrap();
    let mut checked = checked.finish().unwrap();
    assert_eq!(decoded("zstd", checked.clone()).as_deref(), Ok(TEXT));
    *checked.last_mut().unwrap() ^= 1;
    assert_eq!(decoded("zstd", checked), Err(ErrorKind::Decode), "a wrong checksum");
}

#[test]
fn a_gzip_header_may_have_all_its_fields() {
    let mut rich = flate2::GzBuilder::new().extra(vec![7; 300]).filename("page.html").comment("a comment");
    rich = rich.mtime(1).operating_system(3);
    let mut encoder = rich.write(Vec::new(), flate2::Compression::best());
    encoder.write_all(TEXT).unwrap();
    let whole = encoder.finish().unwrap();
    assert_eq!(decoded("gzip", whole.clone()).as_deref(), Ok(TEXT));
    for length in 1..whole.len() {
        assert_eq!(decoded("gzip", whole[..length].to_vec()), Err(ErrorKind::Decode), "cut to {length}");
    }
    let mut method = packed("gzip", TEXT);
    method[2] = 7;
    assert_eq!(decoded("gzip", method), Err(ErrorKind::Decode), "a method that does not exist");
    let mut nameless = packed("gzip", TEXT)[..10].to_vec();
    nameless[3] = 8;
    nameless.extend(std::iter::repeat_n(b'x', 200_000));
    assert_eq!(decoded("gzip", nameless), Err(ErrorKind::Decode), "a name without end");
}

#[test]
fn a_wrong_checksum_is_damage_in_every_coding_that_has_one() {
    for (coding, name) in [("gzip", "gzip"), ("zlib", "deflate")] {
        let whole = packed(coding, TEXT);
        for back in 1..=if coding == "gzip" { 8 } else { 4 } {
            let mut damaged = whole.clone();
            let at = whole.len() - back;
            damaged[at] ^= 1;
            assert_eq!(decoded(name, damaged), Err(ErrorKind::Decode), "{coding}, {back} from its end");
        }
    }
}

#[test]
fn half_a_million_empty_members_are_a_matter_of_moments() {
    // As many as a body has room for. Neither their number nor what they cost grows into anything.
    for name in ["gzip", "zstd"] {
        let empty = packed(name, b"");
        let count = 10_000_000 / empty.len();
        let body = [&empty.repeat(count)[..], &packed(name, TEXT)].concat();
        let started = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        assert_eq!(decoded(name, body).as_deref(), Ok(TEXT), "{name}");
        let took = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).tv_sec - started.tv_sec;
        assert!(took < 30, "{name}: {took} s for {count}");
    }
}

#[test]
fn an_unknown_coding_names_itself() {
    let mut sdch = page("gzip,sdch", TEXT.to_vec());
    let failure = decode(&mut sdch, Cap::Refuse(1000)).unwrap_err();
    assert!(failure.message.contains("\"sdch\"") && failure.kind == ErrorKind::Decode, "{failure}");
}

#[test]
fn a_body_that_is_refused_memory_is_as_it_was_and_is_read_later() {
    for (coding, name) in [("gzip", "gzip"), ("zlib", "deflate"), ("zstd", "zstd")] {
        let text = TEXT.repeat(20_000);
        let body = packed(coding, &packed(coding, &text));
        let memory = Memory::new(1, 2_000_000, 1);
        let mut twice = page(&format!("{name},{name}"), body.clone());
        let mut held = memory.held();
        assert_eq!(decode_within(&mut twice, Cap::Refuse(2_000_000), &mut held), Ok(false), "{name}");
        assert_eq!((&twice.body[..], twice.codings.len()), (&body[..], 2), "{name}");
        held.hold(held.most()).now_or_never().unwrap();
        assert_eq!(decode_within(&mut twice, Cap::Refuse(2_000_000), &mut held), Ok(true), "{name}");
        assert_eq!((&twice.body[..], twice.codings.len()), (&text[..], 0), "{name}");
    }
}

#[test]
fn the_beginning_of_a_coded_body_unpacks_to_the_beginning_of_the_body() {
    let text: Vec<u8> = (0..300_000).map(|at: u32| if at.is_multiple_of(3) { fastrand::u8(..) } else { b'x' }).collect();
    let names = |codings: &str| codings.split(',').map(str::to_owned).collect::<Vec<_>>();
    for (coding, name) in [("gzip", "gzip"), ("zlib", "deflate"), ("raw", "deflate"), ("zstd", "zstd")] {
        let whole = packed(coding, &text);
        for length in [0, 1, 9, 1000, whole.len() / 2, whole.len() - 1, whole.len()] {
            let begun = unpacked(&whole[..length], &names(name), 200_000).unwrap();
            assert!(text.starts_with(&begun) && begun.len() <= 200_000, "{coding} of {length}");
            // zstd unpacks whole blocks.
            let (least, block) = if length < 1000 { (0, 0) } else { (length.min(200_000), 128 << 10) };
            assert!(begun.len() + block >= least, "{coding}: {} of {length}", begun.len());
        }
    }
    let twice = packed("zstd", &packed("gzip", TEXT));
    assert_eq!(unpacked(&twice, &names("gzip,zstd"), 1000).unwrap(), TEXT);
    assert_eq!(unpacked(BROTLI, &names("br"), 1000).unwrap(), TEXT);
    assert!(TEXT.starts_with(&unpacked(&BROTLI[..20], &names("br"), 1000).unwrap()));
    assert_eq!(unpacked(TEXT, &[], 10).unwrap(), &TEXT[..10]);
    for name in ["gzip", "deflate", "br", "zstd", "compress", "gzip,gzip,gzip,gzip"] {
        assert!(unpacked(TEXT, &names(name), 1000).is_err(), "{name}");
    }
}
