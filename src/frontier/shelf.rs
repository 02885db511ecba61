//! The robots.txt rules that are known.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::policy::robots::Rules;

/// Rules by `host:port`. Bounded: with very many hosts the oldest are asked for again. Many sites have the same robots.txt, or none.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    rules: HashMap<Box<str>, Arc<Rules>>,
    oldest: VecDeque<Box<str>>,
    /// Each once.
    different: HashSet<Arc<Rules>>,
    weight: usize,
}

impl Shelf {
    /// Bytes that are kept.
    const MOST: usize = 24 << 20;
    /// What a host costs beside its rules: its name twice, and its place in both collections.
    const HOST: usize = 128;

    pub(super) fn get(&self, host: &str) -> Option<Arc<Rules>> {
        self.rules.get(host).map(Arc::clone)
    }

    pub(super) fn put(&mut self, host: &str, rules: Rules) {
        let rules = self.shared(rules);
        if let Some(old) = self.rules.insert(host.into(), rules) {
            self.part(&old);
        } else {
            self.oldest.push_back(host.into());
            self.weight += Self::HOST + 2 * host.len();
        }
        while self.weight > Self::MOST
            && self.oldest.len() > 1
            && let Some(host) = self.oldest.pop_front()
            && let Some(rules) = self.rules.remove(&host)
        {
            self.weight -= Self::HOST + 2 * host.len();
            self.part(&rules);
        }
    }

    /// The same rules as another host's, where there are such.
    fn shared(&mut self, rules: Rules) -> Arc<Rules> {
        if let Some(same) = self.different.get(&rules) {
            return Arc::clone(same);
        }
        let rules = Arc::new(rules);
        self.weight += rules.weight();
        self.different.insert(Arc::clone(&rules));
        rules
    }

    /// Forgets rules that a host had, on the shelf or in sight, if it was the last one.
    pub(super) fn part(&mut self, rules: &Arc<Rules>) {
        if Arc::strong_count(rules) == 2 {
            self.different.remove(&**rules);
            self.weight -= rules.weight();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str) -> Rules {
        Rules::parse(format!("User-agent: *\nDisallow: /{path}\n").as_bytes(), "scrape")
    }

    #[test]
    fn hosts_with_the_same_rules_share_them() {
        let mut shelf = Shelf::default();
        (0..1000).for_each(|host| shelf.put(&format!("h{host}"), rules("x")));
        shelf.put("h0", rules("y"));
        assert_eq!((shelf.rules.len(), shelf.different.len()), (1000, 2));
        shelf.put("h0", rules("x"));
        assert_eq!(shelf.different.len(), 1, "what nobody has is forgotten");
    }

    #[test]
    fn it_is_bounded_and_forgets_the_oldest_first() {
        let mut shelf = Shelf::default();
        let long = "x".repeat(400 << 10);
        (0..100).for_each(|host| shelf.put(&format!("h{host}"), rules(&format!("{long}{host}"))));
        assert!(shelf.weight <= Shelf::MOST && shelf.different.len() == shelf.rules.len());
        assert!(shelf.get("h99").is_some() && shelf.get("h0").is_none());
    }
}
