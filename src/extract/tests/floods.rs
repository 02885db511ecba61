//! Pages and selectors that are made to cost time or memory: each ends as data or as `too_large`, within its limits.

use std::thread;

use serde_json::json;

use super::super::limits::cpu_time;
use super::*;
use crate::model::ErrorKind;

/// What reads pages into a tree, whose limits these are: into `scraper`'s, and into our own, for a field that asks for one.
fn trees(fields: &[&str]) -> [Settings; 2] {
    let asks = [fields, &["sibling=nosuch + nosuch"]].concat();
    [(Parser::Dom, fields), (Parser::Auto, &asks)]
        .map(|(parser, fields)| Settings { parser, ..super::extractor(fields).settings })
}

/// What reads pages into a tree of each kind, with other limits.
fn extractors(fields: &[&str], limit: impl Fn(&mut Settings)) -> [Extractor; 2] {
    trees(fields).map(|mut settings| {
        limit(&mut settings);
        let extractor = Extractor::new(settings).unwrap();
        assert!(extractor.plan.is_none());
        extractor
    })
}

fn usual(_: &mut Settings) {}

/// What becomes of a page in a tree of each kind, and the CPU time that it took, dropping included. On the stack of a worker: 2 MiB.
fn costs(body: &str, max_time: Duration) -> [(Result<Data, Failure>, Duration); 2] {
    let fields = ["title=title", "a[]=:not(a):has(b i) > *", "b[]=* *::attr(href)", "c=body"];
    let page = page(body.as_bytes());
    extractors(&fields, |settings| settings.max_time = max_time).map(|extractor| {
        let run = || {
            let start = cpu_time();
            let result = extractor.run(&page);
            (result, cpu_time().saturating_sub(start))
        };
        thread::scope(|scope| thread::Builder::new().stack_size(2 << 20).spawn_scoped(scope, run).unwrap().join().unwrap())
    })
}

fn each(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |text, n| text + &piece(n))
}

#[test]
fn a_flood_of_nesting_ends_at_once_as_too_large() {
    let shallow_again = format!("{}{}", "<i>".repeat(520), "</i>".repeat(520));
    for flood in [
        "<div>".repeat(1_000_000),
        "<ul><li>".repeat(100_000),
        "<b>".repeat(200_000),
        "<div>".repeat(30_000) + &"</p>".repeat(30_000),
        "<table><tr><td>".repeat(20_000),
        "<svg><g>".repeat(20_000),
        "<template>".repeat(20_000),
        each(50_000, |n| format!("<font a{n}><p>")),
        shallow_again.clone(),
        format!("{shallow_again}{}", "<p>shallow</p>".repeat(1000)),
    ] {
        for (result, time) in costs(&flood, Duration::from_secs(5)) {
            let failure = result.expect_err(&flood[..60]);
            assert_eq!(failure.kind, ErrorKind::TooLarge);
            assert!(failure.message.contains("deeper than 512"), "{}: {failure}", &flood[..60]);
            assert_eq!(failure.status, Some(200));
            assert!(time < Duration::from_secs(2), "{}: {time:?}", &flood[..60]);
        }
    }
}

#[test]
fn a_page_as_deep_as_allowed_is_read_also_by_selectors_that_look_inside() {
    // html and body are the first two.
    let deep = |levels: usize| format!("<title>t</title>{}<b><i>x", "<div>".repeat(levels - 4));
    for (result, _) in costs(&deep(512), Duration::from_secs(5)) {
        assert_eq!(result.unwrap().get("c"), Some(&json!("x")));
    }
    assert!(costs(&deep(513), Duration::from_secs(5)).iter().all(|(result, _)| result.is_err()));
}

#[test]
fn floods_that_stay_shallow_end_as_data_or_within_the_time() {
    let attributes = each(60_000, |n| format!(" a{n}=x"));
    let wide = "<p>x</p>".repeat(100_000);
    for (flood, whole) in [
        (format!("<title>t</title><p{attributes}>"), false),
        (format!("<title>t</title>{}{}", "<div>".repeat(400), "</p>".repeat(200_000)), false),
        (format!("<title>t</title>{}{}", "<b><i>".repeat(200), "</b></i>".repeat(20_000)), false),
        (format!("<title>t</title>{wide}"), true),
        (format!("<title>t</title>{}", "<table><div>".repeat(20_000)), true),
        (format!("<title>t</title>{}", "<a><p>".repeat(50_000)), true),
        (format!("<title>t</title><!--{}", "x".repeat(3_000_000)), true),
        (format!("<title>t</title><a href='{}", "x".repeat(3_000_000)), true),
        (format!("<title>{}", "t".repeat(3_000_000)), true),
        (format!("<title>t</title>{}", "&amp;&nosuch;".repeat(200_000)), true),
        (format!("<title>t</title>{}", "</p".repeat(100_000)), true),
    ] {
        let seconds = if whole { 5 } else { 1 };
        let name = &flood[..40];
        for (result, time) in costs(&flood, Duration::from_secs(seconds)) {
            match result {
                Ok(data) => assert!(data.get("title").unwrap().as_str().is_some_and(|title| title.starts_with('t')), "{name}"),
                Err(failure) => {
                    assert!(!whole, "{name}: {failure}");
                    assert_eq!(failure.kind, ErrorKind::TooLarge);
                    assert!(failure.message.contains("of CPU time"), "{name}: {failure}");
                }
            }
            assert!(time < Duration::from_secs(seconds + 4), "{name}: {time:?}");
        }
    }
}

#[test]
fn the_time_bounds_parsing_and_matching() {
    let rows = page("<p>x</p>".repeat(40_000).as_bytes());
    let fields = ["x=h1 ~ p"]; // without an h1 each p asks all those before it
    for extractor in extractors(&fields, |settings| settings.max_time = Duration::from_millis(400)) {
        let failure = extractor.run(&rows).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::TooLarge);
        assert!(failure.message.contains("(400ms of CPU time), which passed while matching a selector"), "{failure}");
    }
    for extractor in extractors(&fields, |settings| settings.max_time = Duration::ZERO) {
        let failure = extractor.run(&rows).unwrap_err();
        assert!(failure.message.contains("which passed while parsing it"), "{failure}");
    }
}

#[test]
fn a_page_that_makes_the_parser_repeat_elements_is_bounded_by_its_nodes() {
    let formats = each(400, |n| format!("<b {n}=x>"));
    let flood = format!("<p>{formats}{}", "<p>x".repeat(10_000));
    for extractor in extractors(&["title=title"], |settings| settings.max_nodes = 50_000) {
        let failure = extractor.run(&page(flood.as_bytes())).unwrap_err();
        assert!(failure.message.contains("more than 50000 nodes"), "{failure}");
    }
}

#[test]
fn a_match_that_walks_over_the_page_for_each_of_its_elements_is_stopped() {
    let rows = "<i></i>".repeat(40_000);
    for field in ["x=:root:has(b ~ i)", "x=:root:has(:nth-last-child(3))", "x=:has(~ b)", "x=b ~ i", "x=:not(:nth-child(n))"] {
        for extractor in extractors(&[field], |settings| settings.max_time = Duration::from_millis(600)) {
            let start = cpu_time();
            let result = extractor.run(&page(rows.as_bytes()));
            assert!(cpu_time().saturating_sub(start) < Duration::from_secs(2), "{field}");
            match result {
                Ok(data) => assert_eq!(data.get("x"), Some(&Value::Null), "{field}"),
                Err(failure) => assert!(failure.message.contains("matching a selector"), "{field}: {failure}"),
            }
        }
    }
}

#[test]
fn long_attributes_that_the_parser_repeats_are_stopped_too() {
    let long = "long ".repeat(20_000);
    let flood = format!("<p><b class='{long}' title='{long}'>{}", "<p>x".repeat(20_000));
    for field in ["x=b.nosuch", "x=[title*=nosuch]", "x=[title='nosuch' i]"] {
        for extractor in extractors(&[field], |settings| settings.max_time = Duration::from_millis(600)) {
            let start = cpu_time();
            let result = extractor.run(&page(flood.as_bytes()));
            assert!(cpu_time().saturating_sub(start) < Duration::from_secs(2), "{field}");
            match result {
                Ok(data) => assert_eq!(data.get("x"), Some(&Value::Null), "{field}"),
                Err(failure) => assert!(failure.message.contains("matching a selector"), "{field}: {failure}"),
            }
        }
    }
}

#[test]
fn a_tag_may_have_many_attributes_but_not_any_number() {
    let tag = |count| format!("<p>x<p{}>y", each(count, |n| format!(" a{n}=x")));
    for extractor in extractors(&["x[]=p"], usual) {
        let data = extractor.run(&page(tag(10_000).as_bytes())).unwrap();
        assert_eq!(data.get("x"), Some(&json!(["x", "y"])));
        let failure = extractor.run(&page(tag(10_001).as_bytes())).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::TooLarge);
        assert_eq!(failure.message, "the page has a tag with more than 10000 attributes");
    }
    for (result, time) in costs(&tag(60_000), Duration::from_secs(1)) {
        assert_eq!(result.unwrap_err().kind, ErrorKind::TooLarge);
        assert!(time < Duration::from_secs(3), "{time:?}");
    }
}

#[test]
fn an_end_tag_may_have_no_more_attributes_than_others() {
    let attributes = each(20_000, |n| format!(" a{n}=x"));
    for parser in [Parser::Auto, Parser::Dom] {
        let fields = vec!["x=#e".parse().unwrap()];
        let extractor = Extractor::new(Settings { fields, parser, ..Settings::default() }).unwrap();
        let failure = extractor.run(&page(format!("<p></p{attributes}><p id=e>x").as_bytes())).unwrap_err();
        assert_eq!(failure.message, "the page has a tag with more than 10000 attributes");
    }
}

#[test]
fn attributes_that_the_parser_joins_count_as_those_of_one_tag() {
    for name in ["html", "body"] {
        let tags = |tags: usize| each(tags, |tag| format!("<{name}{}>", each(4000, |n| format!(" a{tag}-{n}"))));
        for extractor in extractors(&["x=title"], usual) {
            let data = extractor.run(&page(format!("<title>t</title>{}", tags(2)).as_bytes())).unwrap();
            assert_eq!(data.get("x"), Some(&json!("t")));
            let failure = extractor.run(&page(tags(3).as_bytes())).unwrap_err();
            assert_eq!(failure.message, "the page has a tag with more than 10000 attributes");
        }
    }
}

#[test]
fn elements_that_the_parser_repeats_are_counted_with_their_attributes() {
    let formats = each(100, |n| format!("<b x{n}{}>", each(200, |n| format!(" a{n}"))));
    let flood = format!("<p>{formats}{}", "<p>x".repeat(10_000));
    let limit = |settings: &mut Settings| {
        settings.max_nodes = 100_000;
        settings.max_time = Duration::from_mins(1);
    };
    for extractor in extractors(&["title=title"], limit) {
        let failure = extractor.run(&page(flood.as_bytes())).unwrap_err();
        assert!(failure.message.contains("more than 100000 nodes"), "{failure}");
    }
}

#[test]
fn a_short_page_builds_no_more_than_four_nodes_a_byte() {
    let flood = format!("<p>{}{}", each(60, |n| format!("<b {n}=x>")), "<p>x".repeat(2000));
    for extractor in extractors(&["x=p"], usual) {
        let failure = extractor.run(&page(flood.as_bytes())).unwrap_err();
        let limit = 10_000 + 4 * flood.len();
        assert!(failure.message.contains(&format!("more than {limit} nodes")), "{failure}");
    }
}

#[test]
fn html_that_is_longer_than_the_page_is_bounded_while_it_is_written() {
    let flood = format!("<p><b title='{}'>{}", "x".repeat(100_000), "<p>x".repeat(20_000));
    for field in ["x=html::html", "x[]=b::html", "x[]=b::attr(title)"] {
        for extractor in extractors(&[field], usual) {
            let failure = extractor.run(&page(flood.as_bytes())).unwrap_err();
            assert!(failure.message.contains("longer than 67108864 bytes"), "{field}: {failure}");
        }
    }
}

#[test]
fn a_list_has_a_number_of_values_or_the_page_is_refused() {
    let rows = page("<p>x".repeat(1001).as_bytes());
    for extractor in extractors(&["x[]=p", "y=p"], |settings| settings.max_matches = 1001) {
        let whole = extractor.run(&rows).unwrap();
        assert_eq!(whole.get("x").unwrap().as_array().unwrap().len(), 1001);
    }
    for extractor in extractors(&["x[]=p", "y=p"], |settings| settings.max_matches = 1000) {
        let failure = extractor.run(&rows).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::TooLarge);
        assert!(failure.message.starts_with("a field has more than 1000 values"), "{failure}");
    }
    // Values without a text take memory too.
    for extractor in extractors(&["x[]=br"], |settings| settings.max_values = 10_000) {
        let failure = extractor.run(&page("<br>".repeat(400).as_bytes())).unwrap_err();
        assert!(failure.message.contains("longer than 10000 bytes"), "{failure}");
    }
}

#[test]
fn of_large_pages_one_is_read_at_a_time() {
    let body = format!("<title>t</title>{}", "<br>".repeat(250_000));
    let large = page(body.as_bytes());
    for extractor in extractors(&["x=title"], usual) {
        let turn = extractor.large.lock().unwrap();
        let title = |data: Data| data.get("x").cloned();
        thread::scope(|scope| {
            let waiting = thread::Builder::new().spawn_scoped(scope, || extractor.run(&large)).unwrap();
            let small = extractor.run(&page(b"<title>s</title>")).unwrap();
            assert_eq!(title(small), Some(json!("s")), "a small page waits for none");
            assert!(!waiting.is_finished());
            drop(turn);
            assert_eq!(title(waiting.join().unwrap().unwrap()), Some(json!("t")));
        });
    }
}

#[test]
fn links_that_are_joined_to_a_base_of_megabytes_end_within_the_time() {
    let links = format!("<base href='/{}'>{}", "x".repeat(2_000_000), "<a href=x>".repeat(50_000));
    let nested = "<div>".repeat(400) + &"<br>".repeat(400_000);
    for (field, flood) in [("x[]=a::attr(href)", links), ("x[]=div", nested)] {
        for extractor in extractors(&[field], |settings| settings.max_time = Duration::from_millis(500)) {
            let start = cpu_time();
            let failure = extractor.run(&page(flood.as_bytes())).expect_err(field);
            assert!(failure.message.contains("--max-parse"), "{failure}");
            assert!(cpu_time().saturating_sub(start) < Duration::from_secs(3), "{field}: {:?}", cpu_time().saturating_sub(start));
        }
    }
}

/// The limits are those of the tree, but for what needs no tree: no page takes longer without one.
#[test]
fn a_page_read_as_it_goes_by_ends_as_fast_as_it_is_long() {
    let attributes = each(10_000, |n| format!(" a{n}=x"));
    for flood in [
        "<div>".repeat(200_000),
        "<p>x".repeat(200_000),
        "<a><p>".repeat(100_000),
        format!("<p{attributes}>").repeat(20),
        "&amp;&nosuch;".repeat(200_000),
        format!("{}{}", "<div>".repeat(500), "</p>".repeat(100_000)),
        format!("{}{}", "<div>".repeat(500), "<li></b></i>".repeat(100_000)),
        format!("<a href='{}", "x".repeat(3_000_000)),
        "<script></".repeat(200_000),
        "<!--".repeat(500_000),
        "<table><tr><td>".repeat(50_000),
        format!("<base href='/{}'>{}", "x".repeat(2_000_000), "<a href=x>".repeat(50_000)),
    ] {
        let fields = ["t=title", "a[]=a::attr(href)", "d[]=div div, body .x p", "l[]=[a1=x] [a9999=y]"];
        let settings = Settings { max_time: Duration::from_millis(500), ..super::extractor(&fields).settings };
        let extractor = Extractor::new(settings).unwrap();
        let start = cpu_time();
        let result = extractor.run(&page(flood.as_bytes()));
        let time = cpu_time().saturating_sub(start);
        let name = &flood[..flood.len().min(40)];
        assert!(time < Duration::from_secs(2), "{name}: {time:?}");
        match result {
            Ok(data) => assert_eq!(data.get("t"), Some(&Value::Null), "{name}"),
            Err(failure) => assert_eq!(failure.kind, ErrorKind::TooLarge, "{name}: {failure}"),
        }
    }
}

#[test]
fn what_is_not_read_of_a_page_is_not_refused() {
    let deep = format!("<title>t</title><p>x</p>{}", "<div>".repeat(600));
    assert_eq!(super::one("x=title", &deep), "t");
    assert_eq!(super::one("x=p", &deep), "x");
    let failure = super::extractor(&["x=title", "y[]=p"]).run(&page(deep.as_bytes())).unwrap_err();
    assert!(failure.message.contains("deeper than 512"), "{failure}");
}
