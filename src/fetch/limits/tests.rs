//! The limits under a paused clock.

use std::future::pending;

use tokio::time::sleep_until;

use super::*;

fn limits(timeout: u64, read: u64, min_speed: Option<&str>) -> Limits {
    let settings = Settings {
        timeout: Duration::from_secs(timeout),
        read_timeout: Duration::from_secs(read),
        min_speed: min_speed.map(|speed| speed.parse().unwrap()),
        ..Settings::default()
    };
    Limits::new(&settings, Duration::ZERO)
}

async fn after(seconds: u64) {
    sleep_until(Instant::now() + Duration::from_secs(seconds)).await;
}

/// Reads pieces of so many bytes, so many seconds apart, until a limit ends it; tells how long it lasted and what was said.
async fn read(limits: &mut Limits, bytes: usize, apart: u64) -> (u64, String) {
    let (start, mut so_far) = (Instant::now(), 0);
    loop {
        let came = limits.chunk(after(apart), so_far, None).await.and_then(|_| limits.came(bytes, so_far));
        if let Err(failure) = came {
            assert_eq!(failure.kind, ErrorKind::Timeout);
            return (start.elapsed().as_secs(), failure.message);
        }
        so_far += bytes;
    }
}

#[test]
fn a_speed_is_a_size_a_second_or_in_a_time() {
    let speed = |text: &str| text.parse::<MinSpeed>().map(|speed| (speed.bytes, speed.over.as_secs()));
    assert_eq!((speed("500"), speed("2Ki"), speed("1M / 1m")), (Ok((15_000, 30)), Ok((61_440, 30)), Ok((1_000_000, 60))));
    for text in ["", "0", "-1", "fast", "1K/", "1K/0s", "1K/1ms", "1K/300d", "99999999999G", "/10s"] {
        assert!(speed(text).is_err_and(|error| error.to_string().contains("5K/10s")), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_ends_with_the_whole_attempt() {
    let (lasted, message) = read(&mut limits(30, 15, None), 1, 1).await;
    assert_eq!((lasted, message.contains("--timeout")), (30, true), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_ends_with_the_silence() {
    let (lasted, message) = read(&mut limits(300, 15, Some("1")), 1000, 20).await;
    assert_eq!((lasted, message.contains("--read-timeout")), (15, true), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_body_slower_than_the_least_speed_ends_after_the_time_of_its_measure() {
    let (lasted, message) = read(&mut limits(300, 15, Some("100")), 99, 1).await;
    assert!(lasted == 30 && message.contains("--min-speed") && message.contains("2871 bytes in 30s"), "{lasted}: {message}");
    let (lasted, message) = read(&mut limits(300, 15, Some("1K/10s")), 500, 6).await;
    assert!(lasted == 10 && message.contains("--min-speed"), "{lasted}: {message}");
    let (lasted, message) = read(&mut limits(300, 15, Some("100")), 110, 1).await;
    assert!(lasted == 300 && message.contains("--timeout"), "fast enough: {lasted}: {message}");
    // All at the beginning of one measure, and too little in the next one.
    let mut limits = limits(300, 100, Some("100"));
    limits.chunk(async {}, 0, None).await.unwrap();
    limits.came(1_000_000, 0).unwrap();
    let (lasted, message) = read(&mut limits, 1, 1).await;
    assert!(lasted == 60 && message.contains("--min-speed"), "{lasted}: {message}");
}

#[tokio::test(start_paused = true)]
async fn what_we_wait_for_ourselves_is_no_fault_of_the_server() {
    let mut limits = limits(30, 15, Some("100/20s"));
    limits.chunk(after(5), 0, None).await.unwrap();
    limits.came(1, 0).unwrap();
    limits.pause(after(1000)).await;
    let (lasted, message) = read(&mut limits, 50, 1).await;
    assert!(lasted == 25 && message.contains("--timeout"), "five seconds had passed before: {lasted}: {message}");
    let start = Instant::now();
    let failure = limits.chunk(pending::<()>(), 9, None).await.unwrap_err();
    assert!(start.elapsed().is_zero() && failure.message.contains("9 bytes within --timeout"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn redirects_share_the_time_of_the_attempt() {
    let settings = Settings { timeout: Duration::from_secs(30), read_timeout: Duration::from_mins(1), ..Settings::default() };
    let start = Instant::now();
    let mut limits = Limits::new(&settings, Duration::from_secs(20));
    let failure = limits.head(pending::<()>()).await.unwrap_err();
    assert!(start.elapsed().as_secs() == 10 && failure.message.contains("--timeout (30s)"), "{failure}");
}
