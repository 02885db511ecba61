//! How requests start.

use super::*;

/// Takes some steps for each request, and no time.
struct Steps {
    in_flight: AtomicUsize,
    peak: Arc<AtomicUsize>,
}

impl Fetch for Steps {
    async fn fetch(&self, ticket: &Ticket, _: &Arc<Flight>) -> Result<Reply, Failure> {
        self.peak.fetch_max(self.in_flight.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        Ok(reply(ticket))
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_requests_of_many_get_on_before_the_last_ones_start() {
    let peak = Arc::new(AtomicUsize::new(0));
    let fetch = Steps { in_flight: AtomicUsize::new(0), peak: Arc::clone(&peak) };
    let (records, ..) = all(bench_with(settings(2000), fetch, Arc::clone(&peak)), urls(2000)).await;
    assert_eq!(records.len(), 2000);
    let peak = peak.load(Ordering::SeqCst);
    assert!(peak < 500, "{peak} requests were sent before the first was done");
}
