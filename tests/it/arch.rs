//! The architecture, checked: folders are layers, imports only go down, siblings never import each other, and what decides
//! neither waits nor looks at a clock.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the library by their layer. A layer may import those below it.
const LAYERS: [&[&str]; 5] =
    [&["model"], &["policy"], &["source", "fetch", "ledger", "bodies", "extract", "sink", "frontier"], &["crawl"], &["run"]];

/// The modules that only decide: they are given the time and never wait.
const PURE: [&str; 2] = ["policy", "frontier"];

/// What has no place in a module that only decides.
const IMPURE: [&[&str]; 7] = [
    &["Instant", ":", ":", "now"],
    &["SystemTime", ":", ":", "now"],
    &["async"],
    &["await"],
    &["tokio"],
    &["std", ":", ":", "fs"],
    &["std", ":", ":", "net"],
];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// The words and signs of a source text, without comments, texts and everything under `#[cfg(test)]`.
fn tokens(source: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            quoted(rest)
        } else if let Some(raw) = raw(rest) {
            raw
        } else if first == '\'' {
            character(rest)
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    without_tests(&tokens)
}

/// The length of the text in quotes that begins here.
fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |(at, _)| at + 1)
}

/// The length of the raw text that begins here, if one does.
fn raw(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(rest.len() - body.len() + body.find(&end).map_or(body.len(), |at| at + end.len()))
}

/// The length of the character, or of the apostrophe of a lifetime, that begins here.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => chars.find(|(_, c)| *c == '\'').map_or(rest.len(), |(at, _)| at + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

fn without_tests(tokens: &[String]) -> Vec<String> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at..].iter().take(mark.len()).eq(mark) {
            at = item_end(tokens, at + mark.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Where the item that begins here ends: after a semicolon or a closed brace on its own level.
fn item_end(tokens: &[String], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && matches!(token.as_str(), ";" | "}") {
            return at + 1;
        }
    }
    tokens.len()
}

/// The first names of the paths that follow: one, or those of a group in braces.
fn heads(tokens: &[String]) -> Vec<&str> {
    let Some(first) = tokens.first() else { return Vec::new() };
    if first != "{" {
        return vec![first];
    }
    let (mut heads, mut depth, mut begins) = (Vec::new(), 0, false);
    for token in tokens {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            word if depth == 1 && begins && word != "," => heads.push(word),
            _ => {}
        }
        begins = depth == 1 && matches!(token.as_str(), "{" | ",");
        if depth == 0 {
            break;
        }
    }
    heads
}

/// The names in the crate's root that the tokens of a module reach for. `depth` is how deep the module is.
fn imports(tokens: &[String], depth: usize) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut inner, mut braces): (Vec<usize>, usize) = (Vec::new(), 0);
    for (at, token) in tokens.iter().enumerate() {
        let path = |length: usize| tokens.get(at + 1..at + 1 + length).is_some_and(|next| next.iter().all(|sign| sign == ":"));
        match token.as_str() {
            "{" => {
                braces += 1;
                if at > 1 && tokens[at - 2] == "mod" {
                    inner.push(braces);
                }
            }
            "}" => {
                inner.pop_if(|level| *level == braces);
                braces -= 1;
            }
            "crate" if path(2) => found.extend(heads(&tokens[at + 3..])),
            "super" if path(2) && !(at > 2 && tokens[at - 3] == "super") => {
                let supers = tokens[at..].chunks(3).take_while(|chunk| chunk[0] == "super").count();
                if supers == depth + inner.len() {
                    found.extend(heads(&tokens[at + 3 * supers..]));
                }
            }
            _ => {}
        }
    }
    found
}

/// Where the names that the root exports again come from.
fn exports(root: &[String]) -> HashMap<String, String> {
    let mut exports = HashMap::new();
    for (at, _) in root.iter().enumerate().filter(|(_, token)| *token == "use") {
        if let [module, colon, _, rest @ ..] = &root[at + 1..]
            && colon == ":"
        {
            exports.extend(heads(rest).into_iter().map(|name| (name.to_owned(), module.clone())));
        }
    }
    exports
}

/// What is wrong with one file of the library. `path` is below `src`.
fn faults(path: &Path, source: &str, exports: &HashMap<String, String>) -> Vec<String> {
    let mut modules: Vec<_> = path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    modules.pop_if(|last| last == "mod");
    let [own, ..] = modules.as_slice() else { return Vec::new() };
    let Some(ours) = layer(own) else { return vec![format!("{}: {own} has no layer: give it one", path.display())] };
    let tokens = tokens(source);
    let mut faults = Vec::new();
    for name in imports(&tokens, modules.len()) {
        let module = exports.get(name).map_or(name, String::as_str);
        let theirs = layer(module);
        if module != own && theirs.is_none_or(|theirs| theirs >= ours) {
            faults.push(format!("{}: {own} (layer {ours}) imports {name} of {module} (layer {theirs:?})", path.display()));
        }
    }
    if PURE.contains(&own.as_str()) {
        for impure in IMPURE {
            if tokens.windows(impure.len()).any(|window| window == impure) {
                faults.push(format!("{}: {} in a module that only decides", path.display(), impure.concat()));
            }
        }
    }
    faults
}

/// All source files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Whether a file is a test's: it may use whatever it likes.
fn is_test(path: &Path) -> bool {
    path.iter().any(|part| part == "tests" || part == "tests.rs")
}

#[test]
fn imports_only_go_down_and_what_decides_neither_waits_nor_looks_at_a_clock() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let exports = exports(&tokens(&fs::read_to_string(src.join("lib.rs")).unwrap()));
    let mut checked = Vec::new();
    let mut found = Vec::new();
    for file in files(&src) {
        let path = file.strip_prefix(&src).unwrap();
        if !path.starts_with("bin") && path != Path::new("lib.rs") && !is_test(path) {
            found.extend(faults(path, &fs::read_to_string(&file).unwrap(), &exports));
            checked.extend(path.iter().next().map(|part| Path::new(part).with_extension("").to_string_lossy().into_owned()));
        }
    }
    for module in LAYERS.concat() {
        assert!(checked.iter().any(|own| own == module), "there is no module {module}: take it out of its layer");
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Who may look at the clock on the wall, and for what. Everything that waits or measures takes the other one, which never jumps.
const WALL: &[(&str, &str)] = &[
    ("crawl/kept.rs", "what is kept between runs"),
    ("crawl/mod.rs", "what is kept between runs"),
    ("crawl/worker.rs", "the record's fetched_at"),
    ("fetch/exchange.rs", "the dates that servers name"),
    ("run/mod.rs", "what is kept between runs, and when the run began"),
    ("bin/scrape/report/mod.rs", "when the run ended"),
    ("sink/sqlite/row.rs", "last_seen of what was never fetched"),
    ("sink/sqlite/unfinished.rs", "when the run began whose rows are known by their last_seen"),
    ("bin/scrape/terminal/mod.rs", "the times of log lines"),
    ("bin/scrape/terminal/progress.rs", "the times of log lines"),
    ("bin/scrape/terminal/waits.rs", "the times of log lines"),
];

#[test]
fn a_clock_that_jumps_changes_dates_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let looks = |source: &str| tokens(source).windows(4).any(|window| window == ["SystemTime", ":", ":", "now"]);
    assert!(looks("let x = SystemTime::now();") && !looks("let x = Instant::now();"));
    let mut found: Vec<_> = files(&src).into_iter().filter(|file| !is_test(file)).collect();
    found.retain(|file| looks(&fs::read_to_string(file).unwrap()));
    let found: Vec<_> = found.iter().map(|file| file.strip_prefix(&src).unwrap().to_string_lossy().into_owned()).collect();
    let stray: Vec<_> = found.iter().filter(|file| WALL.iter().all(|(own, _)| own != file)).collect();
    assert!(stray.is_empty(), "{stray:?} look at the wall clock: is it for a date?");
    for (file, what) in WALL {
        assert!(found.iter().any(|own| own == file), "{file} does not look at the wall clock for {what} any more: take it out");
    }
}

#[test]
fn the_checker_finds_what_it_should() {
    let exports = exports(&tokens("pub mod model; pub use model::{Record, Target}; pub use fetch::Client;"));
    let faults = |path: &str, source: &str| faults(Path::new(path), source, &exports).len();
    for (path, source) in [
        ("policy/retry.rs", "use crate::fetch::Client;"),
        ("policy/retry.rs", "use super::super::fetch;"),
        ("policy/retry.rs", "mod x { use super::super::super::fetch; }"),
        ("policy/mod.rs", "use super::fetch::Client;"),
        ("fetch/mod.rs", "use crate::sink::Format;"),
        ("frontier.rs", "use crate::{model::Target, source::{List, Csv}};"),
        ("source/list.rs", "fn f() { let x = crate::run::run(); }"),
        ("source/list.rs", "use crate::Client;"),
        ("source/list.rs", "use crate::Unknown;"),
        ("model/mod.rs", "use crate::policy::Pace;"),
        ("elsewhere.rs", ""),
        ("policy/pace.rs", "fn f() { Instant::now(); }"),
        ("policy/pace.rs", "fn f() { std::time::SystemTime::now(); }"),
        ("frontier/host.rs", "async fn f() {}"),
        ("frontier/host.rs", "fn f() { tokio::spawn(); }"),
    ] {
        assert_eq!(faults(path, source), 1, "{path}: {source}");
    }
    for (path, source) in [
        (
            "fetch/client.rs",
            "use crate::{model::{Page, Target}, policy}; use crate::fetch::body; use super::body; use crate::Record;",
        ),
        ("crawl.rs", "use crate::{frontier::Frontier, fetch, extract}; fn f() { Instant::now(); }"),
        (
            "policy/retry.rs",
            "// use crate::fetch;\n/* crate::fetch */ /// crate::fetch::decode\nconst X: &str = \"crate::fetch\";",
        ),
        (
            "policy/retry.rs",
            "const X: &str = r#\"\"crate::fetch\"#; fn f<'a>(x: &'a str) -> char { '\\'' } const Q: char = '\"';",
        ),
        ("policy/retry.rs", "use super::pace; fn f(now: Instant) {} mod x { use super::super::pace; }"),
        ("policy/retry.rs", "#[cfg(test)]\nmod tests { use crate::run; fn f() { Instant::now(); } }"),
        ("policy/retry.rs", "#[cfg(test)]\nmod tests;"),
    ] {
        assert_eq!(faults(path, source), 0, "{path}: {source}");
    }
}
