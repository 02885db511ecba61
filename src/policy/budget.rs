//! How many of the requests may be retries, so that an outage does not become a storm.

use std::str::FromStr;

/// A share of all requests: `20%`, `0.2`, or `none` for no bound.
///
/// ```
/// use scrape::policy::Share;
/// assert_eq!("20%".parse(), Ok(Share::default()));
/// assert!("150%".parse::<Share>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(Option<f64>);

/// Why a text is no share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no share: write 20%, 0.2, or none for no bound")]
pub struct ShareError {
    text: String,
}

impl Default for Share {
    fn default() -> Self {
        Self(Some(0.2))
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        if text == "none" {
            return Ok(Self(None));
        }
        let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |percent| (percent, 100.0));
        let share = number.trim().parse::<f64>().ok().map(|number| number / unit);
        let share = share.filter(|share| (0.0..=1.0).contains(share));
        share.map(|share| Self(Some(share))).ok_or_else(|| ShareError { text: text.to_owned() })
    }
}
