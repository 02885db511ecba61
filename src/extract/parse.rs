//! The guarded parse: html5ever fed in slices, so that a hostile page ends after a bounded time.
//!
//! The tree builder takes time quadratic in the depth of the tree (and in a tag's attributes, and more of that kind) and
//! has no limits of its own. So its tokens pass a [`Guard`], and between two slices the clock is looked at.
//!
//! Browsers go on where a page is too deep: what lies deeper becomes siblings. That cannot be had here in linear time: it is
//! the builder's own stack of open elements that it looks through for each tag (may this `<div>` close a `<p>`?), and the stack
//! grows with every open tag wherever the sink puts the element. So such a page is refused, never read in part.

use html5ever::TokenizerResult;
use html5ever::buffer_queue::BufferQueue;
use html5ever::tokenizer::{Tokenizer, TokenizerOpts};
use scraper::{Html, HtmlTreeSink};

use super::guard::{Growing, Guard};
use super::limits::Limits;
use crate::model::Failure;

/// What is fed at a time, for what ends in no token for long: a tag is compared with itself attribute by attribute.
const SLICE: usize = 4096;

/// Parses a page, or says which limit it is beyond: never a page in part.
pub(super) fn parse(text: &str, limits: &Limits<'_>) -> Result<Html, Failure> {
    let guard = Guard::new(HtmlTreeSink::new(Html::new_document()), limits);
    feed(&guard, text, TokenizerOpts::default(), limits)?;
    Ok(guard.finish()?.0.into_inner())
}

/// Gives the tokens of a text, the last of a page, to the builder.
pub(super) fn feed<S: Growing>(
    guard: &Guard<'_, '_, S>,
    text: &str,
    opts: TokenizerOpts,
    limits: &Limits<'_>,
) -> Result<(), Failure> {
    let tokenizer = Tokenizer::new(guard, opts);
    let input = BufferQueue::default();
    let mut rest = text;
    while !rest.is_empty() {
        let (slice, after) = rest.split_at(rest.floor_char_boundary(SLICE));
        rest = after;
        push(&tokenizer, &input, slice);
        guard.check()?;
        limits.check_time("parsing it")?;
    }
    tokenizer.end();
    Ok(())
}

/// Gives the tokens of a piece that is whole, in time linear in its length: no clock is looked at in between.
pub(super) fn feed_piece<S: Growing>(guard: &Guard<'_, '_, S>, piece: &str) {
    push(&Tokenizer::new(guard, TokenizerOpts::default()), &BufferQueue::default(), piece);
}

fn push<S: Growing>(tokenizer: &Tokenizer<&Guard<'_, '_, S>>, input: &BufferQueue, slice: &str) {
    input.push_back(slice.into());
    // It stops at scripts and at what it takes for news about the encoding.
    while !matches!(tokenizer.feed(input), TokenizerResult::Done) {}
}
