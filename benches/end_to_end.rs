//! What a whole run costs: list, requests over loopback, extraction, JSONL into nowhere. The site answers at once, so this is the
//! program's own time and the site's, which is kept as small as it can be.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scrape::{Destination, Field, Origin, Plan, Record};
use tokio::runtime::Builder;

/// The targets of one run.
const TARGETS: u64 = 300;

/// The one answer of a site: a page of about `kib` KiB.
fn answer(kib: usize) -> Arc<[u8]> {
    let mut html = String::from("<!doctype html><html><head><title>A page</title></head><body>");
    for n in 0.. {
        if html.len() >= kib << 10 {
            break;
        }
        let _ =
            writeln!(html, "<div class=\"card\"><h2>Thing {n}</h2><p>Some <b>words</b>.</p><a href=\"/thing/{n}\">see</a></div>");
    }
    let length = html.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{html}").into_bytes().into()
}

/// Serves an answer to everybody until the process ends.
fn serve(answer: Arc<[u8]>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // The client closes the connection when its run ends: that is how serving it ends.
            thread(move || drop(talk(stream, &answer)));
        }
    });
    Ok(address)
}

/// Answers one connection's requests, which come one at a time.
fn talk(mut stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut request, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            count => request.extend_from_slice(&piece[..count]),
        }
        if request.ends_with(b"\r\n\r\n") {
            stream.write_all(answer)?;
            request.clear();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the site is no part of the run: its threads end with the process")]
fn thread(work: impl FnOnce() + Send + 'static) {
    std::thread::spawn(work);
}

fn plan(site: SocketAddr, fields: &[Field]) -> Plan {
    let mut plan = Plan::default();
    plan.source.inputs = vec![Origin::Url(format!("http://{site}/[1-{TARGETS}]"))];
    plan.extract.fields = fields.to_vec();
    plan.sink.outputs = vec![Destination::Writer(Box::new(io::sink())).into()];
    plan
}

fn end_to_end(c: &mut Criterion) {
    // As the program has it: one thread drives all sockets.
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let fields = ["title=title", "links[]=a[href]::attr(href)"].map(|field| field.parse().expect("a field"));
    for kib in [2, 20] {
        let site = serve(answer(kib)).expect("loopback has a free port");
        let mut group = c.benchmark_group(format!("end to end/{TARGETS} pages of {kib} KiB"));
        group.throughput(Throughput::Elements(TARGETS)).sample_size(10);
        group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
        for (name, fields) in [("fetch only", &fields[..0]), ("title", &fields[..1]), ("title+links", &fields[..])] {
            group.bench_function(name, |b| {
                b.iter(|| {
                    let (_stopper, stop) = scrape::stop();
                    let run = scrape::run(plan(site, fields), |_: &Record| {}, stop);
                    let summary = runtime.block_on(run).expect("a run to its end");
                    assert_eq!((summary.ok, summary.failed), (TARGETS, 0), "{summary:?}");
                });
            });
        }
    }
}

criterion_group!(benches, end_to_end);
criterion_main!(benches);
