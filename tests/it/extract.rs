//! From a page to fields: the forms of `-s`, links, pages that are no pages, and selectors that are none.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Reply, Site, field, scrape};

/// What a page gives with these fields.
#[track_caller]
fn extracted<const N: usize>(page: &str, fields: [&str; N]) -> Value {
    let site = Site::start();
    site.page("/dir/x", Reply::html(page));
    let fields = fields.into_iter().flat_map(|field| ["-s", field]);
    let run = scrape("").args(fields).arg(site.url("/dir/x")).run().code(0);
    let data = field(&run.record(), "data").to_string();
    serde_json::from_str(&data.replace(&site.url(""), "http://site.test")).unwrap()
}

#[test]
fn a_field_is_the_first_match_or_null_and_a_list_is_all_of_them() {
    let page = "<ul><li class=x>a<li>b</ul>";
    let data = extracted(page, ["z=li", "all[]=li", "none=h1", "nothing[]=h1"]);
    assert_eq!(data, json!({"z": "a", "all": ["a", "b"], "none": null, "nothing": []}));
    assert_eq!(data.as_object().unwrap().keys().collect::<Vec<_>>(), ["z", "all", "none", "nothing"], "in the order asked for");
}

#[test]
fn text_attributes_and_html_can_be_taken() {
    let page = "<p id=one title='a  b'>x <b>y</b>\n&amp; z<script>s</script></p>";
    let data = extracted(page, ["default=p", "text=p::text", "title=p::attr(title)", "html=b::html", "no=p::attr(lang)"]);
    assert_eq!(data, json!({"default": "x y & z", "text": "x y & z", "title": "a  b", "html": "<b>y</b>", "no": null}));
}

#[test]
fn links_are_absolute_and_obey_the_base() {
    let fields = ["links[]=a::attr(href)", "src=img::attr(src)", "class=a::attr(class)"];
    let page = "<a class=c href=y>1</a><a href=/z?q>2</a><a href=http://other.test/>3</a><a href='#f'>4</a><img src=../i.png>";
    let links = ["http://site.test/dir/y", "http://site.test/z?q", "http://other.test/", "http://site.test/dir/x#f"];
    assert_eq!(extracted(page, fields), json!({"links": links, "src": "http://site.test/i.png", "class": "c"}));
    let based = "<base href=/base/><a href=y>1</a>";
    assert_eq!(extracted(based, ["x=a::attr(href)"]), json!({"x": "http://site.test/base/y"}));
}

#[test]
fn links_are_relative_to_where_a_redirect_led() {
    let site = Site::start();
    site.page("/a/from", Reply::redirect("/b/to")).page("/b/to", Reply::html("<a href=y>1</a>"));
    let run = scrape("-s x=a::attr(href)").arg(site.url("/a/from")).run().code(0);
    assert_eq!(field(&run.record(), "data.x"), &site.url("/b/y"));
}

#[test]
fn a_selector_may_have_equals_signs_blanks_and_commas() {
    let page = "<i data-a='x=y'>1</i> <b>2</b>";
    assert_eq!(extracted(page, ["n=i[data-a=\"x=y\"]", "both[]=b, body > i"]), json!({"n": "1", "both": ["1", "2"]}));
}

#[test]
fn a_bad_selector_is_a_usage_error_that_points_at_the_place() {
    let site = Site::of_pages();
    for bad in ["title=h1[", "x=a::attr(", "x=:no-such-thing", "x=a >> b", "x=", "=h1", "title", "x=a::attr()"] {
        let run = scrape("-s").arg(bad).arg(site.url("/p/1")).run().code(2);
        assert!(run.stdout.is_empty(), "{bad}");
        assert!(run.stderr.contains(bad), "it shows {bad}:\n{}", run.stderr);
    }
    let run = scrape("-s").arg("title=h1[").arg(site.url("/p/1")).run().code(2);
    assert!(run.stderr.lines().any(|line| line.trim_start().starts_with('^')), "a caret below the place:\n{}", run.stderr);
    assert!(site.hits().is_empty());
}

#[test]
fn two_fields_of_one_name_are_a_usage_error() {
    let site = Site::of_pages();
    let run = scrape("-s x=a -s x=b").arg(site.url("/p/1")).run().code(2);
    assert!(run.stderr.contains('x'));
    assert!(site.hits().is_empty());
}

#[test]
fn what_is_no_markup_has_all_fields_without_values() {
    let site = Site::start();
    for (path, kind) in [("/png", "image/png"), ("/pdf", "application/pdf"), ("/json", "application/json")] {
        site.page(path, Reply::status(200).header("Content-Type", kind).body("\u{89}PNG\0<title>x</title>"));
        let run = scrape("-s t=title -s l[]=a").arg(site.url(path)).run().code(0);
        assert_eq!(field(&run.record(), "data"), &json!({"t": null, "l": []}), "{path}");
    }
}

#[test]
fn a_page_made_to_stall_the_parser_does_not_stall_the_others() {
    let site = Site::of_pages();
    let hostile = [
        ("/deep", "<div>".repeat(200_000)),
        ("/list", "<ul><li>".repeat(60_000)),
        ("/bold", "<b>".repeat(200_000)),
        ("/scope", "<div>".repeat(30_000) + &"</p>".repeat(30_000)),
        ("/attributes", (0..60_000).fold("<p".to_owned(), |tag, n| tag + " a" + &n.to_string()) + ">"),
        ("/adoption", "<b><i>".repeat(200) + &"</b></i>".repeat(20_000)),
        ("/foster", "<table><div>".repeat(50_000)),
        ("/entities", "&amp;&nosuch;&lt".repeat(100_000)),
    ];
    let mut list = String::new();
    for (path, page) in &hostile {
        site.page(path, Reply::html(page));
        list += &(site.url(path) + "\n");
    }
    let run = scrape("-c 8").arg("-").stdin(list + &site.list(5)).run();
    assert!(run.took < Duration::from_secs(50), "{:?}", run.took);
    for (index, deep) in (1..).zip([true, true, true, true, false]) {
        let record = run.at(index);
        assert_eq!(field(&record, "error"), "too_large", "{record}");
        let message = field(&record, "error_message").as_str().unwrap();
        assert!(!deep || message.contains("deeper than 512"), "{message}");
    }
    for index in 6..=13 {
        assert!(field(&run.at(index), "error").is_null());
    }
    assert_eq!(run.records().len(), 13);
}

#[test]
fn half_a_million_matches_are_a_list_and_one_more_is_a_failure() {
    let site = Site::start();
    site.page("/most", Reply::html("<p>x".repeat(500_000))).page("/more", Reply::html("<p>x".repeat(500_001)));
    let list = [site.url("/most"), site.url("/more")].join("\n");
    let run = scrape("-c 1 --max-parse 1m -s x[]=p").stdin(list).run().code(3);
    let most = field(&run.at(1), "data.x").as_array().unwrap().len();
    assert_eq!(most, 500_000, "{}", field(&run.at(1), "error_message"));
    let more = run.at(2);
    assert_eq!((field(&more, "error"), field(&more, "data")), (&json!("too_large"), &json!({})));
    assert!(field(&more, "error_message").as_str().unwrap().contains("more than 500000 values"), "{more}");
}

#[test]
fn the_time_that_a_page_may_take_to_be_read_is_a_flag() {
    let site = Site::start();
    site.page("/wide", Reply::html("<i></i>".repeat(60_000))).page("/next", Reply::title("next"));
    // Each i asks all those before it.
    let flags = ["-c", "1", "--max-parse", "200ms", "-s", "t=title", "-s", "x=:root:has(b ~ i)"];
    let run = scrape("").args(flags).stdin([site.url("/wide"), site.url("/next")].join("\n")).run().code(3);
    let record = run.at(1);
    assert_eq!(
        (field(&record, "error"), field(&record, "status"), field(&record, "attempts")),
        (&json!("too_large"), &json!(200), &json!(1))
    );
    assert!(field(&record, "error_message").as_str().unwrap().contains("--max-parse (200ms of CPU time)"), "{record}");
    assert_eq!(field(&run.at(2), "data.t"), "next");
}

#[test]
fn a_page_of_unfinished_things_is_a_page() {
    for (page, title) in [
        ("<title>never closed", json!("never closed")),
        ("<title>x</title><!-- never closed", json!("x")),
        ("<title>x</title><a href=\"never closed", json!("x")),
        ("<title>x</title><p class=\"never closed <p>", json!("x")),
        ("\0<title>x\0y</title>", json!("x\u{fffd}y")),
    ] {
        assert_eq!(extracted(page, ["t=title"]), json!({"t": title}), "{page:?}");
    }
}

#[test]
fn a_title_of_megabytes_is_not_cut_silently() {
    let site = Site::start();
    let long = "x".repeat(3 << 20);
    site.page("/x", Reply::title(&long));
    let run = scrape("").arg(site.url("/x")).run();
    let record = run.record();
    let whole = field(&record, "data").get("title").and_then(Value::as_str) == Some(&long);
    assert!(whole || field(&record, "error") == "too_large", "{}", field(&record, "error"));
}
