//! Names as html5ever has them: a page says the same few over and over, and each would be looked up in its tables.

use html5ever::LocalName;

use crate::extract::stream::name::{Name, place};

/// How many names are remembered, each in the one place that its letters say.
const PLACES: usize = 128;

/// The names that were met last.
pub(super) struct Names(Vec<Option<(Name, LocalName)>>);

impl Default for Names {
    fn default() -> Self {
        Self(vec![None; PLACES])
    }
}

impl Names {
    /// A name in lower case, of its number and as it is written.
    pub(super) fn get(&mut self, name: Name, written: &str) -> LocalName {
        let slot = &mut self.0[place(name) % PLACES];
        match slot {
            Some((known, local)) if *known == name && (!name.is_long() || written.eq_ignore_ascii_case(local)) => local.clone(),
            _ => slot.insert((name, lower(written))).1.clone(),
        }
    }
}

fn lower(written: &str) -> LocalName {
    if written.bytes().any(|byte| byte.is_ascii_uppercase()) { written.to_ascii_lowercase().into() } else { written.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_in_lower_case_however_often_it_is_met() {
        let mut names = Names::default();
        let mut get = |written: &str| names.get(Name::new(written.as_bytes()), written);
        let all: Vec<String> = (0..1000).map(|n| format!("x-{n}")).collect();
        let long = "a-very-long-custom-element".to_owned();
        for name in all.iter().chain([&"É".to_owned(), &long, &"viewbox".to_owned()]).cycle().take(3000) {
            assert_eq!(*get(name), **name);
            assert_eq!(*get(&name.to_ascii_uppercase()), **name);
        }
    }
}
