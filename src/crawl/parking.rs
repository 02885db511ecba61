//! stub
use crate::model::Target;
use std::collections::*;
#[derive(Debug, Default)]
pub(super) struct Parking(HashMap<usize, VecDeque<Target>>);
pub(super) struct Full {
    pub(super) target: Target,
    pub(super) error: std::io::Error,
}
impl Parking {
    pub(super) fn put(&mut self, host: usize, target: Target) -> Result<(), Full> {
        self.0.entry(host).or_default().push_back(target);
        Ok(())
    }
    pub(super) fn take(&mut self, host: usize, most: usize) -> std::io::Result<Vec<Target>> {
        let q = self.0.entry(host).or_default();
        Ok(q.drain(..most.min(q.len())).collect())
    }
    pub(super) fn is_empty(&self) -> bool {
        self.0.values().all(VecDeque::is_empty)
    }
}
