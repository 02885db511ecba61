//! Expressions against sums: their arithmetic is exact, and what they say of it is what was counted.

use proptest::prelude::*;

use super::*;
use crate::model::Matched;

fn threshold(text: &str) -> Threshold {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    text.parse::<Threshold>().map_or_else(|error| error.to_string(), |threshold| panic!("{text} is {threshold}"))
}

/// A run of so many records, some of which failed.
fn run(records: u64, failed: u64) -> Summary {
    Summary { read: records, ok: records - failed, failed, ..Summary::default() }
}

fn some() -> Summary {
    Summary {
        read: 110,
        ok: 93,
        failed: 7,
        skipped: 6,
        left: 4,
        kinds: [(ErrorKind::Timeout, 4), (ErrorKind::HttpStatus, 3)].into(),
        answers: [(200, 93), (404, 2), (410, 1)].into(),
        fields: vec![Matched { field: "price".into(), matched: 62 }],
        ..Summary::default()
    }
}

#[test]
fn five_of_a_hundred_are_not_more_than_five_percent() {
    for (text, failed, is_true) in [
        ("failed > 5%", 5, false),
        ("failed > 5%", 6, true),
        ("failed >= 5%", 5, true),
        ("failed < 5%", 5, false),
        ("failed <= 5%", 5, true),
        ("failed = 5%", 5, true),
        ("failed == 5.000%", 5, true),
        ("failed != 5%", 5, false),
        ("failed>4.999999%", 5, true),
        ("failed > 10", 10, false),
        ("failed > 10", 11, true),
        (" failed  >  5 % ", 6, true),
    ] {
        assert_eq!(threshold(text).judge(&run(100, failed)).is_true, is_true, "{text} of {failed}");
    }
}

#[test]
fn shares_that_no_float_has_are_exact() {
    // A third of three hundred is not below a third, however it is written.
    assert!(!threshold("failed < 33.333333%").judge(&run(300, 100)).is_true);
    assert!(threshold("failed < 33.333334%").judge(&run(300, 100)).is_true);
    assert!(!threshold("failed > 0.1%").judge(&run(1000, 1)).is_true);
    assert!(!threshold("failed > 0.7%").judge(&run(1000, 7)).is_true);
    let most = Summary { read: u64::MAX, ok: 1, failed: u64::MAX - 1, ..Summary::default() };
    assert!(threshold("failed < 100%").judge(&most).is_true);
    assert!(!threshold("failed >= 99.999999%").judge(&run(1_000_000_000, 999_999_989)).is_true);
}

#[test]
fn each_count_is_a_share_of_what_it_is_a_part_of() {
    for (text, said) in [
        ("in < 200", "in < 200: 110 targets were read"),
        ("records < 95%", "records < 95%: 100 of 110 targets have a record (90.91%)"),
        ("ok < 95%", "ok < 95%: 93 of 100 records are ok (93%)"),
        ("failed > 5%", "failed > 5%: 7 of 100 records failed (7%)"),
        ("skipped >= 6", "skipped >= 6: 6 of 110 targets were skipped (5.45%)"),
        ("left > 0", "left > 0: 4 of 110 targets are left (3.64%)"),
        ("kind:timeout > 3", "kind:timeout > 3: 4 of 100 records failed with timeout (4%)"),
        ("timeout > 1%", "kind:timeout > 1%: 4 of 100 records failed with timeout (4%)"),
        ("dns = 0", "kind:dns = 0: 0 of 100 records failed with dns (0%)"),
        ("status:404 == 2", "status:404 = 2: 2 of 100 records have status 404 (2%)"),
        ("status:4xx > 2%", "status:4xx > 2%: 3 of 100 records have a status 4xx (3%)"),
        ("field:price < 95%", "field:price < 95%: 62 of 93 ok records have a value in price (66.67%)"),
        ("field: price < 63", "field:price < 63: 62 of 93 ok records have a value in price (66.67%)"),
    ] {
        let judged = threshold(text).judge(&some());
        assert_eq!((judged.to_string().as_str(), judged.is_true), (said, true), "{text}");
    }
}

#[test]
fn of_nothing_there_is_no_share_but_a_field_of_none_but_failures_is_missing() {
    let nothing = Summary::default();
    for text in ["failed > 5%", "failed >= 0%", "ok < 90%", "ok != 50%", "records < 100%", "field:price < 95%", "left = 0%"] {
        assert!(!threshold(text).judge(&nothing).is_true, "{text}");
    }
    assert!(threshold("records < 1").judge(&nothing).is_true);
    assert!(threshold("field:price < 1").judge(&nothing).is_true);
    let lost = run(3, 3);
    assert!(threshold("field:price < 95%").judge(&lost).is_true);
    assert!(!threshold("field:price > 0%").judge(&lost).is_true);
    assert_eq!(threshold("failed > 5%").judge(&nothing).to_string(), "failed > 5%: 0 of 0 records failed");
}

#[test]
fn what_is_no_expression_is_told_what_is() {
    for text in ["", "failed", "5%", "failed 5%"] {
        assert!(refused(text).contains("it compares nothing"), "{text}");
    }
    for text in ["failed => 5", "failed <> 5", "failed === 5", "failed ! 5"] {
        assert!(refused(text).contains("is no comparison: it is <, <=, >, >=, = or !="), "{text}");
    }
    for text in
        ["> 5", "fails > 5", "kind:nonsense > 5", "status:40 > 1", "status:4444 > 1", "status:xxx > 1", "field: > 1", "a:b > 1"]
    {
        let refused = refused(text);
        assert!(refused.contains("field:NAME") && refused.contains("circuit_open"), "{text}: {refused}");
    }
    for text in [
        "failed >",
        "failed > x",
        "failed > 5%%",
        "failed > -5",
        "failed > 1e3",
        "failed > 5.",
        "failed > .5%",
        "failed > 5.%",
        "failed > 1.5",
        "failed > 100.1%",
        "failed > 101%",
        "failed > 0.1234567%",
        "failed > 1234567890123456",
        "failed > 1 0",
    ] {
        assert!(refused(text).contains("is no bound"), "{text}");
    }
    assert!(refused("in > 5%").contains("no part of anything"));
}

#[test]
fn a_field_may_be_called_whatever_it_likes() {
    for (text, field) in
        [("field:a>b < 5%", "a>b"), ("field:größe<1", "größe"), ("field:a:b = 0", "a:b"), ("field:in != 2", "in")]
    {
        assert_eq!(threshold(text).field(), Some(field), "{text}");
    }
    assert_eq!(threshold("failed > 1").field(), None);
}

/// A bound as it is written, with its value in millionths of a percent.
fn bounds() -> impl Strategy<Value = (String, u128)> {
    (0..=100_u32, proptest::option::of((0..1_000_000_u32, 1..=6_usize))).prop_map(|(whole, decimals)| {
        let Some((decimals, length)) = decimals.filter(|_| whole < 100) else {
            return (format!("{whole}%"), u128::from(whole) * 1_000_000);
        };
        let decimals = format!("{decimals:06}")[..length].to_owned();
        let millionths: u128 = format!("{decimals:0<6}").parse().unwrap();
        (format!("{whole}.{decimals}%"), u128::from(whole) * 1_000_000 + millionths)
    })
}

proptest! {
    #[test]
    fn a_comparison_is_that_of_the_fractions((text, millionths) in bounds(), records in 1..u64::MAX, part in 0.0..=1.0_f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "any number will do")]
        let failed = ((records as f64 * part) as u64).min(records);
        let summary = run(records, failed);
        let (left, right) = (u128::from(failed) * 100_000_000, millionths * u128::from(records));
        for (sign, holds) in [
            ("<", left < right), ("<=", left <= right), (">", left > right), (">=", left >= right), ("=", left == right), ("!=", left != right),
        ] {
            prop_assert_eq!(threshold(&format!("failed {sign} {text}")).judge(&summary).is_true, holds, "{} {} of {}", sign, failed, records);
        }
    }

    #[test]
    fn a_share_does_not_depend_on_how_many_there_are((text, _) in bounds(), records in 1..1_000_000_u64, failed in 0..1_000_000_u64, times in 1..1_000_u64) {
        let failed = failed.min(records);
        let threshold = threshold(&format!("failed > {text}"));
        prop_assert_eq!(threshold.judge(&run(records, failed)).is_true, threshold.judge(&run(records * times, failed * times)).is_true);
    }

    #[test]
    fn one_more_failure_never_makes_a_run_better((text, _) in bounds(), records in 1..1000_u64, failed in 0..1000_u64) {
        let failed = failed.min(records - 1);
        let threshold = threshold(&format!("failed > {text}"));
        prop_assert!(!threshold.judge(&run(records, failed)).is_true || threshold.judge(&run(records, failed + 1)).is_true);
    }

    #[test]
    fn an_expression_reads_as_it_is_shown(text in "(in|ok|left|dns|status:5xx|field:a b) ?(<|<=|>|>=|=|==|!=) ?[0-9]{1,15}") {
        let threshold = threshold(&text);
        prop_assert_eq!(super::Threshold::from_str(&threshold.to_string()).unwrap(), threshold);
    }

    #[test]
    fn no_text_panics(text in "(failed|field:|status:|\\PC){0,4}[<>=!]{0,3}\\PC{0,8}%?") {
        let _ = text.parse::<Threshold>();
    }
}
