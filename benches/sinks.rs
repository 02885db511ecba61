//! What writing a record costs, from the channel to the file, in every format. All records wait in the channel from the start, so that
//! one core does all there is to do and waits for nobody. What is measured is its CPU time, which is the same on a busy machine; the
//! disk, which a run waits for once at its end, is not.

#[path = "shop/record.rs"]
mod shop;

use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rustix::time::{ClockId, clock_gettime};
use scrape::model::{Columns, Record};
use scrape::sink::{self, Destination, End, Existing, FORMATS, FormatEntry, Settings, To};
use tokio::sync::mpsc::Receiver;

use shop::{FIELDS, record, stream};

/// How many records are in one stream.
const RECORDS: u64 = 20_000;

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
