//! Whole runs of the real program against strict local sites: each test is a sentence of what its users rely on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod harness;
