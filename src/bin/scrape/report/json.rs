//! The summary as one JSON object. Its members are always all there; a name, once released, does not change.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use scrape::Summary;
use scrape::model::{Counts, Latency, Timestamp};
use serde_json::{Map, Value, json};

use crate::ending::End;

pub(super) fn text(end: &End, now: SystemTime) -> String {
    let End { summary, exit, error, .. } = end;
    let Summary { read, ok, failed, skipped, left, passed_over, kinds, answers, fields, latency, .. } = summary;
    let Summary { hosts, other_hosts, slowed, waits, ended_by, .. } = summary;
    let hosts: Vec<_> = hosts.iter().map(|host| with(json!({ "host": host.host }), &host.counts)).collect();
    let fields: Vec<_> = fields.iter().map(|own| json!({ "name": &*own.field, "matched": own.matched, "of": ok })).collect();
    let slowed: Vec<_> =
        slowed.iter().map(|it| json!({ "host": it.host, "rate": it.rate, "in_flight": it.in_flight, "why": it.why })).collect();
    let ended_by = ended_by.as_ref().map(|it| json!({ "url": it.url, "error": it.kind, "error_message": it.message }));
    let judged: Vec<_> = end
        .judged
        .iter()
        .map(|it| json!({ "expression": it.expression, "true": it.is_true, "count": it.count, "of": it.of }))
        .collect();
    let object = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": summary.started.map(Timestamp),
        "ended_at": Timestamp(now),
        "elapsed_ms": millis(summary.elapsed),
        "ended": summary.ended.name(),
        "ended_by": ended_by,
        "exit_code": *exit as u8,
        "error": error,
        "in": read,
        "ok": ok,
        "failed": failed,
        "skipped": skipped,
        "left": left,
        "passed_over": passed_over,
        "input_complete": summary.input_complete,
        "errors": counts(kinds),
        "statuses": counts(answers),
        "requests": {
            "sent": summary.requests,
            "robots": summary.robots,
            "retries": summary.retries,
            "redirects": summary.redirects,
        },
        "bytes": { "decoded": summary.bytes, "received": summary.received },
        "latency_ms": times(latency),
        "waits_ms": waits.iter().map(|(why, time)| ((*why).to_owned(), millis(*time).into())).collect::<Map<_, Value>>(),
        "fields": fields,
        "fail_if": judged,
        "hosts": hosts,
        "other_hosts": with(json!({}), other_hosts),
        "slowed": slowed,
        "partial": summary.partial.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "resume": end.resume.as_ref().and_then(|resume| resume.command()),
    });
    object.to_string() + "\n"
}

fn with(mut object: Value, counts: &Counts) -> Value {
    let Counts { ok, failed, bytes } = counts;
    for (name, count) in [("records", counts.records()), ("ok", *ok), ("failed", *failed), ("bytes", *bytes)] {
        object[name] = count.into();
    }
    object
}

fn counts<K: ToString>(counts: &BTreeMap<K, u64>) -> Map<String, Value> {
    counts.iter().map(|(name, count)| (name.to_string(), (*count).into())).collect()
}

/// The times of answers; null where there were none.
fn times(latency: &Latency) -> Value {
    let Latency { count, sum, min, p50, p90, p95, p99, max } = latency;
    if *count == 0 {
        return Value::Null;
    }
    #[expect(clippy::cast_precision_loss, reason = "it is shown to three decimals")]
    let mean = (*sum as f64 / *count as f64 * 1000.0).round() / 1000.0;
    json!({ "count": count, "min": min, "mean": mean, "p50": p50, "p90": p90, "p95": p95, "p99": p99, "max": max })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
