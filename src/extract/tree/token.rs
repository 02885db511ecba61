//! Text → tokens, for pages as they should be: what is between tags and in quotes is not looked at letter by letter.
//!
//! **Why they are html5ever's tokens.** [`Scan`] says where a tag ends only where the standard leaves no doubt. At all else the rest of
//! the page is handed to html5ever's tokenizer, in the state that it would be in by then; a reference or a doctype, which end for
//! certain, are given to one of their own. Into how many tokens a text is cut is not the same, and does not matter: the builder
//! and the tree join them. Neither do errors, which the builder only counts, but for one after a `<pre>`: see [`Reader::text`].

use std::borrow::Cow;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::{RawKind, State};
use html5ever::tokenizer::{Tag, TagKind, Token, TokenSink, TokenSinkResult, TokenizerOpts};
use html5ever::{Attribute, LocalName, QualName, local_name, ns};
use memchr::{memchr, memmem};

use super::names::Names;
use crate::extract::guard::{Growing, Guard};
use crate::extract::limits::Limits;
use crate::extract::parse::{feed, feed_piece};
use crate::extract::stream::Hazard;
use crate::extract::stream::entity;
use crate::extract::stream::name::Name;
use crate::extract::stream::scan::{self, Declaration, Scan};
use crate::model::Failure;

/// More attributes are compared with each other slice by slice: see [`feed`].
const ATTRIBUTES: usize = 64;

/// More bytes with references in them are read slice by slice too: some are left to a tokenizer that looks at no clock.
const REFERENCES: usize = 1 << 16;

/// Gives a page's tokens to the builder, to the last one.
pub(super) fn read<S: Growing>(text: &str, guard: &Guard<'_, '_, S>, limits: &Limits<'_>) -> Result<(), Failure> {
    let bytes = text.as_bytes();
    if memchr(0, bytes).is_some() || memmem::find(bytes, "\u{feff}".as_bytes()).is_some() || u32::try_from(bytes.len()).is_err() {
        return feed(guard, text, TokenizerOpts::default(), limits);
    }
    let mut reader = Reader {
        guard,
        page: text.into(),
        scan: Scan { text, at: 0 },
        names: Names::default(),
        attributes: Vec::new(),
        known: 0,
        raw: None,
        drops_line: false,
        has_returns: memchr(b'\r', bytes).is_some(),
    };
    if let Err(hazard) = reader.read() {
        tracing::trace!(hazard, "the rest of the page is read letter by letter");
        let (initial_state, last_start_tag_name) = reader.raw.map(|(state, name)| (state, name.to_string())).unzip();
        let opts = TokenizerOpts { initial_state, last_start_tag_name, ..TokenizerOpts::default() };
        return feed(guard, &text[reader.known..], opts, limits);
    }
    guard.check()?;
    limits.check_time("parsing it")
}

struct Reader<'t, 'g, 'a, 'b, S: Growing> {
    guard: &'g Guard<'a, 'b, S>,
    /// The text as html5ever has it, of which others are parts.
    page: StrTendril,
    scan: Scan<'t>,
    names: Names,
    attributes: Vec<scan::Attribute<'t>>,
    /// What was given to the builder so far.
    known: usize,
    /// The state that html5ever's tokenizer would be in, if not the usual, and the start tag that brought it there.
    raw: Option<(State, LocalName)>,
    /// Whether the builder leaves out a line break that comes next.
    drops_line: bool,
    /// Whether line breaks may be of two characters.
    has_returns: bool,
}

impl<S: Growing> Reader<'_, '_, '_, '_, S> {
    /// Reads up to the end, or to what is odd.
    fn read(&mut self) -> Result<(), Hazard> {
        let bytes = self.scan.text.as_bytes();
        while let Some(skipped) = memchr(b'<', &bytes[self.scan.at..]) {
            self.text(self.scan.at + skipped)?;
            match bytes.get(self.scan.at + 1) {
                Some(b'a'..=b'z' | b'A'..=b'Z') => self.start()?,
                Some(b'/') => {
                    if !bytes.get(self.scan.at + 2).is_some_and(u8::is_ascii_alphabetic) {
                        return Err("an odd end tag");
                    }
                    self.scan.at += 2;
                    let tag = self.tag(TagKind::EndTag)?;
                    let _ = self.give(Token::TagToken(tag));
                }
                Some(b'!' | b'?') => self.declaration()?,
                Some(_) => self.text(self.scan.at + 1)?,
                None => return Err("an unfinished tag"),
            }
            if self.guard.check().is_err() {
                return Ok(()); // the guard has the reason
            }
        }
        self.text(bytes.len())?;
        let _ = self.give(Token::EOFToken);
        self.guard.end();
        Ok(())
    }

    /// Gives a token, which ends here, to the builder.
    fn give(&mut self, token: Token) -> TokenSinkResult<S::Handle> {
        self.known = self.scan.at;
        self.drops_line = false;
        self.guard.process_token(token, 1)
    }

    /// A part of the page.
    fn part(&self, start: usize, end: usize) -> StrTendril {
        let offset = |at: usize| u32::try_from(at).expect("a page of gigabytes is not read here");
        self.page.subtendril(offset(start), offset(end - start))
    }

    /// Gives the text up to a place.
    fn text(&mut self, end: usize) -> Result<(), Hazard> {
        let start = self.scan.at;
        if start == end {
            return Ok(());
        }
        let written = &self.scan.text[start..end];
        if self.drops_line && written.starts_with('&') {
            // An error in the reference would keep a line break that it stands for.
            return Err("a reference where a line break matters");
        }
        let text =
            if has_references(written)? { entity::text(&self.lines(written)).as_ref().into() } else { self.verbatim(start, end) };
        self.scan.at = end;
        let _ = self.give(Token::CharacterTokens(text));
        Ok(())
    }

    /// A text in which nothing has a meaning but line breaks.
    fn verbatim(&self, start: usize, end: usize) -> StrTendril {
        match self.lines(&self.scan.text[start..end]) {
            Cow::Borrowed(_) => self.part(start, end),
            Cow::Owned(text) => text.into(),
        }
    }

    /// Reads a start tag, and the text inside where that ends at its end tag only.
    fn start(&mut self) -> Result<(), Hazard> {
        self.scan.at += 1;
        let tag = self.tag(TagKind::StartTag)?;
        let name = tag.name.clone();
        let result = self.give(Token::TagToken(tag));
        self.drops_line = matches!(name, local_name!("pre") | local_name!("listing") | local_name!("textarea"));
        match result {
            TokenSinkResult::RawData(kind) => self.raw(kind, &name),
            TokenSinkResult::Plaintext => {
                self.raw = Some((State::Plaintext, name));
                Err("a text without an end")
            }
            _ => Ok(()),
        }
    }

    /// Reads a tag whose name begins here.
    fn tag(&mut self, kind: TagKind) -> Result<Tag, Hazard> {
        let tag = self.scan.tag(&mut self.attributes)?;
        if self.attributes.len() > ATTRIBUTES {
            return Err("a tag with many attributes");
        }
        let name = self.names.get(tag.name, tag.at.of(self.scan.text));
        let mut attrs: Vec<Attribute> = Vec::with_capacity(self.attributes.len());
        let mut had_duplicate_attributes = false;
        for attribute in &self.attributes {
            let local = self.names.get(Name::new(attribute.name.as_bytes()), attribute.name);
            if attrs.iter().any(|before| before.name.local == local) {
                had_duplicate_attributes = true;
                continue;
            }
            has_references(attribute.value)?;
            let value = match entity::value(attribute) {
                Cow::Borrowed("") => StrTendril::new(),
                Cow::Borrowed(value) => {
                    let start = value.as_ptr().addr() - self.scan.text.as_ptr().addr();
                    self.part(start, start + value.len())
                }
                Cow::Owned(value) => value.into(),
            };
            attrs.push(Attribute { name: QualName::new(None, ns!(), local), value });
        }
        Ok(Tag { kind, name, self_closing: tag.self_closing, attrs, had_duplicate_attributes })
    }

    /// Reads a text that ends at the end tag of the element that it is in, and that tag.
    fn raw(&mut self, kind: RawKind, name: &LocalName) -> Result<(), Hazard> {
        let start = self.scan.at;
        self.raw = Some((State::RawData(kind), name.clone()));
        self.scan.raw_end(name.as_bytes())?;
        let end = self.scan.at;
        if kind == RawKind::ScriptData {
            let text = &self.scan.text.as_bytes()[start..end];
            if memmem::find(text, b"<!--").is_some() && memmem::find(&text.to_ascii_lowercase(), b"<script").is_some() {
                return Err("a script with another in a comment");
            }
        }
        if kind == RawKind::Rcdata {
            self.scan.at = start;
            self.text(end)?;
        } else if end > start {
            let text = self.verbatim(start, end);
            let _ = self.give(Token::CharacterTokens(text));
        }
        self.scan.at = end + 2;
        let tag = self.tag(TagKind::EndTag)?;
        self.raw = None;
        let _ = self.give(Token::TagToken(tag));
        Ok(())
    }

    /// Reads a comment or a doctype.
    fn declaration(&mut self) -> Result<(), Hazard> {
        let start = self.scan.at;
        let declaration = self.scan.declaration()?;
        let end = self.scan.at;
        let piece = &self.scan.text[start..end];
        if declaration == Declaration::Comment && piece.starts_with("<!--") {
            let text = self.verbatim(start + 4, end - 3);
            let _ = self.give(Token::CommentToken(text));
        } else {
            self.known = end;
            self.drops_line = false;
            feed_piece(self.guard, piece);
        }
        Ok(())
    }

    /// A text with line breaks of one character.
    fn lines<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.has_returns && memchr(b'\r', text.as_bytes()).is_some() {
            Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
        } else {
            Cow::Borrowed(text)
        }
    }
}

/// Whether there may be references in a text.
fn has_references(text: &str) -> Result<bool, Hazard> {
    let has = memchr(b'&', text.as_bytes()).is_some();
    if has && text.len() > REFERENCES { Err("a long text with references") } else { Ok(has) }
}
