//! Globs against a naive expansion, curl's habits, and every way to break one.

use proptest::prelude::*;

use super::super::glob::*;

fn all(pattern: &str) -> Vec<String> {
    Glob::parse(pattern).unwrap().collect()
}

/// A part as written, and the texts it stands for.
type Expected = (String, Vec<String>);

fn part() -> impl Strategy<Value = Expected> {
    let range = |letters: bool| {
        (0_u8..26, 0_u8..26, 1_u8..9, 0_usize..4).prop_map(move |(a, b, step, zeros)| {
            let (a, b) = (a.min(b), a.max(b));
            let width = if zeros > 0 { zeros + 1 } else { 0 };
            let show = |n: u8| if letters { char::from(b'a' + n).to_string() } else { format!("{n:0width$}") };
            let values = (a..=b).step_by(usize::from(step)).map(show).collect();
            (format!("[{}-{}:{step}]", show(a), show(b)), values)
        })
    };
    prop_oneof![
        "[a-z/:.é]{0,5}".prop_map(|text| (text.clone(), vec![text])),
        prop::sample::select(vec!["\\{", "\\}", "\\[", "\\]"]).prop_map(|text| (text.to_owned(), vec![text[1..].to_owned()])),
        Just(("[::1]".to_owned(), vec!["[::1]".to_owned()])),
        prop::collection::vec("[a-z]{0,2}", 2..4).prop_map(|words| (format!("{{{}}}", words.join(",")), words)),
        range(false),
        range(true),
    ]
}

fn naive(parts: &[Expected]) -> Vec<String> {
    let Some(((_, first), rest)) = parts.split_first() else { return vec![String::new()] };
    let rest = naive(rest);
    first.iter().flat_map(|start| rest.iter().map(move |end| format!("{start}{end}"))).collect()
}

proptest! {
    #[test]
    fn a_pattern_makes_every_combination_once_and_in_order(parts in prop::collection::vec(part(), 0..4)) {
        let pattern: String = parts.iter().map(|(written, _)| written.as_str()).collect();
        let expected = naive(&parts);
        prop_assert_eq!(Glob::parse(&pattern).unwrap().total(), expected.len() as u64);
        prop_assert_eq!(all(&pattern), expected);
    }

    #[test]
    fn no_pattern_whatsoever_panics(pattern in "[\\[\\]{},\\\\:0-2a-c-]{0,12}") {
        if let Ok(glob) = Glob::parse(&pattern) {
            let (count, first) = (glob.total(), glob.take(1000).count());
            prop_assert_eq!(first as u64, count.min(1000));
        }
    }
}

#[test]
fn globs_are_curls() {
    assert_eq!(all("http://{a,b}.x/[8-10]"), ["a", "b"].map(|h| ["8", "9", "10"].map(|n| format!("http://{h}.x/{n}"))).concat());
    assert_eq!(all("[001-012:5]"), ["001", "006", "011"]);
    assert_eq!(all("[98-101]"), ["98", "99", "100", "101"]);
    assert_eq!(all("[a-g:3]"), ["a", "d", "g"]);
    assert_eq!(all("x{,/y}"), ["x", "x/y"]);
    assert_eq!(all(r"{a\,b,c\}}"), ["a,b", "c}"]);
    assert_eq!(all(r"a\b?q\[\]=1\\"), [r"a\b?q[]=1\\"]);
    assert_eq!(all("http://[2001:db8::1]:8080/[1-2]"), ["http://[2001:db8::1]:8080/1", "http://[2001:db8::1]:8080/2"]);
}

#[test]
fn a_broken_glob_is_named_with_its_column() {
    use GlobProblem as P;
    for (pattern, column, problem) in [
        ("é/[1-3", 3, P::Unclosed('[')),
        ("x{a,b", 2, P::Unclosed('{')),
        ("x]", 2, P::Unopened(']')),
        ("x}", 2, P::Unopened('}')),
        ("{a,{b}}", 4, P::Nested('{')),
        ("{a[1-2]}", 3, P::Nested('[')),
        ("x[]", 2, P::Empty('[')),
        ("x{}", 2, P::Empty('{')),
        ("[a-9]", 1, P::NoRange("a-9".to_owned())),
        ("[a-Z]", 1, P::NoRange("a-Z".to_owned())),
        ("[1-]", 1, P::NoRange("1-".to_owned())),
        ("[1-3:]", 1, P::NoRange("1-3:".to_owned())),
        ("[1-3:-1]", 1, P::NoRange("1-3:-1".to_owned())),
        ("[9-1]", 1, P::Backwards("9-1".to_owned())),
        ("[z-a]", 1, P::Backwards("z-a".to_owned())),
        ("[1-9:0]", 1, P::ZeroStep("1-9:0".to_owned())),
        ("[1-18446744073709551616]", 1, P::TooLarge("1-18446744073709551616".to_owned())),
    ] {
        assert_eq!(Glob::parse(pattern).unwrap_err(), GlobError { column, problem }, "{pattern}");
    }
    let error = Glob::parse("http://a.example/?q[]=1").unwrap_err();
    assert_eq!(error.to_string(), r"column 20: nothing to choose from (write `\[\]` for the characters themselves)");
}

#[test]
fn zeros_without_end_are_refused() {
    let pattern = |zeros| format!("[{}1-2]", "0".repeat(zeros));
    assert_eq!(all(&pattern(63))[1], format!("{:064}", 2));
    for zeros in [64, 100_000] {
        let error = Glob::parse(&pattern(zeros)).unwrap_err();
        assert!(matches!(error.problem, GlobProblem::TooLarge(text) if text.len() < 300));
    }
}

#[test]
fn more_urls_than_a_number_can_count_still_stream() {
    let mut glob = Glob::parse("[0-18446744073709551615][1-9]").unwrap();
    assert_eq!(glob.total(), u64::MAX);
    assert_eq!(glob.nth(10).unwrap(), "12");
    let mut top = Glob::parse("[18446744073709551614-18446744073709551615:2]").unwrap();
    assert_eq!((top.next().as_deref(), top.next()), (Some("18446744073709551614"), None));
}
