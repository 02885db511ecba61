//! What counts as one host where limits are counted.

use url::{Host, Url};

/// What shares the limits of one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitBy {
    /// Each host and port for itself.
    #[default]
    Host,
    /// All hosts of one registrable domain, by the public suffix list: `a.example.co.uk` and `b.example.co.uk`.
    Site,
    /// All hosts at one address.
    Ip,
}

/// The site that a URL belongs to: the registrable domain of its host by the public suffix list, where whoever lets others register
/// names below their own counts as a suffix too (`a.github.io` and `b.github.io` are two sites). An address, a suffix itself and
/// a name without a dot are their own site. A dot at the end says nothing; a name that is not ASCII is in punycode, as in the URL.
///
/// ```
/// let site = |url: &str| scrape::policy::site(&url.parse().unwrap()).to_owned();
/// assert_eq!(site("https://shop.example.co.uk/x"), "example.co.uk");
/// assert_eq!(site("http://[::1]:8080/"), "[::1]");
/// ```
#[must_use]
pub fn site(url: &Url) -> &str {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').filter(|name| !name.is_empty()).unwrap_or(name);
            psl::domain_str(name).unwrap_or(name)
        }
        _ => url.host_str().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn site_of(host: &str) -> String {
        site(&format!("http://{host}/").parse().unwrap()).to_owned()
    }

    #[test]
    fn hosts_of_one_registrable_domain_are_one_site() {
        for (host, site) in [
            ("example.com", "example.com"),
            ("www.example.com", "example.com"),
            ("a.b.c.example.com:8080", "example.com"),
            ("WWW.Example.COM", "example.com"),
            ("shop.example.co.uk", "example.co.uk"),
            ("www.example.com.", "example.com"),
            ("shop.b\u{fc}cher.de", "xn--bcher-kva.de"),
            ("a.\u{98df}\u{72ee}.\u{516c}\u{53f8}.cn", "xn--85x722f.xn--55qx5d.cn"),
            ("x.y.z.kobe.jp", "y.z.kobe.jp"),
            ("www.city.kobe.jp", "city.kobe.jp"),
            ("a.b.no-such-suffix", "b.no-such-suffix"),
        ] {
            assert_eq!(site_of(host), site, "{host}");
        }
    }

    #[test]
    fn what_others_register_below_a_shared_name_is_theirs() {
        assert_eq!(site_of("a.github.io"), "a.github.io");
        assert_eq!(site_of("docs.b.github.io"), "b.github.io");
        assert_ne!(site_of("a.s3.amazonaws.com"), site_of("b.s3.amazonaws.com"));
    }

    #[test]
    fn what_has_no_registrable_domain_is_its_own_site() {
        for host in ["localhost", "com", "co.uk", "github.io", "intranet", "127.0.0.1", "10.0.0.7", "[::1]", "[2001:db8::7]"] {
            assert_eq!(site_of(host), host);
        }
        assert_eq!(site_of("localhost."), "localhost");
        assert_eq!(site_of("10.0.0.7:8080"), "10.0.0.7");
        assert_eq!(site(&"data:x".parse().unwrap()), "");
    }

    proptest! {
        #[test]
        fn a_site_is_the_end_of_its_host_and_its_own_site(host in "([a-z0-9]{1,5}[.]){0,3}(com|uk|co[.]uk|github[.]io|jp|x)[.]?") {
            let site = site_of(&host);
            prop_assert!(host.trim_end_matches('.').ends_with(&site));
            prop_assert_eq!(site_of(&site), site);
        }

        #[test]
        fn no_host_can_panic(host in "[a-z0-9.%_~*-]{0,20}") {
            if let Ok(url) = Url::parse(&format!("http://{host}/")) {
                prop_assert!(!site(&url).is_empty());
            }
        }
    }
}
