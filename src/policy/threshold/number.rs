//! The bound of an expression, and its arithmetic: whole numbers and fractions of them, never rounded.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// So many digits a bound may have, of which so many may be decimals: more than any count needs, and no product overflows.
const DIGITS: usize = 15;
const DECIMALS: usize = 6;

/// `10`, or `5%` and `0.5%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    /// All of its digits,
    digits: u64,
    /// of which so many are decimals.
    decimals: u32,
    /// It is a share in percent.
    pub(super) is_share: bool,
}

impl Number {
    /// How `count` stands to the bound, or the share that it is `of` so many, which are not none.
    pub(super) fn order(&self, count: u64, of: u64) -> Ordering {
        let (digits, count, of) = (u128::from(self.digits), u128::from(count), u128::from(of));
        if self.is_share {
            // count / of against digits / 10^decimals / 100
            (count * 100 * 10_u128.pow(self.decimals)).cmp(&(digits * of))
        } else {
            count.cmp(&digits)
        }
    }
}

impl FromStr for Number {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.trim();
        let (number, is_share) = match text.strip_suffix('%') {
            Some(number) => (number.trim_end(), true),
            None => (text, false),
        };
        let (whole, decimals) = match number.split_once('.') {
            Some((whole, decimals)) if is_share && !decimals.is_empty() => (whole, decimals),
            Some(_) => return Err(()),
            None => (number, ""),
        };
        let digits = format!("{whole}{decimals}");
        let is_number = !whole.is_empty() && digits.len() <= DIGITS && digits.bytes().all(|c| c.is_ascii_digit());
        if !is_number || decimals.len() > DECIMALS {
            return Err(());
        }
        let decimals = decimals.len().try_into().map_err(drop)?;
        let number = Self { digits: digits.parse().map_err(drop)?, decimals, is_share };
        // What can never be reached is not meant.
        if is_share && number.order(1, 1).is_lt() { Err(()) } else { Ok(number) }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10_u64.pow(self.decimals);
        write!(f, "{}", self.digits / scale)?;
        if self.decimals > 0 {
            write!(f, ".{:0width$}", self.digits % scale, width = self.decimals as usize)?;
        }
        f.write_str(if self.is_share { "%" } else { "" })
    }
}

/// A share for a person, to two decimals; `None` of nothing.
pub(super) fn share(count: u64, of: u64) -> Option<String> {
    let (count, of) = (u128::from(count), u128::from(of));
    let hundredths = (count * 10_000 + of / 2).checked_div(of)?;
    // What is not all is not 100%, and what is not nothing is not 0%.
    let hundredths = if count < of { hundredths.min(9999) } else { hundredths };
    if hundredths == 0 && count > 0 {
        return Some("under 0.01%".to_owned());
    }
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    Some(format!("{}%", text.trim_end_matches('0').trim_end_matches('.')))
}
