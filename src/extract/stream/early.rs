//! Whether the beginning of a page settles all values, so that the rest of it need not even be received.
//!
//! Stricter than what lets a whole page be left early, because nothing is known of the rest. What was taken in the head stands before
//! all that may follow, and nothing that follows moves it or takes it away; in a body a `<frameset>` may still come that takes its
//! place, so there nothing is settled. Tags are read only to their ends, so where the page is cut does not matter: a tag, a text or a
//! reference that has not ended yet was not read.

use super::harvest::Harvest;
use super::plan::Plan;
use super::scan::Scan;
use super::tree::{Mode, Tree};
use super::{Hazard, is_odd, read_to_next};
use crate::extract::limits::Limits;
use crate::extract::step::{Steps, within};
use crate::model::Verdict;

/// Which part of a page's time one look may take: a few milliseconds, in which no socket is heard, and no timer.
const PART: u32 = 1024;

impl Plan {
    /// Whether the beginning of a page can settle its values at all: no list is never complete, and what may be the `html` element
    /// gets attributes to the last.
    pub(in crate::extract) fn may_settle(&self) -> bool {
        self.ends && self.steady && !self.fields.is_empty()
    }
}

/// Whether the beginning of a text settles the values of a plan that [may be settled](Plan::may_settle), whatever follows.
pub(in crate::extract) fn settles(text: &str, plan: &Plan, limits: &Limits<'_>) -> Verdict {
    match within(limits, PART, |steps| look(text, plan, limits, steps)) {
        Ok(Ok(verdict)) => verdict,
        // Perhaps only because something has not ended yet.
        Ok(Err(_)) => Verdict::More,
        Err(_) => Verdict::Whole,
    }
}

fn look<'l>(text: &str, plan: &Plan, limits: &Limits<'l>, steps: &Steps<'_, 'l>) -> Result<Verdict, Hazard> {
    let mut tree = Tree::new(text, Harvest::new(text, plan, limits, steps), limits);
    let mut scan = Scan { text, at: 0 };
    while let Some(skipped) = scan.ahead() {
        read_to_next(&mut scan, &mut tree, steps, skipped)?;
        if !matches!(tree.mode, Mode::Initial | Mode::BeforeHead | Mode::InHead | Mode::InHeadNoscript) {
            return Ok(Verdict::Whole);
        }
        if tree.harvest.is_complete() && !tree.harvest.awaits_base() {
            return Ok(if is_odd(&text[..scan.at]) { Verdict::Whole } else { Verdict::Enough });
        }
    }
    Ok(Verdict::More)
}
