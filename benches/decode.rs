//! What it costs to make text of the bytes of an answer, as a worker does it: its content coding undone, and its charset.
//!
//! The charset is part of reading a field. So what is measured is reading one that no page has, from start to end, and what a charset
//! costs is what is more than with UTF-8, which is only checked.

#[path = "shop/page.rs"]
mod shop;

use std::hint::black_box;
use std::io::{Read, Write};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use encoding_rs::Encoding;
use flate2::Compression;
use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};
use scrape::Page;
use scrape::extract::{Extractor, Settings};
use scrape::fetch::{Cap, decode};

/// The size of the page, in KiB.
const KIB: usize = 200;

fn all(mut from: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).expect("memory can be read");
    bytes
}

/// A text under a content coding, at the strength at which servers apply it by default.
fn coded(coding: &str, text: &[u8]) -> Vec<u8> {
    let level = Compression::default();
    match coding {
        "gzip" => all(GzEncoder::new(text, level)),
        "deflate" => all(ZlibEncoder::new(text, level)),
        "deflate, bare" => all(DeflateEncoder::new(text, level)),
        "zstd" => zstd::encode_all(text, 3).expect("memory can be read"),
        "br" => {
            let mut bytes = Vec::new();
            let mut encoder = brotli::CompressorWriter::new(&mut bytes, 4096, 5, 22);
            encoder.write_all(text).expect("memory can be written");
            drop(encoder);
            bytes
        }
        _ => text.to_vec(),
    }
}

fn codings(c: &mut Criterion) {
    let html = shop::html(KIB, "Ünïcödé, 5 €");
    let mut group = c.benchmark_group(format!("decode/content coding, {KIB}KiB"));
    group.throughput(Throughput::Bytes(html.len() as u64));
    for coding in ["identity", "gzip", "deflate", "deflate, bare", "br", "zstd"] {
        // Headers have one name for both kinds of deflate, and none for identity, which is left out of the list.
        let names = coding.split(',').next().filter(|name| *name != "identity").map(str::to_owned).into_iter();
        let page = Page { codings: names.collect(), ..shop::page("text/html", coded(coding, html.as_bytes())) };
        let undo = |mut page: Page| {
            decode(&mut page, Cap::Refuse(10_000_000)).expect("it is whole");
            page
        };
        assert!(undo(page.clone()).body == html, "{coding}");
        group.bench_function(coding, |b| b.iter_batched(|| page.clone(), undo, BatchSize::SmallInput));
    }
}

fn charsets(c: &mut Criterion) {
    let fields = vec!["none=[no-such-attribute]".parse().expect("a field")];
    let extractor = Extractor::new(Settings { fields, ..Settings::default() }).expect("one name");
    let mut group = c.benchmark_group(format!("decode/charset, {KIB}KiB"));
    for (label, words) in
        [("utf-8", "Ünïcödé, 5 €"), ("windows-1252", "Ünïcödé, 5 €"), ("Shift_JIS", "日本語の商品です、送料は無料")]
    {
        let encoding = Encoding::for_label(label.as_bytes()).expect("a charset of the web");
        let html = shop::html(KIB, words);
        let body = encoding.encode(&html).0;
        group.throughput(Throughput::Bytes(body.len() as u64));
        for (how, content_type) in [("declared", format!("text/html; charset={label}")), ("found out", "text/html".to_owned())] {
            let page = shop::page(&content_type, &*body);
            let read = extractor.read(&page).expect("a usual page").1.expect("it was read");
            assert!(read.name.eq_ignore_ascii_case(label), "{label} was read as {}", read.name);
            group
                .bench_function(format!("{label}, {how}"), |b| b.iter(|| extractor.run(black_box(&page)).expect("a usual page")));
        }
    }
}

criterion_group!(benches, codings, charsets);
criterion_main!(benches);
