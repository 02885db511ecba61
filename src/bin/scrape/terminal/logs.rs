//! Logs and panics: one cleaned line each on stderr, at the level that was asked for.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::env;
use std::fmt::{self, Debug};
use std::io;
use std::panic;
use std::time::SystemTime;

use scrape::model::Clean;
use serde_json::Value;
use tracing::Subscriber;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::util::SubscriberInitExt;

use super::out::{Form, Out};
use super::{LogFormat, Talk};

/// Sends the process's logs to `out`. Where another subscriber is installed already, that one stays.
pub(super) fn install(out: &Out, talk: Talk, colour: bool) {
    let (filter, refused) = filter(talk.verbose, env::var("RUST_LOG").ok().as_deref());
    let form = match talk.log_format {
        LogFormat::Json => Form::Json,
        LogFormat::Text if colour => Form::ColourLine,
        LogFormat::Text => Form::Line,
    };
    let out = out.clone();
    let _ = subscriber(filter, form, move || LogWriter { out: out.clone(), form }).try_init();
    if let Some(refused) = refused {
        tracing::warn!("RUST_LOG is not understood and was ignored: {refused}");
    }
}

/// Lets a panic be one log line, whatever the panicking code had to say, and a backtrace only where `RUST_BACKTRACE` asks for it.
pub(super) fn hook_panics(out: &Out, quiet: bool) {
    let out = out.clone();
    panic::set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(target: "scrape", "a bug, please report it: {message} ({place})");
        let backtrace = Backtrace::capture();
        if !quiet && backtrace.status() == BacktraceStatus::Captured {
            out.write(&format!("{backtrace}\n"), Form::Text);
        }
    }));
}

/// A progress line in the shape of the logs around it.
pub(super) fn progress_line(text: &str, format: LogFormat, now: SystemTime) -> String {
    match format {
        LogFormat::Text => format!("scrape: {text}\n"),
        LogFormat::Json => json_line("INFO", text, now, serde_json::json!({})),
    }
}

/// A line in the shape of the JSON logs around it.
pub(super) fn json_line(level: &str, message: &str, now: SystemTime, more: Value) -> String {
    let timestamp = humantime::format_rfc3339_micros(now).to_string();
    let mut line = serde_json::json!({ "timestamp": timestamp, "level": level, "message": message, "target": "scrape" });
    if let (Value::Object(line), Value::Object(mut more)) = (&mut line, more) {
        line.append(&mut more);
    }
    format!("{line}\n")
}

/// The filter, and why `RUST_LOG` was refused if it was.
fn filter(verbose: u8, rust_log: Option<&str>) -> (EnvFilter, Option<String>) {
    let parse = |rust_log| EnvFilter::builder().parse(directives(verbose, rust_log));
    match parse(rust_log) {
        Ok(filter) => (filter, None),
        Err(error) => (parse(None).expect("our own directives are well formed"), Some(error.to_string())),
    }
}

/// What is logged: of our own work warnings, or what `-v` asks for, and of others' one level less. Of the parsers' and the
/// client's talk nothing that would drown it, unless `RUST_LOG` names them.
fn directives(verbose: u8, rust_log: Option<&str>) -> String {
    let (ours, others) = match verbose {
        0 => ("warn", "error"),
        1 => ("info", "warn"),
        2 => ("debug", "info"),
        _ => ("trace", "debug"),
    };
    match rust_log.filter(|value| !value.trim().is_empty()) {
        Some(rust_log) => format!("html5ever=error,selectors=error,hyper_util=warn,{rust_log}"),
        None if verbose == 0 => format!("{others},scrape={ours}"),
        None => format!("{others},scrape={ours},html5ever=error,selectors=error,hyper_util=warn"),
    }
}

fn subscriber<W>(filter: EnvFilter, form: Form, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(form == Form::ColourLine).with_writer(writer);
    if form == Form::Json {
        Box::new(builder.json().flatten_event(true).finish())
    } else {
        Box::new(builder.fmt_fields(debug_fn(write_field)).finish())
    }
}

/// Writes a field with its value cleaned here, before our own colours are around it: they pass the writer, others may not.
fn write_field(to: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let value = format!("{value:?}");
    match field.name() {
        "message" => write!(to, "{}", Clean(&value)),
        // What the `log` crate's records carry besides their message is in the line already.
        name if name.starts_with("log.") => Ok(()),
        name => write!(to, " {name}={}", Clean(&value)),
    }
}

/// Hands a log line on: the subscriber formats an event and writes it whole.
struct LogWriter {
    out: Out,
    form: Form,
}

impl io::Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.out.write(&String::from_utf8_lossy(line), self.form);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A writer that keeps what it is given, a string a write.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<String>>>);

    impl io::Write for Kept {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(String::from_utf8(line.to_vec()).unwrap());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(verbose: u8, rust_log: Option<&str>, form: Form, events: fn()) -> Vec<String> {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = subscriber(filter(verbose, rust_log).0, form, move || writer.clone());
        tracing::subscriber::with_default(subscriber, events);
        let lines = kept.0.lock().unwrap();
        lines.iter().map(|line| form.clean(line).into_owned()).collect()
    }

    fn one_of_each() {
        tracing::info!(target: "scrape::crawl", "ours info");
        tracing::warn!(target: "scrape::crawl", "ours warn");
        tracing::info!(target: "hyper_util::client", "pool info");
        tracing::warn!(target: "hyper_util::client", "pool warn");
        tracing::warn!(target: "html5ever::tree", "parser warn");
        tracing::info!(target: "rustls", "tls info");
        tracing::warn!(target: "rustls", "tls warn");
        tracing::error!(target: "rustls", "tls error");
    }

    #[track_caller]
    fn says(verbose: u8, rust_log: Option<&str>, expected: &[&str]) {
        let lines = logged(verbose, rust_log, Form::Line, one_of_each);
        assert_eq!(lines.len(), expected.len(), "{lines:?}");
        for (line, expected) in lines.iter().zip(expected) {
            assert!(line.ends_with(&format!(": {expected}\n")), "{lines:?}");
        }
    }

    #[test]
    fn others_log_one_step_less_than_we_do() {
        says(0, None, &["ours warn", "tls error"]);
        says(1, None, &["ours info", "ours warn", "pool warn", "tls warn", "tls error"]);
        says(2, None, &["ours info", "ours warn", "pool warn", "tls info", "tls warn", "tls error"]);
        says(9, None, &["ours info", "ours warn", "pool warn", "tls info", "tls warn", "tls error"]);
    }

    #[test]
    fn rust_log_overrides_and_can_name_what_is_muted() {
        says(0, Some("info"), &["ours info", "ours warn", "pool warn", "tls info", "tls warn", "tls error"]);
        says(3, Some("off,html5ever=warn"), &["pool warn", "parser warn"]);
        says(0, Some(" "), &["ours warn", "tls error"]);
    }

    #[test]
    fn a_wrong_rust_log_is_ignored_and_said() {
        assert!(filter(0, Some("scrape=loud")).1.is_some());
        assert!(filter(0, Some("scrape=debug")).1.is_none());
        says(0, Some("scrape=loud"), &["ours warn", "tls error"]);
    }

    #[test]
    fn hostile_values_neither_forge_lines_nor_colours() {
        fn hostile() {
            let value = "x\n2026 ERROR forged\u{1b}[31m\u{9b}2J\u{202e}";
            tracing::error!(target: "scrape", shown = %value, debugged = ?value, plain = value, "{value}");
        }
        for form in [Form::Line, Form::ColourLine] {
            let lines = logged(0, None, form, hostile);
            assert_eq!(lines.len(), 1);
            assert_eq!(lines[0].matches('\n').count(), 1);
            assert!(!lines[0].contains("forged\u{1b}"), "{lines:?}");
            assert!(!lines[0].contains(['\u{9b}', '\u{202e}']), "{lines:?}");
            assert_eq!(lines[0].contains('\u{1b}'), form == Form::ColourLine);
        }
        let lines = logged(0, None, Form::Json, hostile);
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["message"], line["shown"]);
        assert_eq!(line["message"].as_str().unwrap().chars().next_back(), Some('\u{202e}'), "the value itself is unchanged");
        assert!(!lines[0].contains(['\u{9b}', '\u{202e}']));
    }

    #[test]
    fn progress_is_written_in_the_shape_of_the_logs() {
        let now = SystemTime::UNIX_EPOCH;
        assert_eq!(progress_line("3 done", LogFormat::Text, now), "scrape: 3 done\n");
        let json = r#"{"timestamp":"1970-01-01T00:00:00.000000Z","level":"INFO","message":"3 done","target":"scrape"}"#;
        assert_eq!(progress_line("3 done", LogFormat::Json, now), format!("{json}\n"));
    }
}
