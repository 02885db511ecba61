//! Cookies as a text file in the form that Netscape invented and curl, wget and browsers' extensions read and write: seven fields
//! a line, between tabs.

use std::fmt::Write as _;

use cookie_store::{CookieDomain, CookieExpiration, RawCookie};
use time::OffsetDateTime;
use url::Url;

use super::Jar;

/// What stands before the domain of a cookie that scripts of a page are not to see.
const HTTP_ONLY: &str = "#HttpOnly_";

/// Why a text is no file of cookies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct JarError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it; its values are not shown.
    pub why: &'static str,
}

impl Jar {
    /// Adds the cookies of a file; those that have expired are left out.
    ///
    /// # Errors
    /// A line that is no cookie.
    pub fn read(&self, text: &str) -> Result<(), JarError> {
        for (line, number) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().zip(1..) {
            let (line, is_http_only) = line.strip_prefix(HTTP_ONLY).map_or((line, false), |line| (line, true));
            if !line.trim().is_empty() && (is_http_only || !line.starts_with('#')) {
                let (cookie, url) = read_line(line, is_http_only).map_err(|why| JarError { line: number, why })?;
                self.sites().insert(&cookie, &url);
            }
        }
        Ok(())
    }

    /// All cookies that have not expired, as a file, sorted. Those of the session have 0 as their time.
    #[must_use]
    pub fn text(&self) -> String {
        let sites = self.sites();
        let mut lines: Vec<_> = sites.by_name.values().flat_map(|site| site.store.iter_unexpired()).map(line).collect();
        lines.sort_unstable_by(|one, two| one.trim_start_matches(HTTP_ONLY).cmp(two.trim_start_matches(HTTP_ONLY)));
        let mut text = String::from("# Netscape HTTP Cookie File\n# Written by scrape; its lines are secrets.\n\n");
        for line in lines {
            text += &line;
            text.push('\n');
        }
        text
    }
}

/// A cookie, and a URL that may set it.
fn read_line(line: &str, is_http_only: bool) -> Result<(RawCookie<'static>, Url), &'static str> {
    let fields: Vec<&str> = line.trim_end_matches('\r').split('\t').collect();
    let [domain, with_subdomains, path, secure, expires, name, value] = match fields[..] {
        // An empty value may have lost its tab.
        [domain, with_subdomains, path, secure, expires, name] => [domain, with_subdomains, path, secure, expires, name, ""],
        [domain, with_subdomains, path, secure, expires, name, value] => {
            [domain, with_subdomains, path, secure, expires, name, value]
        }
        _ => return Err("a cookie is seven fields between tabs: domain, TRUE or FALSE, path, TRUE or FALSE, time, name, value"),
    };
    let host = domain.trim_start_matches('.');
    let path = if path.starts_with('/') { path } else { "/" };
    let url: Url = format!("https://{host}/").parse().map_err(|_| "the first field is no domain")?;
    let is = |field: &str| field.eq_ignore_ascii_case("TRUE");
    let seconds: i64 = expires.parse().map_err(|_| "the fifth field is no time: seconds since 1970, or 0")?;
    if name.is_empty() {
        return Err("the sixth field is empty: a cookie has a name");
    }
    if line.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\r')) {
        return Err("it has a control character, which no request can carry");
    }
    let mut cookie = RawCookie::new(name.to_owned(), value.to_owned());
    cookie.set_path(path.to_owned());
    cookie.set_secure(is(secure));
    cookie.set_http_only(is_http_only);
    if is(with_subdomains) {
        cookie.set_domain(host.to_owned());
    }
    if seconds != 0 {
        // One that ends after the year 9999 ends then.
        const LAST: i64 = 253_402_300_799;
        let end = OffsetDateTime::from_unix_timestamp(seconds.clamp(0, LAST)).map_err(|_| "the fifth field is no time")?;
        cookie.set_expires(end);
    }
    Ok((cookie, url))
}

fn line(cookie: &cookie_store::Cookie<'_>) -> String {
    let truth = |is: bool| if is { "TRUE" } else { "FALSE" };
    let (dot, with_subdomains) = match cookie.domain {
        CookieDomain::Suffix(_) => (".", true),
        _ => ("", false),
    };
    let expires = match cookie.expires {
        CookieExpiration::AtUtc(end) => end.unix_timestamp(),
        CookieExpiration::SessionEnd => 0,
    };
    let mut line = String::from(if cookie.http_only().unwrap_or(false) { HTTP_ONLY } else { "" });
    // A String takes whatever is written.
    let _ = write!(
        line,
        "{dot}{}\t{}\t{}\t{}\t{expires}\t{}\t{}",
        String::from(&cookie.domain),
        truth(with_subdomains),
        &*cookie.path,
        truth(cookie.secure().unwrap_or(false)),
        cookie.name(),
        cookie.value(),
    );
    line
}
