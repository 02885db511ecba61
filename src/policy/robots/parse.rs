//! From a robots.txt to the rules that are meant for us, each with its line.

use std::cmp::Reverse;
use std::time::Duration;

use super::{MAX_BYTES, Rule, Rules, pattern, product_token};

const BOM: &[u8] = b"\xef\xbb\xbf";
/// Who asks for more than this between two requests mistyped, or does not mean it, in seconds: a day.
const MAX_DELAY: f64 = 86_400.0;

/// The directives that say something, in the spellings that are found.
const KEYS: [(Key, &[&str]); 4] = [
    (Key::Agent, &["user-agent", "useragent", "user agent"]),
    (Key::Allow, &["allow"]),
    (Key::Disallow, &["disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"]),
    (Key::CrawlDelay, &["crawl-delay", "crawldelay", "crawl delay"]),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Agent,
    Allow,
    Disallow,
    CrawlDelay,
}

/// The groups of one user agent, merged.
#[derive(Default)]
struct Groups {
    /// There is at least one, though it may say nothing.
    exist: bool,
    patterns: String,
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
}

pub(super) fn rules(body: &[u8], agent: &str) -> Rules {
    let (mut own, mut any) = (Groups::default(), Groups::default());
    // Whether the group that is being read is ours, and whether it is everybody's; its user agents end at its first rule.
    let (mut is_own, mut is_any, mut in_agents) = (false, false, false);
    for (number, line) in (1..).zip(lines(start(body))) {
        let Some((key, value)) = directive(line) else { continue };
        if key == Key::Agent {
            if !in_agents {
                (is_own, is_any, in_agents) = (false, false, true);
            }
            // Only bytes that are no ASCII are replaced, and no user agent of ours has them.
            let value = String::from_utf8_lossy(value);
            let token = product_token(&value);
            is_own |= !token.is_empty() && token.eq_ignore_ascii_case(agent);
            is_any |= token == "*";
            own.exist |= is_own;
            continue;
        }
        in_agents = false;
        for groups in
            [(is_own, &mut own), (is_any, &mut any)].into_iter().filter_map(|(applies, groups)| applies.then_some(groups))
        {
            groups.add(key, value, number);
        }
    }
    if own.exist { own.finish(agent) } else { any.finish("*") }
}

impl Groups {
    fn add(&mut self, key: Key, value: &[u8], line: u32) {
        if key == Key::CrawlDelay {
            self.crawl_delay = self.crawl_delay.max(delay(value));
        } else if !value.is_empty() {
            // Even with each byte percent-encoded, what is read of a file is far below 4 GiB.
            let at = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX);
            let start = at(&self.patterns);
            pattern::of_rule(value, &mut self.patterns);
            self.rules.push(Rule { start, end: at(&self.patterns), line, allow: key == Key::Allow });
        }
    }

    fn finish(mut self, agent: &str) -> Rules {
        self.rules.sort_unstable_by_key(|rule| (Reverse(rule.end - rule.start), !rule.allow, rule.line));
        Rules {
            unreachable: None,
            agent: agent.into(),
            patterns: self.patterns.into(),
            by_rank: self.rules.into(),
            crawl_delay: self.crawl_delay,
        }
    }
}

/// What is read of a file: without its byte order mark, and without a line that the limit tore.
fn start(body: &[u8]) -> &[u8] {
    let body = body.get(..=MAX_BYTES).map_or(body, |more| &more[..memchr::memrchr2(b'\r', b'\n', more).unwrap_or(0)]);
    // Some have only a part of it.
    let mark = BOM.iter().zip(body).take_while(|(mark, byte)| mark == byte).count();
    &body[mark..]
}

/// The lines of a text, whichever of CR, LF and CRLF ends them.
fn lines(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, end) = rest.split_at(memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len()));
        rest = end.strip_prefix(b"\r\n").or_else(|| end.get(1..)).unwrap_or_default();
        Some(line)
    })
}

/// Reads `key: value # comment`; some forget the colon.
fn directive(line: &[u8]) -> Option<(Key, &[u8])> {
    let line = line.split(|b| *b == b'#').next().unwrap_or_default().trim_ascii();
    let at = memchr::memchr(b':', line).or_else(|| line.iter().position(u8::is_ascii_whitespace))?;
    let (name, value) = (line[..at].trim_ascii(), line[at + 1..].trim_ascii());
    let is_named = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
    KEYS.iter().find(|(_, names)| is_named(names)).map(|(key, _)| (*key, value))
}

fn delay(value: &[u8]) -> Option<Duration> {
    let seconds: f64 = str::from_utf8(value).ok()?.parse().ok()?;
    (seconds > 0.0 && seconds <= MAX_DELAY).then(|| Duration::from_secs_f64(seconds))
}
