//! What reading the fields of one page costs, for a usual page and a large one, by every way that there is: nothing read, left where
//! the last value is found, read to its end without a tree, read so in vain and then into a tree, and into a tree at once: our own,
//! or `scraper`'s.

#[path = "shop/page.rs"]
mod shop;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scrape::Field;
use scrape::extract::{Extractor, Parser, Settings};

/// An extractor of these fields.
fn extractor(fields: &[&str], parser: Parser) -> Extractor {
    let fields: Vec<Field> = fields.iter().map(|field| field.parse().expect("a field")).collect();
    Extractor::new(Settings { fields, parser, ..Settings::default() }).expect("the names differ")
}

fn extract(c: &mut Criterion) {
    let title = &["title=title"][..];
    let lists = &["title=title", "links[]=a[href]::attr(href)", "h2[]=h2"][..];
    let siblings = &["title=title", "links[]=a[href]::attr(href)", "intro[]=h2 + p"][..]; // which only a tree can say
    for kib in [20, 200] {
        let html = shop::html(kib, "Ünïcödé, 5 €");
        // Tags that overlap have to be sorted out by the tree, which is known only when they come.
        let overlapping = format!("{html}<p><b>x<i>y</b>z</i>");
        let mut group = c.benchmark_group(format!("extract/{kib}KiB"));
        group.throughput(Throughput::Bytes(html.len() as u64));
        for (name, fields, parser, html) in [
            ("nothing", &[][..], Parser::Auto, &html),
            ("title/auto", title, Parser::Auto, &html),
            ("title/dom", title, Parser::Dom, &html),
            ("title+links+h2/auto", lists, Parser::Auto, &html),
            ("title+links+h2/auto, overlapping tags at the end", lists, Parser::Auto, &overlapping),
            ("title+links+h2/dom", lists, Parser::Dom, &html),
            ("title+links+siblings/auto", siblings, Parser::Auto, &html),
            ("title+links+siblings/dom", siblings, Parser::Dom, &html),
        ] {
            let (extractor, page) = (extractor(fields, parser), shop::page("text/html", html.as_str()));
            group.bench_function(name, |b| b.iter(|| extractor.run(black_box(&page)).expect("a usual page")));
        }
    }
}

criterion_group!(benches, extract);
criterion_main!(benches);
