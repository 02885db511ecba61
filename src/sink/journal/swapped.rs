//! A run that overwrites several files gives them their names one after the other, when all are whole. Killed in between, some have
//! theirs: these are gone on with where they are, and the others beside the files that they will replace.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::super::file::{follow, partial_of};
use super::super::{Destination, To};

/// The files of one run are made one after the other; what is older by more is another run's.
const TOGETHER: Duration = Duration::from_secs(30);

/// Which outputs have taken their names already, while others of their run have not.
pub(super) fn swapped(outputs: &[To]) -> Vec<bool> {
    let path = |to: &To| if let Destination::File(path) = &to.place { Some(follow(path)) } else { None };
    let made = |path: &Path| fs::metadata(path).and_then(|file| file.created()).ok();
    let partials: Vec<_> = outputs.iter().map(|to| path(to).and_then(|path| made(&partial_of(&path)))).collect();
    let Some(first) = partials.iter().flatten().min() else { return vec![false; outputs.len()] };
    let is_of_the_run = |file: SystemTime| {
        file.duration_since(*first).or_else(|_| first.duration_since(file)).is_ok_and(|apart| apart < TOGETHER)
    };
    let has_its_name = |to: &To| path(to).and_then(|path| made(&path)).is_some_and(is_of_the_run);
    outputs.iter().zip(&partials).map(|(to, partial)| partial.is_none() && has_its_name(to)).collect()
}
