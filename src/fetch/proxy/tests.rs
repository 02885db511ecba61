//! What is a proxy, whose hosts go through which, and which ones the environment names.

use super::*;

fn proxies(settings: &Settings, env: &[(&str, &str)]) -> Result<Proxies, ProxyVariableError> {
    Proxies::new(settings, |name| env.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned()))
}

fn given(list: &[&str]) -> Settings {
    Settings { proxies: list.iter().map(|proxy| proxy.parse().expect(proxy)).collect(), ..Settings::default() }
}

/// The proxy that a URL goes through.
fn through(proxies: &Proxies, url: &str) -> Option<String> {
    proxies.way(&url.parse().unwrap(), &[]).unwrap().proxy.map(|(_, proxy)| proxy.to_string())
}

fn through_env(env: &[(&str, &str)], url: &str) -> Option<String> {
    through(&proxies(&Settings::default(), env).unwrap(), url)
}

#[test]
fn a_proxy_is_read_and_never_shows_its_password() {
    for (text, shown) in [
        ("http://p.example:3128", "http://p.example:3128"),
        ("p.example:3128/", "http://p.example:3128"),
        ("https://p.example", "https://p.example"),
        ("socks5://p.example", "socks5://p.example:1080"),
        ("socks5h://ann:s3cret@[::1]:9", "socks5h://ann:***@[::1]:9"),
        ("http://ann:s3cr%40et@p.example", "http://ann:***@p.example"),
        ("http://token@p.example", "http://***@p.example"),
    ] {
        let proxy: Proxy = text.parse().expect(text);
        assert_eq!((proxy.to_string(), format!("{proxy:?}")), (shown.to_owned(), shown.to_owned()));
        assert!(proxy.for_client().is_ok(), "{text}");
    }
    for text in ["", "http://", "http://p:0", "http://p:99999", "http://p/path", "http://p?q", "p q", "http://[::1", "socks5://"]
    {
        assert_eq!(text.parse::<Proxy>(), Err(ProxyError::NoHost), "{text}");
    }
    for scheme in ["ftp", "socks4", "socks"] {
        assert_eq!(format!("{scheme}://p.example").parse::<Proxy>(), Err(ProxyError::Scheme(scheme.to_owned())));
    }
}

#[test]
fn the_environment_is_read_as_curl_reads_it() {
    let (http, https) = ("http://a.example/", "https://a.example/");
    let p = |name: &str| Some(format!("http://{name}"));
    assert_eq!(through_env(&[], http), None);
    assert_eq!(through_env(&[("HTTP_PROXY", "p")], http), p("p"));
    assert_eq!(through_env(&[("HTTP_PROXY", "p")], https), None);
    assert_eq!(through_env(&[("HTTPS_PROXY", "p")], https), p("p"));
    assert_eq!(through_env(&[("https_proxy", "small"), ("HTTPS_PROXY", "p")], https), p("small"));
    assert_eq!(through_env(&[("ALL_PROXY", "p")], http), p("p"));
    assert_eq!(through_env(&[("ALL_PROXY", "p"), ("http_proxy", "h")], http), p("h"));
    assert_eq!(through_env(&[("ALL_PROXY", "p"), ("http_proxy", " ")], http), p("p"), "an empty variable says nothing");
    // What a visitor of a web server sends in a header of this name.
    let cgi = ("REQUEST_METHOD", "GET");
    assert_eq!(through_env(&[cgi, ("HTTP_PROXY", "p")], http), None);
    assert_eq!(through_env(&[cgi, ("http_proxy", "p"), ("HTTP_PROXY", "evil")], http), p("p"));
    let env = [("http_proxy", "p"), ("https_proxy", "p"), ("all_proxy", "socks://unused")];
    assert_eq!(proxies(&Settings::default(), &env).unwrap().all().len(), 1, "one connection pool for both");
}

#[test]
fn a_variable_that_names_no_proxy_is_told_without_its_password() {
    let error = proxies(&Settings::default(), &[("https_proxy", "ftp://ann:s3cret@p.example")]).unwrap_err().to_string();
    assert!(error.starts_with("https_proxy=ftp://ann:***@p.example: ") && error.contains("socks5h://"), "{error}");
    assert!(proxies(&given(&["p"]), &[("https_proxy", "ftp://x")]).is_ok(), "the environment is not asked where there is one");
    let direct = Settings { direct: true, ..given(&["p"]) };
    assert_eq!(through(&proxies(&direct, &[("http_proxy", "p")]).unwrap(), "http://a.example/"), None);
}

#[test]
fn some_hosts_are_reached_without_a_proxy() {
    let list = "a.example, .b.example 10.0.0.0/8,127.0.0.1,::1";
    let by_env = proxies(&given(&["p"]), &[("no_proxy", list)]).unwrap();
    let by_flag = Settings { no_proxy: Some(list.to_owned()), ..Settings::default() };
    let by_flag = proxies(&by_flag, &[("all_proxy", "p"), ("no_proxy", "*")]).unwrap();
    for proxies in [by_env, by_flag] {
        for straight in ["http://a.example", "https://x.a.example:8443", "http://b.example", "http://x.b.example"] {
            assert_eq!(through(&proxies, straight), None, "{straight}");
        }
        for straight in ["http://10.1.2.3", "http://127.0.0.1:80", "http://[::1]:9"] {
            assert_eq!(through(&proxies, straight), None, "{straight}");
        }
        for other in ["http://ba.example", "http://example", "http://11.0.0.1", "https://127.0.0.2"] {
            assert!(through(&proxies, other).is_some(), "{other}");
        }
    }
    for all in ["http://a.example", "https://127.0.0.1", "http://[::1]"] {
        assert_eq!(through(&proxies(&given(&["p"]), &[("NO_PROXY", "*")]).unwrap(), all), None);
    }
}

#[test]
fn several_take_turns_and_one_that_failed_rests() {
    let proxies = proxies(&given(&["a", "b", "c"]), &[]).unwrap();
    let url: Url = "http://x.example/".parse().unwrap();
    let turn = |tried: &[usize]| proxies.way(&url, tried).map(|way| way.proxy.unwrap().0);
    assert_eq!([(); 6].map(|()| turn(&[]).unwrap()), [0, 1, 2, 0, 1, 2]);
    let way = proxies.way(&url, &[]).unwrap();
    way.blame();
    assert_eq!(way.culprit(), Some(0));
    proxies.learn(&way);
    assert_eq!([(); 4].map(|()| turn(&[]).unwrap()), [1, 2, 1, 2]);
    assert_eq!((turn(&[1, 2]), turn(&[0, 1, 2])), (Some(0), None));
    let way = proxies.way(&url, &[1, 2]).unwrap();
    proxies.learn(&way);
    assert_eq!([(); 2].map(|()| turn(&[]).unwrap()), [1, 2], "that nothing is known of it does not end its rest");
    way.praise();
    proxies.learn(&way);
    assert_eq!([(); 3].map(|()| turn(&[]).unwrap()), [0, 1, 2]);
}

#[test]
fn names_are_looked_up_here_only_where_the_way_asks_for_that() {
    let elsewhere = |list: &[&str], url: &str| {
        let settings = Settings { no_proxy: Some("near.example".to_owned()), ..given(list) };
        proxies(&settings, &[]).unwrap().resolve_elsewhere(&url.parse().unwrap())
    };
    let (far, near) = ("https://far.example/", "https://near.example/");
    assert!(!elsewhere(&[], far) && !elsewhere(&["socks5://p"], far));
    for there in ["http://p", "https://p", "socks5h://p"] {
        assert_eq!((elsewhere(&[there], far), elsewhere(&[there], near)), (true, false), "{there}");
        assert!(elsewhere(&["socks5://p", there], far));
    }
}
