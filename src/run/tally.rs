//! The counts of what was written: taken from the records themselves, after the bytes are out, so that they cannot disagree with
//! the output.

use std::sync::Arc;

use hdrhistogram::Histogram;
use serde_json::Value;

use super::hosts::Hosts;
use crate::model::{Counts, ErrorKind, Latency, Matched, Record, Summary};

/// No attempt lasts longer than this, in milliseconds: the bound of the options that say how long one may take, a year.
const LONGEST: u64 = 366 * 24 * 3600 * 1000;

/// What was written so far.
#[derive(Debug)]
pub(super) struct Tally {
    counts: Summary,
    /// How many records without an error have a value in each of the fields.
    matched: Vec<u64>,
    fields: Vec<Arc<str>>,
    hosts: Hosts,
    latency: Histogram<u64>,
    /// All times together, which the histogram has to three digits only.
    sum: u64,
}

impl Tally {
    /// Nothing yet. `fields` are in the order of the records.
    pub(super) fn new(fields: &[Arc<str>]) -> Self {
        let latency = Histogram::new_with_bounds(1, LONGEST, 3).expect("1 is a bound, and three digits are allowed");
        Self {
            counts: Summary::default(),
            matched: vec![0; fields.len()],
            fields: fields.to_vec(),
            hosts: Hosts::default(),
            latency,
            sum: 0,
        }
    }

    /// How many records there are.
    pub(super) const fn records(&self) -> u64 {
        self.counts.records()
    }

    pub(super) fn add(&mut self, record: &Record) {
        let bytes = record.bytes.unwrap_or(0);
        let own = Counts { ok: u64::from(record.error.is_none()), failed: u64::from(record.error.is_some()), bytes };
        self.hosts.add(&record.url, own);
        if let Some(elapsed) = record.elapsed_ms {
            self.latency.saturating_record(elapsed);
            self.sum = self.sum.saturating_add(elapsed);
        }
        let Summary { ok, failed, kinds, statuses, answers, bytes, .. } = &mut self.counts;
        *bytes += own.bytes;
        if let Some(status) = record.status {
            *answers.entry(status).or_default() += 1;
        }
        let Some(kind) = record.error else {
            *ok += 1;
            for (matched, (_, value)) in self.matched.iter_mut().zip(&record.data.0) {
                *matched += u64::from(is_value(value));
            }
            return;
        };
        *failed += 1;
        *kinds.entry(kind).or_default() += 1;
        if let (ErrorKind::HttpStatus, Some(status)) = (kind, record.status) {
            *statuses.entry(status).or_default() += 1;
        }
    }

    /// What it all comes to.
    pub(super) fn sum_up(self) -> Summary {
        let matched = self.fields.into_iter().zip(self.matched);
        let fields = matched.map(|(field, matched)| Matched { field, matched }).collect();
        let (hosts, other_hosts) = self.hosts.busiest();
        Summary { fields, hosts, other_hosts, latency: latency(&self.latency, self.sum), ..self.counts }
    }
}

/// Whether a field has been found.
fn is_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

fn latency(times: &Histogram<u64>, sum: u64) -> Latency {
    if times.is_empty() {
        return Latency::default();
    }
    // The upper end of what three digits tell may lie beyond what there was.
    let at = |share| times.value_at_quantile(share).min(times.max());
    Latency {
        count: times.len(),
        sum,
        min: times.min(),
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        max: times.max(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Data;

    fn record(status: Option<u16>, elapsed: Option<u64>, error: Option<ErrorKind>, value: Value) -> Record {
        Record {
            index: 1,
            url: "http://a.example/x".to_owned(),
            final_url: None,
            status,
            content_type: None,
            bytes: status.map(|_| 10),
            attempts: 1,
            elapsed_ms: elapsed,
            fetched_at: None,
            error,
            error_message: None,
            body: None,
            data: if error.is_none() { Data(vec![("x".into(), value)]) } else { Data::default() },
            input: None,
        }
    }

    #[test]
    fn a_field_that_was_not_found_does_not_count_as_matched() {
        let mut tally = Tally::new(&["x".into()]);
        for value in [json!(null), json!(""), json!([]), json!("a"), json!(["a"]), json!(0), json!(false)] {
            tally.add(&record(Some(200), Some(1), None, value));
        }
        tally.add(&record(Some(404), Some(1), Some(ErrorKind::HttpStatus), json!("a")));
        let summary = tally.sum_up();
        assert_eq!((summary.ok, summary.fields.len(), summary.fields[0].matched), (7, 1, 4));
    }

    #[test]
    fn records_are_counted_by_kind_status_and_host() {
        let mut tally = Tally::new(&[]);
        tally.add(&record(Some(200), Some(5), None, json!(null)));
        tally.add(&record(Some(503), Some(5), Some(ErrorKind::HttpStatus), json!(null)));
        tally.add(&record(Some(200), None, Some(ErrorKind::TooLarge), json!(null)));
        tally.add(&record(None, None, Some(ErrorKind::Dns), json!(null)));
        let summary = tally.sum_up();
        assert_eq!((summary.ok, summary.failed, summary.records(), summary.bytes), (1, 3, 4, 30));
        assert_eq!(summary.answers, [(200, 2), (503, 1)].into());
        assert_eq!(summary.statuses, [(503, 1)].into());
        assert_eq!(summary.hosts[0].counts, Counts { ok: 1, failed: 3, bytes: 30 });
        assert_eq!(summary.latency.count, 2);
    }

    #[test]
    fn percentiles_are_of_the_times_there_were() {
        let mut tally = Tally::new(&[]);
        assert_eq!(Tally::new(&[]).sum_up().latency, Latency::default());
        (0..=100).for_each(|elapsed| tally.add(&record(Some(200), Some(elapsed), None, json!(null))));
        let all = Latency { count: 101, sum: 5050, min: 0, p50: 50, p90: 90, p95: 95, p99: 99, max: 100 };
        assert_eq!(tally.sum_up().latency, all);
        let mut tally = Tally::new(&[]);
        tally.add(&record(Some(200), Some(u64::MAX), None, json!(null)));
        let Latency { p50, max, sum, .. } = tally.sum_up().latency;
        assert!(p50 == max && max >= LONGEST && sum == u64::MAX, "{p50} {max} {sum}");
    }
}
