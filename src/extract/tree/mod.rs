//! A page as a tree of our own: what html5ever's tree builder says of the page's tokens, in a few flat lists.
//!
//! **Why it is the tree that `scraper` would build.** The same builder decides where every node goes; [`sink`] does what it says
//! with links between places of one list, as `scraper`'s sink does with its nodes, and [`element`] answers selectors as `scraper`'s
//! elements do. The tokens are html5ever's too, or those of [`token`], which reads only what it knows to read the same.
//! `--parser dom` still reads pages with `scraper`, so that the two can be compared.
//!
//! **Why it is quicker.** Most of what a page cost was html5ever's tokenizer, which goes letter by letter and copies what it finds;
//! here tags are looked for, and texts and values are parts of the one text of the page.

mod element;
mod names;
mod need;
mod nodes;
mod sink;
mod token;

use super::guard::Guard;
use super::limits::Limits;
use crate::model::Failure;

pub(super) use self::element::Found;
pub(super) use self::need::Need;
pub(super) use self::nodes::Tree;
use self::sink::Sink;

/// Parses a page, or says which limit it is beyond: never a page in part.
pub(super) fn parse(text: &str, limits: &Limits<'_>) -> Result<Tree, Failure> {
    let guard = Guard::new(Sink::new(Tree::new(text.len())), limits);
    token::read(text, &guard, limits)?;
    Ok(guard.finish()?.into_tree())
}
