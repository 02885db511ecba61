//! Records that the benches share.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use scrape::model::Timestamp;
use scrape::{Data, ErrorKind, Record};
use serde_json::json;
use tokio::sync::mpsc::{Receiver, channel};

/// The fields.
pub(crate) const FIELDS: [&str; 4] = ["title", "price", "description", "images"];

/// A record of a shop's page, with about 300 bytes of text beside its keys; one in fifty failed.
pub(crate) fn record(names: &[Arc<str>], index: u64) -> Record {
    let url = format!("https://shop.example/category/{}/product-{index}?ref=list", index % 97);
    let is_failed = index % 50 == 49;
    let values = [
        json!(format!("Garden chair no. {index}, “Sölvesborg”, foldable – with cushion | shop.example")),
        json!(format!("{}.99 €", index % 1000)),
        json!("A chair to sit on, said \"the best\" by many;\nweather-proof, 4.2 kg, acacia wood."),
        json!([format!("https://img.example/{index}/1.jpg"), format!("https://img.example/{index}/2.jpg")]),
    ];
    let data = names.iter().cloned().zip(values).collect();
    Record {
        index,
        final_url: Some(url.clone()),
        url,
        status: Some(if is_failed { 503 } else { 200 }),
        content_type: Some("text/html; charset=utf-8".to_owned()),
        bytes: (!is_failed).then_some(48_213 + index % 1000),
        attempts: 1,
        elapsed_ms: Some(120 + index % 400),
        fetched_at: Some(Timestamp(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_170_600_000 + index * 3))),
        error: is_failed.then_some(ErrorKind::HttpStatus),
        error_message: is_failed.then(|| "the server answered 503 Service Unavailable".to_owned()),
        body: None,
        data: Data(if is_failed { Vec::new() } else { data }),
        input: None,
    }
}

/// A channel that holds these records and is closed.
pub(crate) fn stream(records: &[Record]) -> Receiver<Record> {
    let (sender, receiver) = channel(records.len());
    for record in records {
        sender.try_send(record.clone()).expect("there is room for all");
    }
    receiver
}
