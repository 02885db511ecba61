//! Whole runs of the real program against strict local sites: each test is a sentence of what its users rely on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod arch;
mod breaker;
mod config;
mod decode;
mod demo;
mod dry_run;
mod endings;
mod errors;
mod extract;
mod fair;
mod harness;
mod help;
mod hosts;
mod http2;
mod input;
mod kept;
mod machine;
mod output;
mod pace;
mod polite;
mod readme;
mod record;
mod redirect;
mod retry;
mod robots;
mod seeds;
mod talk;
mod waits;
