//! Many URLs in one, as curl writes them: `{a,b}`, `[1-100]`, `[001-100:5]`, `[a-z:2]`.
//!
//! The rightmost choice turns fastest, like an odometer, and one URL is made at a time. A backslash before a brace, a bracket
//! or (within braces) a comma stands for the character itself, and the brackets of an IPv6 address are left alone.

use std::fmt::Write;
use std::net::Ipv6Addr;

use super::lines::shorten;

/// How long a number may be, its leading zeros included.
const DIGITS: usize = 64;

/// Where a glob is broken, and how.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {problem}")]
pub struct GlobError {
    /// The 1-based position in the pattern, in characters.
    pub column: usize,
    /// What is wrong there.
    pub problem: GlobProblem,
}

/// How a glob can be broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobProblem {
    /// It opens and never closes.
    #[error("this `{0}` is never closed (write `\\{0}` for the character itself)")]
    Unclosed(char),
    /// It closes and never opened.
    #[error("this `{0}` was never opened (write `\\{0}` for the character itself)")]
    Unopened(char),
    /// Braces or brackets inside braces.
    #[error("a `{0}` inside braces: globs do not nest (write `\\{0}` for the character itself)")]
    Nested(char),
    /// Nothing between the brackets or braces.
    #[error("nothing to choose from (write `\\{open}\\{close}` for the characters themselves)", open = .0, close = closing(*.0))]
    Empty(char),
    /// Neither numbers nor letters, or the two mixed.
    #[error("`[{0}]` is no range: [1-100], [001-100:5] and [a-z] are (write `\\[` and `\\]` for the characters themselves)")]
    NoRange(String),
    /// The end lies before the start.
    #[error("`[{0}]` runs backwards")]
    Backwards(String),
    /// It would never move.
    #[error("the step of `[{0}]` is 0")]
    ZeroStep(String),
    /// A number beyond 18446744073709551615, or of more than 64 digits.
    #[error("a number in `[{0}]` is too large")]
    TooLarge(String),
}

/// A pattern on its way through its URLs.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    parts: Vec<Part>,
    /// The turn of each part, from 0.
    turns: Vec<u64>,
    done: bool,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Words(Vec<String>),
    /// `last` is the last turn; `width` is that of a number, `None` means letters.
    Range {
        first: u64,
        step: u64,
        last: u64,
        width: Option<usize>,
    },
}

impl Part {
    /// The last turn; they begin at 0.
    const fn last(&self) -> u64 {
        match self {
            Self::Text(_) => 0,
            Self::Words(words) => words.len() as u64 - 1,
            Self::Range { last, .. } => *last,
        }
    }

    fn write(&self, turn: u64, into: &mut String) {
        match self {
            Self::Text(text) => into.push_str(text),
            Self::Words(words) => into.push_str(usize::try_from(turn).map_or("", |turn| &words[turn])),
            Self::Range { first, step, width, .. } => {
                let value = first + turn * step;
                match width {
                    Some(width) => write!(into, "{value:0width$}").expect("a string takes everything"),
                    None => into.extend(u8::try_from(value).map(char::from)),
                }
            }
        }
    }
}

impl Glob {
    /// Reads a pattern; one without any glob is the one text it is.
    pub(super) fn parse(pattern: &str) -> Result<Self, GlobError> {
        let chars: Vec<char> = pattern.chars().collect();
        let (mut parts, mut text, mut at) = (Vec::new(), String::new(), 0);
        while let Some(&c) = chars.get(at) {
            let choice = match c {
                '[' => match ipv6(&chars[at..]) {
                    Some(length) => {
                        text.extend(&chars[at..at + length]);
                        at += length;
                        continue;
                    }
                    None => range(&chars, &mut at)?,
                },
                '{' => words(&chars, &mut at)?,
                '}' | ']' => return fail(at, GlobProblem::Unopened(c)),
                _ => {
                    text.push(literal(&chars, &mut at, "{}[]"));
                    continue;
                }
            };
            parts.extend([Part::Text(std::mem::take(&mut text)), choice]);
        }
        parts.push(Part::Text(text));
        Ok(Self { turns: vec![0; parts.len()], parts, done: false })
    }

    /// How many URLs the whole pattern makes, at most `u64::MAX`.
    pub(super) fn total(&self) -> u64 {
        let counts = self.parts.iter().map(|part| part.last().saturating_add(1));
        counts.fold(1, u64::saturating_mul)
    }

    /// Whether every URL has been made.
    pub(super) const fn is_done(&self) -> bool {
        self.done
    }
}

impl Iterator for Glob {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.done {
            return None;
        }
        let mut url = String::new();
        for (part, turn) in self.parts.iter().zip(&self.turns) {
            part.write(*turn, &mut url);
        }
        self.done = true;
        for (part, turn) in self.parts.iter().zip(&mut self.turns).rev() {
            if *turn < part.last() {
                *turn += 1;
                self.done = false;
                break;
            }
            *turn = 0;
        }
        Some(url)
    }
}

/// An error at a position counted from 0.
fn fail<T>(at: usize, problem: GlobProblem) -> Result<T, GlobError> {
    Err(GlobError { column: at + 1, problem })
}

/// The character at hand, or the special one that a backslash protects.
fn literal(chars: &[char], at: &mut usize, special: &str) -> char {
    let protected = chars.get(*at + 1).filter(|next| chars[*at] == '\\' && special.contains(**next));
    *at += if protected.is_some() { 2 } else { 1 };
    *protected.unwrap_or(&chars[*at - 1])
}

const fn closing(open: char) -> char {
    if open == '[' { ']' } else { '}' }
}

/// The length of an IPv6 address in its brackets, if there is one.
fn ipv6(chars: &[char]) -> Option<usize> {
    // The longest address has 45 characters.
    let end = chars.iter().take(47).position(|c| *c == ']')?;
    let address: String = chars[1..end].iter().collect();
    address.parse::<Ipv6Addr>().is_ok().then_some(end + 1)
}

/// `{a,b}`, from its brace on; moves behind it.
fn words(chars: &[char], at: &mut usize) -> Result<Part, GlobError> {
    let start = *at;
    let mut words = vec![String::new()];
    *at += 1;
    loop {
        match chars.get(*at) {
            None => return fail(start, GlobProblem::Unclosed('{')),
            Some('}') if *at == start + 1 => return fail(start, GlobProblem::Empty('{')),
            Some('}') => break,
            Some(&c @ ('{' | '[' | ']')) => return fail(*at, GlobProblem::Nested(c)),
            Some(',') => {
                words.push(String::new());
                *at += 1;
            }
            Some(_) => {
                let c = literal(chars, at, "{}[],");
                words.last_mut().expect("it begins with one word and only grows").push(c);
            }
        }
    }
    *at += 1;
    Ok(Part::Words(words))
}

/// `[first-last:step]`, from its bracket on; moves behind it.
fn range(chars: &[char], at: &mut usize) -> Result<Part, GlobError> {
    let start = *at;
    let Some(length) = chars[start..].iter().position(|c| *c == ']') else { return fail(start, GlobProblem::Unclosed('[')) };
    let text: String = chars[start + 1..start + length].iter().collect();
    *at += length + 1;
    if text.is_empty() {
        return fail(start, GlobProblem::Empty('['));
    }
    bounds(&text).or_else(|problem| fail(start, problem(shorten(&text))))
}

/// What stands between the brackets of a range, or what to say of it.
fn bounds(text: &str) -> Result<Part, fn(String) -> GlobProblem> {
    let (from, rest) = text.split_once('-').ok_or(GlobProblem::NoRange as fn(_) -> _)?;
    let (to, step) = rest.split_once(':').unwrap_or((rest, "1"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (first, end, width) = match (from.as_bytes(), to.as_bytes()) {
        _ if !is_number(step) => return Err(GlobProblem::NoRange),
        _ if from.len().max(to.len()) > DIGITS => return Err(GlobProblem::TooLarge),
        ([a], [b]) if a.is_ascii_lowercase() && b.is_ascii_lowercase() || a.is_ascii_uppercase() && b.is_ascii_uppercase() => {
            (Ok(u64::from(*a)), Ok(u64::from(*b)), None)
        }
        _ if is_number(from) && is_number(to) => {
            (from.parse(), to.parse(), Some(if from.starts_with('0') { from.len() } else { 1 }))
        }
        _ => return Err(GlobProblem::NoRange),
    };
    match (first, end, step.parse::<u64>()) {
        (_, _, Ok(0)) => Err(GlobProblem::ZeroStep),
        (Ok(first), Ok(end), Ok(_)) if first > end => Err(GlobProblem::Backwards),
        (Ok(first), Ok(end), Ok(step)) => Ok(Part::Range { first, step, last: (end - first) / step, width }),
        _ => Err(GlobProblem::TooLarge),
    }
}
