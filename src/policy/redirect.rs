//! What becomes of a request that is redirected.

use http::Method;

/// Whether a redirect of this status is followed with `GET` and without the body: 303 says so, and 301 and 302 mean it after
/// `POST`, as every browser and curl have it. 307 and 308 leave a request as it is.
///
/// ```
/// use http::Method;
/// use scrape::policy::redirect::becomes_get;
/// assert!(becomes_get(302, &Method::POST) && becomes_get(303, &Method::PUT));
/// assert!(!becomes_get(302, &Method::PUT) && !becomes_get(307, &Method::POST) && !becomes_get(303, &Method::HEAD));
/// ```
#[must_use]
pub fn becomes_get(status: u16, method: &Method) -> bool {
    match status {
        303 => method != Method::HEAD,
        301 | 302 => method == Method::POST,
        _ => false,
    }
}
