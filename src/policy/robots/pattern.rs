//! Paths and the patterns of rules, in one spelling, and whether they match (RFC 9309, sections 2.2.2 and 2.2.3).
//!
//! In the one spelling an unreserved character stands for itself, a reserved one stays as it was given, and everything else is
//! percent-encoded with upper-case digits. A `*` or `$` that is meant literally is percent-encoded too, so that in a pattern they
//! are what matches anything and what matches the end, and nothing else.

use std::borrow::Cow;

/// The path and query of a URL.
pub(super) fn of_path(path: &str) -> Cow<'_, str> {
    if path.bytes().all(|byte| is_plain(byte) && byte != b'%') {
        return Cow::Borrowed(path);
    }
    let mut spelled = String::with_capacity(path.len() + 8);
    respell(path.as_bytes(), &mut spelled);
    Cow::Owned(spelled)
}

/// The value of an `Allow` or `Disallow`, appended to `patterns`. A path without its leading slash is given it.
pub(super) fn of_rule(value: &[u8], patterns: &mut String) {
    if !value.starts_with(b"/") {
        patterns.push('/');
    }
    let (value, end) = value.strip_suffix(b"$").map_or((value, ""), |value| (value, "$"));
    for (i, piece) in value.split(|byte| *byte == b'*').enumerate() {
        if i > 0 {
            patterns.push('*');
        }
        respell(piece, patterns);
    }
    patterns.push_str(end);
}

/// Whether a pattern matches a path. Each piece between wildcards is looked for once, at its first place: no later one leaves more
/// room for the pieces after it, so that the time is linear in the path whatever the pattern.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, is_anchored) = pattern.strip_suffix('$').map_or((pattern, false), |pattern| (pattern, true));
    let Some((first, others)) = pattern.split_once('*') else {
        return if is_anchored { path == pattern } else { path.starts_with(pattern) };
    };
    let Some(mut rest) = path.strip_prefix(first) else { return false };
    let (middle, last) = others.rsplit_once('*').unwrap_or(("", others));
    for piece in middle.split('*') {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    if is_anchored { rest.ends_with(last) } else { rest.contains(last) }
}

fn respell(text: &[u8], spelled: &mut String) {
    let mut rest = text;
    while let [byte, others @ ..] = rest {
        rest = others;
        let encoded = (*byte == b'%').then(|| others.get(..2).and_then(octet)).flatten();
        if encoded.is_some() {
            rest = &others[2..];
        }
        match encoded.unwrap_or(*byte) {
            octet if encoded.map_or(is_plain(octet), |_| is_unreserved(octet)) => spelled.push(char::from(octet)),
            octet => {
                let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value)]);
                spelled.extend(['%', digit(octet >> 4), digit(octet & 15)]);
            }
        }
    }
}

/// The octet that two hexadecimal digits stand for.
fn octet(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(value(digits[0])? * 16 + value(digits[1])?).ok()
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What stands for itself. Not `'`, which URLs have as `%27` in their query, and not what has a meaning in patterns. A `%` that
/// begins no octet stays what it is.
const fn is_plain(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'/' | b'?' | b'#' | b'[' | b']' | b'@' | b':' | b'!' | b'&' | b'(' | b')' | b'+' | b',' | b';' | b'=' | b'%'
        )
}
