//! What reading the fields of one page costs, for a usual page and a large one: as is quickest, and with a tree of the whole page.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scrape::Field;
use scrape::extract::{Extractor, Parser, Settings};

use scrape::model::Page;

/// A page of about `kib` KiB: a shell of nested boxes around headings, paragraphs, links and a table, as shops have them.
fn page(kib: usize) -> Page {
    let mut html = String::from("<!doctype html><html><head><title>A shop &amp; more</title></head><body>");
    html.push_str(&"<div class=\"shell wide\">".repeat(10));
    for n in 0.. {
        let _ = writeln!(
            html,
            "<div class=\"card\" id=\"c{n}\"><h2>Thing {n}</h2><p>Some <b>words</b> about it, and <i>more</i> of them: Ünïcödé.</p>\
             <ul><li><a href=\"/thing/{n}?from=list\">see</a></li><li><a href=\"../buy/{n}\">buy</a></li></ul>\
             <table><tr><td>price</td><td class=\"price\">{n}.99 €</td></tr></table></div>"
        );
        if html.len() >= kib << 10 {
            break;
        }
    }
    let url = "http://a.example/shop/list".parse().expect("a URL");
    Page {
        url,
        status: 200,
        content_type: Some("text/html".to_owned()),
        body: html.into_bytes().into(),
        codings: Vec::new(),
        asked: None,
        left_after: None,
    }
}

fn extract(c: &mut Criterion) {
    for kib in [20, 200] {
        let page = page(kib);
        let mut group = c.benchmark_group(format!("extract/{kib}KiB"));
        group.throughput(Throughput::Bytes(page.body.len() as u64));
        for (name, fields) in
            [("title", &["title=title"][..]), ("title+links+h2", &["title=title", "links[]=a[href]::attr(href)", "h2[]=h2"])]
        {
            let fields: Vec<Field> = fields.iter().map(|field| field.parse().expect("a field")).collect();
            for (how, parser) in [("auto", Parser::Auto), ("dom", Parser::Dom)] {
                let settings = Settings { fields: fields.clone(), parser, ..Settings::default() };
                let extractor = Extractor::new(settings).expect("the names differ");
                let name = format!("{name}/{how}");
                group.bench_function(name, |b| b.iter(|| extractor.run(black_box(&page)).expect("a usual page")));
            }
        }
    }
}

criterion_group!(benches, extract);
criterion_main!(benches);
