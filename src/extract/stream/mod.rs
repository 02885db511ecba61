//! Fields read from a page as it goes by, without a tree of it: tag by tag, with no more in hand than the elements that are open.
//!
//! **Why that gives what the tree would.** A selector of a [plan](Plan) asks of an element only its own tag and those of the elements
//! that it is in; a value is its attribute or the text inside. The tree builder reads the tags in order, and on most pages each of
//! them only puts an element at the end of the last open one, or closes some: then the elements in whose inside a tag stands are the
//! ones that are open when it comes, elements come in document order, and a text is inside of those that are open around it. [`tree`]
//! follows the builder's rules for that. Whatever would make them put a node elsewhere (out of a table, or into a repeated `<b>`),
//! and whatever of the syntax is odd, is a [`Hazard`]: all that was read is thrown away, and the page is read into a tree. A hazard
//! is never wrong, only slow, so that in doubt it is one.
//!
//! **Why it may stop early.** Where each field takes its first value and has it whole, what follows cannot change it: an element in
//! the head comes before all of the body, and in the body new ones come last, as long as no table (things in it are put before it) and
//! no formatting element (what is in it may be moved) is open: [`Tree::is_calm`]. What still could is looked for in the rest of the
//! text: another `<html>` or `<body>` whose attributes are added to the first, if a selector may ask for them; a `<base>` that links
//! are relative to; a `<frameset>`, which takes the place of the body. If any of these words is there, the page is read to its end.
//! Where the rest has not even been received, [`early`] says whether it has to be.
//!
//! **What the limits mean.** A page that is beyond one in what was read here is left to the tree, which refuses it. What is not read
//! costs nothing, so it is not refused, and neither is what only a tree would take too long for.

mod body;
mod early;
mod element;
pub(super) mod entity;
mod foreign;
mod harvest;
mod kind;
mod modes;
pub(super) mod name;
mod plan;
pub(super) mod scan;
mod span;
mod table;
mod tree;

use memchr::{memchr, memmem};
use serde_json::Value;
use url::Url;

pub(super) use self::early::settles;
use self::harvest::Harvest;
pub(super) use self::plan::Plan;
use self::scan::{Declaration, Scan};
use self::tree::{Mode, Next, Tree};
use super::Effort;
use super::limits::Limits;
use super::step::{Steps, within};

/// Which part of a page's time may be spent here. The rest is left for the tree, which a page that is made to cost much here may be
/// quicker to read into.
const PART: u32 = 8;

/// Why a page is left to the DOM.
pub(super) type Hazard = &'static str;

/// The hazard of a page that was to be read no further.
const FAR: Hazard = "its values are too far from its start";

/// The values of a plan's fields in a page, or what it takes to say them. Of a page that is to be read at a glance so many bytes are
/// looked at.
pub(super) fn read(text: &str, url: &Url, plan: &Plan, limits: &Limits<'_>, glance: Option<usize>) -> Result<Vec<Value>, Effort> {
    let (part, most) = glance.map_or((PART, usize::MAX), |most| (limits.moments().max(PART), most));
    let done = within(limits, part, |steps| pass(text, most, plan, limits, steps).and_then(|harvest| harvest.finish(url)));
    done.unwrap_or(Err(if glance.is_some() { FAR } else { "more work than it is worth" })).map_err(|hazard| {
        if hazard == FAR {
            return Effort::Any;
        }
        tracing::trace!(hazard, "the page is read into a tree");
        limits.forget_values();
        Effort::Tree
    })
}

/// Reads a page to its end, or to where all is known, which is to be within so many bytes.
fn pass<'a, 'l, 't>(
    text: &'t str,
    most: usize,
    plan: &'a Plan,
    limits: &'a Limits<'l>,
    steps: &'a Steps<'a, 'l>,
) -> Result<Harvest<'a, 'l, 't>, Hazard> {
    if is_odd(text) {
        return Err("an odd character");
    }
    let mut tree = Tree::new(text, Harvest::new(text, plan, limits, steps), limits);
    let mut scan = Scan { text, at: 0 };
    let mut may_end = plan.ends;
    while let Some(skipped) = scan.ahead() {
        read_to_next(&mut scan, &mut tree, steps, skipped)?;
        if may_end && tree.harvest.is_complete() && tree.is_calm() {
            if is_final(&text[scan.at..], plan, &tree) {
                return Ok(tree.harvest);
            }
            may_end = false;
        }
        if scan.at > most {
            return Err(FAR);
        }
    }
    if scan.at < text.len() {
        tree.characters(&text[scan.at..])?;
    }
    tree.open_body()?;
    while tree.current().is_some() {
        tree.pop();
    }
    Ok(tree.harvest)
}

/// Whether a text holds what the tokenizer treats in ways of its own.
fn is_odd(text: &str) -> bool {
    memchr(0, text.as_bytes()).is_some() || memmem::find(text.as_bytes(), "\u{feff}".as_bytes()).is_some()
}

/// Reads the text that was skipped before a `<`, and what that begins.
fn read_to_next<'l, 't>(
    scan: &mut Scan<'t>,
    tree: &mut Tree<'_, 'l, 't>,
    steps: &Steps<'_, 'l>,
    skipped: usize,
) -> Result<(), Hazard> {
    if skipped > 0 {
        tree.characters(&scan.text[scan.at..scan.at + skipped])?;
        scan.at += skipped;
    }
    steps.step();
    match scan.text.as_bytes().get(scan.at + 1) {
        Some(b'a'..=b'z' | b'A'..=b'Z') => start(scan, tree),
        Some(b'/') => end(scan, tree),
        Some(b'!' | b'?') => declaration(scan, tree),
        Some(_) => {
            tree.characters("<")?;
            scan.at += 1;
            Ok(())
        }
        None => Err("an unfinished tag"),
    }
}

/// Reads a start tag, and the text inside where that ends at its end tag only.
fn start<'t>(scan: &mut Scan<'t>, tree: &mut Tree<'_, '_, 't>) -> Result<(), Hazard> {
    scan.at += 1;
    let tag = scan.tag(&mut tree.attributes)?;
    let next = tree.start(&tag)?;
    if next == Next::Tags {
        return Ok(());
    }
    if next == Next::TagsAfterLine || tree.drops_line() {
        let rest = &scan.text[scan.at..];
        scan.at +=
            rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\n', '\r'])).map_or(0, |after| rest.len() - after.len());
        if rest.starts_with("&#") || rest.starts_with("&NewLine") {
            return Err("a reference where a line break matters");
        }
    }
    let Next::Text { is_raw } = next else { return Ok(()) };
    let (name, start) = (tag.at.of(scan.text), scan.at);
    scan.raw_end(name.as_bytes())?;
    let text = &scan.text[start..scan.at];
    if tag.name == name::SCRIPT
        && text.contains("<!--")
        && memmem::find(text.to_ascii_lowercase().as_bytes(), b"<script").is_some()
    {
        return Err("a script with another in a comment");
    }
    tree.count(0)?;
    tree.harvest.text(text, &tree.stack, is_raw)?;
    scan.at += 2;
    scan.tag(&mut tree.attributes)?;
    tree.pop();
    Ok(())
}

fn end<'t>(scan: &mut Scan<'t>, tree: &mut Tree<'_, '_, 't>) -> Result<(), Hazard> {
    scan.at += 2;
    if !scan.text.as_bytes().get(scan.at).is_some_and(u8::is_ascii_alphabetic) {
        return Err("an odd end tag");
    }
    let tag = scan.tag(&mut tree.attributes)?;
    tree.check_attributes()?;
    tree.end(&tag)
}

fn declaration<'t>(scan: &mut Scan<'t>, tree: &mut Tree<'_, '_, 't>) -> Result<(), Hazard> {
    tree.count(0)?;
    let start = scan.at;
    if scan.declaration()? == Declaration::Doctype && tree.mode == Mode::Initial && !tree.is_typed {
        tree.is_typed = true;
        tree.doctype = Some(&scan.text[start..scan.at]);
    }
    Ok(())
}

/// Whether nothing in the rest can change what was found. It is looked for as words, wherever they stand.
fn is_final(rest: &str, plan: &Plan, tree: &Tree<'_, '_, '_>) -> bool {
    let mut words: Vec<&str> = Vec::new();
    if !plan.steady {
        words.extend(["html", "body"]);
    }
    if tree.harvest.awaits_base() {
        words.push("base");
    }
    if tree.mode == Mode::InBody {
        words.push("frameset");
    } else {
        words.retain(|word| *word != "body"); // in the head: the body is yet to come, and after what was found
    }
    let bytes = rest.as_bytes();
    let is_word = |at: usize| {
        words.iter().any(|word| bytes.get(at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes())))
    };
    words.is_empty() || !memchr::memchr_iter(b'<', bytes).any(|at| is_word(at + 1))
}
