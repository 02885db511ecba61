//! Who may hold how much of a memory that is smaller than all might want together.
//!
//! A banker's rule. What one holder can need at most is kept free for one of them, the first; all others share the rest. Who finds no
//! room in the rest becomes the first, or waits until there is room or it is its turn to be the first. The first never waits, so it
//! comes to its end and gives back what it holds: everybody comes to an end, and the sum never exceeds the total.

use std::collections::{HashMap, VecDeque};

/// The accounts. Amounts are bytes, holders are numbers that their owner makes up.
#[derive(Debug)]
pub struct Room {
    /// What all but the first may hold together.
    shared: u64,
    /// What one may hold.
    most: u64,
    held: HashMap<u64, u64>,
    /// The sum of what all but the first hold.
    others: u64,
    first: Option<u64>,
    /// Who waits, and for how much in all.
    queue: VecDeque<(u64, u64)>,
}

impl Room {
    /// An empty room of `total` bytes, of which one holder never wants more than `most`. A room is no smaller than that.
    #[must_use]
    pub fn new(total: u64, most: u64) -> Self {
        Self { shared: total.saturating_sub(most), most, held: HashMap::new(), others: 0, first: None, queue: VecDeque::new() }
    }

    /// What one holder may hold.
    #[must_use]
    pub const fn most(&self) -> u64 {
        self.most
    }

    /// Asks for `bytes` in all, or keeps what it has if that is more. `false`: the holder waits in the queue, with what it has, until an answer of
    /// [`give_back`](Self::give_back) or [`leave`](Self::leave) names it.
    pub fn ask(&mut self, holder: u64, bytes: u64) -> bool {
        self.queue.retain(|(waiting, _)| *waiting != holder);
        let is_next = self.queue.is_empty() || self.first == Some(holder) || bytes <= self.held(holder);
        if is_next && self.grant(holder, bytes) {
            return true;
        }
        self.queue.push_back((holder, bytes));
        false
    }

    /// The same without waiting: `false` changes nothing. Goes before those who wait, because who asks like this is about to end.
    pub fn try_ask(&mut self, holder: u64, bytes: u64) -> bool {
        debug_assert!(bytes <= self.most, "a holder asks for more than was said to be possible: {bytes}");
        let more = bytes.saturating_sub(self.held(holder));
        let fits = more == 0 || self.first == Some(holder) || self.others.saturating_add(more) <= self.shared;
        if fits {
            self.set(holder, self.held(holder) + more);
        }
        fits
    }

    /// The holder keeps so many bytes. Names those who waited and need to no longer.
    pub fn give_back(&mut self, holder: u64, keep: u64) -> Vec<u64> {
        self.set(holder, keep.min(self.held(holder)));
        self.serve()
    }

    /// The holder is gone, waiting or not. Names those who waited and need to no longer.
    pub fn leave(&mut self, holder: u64) -> Vec<u64> {
        self.queue.retain(|(waiting, _)| *waiting != holder);
        self.set(holder, 0);
        self.held.remove(&holder);
        if self.first == Some(holder) {
            self.first = None;
        }
        self.serve()
    }

    /// Lets those in whose turn it is.
    fn serve(&mut self) -> Vec<u64> {
        let mut served = Vec::new();
        while let Some((holder, bytes)) = self.queue.front().copied()
            && self.grant(holder, bytes)
        {
            self.queue.pop_front();
            served.push(holder);
        }
        served
    }

    /// Gives the next in the queue what it wants: out of what is shared, or as the first.
    fn grant(&mut self, holder: u64, bytes: u64) -> bool {
        if self.try_ask(holder, bytes) {
            return true;
        }
        if self.first.is_some() {
            return false;
        }
        self.others -= self.held(holder);
        self.first = Some(holder);
        self.set(holder, bytes);
        true
    }

    fn held(&self, holder: u64) -> u64 {
        self.held.get(&holder).copied().unwrap_or(0)
    }

    fn set(&mut self, holder: u64, bytes: u64) {
        let before = self.held.insert(holder, bytes).unwrap_or(0);
        if self.first != Some(holder) {
            self.others = self.others - before + bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Room {
        fn sum(&self) -> u64 {
            self.held.values().sum()
        }
    }

    #[test]
    fn what_fits_is_given_at_once_and_the_rest_waits_its_turn() {
        let mut room = Room::new(100, 40);
        assert!(room.ask(1, 30) && room.ask(2, 30), "the shared part is 60");
        assert!(room.ask(3, 20), "it becomes the first");
        assert!(!room.ask(1, 40) && !room.ask(4, 1), "the others wait");
        assert!(room.ask(3, 40), "the first never waits");
        assert_eq!(room.sum(), 100);
        assert_eq!(room.leave(2), [1, 4], "both fit into what it had");
        assert_eq!(room.leave(3), [0; 0]);
        assert!(room.try_ask(5, 19) && !room.try_ask(5, 20));
    }

    #[test]
    fn who_asks_on_the_way_out_goes_before_those_who_wait() {
        let mut room = Room::new(100, 50);
        assert!(room.ask(1, 10) && room.ask(2, 20) && room.ask(3, 50), "the third is the first");
        assert!(!room.ask(4, 30));
        assert!(room.try_ask(1, 20), "there is room for 20 of 50");
        assert_eq!(room.give_back(2, 0), [4]);
    }

    #[test]
    fn who_leaves_while_it_waits_lets_the_next_one_in() {
        let mut room = Room::new(100, 50);
        assert!(room.ask(1, 50) && room.ask(2, 50));
        assert!(!room.ask(3, 50) && !room.ask(4, 1));
        assert_eq!(room.leave(3), [0; 0]);
        assert_eq!(room.leave(1), [4]);
        assert_eq!(room.leave(2), [0; 0]);
        assert_eq!(room.leave(4), [0; 0]);
        assert_eq!((room.sum(), room.others), (0, 0));
    }

    proptest! {
        /// Holders grow step by step in any order, some give up, and all of them come to their end.
        #[test]
        fn everybody_ends_and_the_sum_never_exceeds_the_total(
            (most, total) in (1_u64..100).prop_flat_map(|most| (Just(most), most..400)),
            steps in prop::collection::vec(prop::collection::vec(0_u64..=100, 1..6), 1..40),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 2000),
            gives_up in prop::collection::vec(any::<bool>(), 40),
        ) {
            let mut room = Room::new(total, most);
            // What each still wants, the next thing last; and whether it waits.
            let mut wants: Vec<Vec<u64>> = steps.into_iter().map(|steps| steps.into_iter().map(|step| step.min(most)).collect()).collect();
            let mut waits = vec![false; wants.len()];
            let mut gone = vec![false; wants.len()];
            for pick in picks {
                let able: Vec<usize> = (0..wants.len()).filter(|holder| !gone[*holder] && (!waits[*holder] || gives_up[*holder])).collect();
                if able.is_empty() {
                    break;
                }
                let holder = *pick.get(&able);
                let served = match wants[holder].pop() {
                    Some(bytes) if !waits[holder] => {
                        waits[holder] = !room.ask(holder as u64, bytes);
                        Vec::new()
                    }
                    _ => {
                        gone[holder] = true;
                        room.leave(holder as u64)
                    }
                };
                for holder in served {
                    waits[usize::try_from(holder).unwrap()] = false;
                }
                prop_assert!(room.sum() <= total, "{} of {total}", room.sum());
                prop_assert!(room.others <= room.shared);
            }
            prop_assert!(gone.iter().all(|gone| *gone), "somebody waits for ever: {room:?}");
            prop_assert_eq!((room.sum(), room.others, room.queue.len()), (0, 0, 0));
        }
    }
}
