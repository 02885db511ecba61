//! What writing a record costs, from the channel to the file, in every format. All records wait in the channel from the start, so that
//! one core does all there is to do and waits for nobody. What is measured is its CPU time, which is the same on a busy machine; the
//! disk, which a run waits for once at its end, is not.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rustix::time::{ClockId, clock_gettime};
use scrape::model::{Columns, Data, Record, Timestamp};
use scrape::sink::{self, End, Existing, FORMATS, FormatEntry, Settings, To};
use scrape::{Destination, ErrorKind};
use serde_json::json;
use tokio::sync::mpsc::{Receiver, channel};

/// How many records are in one stream.
const RECORDS: u64 = 20_000;

/// The fields.
const FIELDS: [&str; 4] = ["title", "price", "description", "images"];

/// A record of a shop's page, with about 300 bytes of text beside its keys; one in fifty failed.
fn record(names: &[Arc<str>], index: u64) -> Record {
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
fn stream(records: &[Record]) -> Receiver<Record> {
    let (sender, receiver) = channel(records.len());
    for record in records {
        sender.try_send(record.clone()).expect("there is room for all");
    }
    receiver
}

/// The CPU time of this thread so far.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).expect("less than a second"))
}

/// What it costs to open a file, and to write all records of a stream to it.
fn write(format: &'static FormatEntry, file: &Path, columns: &Columns, mut records: Receiver<Record>) -> Duration {
    let output = To { place: Destination::File(file.to_owned()), format: Some(format) };
    let settings = Settings { outputs: vec![output], existing: Existing::Overwrite, ..Settings::default() };
    let mut count = 0;
    let began = cpu_time();
    let mut writer = sink::open(settings, columns).expect("a new file");
    let end = writer.run(&mut records, &mut |_| count += 1).expect("there is room");
    let took = cpu_time().saturating_sub(began);
    assert_eq!((end, count), (End::Done, RECORDS));
    writer.finish(false).expect("it is written already");
    took
}

fn sinks(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let columns = Columns { data: FIELDS.map(Into::into).to_vec(), ..Columns::default() };
    let records: Vec<_> = (1..=RECORDS).map(|index| record(&columns.data, index)).collect();
    let mut group = c.benchmark_group("sinks");
    group.throughput(Throughput::Elements(RECORDS)).sample_size(20);
    for format in FORMATS {
        let file = folder.path().join("out").with_extension(format.extensions[0]);
        group.bench_function(format.name, |b| {
            b.iter_custom(|times| (0..times).map(|_| write(format, &file, &columns, stream(&records))).sum());
        });
    }
}

criterion_group!(benches, sinks);
criterion_main!(benches);
