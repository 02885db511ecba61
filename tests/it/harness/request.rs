//! A request as it came over the wire, and what is wrong with it.

use std::io::{self, Read};

/// One request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The request target: path and query.
    pub(crate) path: String,
    /// In their order, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What came instead of a request.
#[derive(Debug)]
pub(crate) enum Bad {
    /// The connection ended between two requests, as it may.
    Ended,
    /// Something that is no HTTP, with the reason.
    Broken(String),
}

impl From<io::Error> for Bad {
    fn from(_: io::Error) -> Self {
        Self::Ended
    }
}

impl Request {
    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The name in `Host`, without the port.
    pub(crate) fn host(&self) -> &str {
        self.header("host").map_or("", |host| host.rsplit_once(':').map_or(host, |(name, _)| name))
    }

    /// Reads one request. `left` keeps what was read beyond it.
    pub(crate) fn read(wire: &mut impl Read, left: &mut Vec<u8>) -> Result<Self, Bad> {
        let end = loop {
            if left.first().is_some_and(|first| !first.is_ascii_uppercase()) {
                return Err(Bad::Broken("the first byte is no method's".to_owned()));
            }
            match left.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(at) => break at,
                None if left.len() > 1 << 20 => return Err(Bad::Broken("a head of more than a megabyte".to_owned())),
                None => fill(wire, left, "the connection ended inside a head")?,
            }
        };
        let mut request = Self::parse(&left[..end]).map_err(Bad::Broken)?;
        left.drain(..end + 4);
        let length = request.header("content-length").map_or(Ok(0), str::parse::<usize>);
        let length = length.map_err(|error| Bad::Broken(format!("Content-Length: {error}")))?;
        while left.len() < length {
            fill(wire, left, "the connection ended inside a body")?;
        }
        request.body = left.drain(..length).collect();
        Ok(request)
    }

    fn parse(head: &[u8]) -> Result<Self, String> {
        let head = std::str::from_utf8(head).map_err(|_| "a head that is not UTF-8".to_owned())?;
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let [method, path, "HTTP/1.1"] = first.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!("the request line {first:?}"));
        };
        let mut request = Self { method: method.to_owned(), path: path.to_owned(), ..Self::default() };
        for line in lines {
            let (name, value) = line.split_once(':').ok_or_else(|| format!("the header {line:?}"))?;
            if name.is_empty() || line.contains(char::is_control) {
                return Err(format!("the header {line:?}"));
            }
            request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(request)
    }

    /// What a proxy is asked for, as the site itself would have been.
    pub(crate) fn for_the_site(mut self) -> Self {
        let end = self.path.strip_prefix("http://").and_then(|rest| Some(self.path.len() - rest.len() + rest.find('/')?));
        if let Some(end) = end {
            self.path.drain(..end);
        }
        self
    }

    /// What a polite client would not have sent, although it can be answered. `port` is the only one of the site, if it has one.
    pub(crate) fn faults(&self, port: Option<u16>) -> Vec<String> {
        let mut faults = Vec::new();
        let hosts = self.headers.iter().filter(|(name, _)| name == "host").count();
        if hosts != 1 {
            faults.push(format!("{} {}: {hosts} Host headers", self.method, self.path));
        } else if let Some(port) = port
            && self.header("host").and_then(|host| host.rsplit_once(':')).is_none_or(|(_, own)| own != port.to_string())
        {
            faults.push(format!("{} {}: Host {:?} is not this site", self.method, self.path, self.header("host")));
        }
        if !self.path.starts_with('/') || self.path.contains('#') {
            faults.push(format!("{} {}: no origin form", self.method, self.path));
        }
        faults
    }
}

/// Reads some more. The end of the connection is an orderly one only where nothing had begun.
fn fill(wire: &mut impl Read, left: &mut Vec<u8>, broken: &str) -> Result<(), Bad> {
    let mut piece = [0; 8192];
    match wire.read(&mut piece)? {
        0 if left.is_empty() => Err(Bad::Ended),
        0 => Err(Bad::Broken(broken.to_owned())),
        read => {
            left.extend_from_slice(&piece[..read]);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bad, Request};

    fn read(text: &str) -> Result<Request, Bad> {
        Request::read(&mut text.as_bytes(), &mut Vec::new())
    }

    #[test]
    fn requests_are_read_one_by_one_from_one_connection() {
        let mut wire = &b"POST /a?b HTTP/1.1\r\nHost: x:1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: x:1\r\n\r\n"[..];
        let mut left = Vec::new();
        let first = Request::read(&mut wire, &mut left).unwrap();
        assert_eq!((first.method.as_str(), first.path.as_str(), first.body.as_slice()), ("POST", "/a?b", &b"abc"[..]));
        assert_eq!(first.header("host"), Some("x:1"));
        assert_eq!(Request::read(&mut wire, &mut left).unwrap().path, "/");
        assert!(matches!(Request::read(&mut wire, &mut left), Err(Bad::Ended)));
    }

    #[test]
    fn what_a_proxy_is_asked_for_is_what_the_site_would_have_been_asked_for() {
        let request = read("GET http://a.example/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap().for_the_site();
        assert_eq!((request.path.as_str(), request.host()), ("/x?y", "a.example"));
        assert!(request.faults(None).is_empty());
    }

    #[test]
    fn what_is_no_http_is_named() {
        for text in ["GET /\r\n\r\n", "\x16\x03\x01", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HT"]
        {
            assert!(matches!(read(text), Err(Bad::Broken(_))), "{text:?}");
        }
    }

    #[test]
    fn impolite_requests_are_noticed() {
        let faults = |text| read(text).unwrap().faults(Some(80));
        assert!(faults("GET /x HTTP/1.1\r\nHost: a:80\r\n\r\n").is_empty());
        for text in [
            "GET /x HTTP/1.1\r\n\r\n",
            "GET /x HTTP/1.1\r\nHost: a:80\r\nHost: a:80\r\n\r\n",
            "GET /x HTTP/1.1\r\nHost: a:81\r\n\r\n",
            "GET /x#y HTTP/1.1\r\nHost: a:80\r\n\r\n",
            "GET http://a:80/x HTTP/1.1\r\nHost: a:80\r\n\r\n",
        ] {
            assert_eq!(faults(text).len(), 1, "{text:?}");
        }
    }
}
