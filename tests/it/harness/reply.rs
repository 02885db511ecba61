//! What a site does with a request: a well-formed reply, or any sequence of bytes, waits and endings.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// One thing after another.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// These bytes, in one write.
    Send(Vec<u8>),
    /// These bytes again and again, until the client is gone.
    Endless(Vec<u8>),
    /// These bytes so many times.
    Repeat(Vec<u8>, usize),
    /// Silence for a while.
    Wait(Duration),
    /// Silence until the test says so.
    Until(Gate),
    /// Silence until the client is gone.
    Hang,
    /// An orderly end of the connection.
    Close,
    /// The end of the connection by RST.
    Reset,
}

/// A reply. After its last step the connection is kept alive.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    before: Vec<Step>,
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Instead of status, headers and body.
    raw: Option<Vec<u8>>,
    /// So many bytes at a time, with this pause between them.
    drip: Option<(usize, Duration)>,
    after: Vec<Step>,
}

impl Reply {
    /// A page: status 200 and `text/html; charset=utf-8`.
    pub(crate) fn html(body: impl AsRef<[u8]>) -> Self {
        Self::status(200).header("Content-Type", "text/html; charset=utf-8").body(body)
    }

    /// A page with nothing but this title.
    pub(crate) fn title(title: &str) -> Self {
        Self::html(format!("<!doctype html><title>{title}</title>"))
    }

    /// A plain text: status 200.
    pub(crate) fn text(text: impl AsRef<[u8]>) -> Self {
        Self::status(200).header("Content-Type", "text/plain").body(text)
    }

    /// A reply with no header but its length, and no body.
    pub(crate) fn status(status: u16) -> Self {
        Self { before: Vec::new(), status, headers: Vec::new(), body: Vec::new(), raw: None, drip: None, after: Vec::new() }
    }

    /// The same with another status.
    pub(crate) fn status_of(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Status 302 to somewhere.
    pub(crate) fn redirect(to: &str) -> Self {
        Self::status(302).header("Location", to)
    }

    /// These bytes and no others.
    pub(crate) fn raw(bytes: impl AsRef<[u8]>) -> Self {
        Self { raw: Some(bytes.as_ref().to_vec()), ..Self::status(0) }
    }

    /// Nothing at all; to be ended by one of [`close`](Self::close), [`reset`](Self::reset) and [`hang`](Self::hang).
    pub(crate) fn nothing() -> Self {
        Self { raw: Some(Vec::new()), ..Self::status(0) }
    }

    /// A header, in the order of the calls. `Content-Length` and `Transfer-Encoding` replace the one that would be added.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        body.as_ref().clone_into(&mut self.body);
        self
    }

    /// Waits before the reply.
    pub(crate) fn delay(mut self, time: Duration) -> Self {
        self.before.push(Step::Wait(time));
        self
    }

    /// Waits before the reply until the test opens the gate.
    pub(crate) fn behind(mut self, gate: &Gate) -> Self {
        self.before.push(Step::Until(gate.clone()));
        self
    }

    /// Sends the reply in pieces of so many bytes with a pause between them.
    pub(crate) fn drip(mut self, piece: usize, every: Duration) -> Self {
        self.drip = Some((piece, every));
        self
    }

    /// Repeats these bytes after the reply until the client has had enough.
    pub(crate) fn endless(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.after.push(Step::Endless(bytes.as_ref().to_vec()));
        self
    }

    /// Sends these bytes so many times after the reply.
    pub(crate) fn repeat(mut self, bytes: impl AsRef<[u8]>, times: usize) -> Self {
        self.after.push(Step::Repeat(bytes.as_ref().to_vec(), times));
        self
    }

    /// Waits after the reply, and then sends these bytes.
    pub(crate) fn later(mut self, time: Duration, bytes: impl AsRef<[u8]>) -> Self {
        self.after.extend([Step::Wait(time), Step::Send(bytes.as_ref().to_vec())]);
        self
    }

    /// Ends the connection in an orderly way after the reply, without having said so.
    pub(crate) fn close(mut self) -> Self {
        self.after.push(Step::Close);
        self
    }

    /// Ends the connection by RST after the reply.
    pub(crate) fn reset(mut self) -> Self {
        self.after.push(Step::Reset);
        self
    }

    /// Says nothing more, and keeps the connection open.
    pub(crate) fn hang(mut self) -> Self {
        self.after.push(Step::Hang);
        self
    }

    /// All of it, in order.
    pub(crate) fn steps(self) -> Vec<Step> {
        let bytes = self.raw.clone().unwrap_or_else(|| self.head_and_body());
        let (piece, every) = self.drip.unwrap_or((bytes.len().max(1), Duration::ZERO));
        let mut steps = self.before;
        for (at, piece) in bytes.chunks(piece).enumerate() {
            steps.extend((at > 0).then_some(Step::Wait(every)));
            steps.push(Step::Send(piece.to_vec()));
        }
        steps.extend(self.after);
        steps
    }

    fn head_and_body(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Whatever\r\n", self.status);
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        let framed = |name: &str| name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding");
        let bodiless = matches!(self.status, 100..=199 | 204 | 304);
        if !bodiless && !self.headers.iter().any(|(name, _)| framed(name)) {
            head.extend(["Content-Length: ", &self.body.len().to_string(), "\r\n"]);
        }
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }
}

/// Holds replies back until a test opens it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<AtomicBool>);

impl Gate {
    pub(crate) fn open(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::{Reply, Step};

    fn sent(reply: Reply) -> String {
        match reply.steps().as_slice() {
            [Step::Send(bytes)] => String::from_utf8(bytes.clone()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reply_is_well_formed_unless_it_is_told_otherwise() {
        assert_eq!(sent(Reply::status(404)), "HTTP/1.1 404 Whatever\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(sent(Reply::status(204)), "HTTP/1.1 204 Whatever\r\n\r\n");
        let lying = Reply::status(200).header("content-length", "9").body("x");
        assert_eq!(sent(lying), "HTTP/1.1 200 Whatever\r\ncontent-length: 9\r\n\r\nx");
        assert_eq!(sent(Reply::raw("x")), "x");
    }
}
