use std::fmt::Write;

use proptest::prelude::*;

use super::*;

fn url(path: &str) -> Url {
    format!("http://a.example{path}").parse().unwrap()
}

fn allows(body: impl AsRef<[u8]>, agent: &str, path: &str) -> bool {
    Rules::parse(body.as_ref(), agent).check(&url(path)).is_ok()
}

/// The line and the text of the rule that forbids a path.
fn forbids(body: impl AsRef<[u8]>, path: &str) -> Option<(usize, String)> {
    match Rules::parse(body.as_ref(), "foobot").check(&url(path)) {
        Err(Disallowed::Rule { rule, line, .. }) => Some((line, rule)),
        Err(Disallowed::Unreachable { .. }) | Ok(()) => None,
    }
}

/// Which paths one robots.txt allows and forbids to `FooBot`.
fn table(body: &str, allowed: &[&str], forbidden: &[&str]) {
    for path in allowed {
        assert!(allows(body, "FooBot", path), "{path} is allowed by {body:?}");
    }
    for path in forbidden {
        assert!(!allows(body, "FooBot", path), "{path} is forbidden by {body:?}");
    }
}

#[test]
fn the_examples_of_the_standard_come_out_as_it_says() {
    // Section 5.1: groups, one of them for two agents, one for nobody in particular.
    let simple = "User-Agent: *\nDisallow: *.gif$\nDisallow: /example/\nAllow: /publications/\n\n\
        User-Agent: foobot\nDisallow:/\nAllow:/example/page.html\nAllow:/example/allowed.gif\n\n\
        User-Agent: barbot\nUser-Agent: bazbot\nDisallow: /example/page.html\n\n\
        User-Agent: quxbot\n";
    table(simple, &["/example/page.html", "/example/allowed.gif"], &["/", "/publications/", "/example/"]);
    for bot in ["barbot", "bazbot"] {
        assert!(!allows(simple, bot, "/example/page.html") && allows(simple, bot, "/example/") && allows(simple, bot, "/x.gif"));
    }
    assert!(allows(simple, "quxbot", "/example/"), "a group without rules allows everything");
    assert!(
        allows(simple, "other", "/publications/") && !allows(simple, "other", "/example/") && !allows(simple, "other", "/x.gif")
    );
    // Section 5.2: the longest match.
    table(
        "User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n",
        &["/example/page/", "/example/page/x"],
        &["/example/page/disallowed.gif"],
    );
    // Section 2.2.1: groups of the same agent are one.
    table(
        "user-agent: ExampleBot\ndisallow: /foo\nuser-agent: FooBot\ndisallow: /bar\nuser-agent: foobot\ndisallow: /baz\n",
        &["/foo"],
        &["/bar", "/baz"],
    );
    // Section 2.2.2: one spelling of octets.
    for (rule, path) in [
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz"),
        ("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https://foo.bar"),
        ("/foo/bar/\u{30c4}", "/foo/bar/%E3%83%84"),
        ("/foo/bar/%e3%83%84", "/foo/bar/\u{30c4}"),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz"),
        ("/foo/bar/baz", "/foo/bar/%62%61%7A"),
    ] {
        assert!(!allows(format!("user-agent: *\ndisallow: {rule}"), "foobot", path), "{rule} {path}");
    }
    // Section 2.2.3: special characters, and how they are meant literally.
    table("user-agent: *\ndisallow: /path/file-with-a-%2A.html", &["/path/file-with-a-x.html"], &["/path/file-with-a-*.html"]);
    table("user-agent: *\ndisallow: /path/foo-%24", &["/path/foo-"], &["/path/foo-$", "/path/foo-$bar"]);
    table("user-agent: *\ndisallow: /this/*/exactly # comment\nallow: /$", &["/this", "/"], &["/this/is/exactly/so"]);
}

#[test]
fn lines_are_read_as_googles_parser_reads_them() {
    let whole = ["/x/y"];
    for body in [
        "user-agent: FooBot\ndisallow: /\n",
        "USER-AGENT: FOOBOT\nDISALLOW: /\n",
        "user-agent FooBot\ndisallow /\n",
        "  user-agent :\tFooBot\t\n\tdisallow\t:  /  # all of it\n",
        "user-agent: FooBot/1.2\ndisallow: /",
        "user-agent: FooBot images\ndisallow: /",
        "useragent: FooBot\ndissallow: /",
        "user-agent: *\ndisallow: /",
        "\u{feff}user-agent: *\ndisallow: /",
        "user-agent: BarBot\nuser-agent: FooBot\n\n\nsitemap: http://a.example/s.xml\ndisallow: /",
        "user-agent: *\nallow: /\nuser-agent: FooBot\ndisallow: /",
        "user-agent: FooBot\nnoise\n: \n#\ndisallow: /",
    ] {
        table(body, &[], &whole);
    }
    for body in [
        "",
        "foo: FooBot\nbar: /\n",
        "disallow: /\nuser-agent: FooBot\n",
        "user-agent: BarBot\ndisallow: /\nuser-agent: FooBot\n",
        "user-agent: FooBotany\ndisallow: /",
        "user-agent: Foo\ndisallow: /",
        "user-agent:\ndisallow: /",
        "user-agent: *\ndisallow: /\nuser-agent: FooBot\ndisallow:\n",
        "user-agent: FooBot\ncrawl-delay: 1\n\nuser-agent: *\ndisallow: /",
        "user-agent: FooBot\ndisallow: \nallow: \n",
        "user-agent: FooBot\n# disallow: /\n",
        "\u{feff}\u{feff}user-agent: FooBot\ndisallow: /",
    ] {
        table(body, &whole, &[]);
    }
    for agent in ["", "*bot", "Foo Bar"] {
        assert!(allows("user-agent: FooBot\nuser-agent:\nuser-agent: /\ndisallow: /", agent, "/x"), "{agent:?}");
    }
    for mark in [&b"\xef\xbb"[..], b"\xef"] {
        assert!(!allows([mark, b"user-agent: *\ndisallow: /"].concat(), "FooBot", "/"), "half a byte order mark");
    }
}

#[test]
fn groups_are_merged_and_rules_before_any_group_are_nobodys() {
    let body = "allow: /foo/bar/\n\nuser-agent: FooBot\ndisallow: /\nallow: /x/\nuser-agent: BarBot\ndisallow: /\nallow: /y/\n\n\n\
        allow: /w/\nuser-agent: BazBot\n\nuser-agent: FooBot\nallow: /z/\ndisallow: /\n";
    table(body, &["/x/b", "/z/d"], &["/y/c", "/foo/bar/"]);
    for (agent, path, allowed) in [
        ("BarBot", "/y/c", true),
        ("BarBot", "/w/a", true),
        ("BarBot", "/z/d", false),
        ("BazBot", "/z/d", true),
        ("BarBot", "/foo/bar/", false),
        ("BazBot", "/foo/bar/", false),
    ] {
        assert_eq!(allows(body, agent, path), allowed, "{agent} {path}");
    }
}

#[test]
fn the_longest_rule_decides_and_allow_wins_a_tie() {
    for (rules, allowed, forbidden) in [
        ("disallow: /x/page.html\nallow: /x/", &["/x/", "/y"][..], &["/x/page.html"][..]),
        ("allow: /x/page.html\ndisallow: /x/", &["/x/page.html"], &["/x/"]),
        ("disallow: /\nallow: /", &["/x/page.html"], &[]),
        ("disallow: /x\nallow: /x/", &["/x/"], &["/x"]),
        ("disallow: /x/page.html\nallow: /x/page.html", &["/x/page.html"], &[]),
        ("allow: /page\ndisallow: /*.html", &["/page"], &["/page.html"]),
        ("allow: /x/page.\ndisallow: /*.html", &["/x/page.html"], &["/x/y.html"]),
        ("allow: /page\ndisallow: /*.htm", &[], &["/page.htm"]),
        ("allow: /$\ndisallow: /", &["/"], &["/page.html"]),
        ("allow: /p\ndisallow: /", &["/page"], &["/q"]),
        ("disallow: /foo/bar/quz\nallow: /foo/*/qux", &["/foo/quz", "/foo//quz", "/foo/bax/quz"], &["/foo/bar/quz"]),
    ] {
        table(&format!("user-agent: FooBot\n{rules}\n"), allowed, forbidden);
    }
    table("User-agent: *\nDisallow: /x/\nUser-agent: FooBot\nDisallow: /y/\n", &["/x/page"], &["/y/page"]);
}

#[test]
fn wildcards_match_as_documented() {
    for (rule, matched, others) in [
        (
            "/fish",
            &["/fish", "/fish.html", "/fish/salmon.html", "/fishheads/yummy.html", "/fish.html?id=anything"][..],
            &["/bar", "/Fish.asp", "/catfish", "/?id=fish"][..],
        ),
        ("/fish*", &["/fish", "/fish.html", "/fishheads"], &["/Fish.bar", "/catfish", "/?id=fish"]),
        ("/fish/", &["/fish/", "/fish/salmon", "/fish/?salmon"], &["/fish", "/fish.html", "/Fish/Salmon.html"]),
        (
            "/*.php",
            &["/filename.php", "/folder/filename.php?parameters", "//folder/any.php.file.html", "/index?f=filename.php/"],
            &["/php/", "/index?php", "/windows.PHP"],
        ),
        (
            "/*.php$",
            &["/filename.php", "/folder/filename.php"],
            &["/filename.php?parameters", "/filename.php/", "/filename.php5", "/filename?php", "/aaaphpaaa"],
        ),
        ("/fish*.php", &["/fish.php", "/fishheads/catfish.php?parameters"], &["/Fish.PHP"]),
        ("*.gif", &["/a.gif", "/.gif"], &["/gif"]),
        ("private", &["/private", "/privately"], &["/x/private"]),
        ("/a*b*b$", &["/abb", "/a/b/x/b"], &["/ab", "/abbc"]),
        ("/a$b", &["/a$b", "/a$bc"], &["/a", "/ab"]),
        ("/**a", &["/a", "/xxa"], &["/b"]),
        ("$", &["/"], &["/x"]),
        ("/a|b", &["/a|b", "/a%7Cb", "/a%7cb"], &["/ab"]),
        ("/?q='x'", &["/?q='x'", "/?q=%27x%27"], &["/?q=x"]),
        ("/a%2Fb", &["/a%2fb"], &["/a/b"]),
        ("/100%", &["/100%", "/100%x"], &["/100"]),
        ("/foo/quz#qux", &["/foo/quz", "/foo/quzzy"], &["/foo"]),
        ("/foo/bar?qux=taz&baz=http://foo.bar?tar&par", &["/foo/bar?qux=taz&baz=http://foo.bar?tar&par"], &["/foo/bar"]),
    ] {
        table(&format!("user-agent: *\ndisallow: {rule}\n"), others, matched);
    }
}

#[test]
fn the_rule_that_forbids_is_named_with_its_line() {
    for end in ["\n", "\r\n", "\r"] {
        let body = ["# for you", "User-agent: *", "", "Allow: /a", "Disallow: /a/b", "disallow: /%c3%a9*", ""].join(end);
        assert_eq!(forbids(&body, "/a/b/c"), Some((5, "Disallow: /a/b".to_owned())), "{end:?}");
        assert_eq!(forbids(&body, "/\u{e9}t\u{e9}"), Some((6, "Disallow: /%C3%A9*".to_owned())), "{end:?}");
        assert_eq!(forbids(&body, "/a"), None);
    }
    let twice = "user-agent: *\ndisallow: /a\ndisallow: /a\n";
    assert_eq!(forbids(twice, "/a").unwrap().0, 2, "the first of two");
    let error = Rules::parse(b"user-agent: foobot\ndisallow: /", "FooBot").check(&url("/")).unwrap_err();
    assert_eq!(error.to_string(), "robots.txt line 2: Disallow: / (User-agent: FooBot)");
    let long = format!("user-agent: *\ndisallow: /{}*", "a".repeat(5000));
    assert!(forbids(long, &format!("/{}", "a".repeat(5000))).unwrap().1.len() < 250);
}

#[test]
fn robots_txt_itself_is_always_allowed() {
    assert!(allows("user-agent: *\ndisallow: /", "foobot", "/robots.txt"));
    assert!(Rules::unreachable("").check(&url("/robots.txt")).is_ok());
    assert!(!allows("user-agent: *\ndisallow: /", "foobot", "/robots.txt.gz"));
}

#[test]
fn no_robots_txt_allows_everything_and_one_that_cannot_be_read_nothing() {
    assert!(Rules::allow_all().check(&url("/x")).is_ok());
    let error = Rules::unreachable("http_status: the server answered 503").check(&url("/x")).unwrap_err();
    let said = "robots.txt could not be read, so nothing of this site may be: http_status: the server answered 503";
    assert_eq!(error.to_string(), said);
}

#[test]
fn a_failure_says_whether_there_is_a_robots_txt() {
    let status = |status| Failure { status: Some(status), ..Failure::new(ErrorKind::HttpStatus, "x") };
    for code in [300, 304, 400, 401, 403, 404, 410, 418, 451, 499] {
        assert_eq!(outcome(&status(code)), Verdict::AllowAll, "{code}");
    }
    for code in [429, 500, 502, 503, 599, 999] {
        assert_eq!(outcome(&status(code)), Verdict::Unreachable("http_status: x".to_owned()), "{code}");
    }
    let nowhere = [ErrorKind::Redirect, ErrorKind::Blocked];
    for kind in nowhere {
        assert_eq!(outcome(&Failure::new(kind, "")), Verdict::AllowAll, "{kind}");
    }
    for kind in ErrorKind::ALL.into_iter().filter(|kind| !nowhere.contains(kind)) {
        assert!(matches!(outcome(&Failure { status: Some(200), ..Failure::new(kind, "") }), Verdict::Unreachable(_)), "{kind}");
    }
    assert!(Rules::from(Verdict::AllowAll).check(&url("/x")).is_ok());
    assert!(Rules::from(outcome(&status(500))).check(&url("/x")).is_err());
}

#[test]
fn the_first_500_kib_count_and_no_torn_line() {
    let head = "user-agent: *\ndisallow: /first\n";
    let last = "\ndisallow: /last";
    let filled = |to: usize| format!("{head}{}{last}", "#".repeat(to - head.len() - last.len()));
    let whole = filled(MAX_BYTES);
    assert!(!allows(&whole, "foobot", "/last") && !allows(format!("{whole}\nallow: /last"), "foobot", "/last"));
    // One byte more, and the last line is one that may go on beyond the limit: `/last` or `/last-year`.
    let torn = filled(MAX_BYTES + 1);
    assert!(allows(&torn, "foobot", "/last") && !allows(&torn, "foobot", "/first"));
    assert!(allows(format!("{}{last}", "#".repeat(MAX_BYTES)), "foobot", "/last"), "nothing but one line");
}

#[test]
fn bytes_that_are_no_text_spoil_their_own_line_only() {
    let body = b"user-agent: *\n\xff\xfe\0\0garbage: \xc3\ndisallow: /a\xff\0b\nuser-agent: \xf0\ndisallow: /\nuser-agent: *\ndisallow: /b";
    assert!(allows(body, "foobot", "/c") && !allows(body, "foobot", "/b") && !allows(body, "foobot", "/a%FF%00b"));
}

#[test]
fn a_crawl_delay_is_read_within_reason() {
    let delay = |value: &str| Rules::parse(format!("user-agent: *\ncrawl-delay: {value}").as_bytes(), "foobot").crawl_delay();
    for (value, millis) in [("5", 5000), ("0.5", 500), ("1 # second", 1000), ("86400", 86_400_000)] {
        assert_eq!(delay(value), Some(Duration::from_millis(millis)), "{value}");
    }
    for value in ["", "0", "-1", "nan", "inf", "86401", "1e300", "soon", "5s", "\u{661}"] {
        assert_eq!(delay(value), None, "{value}");
    }
    let body = b"user-agent: foobot\ncrawl-delay: 2\nuser-agent: *\ncrawl-delay: 9\nuser-agent: foobot\ncrawl-delay: 3";
    assert_eq!(Rules::parse(body, "foobot").crawl_delay(), Some(Duration::from_secs(3)), "the longest of our own groups");
    assert_eq!(Rules::parse(body, "barbot").crawl_delay(), Some(Duration::from_secs(9)));
}

#[test]
fn only_what_is_meant_for_us_is_kept() {
    let mut body = "user-agent: foobot\ndisallow: /private\n".to_owned();
    let alone = Rules::parse(body.as_bytes(), "foobot").weight();
    (0..1000).for_each(|i| write!(body, "user-agent: bot{i}\ndisallow: /x{i}\n").unwrap());
    assert_eq!(Rules::parse(body.as_bytes(), "foobot").weight(), alone);
    assert!(alone < 200 && Rules::parse(body.as_bytes(), "bot7").weight() < 200);
}

#[test]
fn many_and_hostile_rules_take_no_time_to_speak_of() {
    let mut body = "user-agent: *\n".to_owned();
    (0..20_000).for_each(|i| writeln!(body, "disallow: /*{i}*x*.php$").unwrap());
    let rules = Rules::parse(body.as_bytes(), "foobot");
    assert!(rules.check(&url("/a7/x/b.php")).is_err() && rules.check(&url("/a7/x/b.html")).is_ok());
    // With backtracking this would not end in the lifetime of the universe.
    let hostile = format!("user-agent: *\ndisallow: /{}$\n", "*a".repeat(2000));
    let rules = Rules::parse(hostile.as_bytes(), "foobot");
    assert!(rules.check(&url(&format!("/{}b", "a".repeat(8000)))).is_ok());
    assert!(rules.check(&url(&format!("/{}", "a".repeat(8000)))).is_err());
}

#[test]
fn our_name_is_what_stands_before_the_version() {
    for (user_agent, token) in [
        ("scrape/0.1.0", "scrape"),
        ("scrape", "scrape"),
        ("my-bot2 (contact@a.example)", "my-bot2"),
        ("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "Mozilla"),
        ("Mozilla/5.0 (compatible; FooBot; +http://a.example)", "FooBot"),
        ("", ""),
        ("/", ""),
    ] {
        assert_eq!(product_token(user_agent), token, "{user_agent}");
    }
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "(User-agent|user-agent ?): ?(foobot|FOOBOT|barbot|[*])",
        5 => "(Allow|Disallow|DISALLOW ?): ?(/[ab/.]{0,4}([*][ab/.]{0,3}){0,3}[$]?)?( # .*)?",
        1 => "|Crawl-delay: 1|Sitemap: /x|nonsense|# a",
    ]
}

proptest! {
    #[test]
    fn another_implementation_comes_to_the_same_verdict(
        lines in prop::collection::vec(line(), 0..20), paths in prop::collection::vec("/[ab/.]{0,8}(\\?[ab]{0,3})?", 1..8), end in "\r?\n|\r",
    ) {
        let body = lines.join(&end);
        let (ours, theirs) = (Rules::parse(body.as_bytes(), "FooBot"), robotxt::Robots::parse(body.as_bytes(), "FooBot"));
        for path in paths {
            prop_assert_eq!(ours.check(&url(&path)).is_ok(), theirs.is_url_allowed(&url(&path)), "{} {:?}", path, body);
        }
    }

    #[test]
    fn no_bytes_can_panic(
        body in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b":\r\n*$%/ #"[..])], 0..300), path in "/.{0,30}",
    ) {
        for start in ["", "user-agent: *\ndisallow: ", "user-agent:foobot\nallow:/\ndisallow:/*"] {
            let rules = Rules::parse(&[start.as_bytes(), &body].concat(), "foobot");
            let _ = (rules.check(&url(&path)), rules.weight(), rules.crawl_delay());
        }
    }

    #[test]
    fn a_url_is_matched_by_its_own_path_and_by_each_beginning_of_it(path in "/[!&(-),-~\u{e4}]{0,20}", cut in 1_usize..20) {
        let url = url(&path);
        let own = &url[Position::BeforePath..Position::AfterQuery];
        let cut = own.get(..cut).unwrap_or(own);
        // Half of a percent-encoded octet is another path.
        let cut = cut.rfind('%').filter(|at| at + 3 > cut.len()).map_or(cut, |at| &cut[..at]);
        let body = format!("user-agent: *\ndisallow: {cut}");
        prop_assert!(Rules::parse(body.as_bytes(), "foobot").check(&url).is_err(), "{}", body);
    }
}
