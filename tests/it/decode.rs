//! Content codings: undone where they are whole, a failure where they are not, and never more than the cap.

use serde_json::json;

use crate::harness::{Reply, Site, brotli, deflate, field, gzip, scrape, zlib, zstandard};

const PAGE: &str = "<title>coded</title>";

fn coded(coding: &str, body: impl AsRef<[u8]>) -> Reply {
    Reply::html(body).header("Content-Encoding", coding)
}

#[test]
fn every_coding_that_is_asked_for_is_understood() {
    let site = Site::start();
    let halves = [gzip(&PAGE[..9]), gzip(&PAGE[9..])].concat();
    let replies = [
        coded("gzip", gzip(PAGE)),
        coded("GZIP", gzip(PAGE)),
        coded("x-gzip", gzip(PAGE)),
        coded("gzip", halves),
        coded("deflate", zlib(PAGE)),
        coded("deflate", deflate(PAGE)),
        coded("br", brotli(PAGE)),
        coded("zstd", zstandard(PAGE)),
        coded("identity", PAGE),
        coded("gzip, br", brotli(gzip(PAGE))),
        coded("gzip, gzip", gzip(gzip(PAGE))),
    ];
    for (number, reply) in replies.into_iter().enumerate() {
        site.page(&format!("/{number}"), reply);
        let record = scrape("").arg(site.url(&format!("/{number}"))).run().code(0).record();
        assert_eq!((field(&record, "data.title"), field(&record, "bytes")), (&json!("coded"), &json!(PAGE.len())), "{number}");
    }
    let hit = &site.hits()[0];
    let asked: Vec<_> = hit.request.header("accept-encoding").unwrap().split(',').map(str::trim).collect();
    for coding in ["gzip", "br", "zstd", "deflate"] {
        assert!(asked.iter().any(|own| own.split(';').next() == Some(coding)), "{coding} in {asked:?}");
    }
}

#[test]
fn codings_over_two_headers_are_undone_from_the_last() {
    let site = Site::start();
    site.page("/x", coded("gzip", zstandard(gzip(PAGE))).header("Content-Encoding", "zstd"));
    assert_eq!(field(&scrape("").arg(site.url("/x")).run().code(0).record(), "data.title"), "coded");
}

#[test]
fn a_coded_body_that_is_not_whole_is_never_a_page() {
    let cut = |bytes: Vec<u8>, by: usize| bytes[..bytes.len() - by].to_vec();
    let mut bad_sum = gzip(PAGE);
    let sum = bad_sum.len() - 8;
    bad_sum[sum] ^= 1;
    for (name, reply) in [
        ("cut gzip", coded("gzip", cut(gzip(PAGE), 9))),
        ("gzip without its trailer", coded("gzip", cut(gzip(PAGE), 8))),
        ("gzip cut inside its trailer", coded("gzip", cut(gzip(PAGE), 2))),
        ("half a second member", coded("gzip", [gzip(PAGE), cut(gzip(PAGE), 9)].concat())),
        ("a wrong checksum", coded("gzip", bad_sum)),
        ("cut zlib", coded("deflate", cut(zlib(PAGE), 5))),
        ("cut deflate", coded("deflate", cut(deflate(PAGE), 2))),
        ("cut brotli", coded("br", cut(brotli(PAGE), 2))),
        ("cut zstd", coded("zstd", cut(zstandard(PAGE), 3))),
        ("plain text as gzip", coded("gzip", PAGE)),
        ("plain text as brotli", coded("br", PAGE)),
        ("plain text as zstd", coded("zstd", PAGE)),
        ("plain text as deflate", coded("deflate", PAGE)),
        ("JSON as brotli", coded("br", "{\"a\": 1}")),
        (
            "a wrong checksum of zlib",
            coded("deflate", {
                let mut body = zlib(PAGE);
                *body.last_mut().unwrap() ^= 1;
                body
            }),
        ),
        ("four codings", coded("gzip, gzip, gzip, gzip", gzip(gzip(gzip(gzip(PAGE)))))),
        ("cut inner layer", coded("gzip, zstd", zstandard(cut(gzip(PAGE), 9)))),
    ] {
        let site = Site::start();
        site.page("/x", reply);
        let record = scrape("--backoff 1ms").arg(site.url("/x")).run().code(3).record();
        assert_eq!((field(&record, "error"), field(&record, "status")), (&json!("decode"), &json!(200)), "{name}: {record}");
        assert_eq!(site.count("/x"), 1, "{name}");
    }
}

#[test]
fn an_unknown_coding_is_a_failure_that_names_it() {
    let site = Site::start();
    site.page("/x", coded("sdch", PAGE));
    let record = scrape("").arg(site.url("/x")).run().code(3).record();
    assert_eq!(field(&record, "error"), "decode");
    assert!(field(&record, "error_message").as_str().unwrap().contains("sdch"), "{record}");
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gz\xffip\r\nContent-Length: 5\r\n\r\nxxxxx";
    site.page("/no-text", Reply::raw(head));
    assert_eq!(field(&scrape("").arg(site.url("/no-text")).run().code(3).record(), "error"), "decode");
}

#[test]
fn a_body_that_is_not_there_needs_no_decoding() {
    let site = Site::start();
    site.page("/x", Reply::status(204).header("Content-Encoding", "gzip"));
    assert_eq!(field(&scrape("").arg(site.url("/x")).run().code(0).record(), "bytes"), 0);
}

/// 100 MB of zeros as a brotli encoder packs them.
const BROTLI_BOMB: [u8; 78] = [
    207, 255, 255, 127, 0, 36, 0, 226, 177, 64, 114, 239, 255, 249, 255, 255, 15, 128, 4, 64, 28, 22, 128, 238, 253, 63, 255,
    255, 255, 1, 144, 0, 136, 195, 2, 208, 189, 255, 231, 255, 255, 63, 0, 18, 0, 113, 88, 0, 186, 247, 255, 252, 255, 255, 7,
    64, 2, 32, 14, 11, 64, 247, 254, 159, 255, 224, 245, 0, 72, 0, 196, 97, 1, 232, 98, 215, 27, 3,
];

#[test]
fn a_bomb_is_stopped_at_the_cap_and_counted_decoded() {
    let bomb = vec![0; 20 << 20];
    for (name, reply) in [
        ("gzip", coded("gzip", gzip(&bomb))),
        ("deflate", coded("deflate", zlib(&bomb))),
        ("zstd", coded("zstd", zstandard(&bomb))),
        ("raw deflate", coded("deflate", deflate(&bomb))),
        ("gzip twice", coded("gzip, gzip", gzip(gzip(&bomb)))),
        ("brotli", coded("br", BROTLI_BOMB)),
    ] {
        let site = Site::start();
        site.page("/x", reply);
        let record = scrape("--max-body 1M --backoff 1ms").arg(site.url("/x")).run().code(3).record();
        assert_eq!((field(&record, "error"), site.count("/x")), (&json!("too_large"), 1), "{name}: {record}");
    }
}

#[test]
fn a_zstd_window_beyond_the_standards_is_refused() {
    let site = Site::start();
    // The magic number, a frame header that asks for a window of 2^41 bytes, and an empty last block.
    site.page("/x", coded("zstd", [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0x01, 0x00, 0x00]));
    let record = scrape("").arg(site.url("/x")).run().code(3).record();
    assert_eq!(field(&record, "error"), "decode", "{record}");
}
