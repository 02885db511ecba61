//! Whole runs of the real program against strict local sites: each test is a sentence of what its users rely on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod arch;
mod breaker;
mod config;
mod cookies;
mod decode;
mod demo;
mod dial;
mod dry_run;
mod endings;
mod errors;
mod extract;
mod fair;
mod faults;
mod guard;
mod harmless;
mod harness;
mod help;
mod hostile;
mod hosts;
mod http;
mod http2;
mod input;
mod kept;
mod machine;
mod memory;
mod multiplexed;
mod output;
mod pace;
mod polite;
mod proxy;
mod readme;
mod record;
mod redirect;
mod request;
mod retry;
mod robots;
mod secrets;
mod seeds;
mod talk;
mod tiers;
mod tls;
mod waits;
