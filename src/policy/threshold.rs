//! `--fail-if`: what a run may not come to. An expression is a count, a comparison and a bound, judged in whole numbers: five of a
//! hundred are not more than 5 %.

mod number;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use self::number::Number;
use crate::model::{Clean, ErrorKind, Summary};

/// An expression that makes a run fail where it is true: `failed > 5%`.
///
/// A share is that of what the count is a part of: `ok`, `failed`, kinds of failure and statuses of the records, `records`, `skipped` and
/// `left` of the targets that were read, `field:NAME` of the records without an error. Of nothing there is no share, and no
/// expression about one is true; only where all records failed a field has its value in 0 % of them.
///
/// ```
/// use scrape::model::Summary;
/// use scrape::policy::Threshold;
/// let threshold: Threshold = "failed > 5%".parse().unwrap();
/// let summary = Summary { read: 100, ok: 93, failed: 7, ..Summary::default() };
/// let judged = threshold.judge(&summary);
/// assert!(judged.is_true);
/// assert_eq!(judged.to_string(), "failed > 5%: 7 of 100 records failed (7%)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    count: Count,
    comparison: Comparison,
    bound: Number,
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Count {
    In,
    Records,
    Ok,
    Failed,
    Skipped,
    Left,
    Kind(ErrorKind),
    Status(u16),
    /// The first digit of the statuses.
    Class(u16),
    Field(Box<str>),
}

/// How the count is compared with the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    Greater,
    AtLeast,
    Equal,
    Unequal,
}

/// The ways to write comparisons, of each the usual one first.
const COMPARISONS: [(&str, Comparison); 7] = [
    ("<", Comparison::Less),
    ("<=", Comparison::AtMost),
    (">", Comparison::Greater),
    (">=", Comparison::AtLeast),
    ("=", Comparison::Equal),
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
];

/// What has a name of its own; see [`ThresholdError::Name`] for the rest.
const NAMES: [(&str, Count); 6] = [
    ("in", Count::In),
    ("records", Count::Records),
    ("ok", Count::Ok),
    ("failed", Count::Failed),
    ("skipped", Count::Skipped),
    ("left", Count::Left),
];

/// A text that is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// There is no comparison in it.
    #[error("it compares nothing: write 'failed > 5%' in quotes, or > is the shell's")]
    Form,
    /// There is no such comparison.
    #[error("{0:?} is no comparison: it is <, <=, >, >=, = or !=")]
    Comparison(String),
    /// Nothing of this name is counted.
    #[error(
        "{name:?} is not counted: it is in, records, ok, failed, skipped, left, field:NAME, status:404, status:4xx, or one of {}",
        kinds()
    )]
    Name {
        /// What was to be counted.
        name: String,
    },
    /// The bound is no number that makes sense.
    #[error("{0:?} is no bound: it is a whole number as 10, or a share as 5% or 0.5%, from 0% to 100%")]
    Number(String),
    /// Targets are no part of anything.
    #[error("what was read is no part of anything: write `in` with a whole number")]
    Whole,
}

fn kinds() -> String {
    ErrorKind::ALL.map(ErrorKind::name).join(", ")
}

impl Threshold {
    /// The field that has to be extracted for it.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        if let Count::Field(name) = &self.count { Some(name) } else { None }
    }

    /// Judges what a run came to.
    #[must_use]
    pub fn judge(&self, summary: &Summary) -> Judged {
        let (count, of) = self.count.of(summary);
        // All records failed, so that not even one has the field.
        let is_all_lost = self.field().is_some() && summary.records() > 0;
        let order = if self.bound.is_share && of == 0 && is_all_lost {
            Some(self.bound.order(0, 1))
        } else if self.bound.is_share && of == 0 {
            None
        } else {
            Some(self.bound.order(count, of))
        };
        let is_true = order.is_some_and(|order| self.comparison.holds(order));
        Judged { expression: self.to_string(), is_true, count, of, what: self.count.said() }
    }
}

impl Count {
    fn named(name: &str) -> Option<Self> {
        if let Some((_, count)) = NAMES.iter().find(|(own, _)| *own == name) {
            return Some(count.clone());
        }
        let Some((what, name)) = name.split_once(':') else { return name.parse().map(Self::Kind).ok() };
        let name = name.trim();
        match what.trim_end() {
            "field" if !name.is_empty() => Some(Self::Field(name.into())),
            "kind" => name.parse().map(Self::Kind).ok(),
            "status" => Self::status(name),
            _ => None,
        }
    }

    /// `404`, or `4xx` for all of its class.
    fn status(name: &str) -> Option<Self> {
        if name.len() != 3 || !name.starts_with(|c: char| matches!(c, '1'..='9')) {
            return None;
        }
        let class = name.strip_suffix("xx").or_else(|| name.strip_suffix("XX"));
        match class {
            Some(class) => class.parse().map(Self::Class).ok(),
            None => name.parse().map(Self::Status).ok(),
        }
    }

    /// How many there are, and of how many they are a part.
    fn of(&self, summary: &Summary) -> (u64, u64) {
        let Summary { read, ok, failed, skipped, left, answers, .. } = summary;
        let records = summary.records();
        match self {
            Self::In => (*read, *read),
            Self::Records => (records, *read),
            Self::Ok => (*ok, records),
            Self::Failed => (*failed, records),
            Self::Skipped => (*skipped, *read),
            Self::Left => (*left, *read),
            Self::Kind(kind) => (summary.kinds.get(kind).copied().unwrap_or(0), records),
            Self::Status(status) => (answers.get(status).copied().unwrap_or(0), records),
            Self::Class(class) => (answers.range(class * 100..class * 100 + 100).map(|(_, count)| count).sum(), records),
            Self::Field(name) => {
                let own = summary.fields.iter().find(|own| *own.field == **name);
                (own.map_or(0, |own| own.matched), *ok)
            }
        }
    }

    /// What is said of them: a part before `of so many`, what these are, and what is said of both.
    fn said(&self) -> Said {
        let said = |whole, end: &str| Said { whole, end: end.to_owned() };
        match self {
            Self::In => said("", "targets were read"),
            Self::Records => said("targets", "have a record"),
            Self::Ok => said("records", "are ok"),
            Self::Failed => said("records", "failed"),
            Self::Skipped => said("targets", "were skipped"),
            Self::Left => said("targets", "are left"),
            Self::Kind(kind) => said("records", &format!("failed with {kind}")),
            Self::Status(status) => said("records", &format!("have status {status}")),
            Self::Class(class) => said("records", &format!("have a status {class}xx")),
            Self::Field(name) => said("ok records", &format!("have a value in {}", Clean(name))),
        }
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
        }
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let is_sign = |c: char| matches!(c, '<' | '>' | '=' | '!');
        // From the end: the name of a field may have such signs in it.
        let (before, bound) = text.rfind(is_sign).map(|last| text.split_at(last + 1)).ok_or(ThresholdError::Form)?;
        let name = before.trim_end_matches(is_sign);
        let sign = &before[name.len()..];
        let comparison = COMPARISONS.iter().find(|(own, _)| *own == sign).map(|(_, comparison)| *comparison);
        let comparison = comparison.ok_or_else(|| ThresholdError::Comparison(sign.to_owned()))?;
        let name = name.trim();
        let count = Count::named(name).ok_or_else(|| ThresholdError::Name { name: name.to_owned() })?;
        let bound: Number = bound.parse().map_err(|()| ThresholdError::Number(bound.trim().to_owned()))?;
        if count == Count::In && bound.is_share {
            return Err(ThresholdError::Whole);
        }
        Ok(Self { count, comparison, bound })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = COMPARISONS.iter().find(|(_, own)| *own == self.comparison).map_or("", |(sign, _)| sign);
        write!(f, "{} {sign} {}", self.count, self.bound)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "kind:{kind}"),
            Self::Status(status) => write!(f, "status:{status}"),
            Self::Class(class) => write!(f, "status:{class}xx"),
            Self::Field(name) => write!(f, "field:{name}"),
            named => f.write_str(NAMES.iter().find(|(_, own)| own == named).map_or("", |(name, _)| name)),
        }
    }
}

/// What an expression came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The expression, in its usual form.
    pub expression: String,
    /// The run failed by it.
    pub is_true: bool,
    /// What was counted.
    pub count: u64,
    /// What that is a part of.
    pub of: u64,
    what: Said,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    whole: &'static str,
    end: String,
}

impl fmt::Display for Judged {
    /// The expression with the numbers: `failed > 5%: 7 of 100 records failed (7%)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expression, count, of, what: Said { whole, end }, .. } = self;
        write!(f, "{}: {count} ", Clean(expression))?;
        if !whole.is_empty() {
            write!(f, "of {of} {whole} ")?;
        }
        f.write_str(end)?;
        match number::share(*count, *of).filter(|_| !whole.is_empty()) {
            Some(share) => write!(f, " ({share})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
