//! What is kept, what goes back to whom, and how much of it.

use http::HeaderValue;

use super::*;

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

fn set(jar: &Jar, from: &str, lines: &[&str]) {
    let headers = lines.iter().map(|line| (header::SET_COOKIE, HeaderValue::from_str(line).unwrap()));
    jar.take(&url(from), &headers.collect());
}

fn of(jar: &Jar, to: &str) -> String {
    let pairs = jar.of(&url(to)).into_iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("; ")
}

#[test]
fn a_cookie_goes_back_where_its_domain_path_and_scheme_say() {
    let jar = Jar::default();
    set(
        &jar,
        "https://www.a.example/x/y",
        &["own=1", "all=2; Domain=a.example; Path=/", "deep=3; Path=/x/y", "safe=4; Secure; Path=/"],
    );
    assert_eq!(of(&jar, "https://www.a.example/x/y/z"), "deep=3; own=1; all=2; safe=4", "longer paths first, then the older");
    assert_eq!(of(&jar, "https://www.a.example/xy"), "all=2; safe=4");
    assert_eq!(of(&jar, "http://www.a.example/"), "all=2");
    assert_eq!(of(&jar, "https://b.a.example/x"), "all=2");
    for other in ["https://b.example/", "https://xa.example/", "https://example/", "https://www.a.example.evil.example/"] {
        assert_eq!(of(&jar, other), "", "{other}");
    }
}

#[test]
fn what_is_not_encrypted_leaves_a_secure_cookie_alone() {
    let jar = Jar::default();
    set(&jar, "https://a.example/", &["safe=1; Secure; Path=/"]);
    set(&jar, "http://a.example/", &["safe=2; Path=/", "open=3; Path=/"]);
    assert_eq!(of(&jar, "https://a.example/"), "safe=1; open=3");
    set(&jar, "https://a.example/", &["safe=4; Path=/"]);
    assert_eq!(of(&jar, "https://a.example/"), "safe=4; open=3");
}

#[test]
fn what_a_server_may_not_set_is_not_kept() {
    let jar = Jar::default();
    let long = format!("l={}", "x".repeat(LONGEST));
    for (from, line) in [
        ("http://a.co.uk/", "x=1; Domain=co.uk"),
        ("http://a.github.io/", "x=1; Domain=github.io"),
        ("http://a.example/", "x=1; Domain=example"),
        ("http://a.example/", "x=1; Domain=b.example"),
        ("http://a.example/", "x=1; Domain=b.a.example"),
        ("http://127.0.0.1/", "x=1; Domain=0.0.1"),
        ("http://a.example/", "x=1; Secure"),
        ("https://a.example/", "__Secure-x=1"),
        ("https://a.example/", "__Host-x=1; Secure; Path=/; Domain=a.example"),
        ("https://a.example/", "__host-x=1; Secure"),
        ("https://a.example/", "=1"),
        ("https://a.example/", "x"),
        ("https://a.example/", "x=a\tb"),
        ("https://a.example/", "x=1; Path=/a\tb"),
        ("https://a.example/", &long),
        ("https://a.example/", "x=1; Max-Age=0"),
        ("https://a.example/", "x=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
    ] {
        set(&jar, from, &[line]);
        assert_eq!(of(&jar, from), "", "{from} {line}");
    }
    let raw = HeaderMap::from_iter([(header::SET_COOKIE, HeaderValue::from_bytes(b"x=\xff").unwrap())]);
    jar.take(&url("https://a.example/"), &raw);
    let sites = jar.sites();
    assert_eq!((sites.by_name.len(), sites.by_turn.len(), sites.bytes), (0, 0, 0), "and nothing is left of it");
    drop(sites);
    set(&jar, "https://a.example/", &["__Host-x=1; Secure; Path=/", "__Secure-y=2; Secure", "z=3; Max-Age=9223372036854775807"]);
    assert_eq!(of(&jar, "https://a.example/"), "__Host-x=1; __Secure-y=2; z=3");
    let text = HeaderMap::from_iter([(header::SET_COOKIE, HeaderValue::from_bytes("ü=ä".as_bytes()).unwrap())]);
    jar.take(&url("https://b.example/"), &text);
    assert_eq!(of(&jar, "https://b.example/"), "ü=ä");
}

#[test]
fn a_server_changes_and_removes_its_own() {
    let jar = Jar::default();
    set(&jar, "http://a.example/", &["a=1", "b=2"]);
    set(&jar, "http://a.example/", &["a=3"]);
    assert_eq!(of(&jar, "http://a.example/"), "a=3; b=2");
    set(&jar, "http://a.example/", &["a=; Max-Age=0", "b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]);
    assert_eq!(of(&jar, "http://a.example/"), "");
    assert_eq!(jar.sites().bytes, 0);
}

#[test]
fn a_site_that_sets_too_many_loses_its_oldest() {
    let jar = Jar::default();
    for number in 0..MOST_OF_SITE + 20 {
        set(&jar, &format!("http://h{}.a.example/", number % 3), &[&format!("c{number}=1; Domain=a.example")]);
    }
    set(&jar, "http://b.example/", &["c0=1"]);
    let kept = jar.of(&url("http://a.example/"));
    assert_eq!((kept.len(), kept[0].0.as_str()), (MOST_OF_SITE, "c20"));
    assert_eq!(of(&jar, "http://b.example/"), "c0=1", "and takes none from another");
}

#[test]
fn all_sites_together_have_a_bound_and_the_longest_unused_goes_first() {
    let jar = Jar::default();
    let long = "x".repeat(3500);
    let sites = 2 * MOST_BYTES / 3500 / 10;
    set(&jar, "http://kept.example/", &["k=1"]);
    for number in 0..sites {
        let lines: Vec<_> = (0..10).map(|cookie| format!("c{cookie}={long}")).collect();
        set(&jar, &format!("http://s{number}.example/"), &lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(of(&jar, "http://kept.example/"), "k=1", "it is asked all the time");
        assert!(jar.sites().bytes <= MOST_BYTES);
    }
    assert_eq!(of(&jar, "http://s0.example/"), "");
    assert_ne!(of(&jar, &format!("http://s{}.example/", sites - 1)), "");
    let sites = jar.sites();
    assert_eq!(sites.bytes, sites.by_name.values().map(|site| site.bytes).sum::<usize>());
    assert_eq!(sites.by_name.len(), sites.by_turn.len());
}

#[test]
fn a_file_gives_back_what_was_kept() {
    let jar = Jar::default();
    let lines = ["s=1", "p=a b=c; Max-Age=1000; HttpOnly", "d=; Domain=a.example; Path=/x; Secure"];
    set(&jar, "https://www.a.example/", &lines);
    set(&jar, "http://[::1]:8080/", &["six=6"]);
    let text = jar.text();
    let again = Jar::default();
    again.read(&text).unwrap();
    assert_eq!(again.text(), text);
    for to in
        ["https://www.a.example/x/y", "http://www.a.example/", "https://b.a.example/x", "http://[::1]/", "http://b.example/"]
    {
        assert_eq!(
            of(&again, to).split("; ").collect::<std::collections::BTreeSet<_>>(),
            of(&jar, to).split("; ").collect(),
            "{to}"
        );
    }
    assert!(text.contains("#HttpOnly_www.a.example\tFALSE\t/\tFALSE\t"), "{text}");
    assert!(text.contains(".a.example\tTRUE\t/x\tTRUE\t0\td\t\n"), "{text}");
}

#[test]
fn files_of_other_programs_are_read() {
    let jar = Jar::default();
    let text = "\u{feff}# Netscape HTTP Cookie File\r\n# http://curl.se/\r\n\r\n\
        .a.example\tTRUE\t/\tFALSE\t2147483647\told\t1\r\n\
        #HttpOnly_b.example\tFALSE\t/\tTRUE\t0\tsession\tx=y\n\
        c.example\tFALSE\t/\tFALSE\t1\texpired\t1\n\
        d.example\tFALSE\t/\tFALSE\t0\tempty\n\
        e.example\tFALSE\t/\tFALSE\t999999999999999\tlate\t1\n";
    jar.read(text).unwrap();
    assert_eq!(of(&jar, "http://www.a.example/"), "old=1");
    assert_eq!((of(&jar, "https://b.example/"), of(&jar, "http://b.example/")), ("session=x=y".to_owned(), String::new()));
    assert_eq!(of(&jar, "http://c.example/"), "");
    assert_eq!((of(&jar, "http://d.example/"), of(&jar, "http://e.example/")), ("empty=".to_owned(), "late=1".to_owned()));
}

#[test]
fn a_file_that_is_none_names_the_line_and_not_its_secret() {
    for line in [
        "s3cret",
        "a.example FALSE / FALSE 0 name s3cret",
        "a.example\tFALSE\t/\tFALSE\ts3cret\tname\ts3cret",
        "a b\tFALSE\t/\tFALSE\t0\tname\ts3cret",
        "a.example\tFALSE\t/\tFALSE\t0\t\ts3cret",
        "a.example\tFALSE\t/\tFALSE\t0\tname\ts3cret\u{1}",
    ] {
        let error = Jar::default().read(&format!("# head\n{line}\n")).unwrap_err().to_string();
        assert!(error.starts_with("line 2: ") && !error.contains("s3cret"), "{error}");
    }
}
