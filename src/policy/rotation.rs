//! Whose turn it is among several proxies: each in turn, and one that failed rests for a while.
//!
//! A rest begins with a second and doubles with each failure after it, up to five minutes; an answer through a proxy ends that. Where
//! all rest the one whose rest ends first is taken: a run without any proxy would be no run.

use std::time::{Duration, Instant};

/// The first rest.
const FIRST_REST: Duration = Duration::from_secs(1);
/// The longest rest.
const LONGEST_REST: Duration = Duration::from_mins(5);

/// The proxies by their numbers, from 0.
#[derive(Clone, Debug)]
pub struct Rotation {
    members: Vec<Member>,
    /// Who comes first the next time.
    next: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Member {
    /// Rests since it last worked.
    rests: u32,
    rests_until: Option<Instant>,
}

impl Rotation {
    /// A rotation of so many, none of which rests.
    #[must_use]
    pub fn new(members: usize) -> Self {
        Self { members: vec![Member::default(); members], next: 0 }
    }

    /// The next one of those that may be taken; `None` where there is none.
    pub fn choose(&mut self, may: impl Fn(usize) -> bool, now: Instant) -> Option<usize> {
        let count = self.members.len();
        let in_turn = (self.next..count).chain(0..self.next).filter(|member| may(*member));
        // The first of several that are equal: of those that do not rest the one whose turn it is.
        let chosen = in_turn.min_by_key(|member| self.members[*member].rests_until.filter(|until| *until > now))?;
        self.next = (chosen + 1) % count;
        Some(chosen)
    }

    /// One failed: it rests. Answers for how long, unless it rests already, because requests that were under way when it began to fail
    /// say nothing new.
    pub fn failed(&mut self, member: usize, now: Instant) -> Option<Duration> {
        let member = &mut self.members[member];
        if member.rests_until.is_some_and(|until| until > now) {
            return None;
        }
        let rest = FIRST_REST.saturating_mul(2_u32.saturating_pow(member.rests)).min(LONGEST_REST);
        member.rests = member.rests.saturating_add(1);
        member.rests_until = Some(now + rest);
        Some(rest)
    }

    /// One worked.
    pub fn worked(&mut self, member: usize) {
        self.members[member] = Member::default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: fn(usize) -> bool = |_| true;

    #[test]
    fn each_has_its_turn() {
        let now = Instant::now();
        let mut rotation = Rotation::new(3);
        let turns: Vec<_> = (0..6).filter_map(|_| rotation.choose(ALL, now)).collect();
        assert_eq!(turns, [0, 1, 2, 0, 1, 2]);
        assert_eq!((rotation.choose(|_| false, now), Rotation::new(0).choose(ALL, now)), (None, None));
    }

    #[test]
    fn one_that_failed_rests_longer_each_time_and_comes_back() {
        let mut now = Instant::now();
        let mut rotation = Rotation::new(2);
        for rest in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map(Duration::from_secs) {
            assert_eq!(rotation.failed(0, now), Some(rest));
            assert_eq!(rotation.failed(0, now + rest / 2), None, "what was under way says nothing new");
            assert!((0..4).all(|_| rotation.choose(ALL, now + rest / 2) == Some(1)));
            now += rest;
            let turns = [rotation.choose(ALL, now), rotation.choose(ALL, now)];
            assert!(turns.contains(&Some(0)), "{turns:?}");
        }
        rotation.worked(0);
        assert_eq!(rotation.failed(0, now), Some(FIRST_REST));
    }

    #[test]
    fn where_all_rest_the_one_that_is_back_first_is_taken() {
        let now = Instant::now();
        let mut rotation = Rotation::new(3);
        for (member, failures) in [(0, 3), (1, 1), (2, 2)] {
            let mut at = now;
            for _ in 0..failures {
                at += rotation.failed(member, at).unwrap();
            }
        }
        assert_eq!(rotation.choose(ALL, now), Some(1));
        assert_eq!(rotation.choose(|member| member != 1, now), Some(2));
    }

    proptest! {
        #[test]
        fn nobody_is_taken_more_often_than_another(members in 1..20_usize, rounds in 1..20_usize) {
            let now = Instant::now();
            let mut rotation = Rotation::new(members);
            let mut turns = vec![0; members];
            for _ in 0..members * rounds {
                turns[rotation.choose(ALL, now).unwrap()] += 1;
            }
            prop_assert!(turns.iter().all(|taken| *taken == rounds), "{turns:?}");
        }

        #[test]
        fn there_is_always_one_and_it_rests_only_where_all_do(
            members in 1..8_usize,
            events in prop::collection::vec((any::<bool>(), 0..8_usize, 0..400_u64), 0..200),
        ) {
            let mut now = Instant::now();
            let mut rotation = Rotation::new(members);
            for (failed, member, passed) in events {
                now += Duration::from_secs(passed) / 4;
                let member = member % members;
                if failed {
                    let rest = rotation.failed(member, now);
                    prop_assert!(rest.is_none_or(|rest| (FIRST_REST..=LONGEST_REST).contains(&rest)));
                } else {
                    rotation.worked(member);
                }
                let chosen = rotation.choose(ALL, now).unwrap();
                let rests = |member: usize| rotation.members[member].rests_until.is_some_and(|until| until > now);
                prop_assert!(!rests(chosen) || (0..members).all(rests));
            }
        }
    }
}
