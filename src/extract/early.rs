//! How much of a page has to be received for its fields: no more than settles them, where it is wished so.

use std::sync::Arc;

use super::limits::Limits;
use super::stream::{Plan, settles};
use super::{Extractor, charset};
use crate::model::{Judge, Page, Verdict};

impl Extractor {
    /// Who says how much of a page has to be received. `None`: all of every page, because that is wished, or because no beginning
    /// settles such fields.
    #[must_use]
    pub fn judge(self: &Arc<Self>) -> Option<Arc<dyn Judge>> {
        self.settling().map(|_| Arc::<Self>::clone(self) as Arc<dyn Judge>)
    }

    /// The plan, if the beginning of a page is to settle it, and can.
    fn settling(&self) -> Option<&Plan> {
        self.plan.as_ref().filter(|plan| self.settings.head_only && plan.may_settle())
    }
}

impl Judge for Extractor {
    /// It is enough where [`run`](Self::run) reads the same from the beginning as from the whole page, whatever that may be.
    fn judge(&self, beginning: &Page) -> Verdict {
        let Some((plan, (text, may_grow))) = self.settling().zip(charset::settled(beginning)) else { return Verdict::Whole };
        let limits = Limits::new(&self.settings, beginning.body.len(), &self.large);
        match settles(&text, plan, &limits) {
            Verdict::More if !may_grow => Verdict::Whole,
            verdict => verdict,
        }
    }
}
