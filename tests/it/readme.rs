//! Every command of the README is run as it stands there, against a local site: the manual cannot promise what is not.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{Reply, Site, Work, scrape};

/// The languages of the blocks that hold commands.
const SHELLS: [&str; 4] = ["sh", "shell", "bash", "console"];

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("there is a README.md")
}

/// The first block of a text that is written in this language.
fn block<'a>(text: &'a str, language: &str) -> &'a str {
    text.split_once(&format!("```{language}\n")).and_then(|(_, rest)| rest.split_once("```")).map_or("", |(block, _)| block)
}

/// What stands in code quotes and has only such characters.
fn quoted(text: &str, is_part: fn(char) -> bool) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).filter(move |name| name.chars().all(is_part))
}

/// The text of all the files of a folder.
fn texts(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("a folder of the project").map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { texts(&path) } else { fs::read_to_string(path).unwrap_or_default() }).collect()
}

/// The commands of a text that run this program, each on one line.
fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let (mut inside, mut whole) = (false, String::new());
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            inside = !inside && SHELLS.contains(&language.trim());
        } else if inside {
            whole += line.trim();
            if !whole.ends_with('\\') {
                commands.extend(ours(&std::mem::take(&mut whole)));
            }
            whole = whole.trim_end_matches('\\').to_owned();
        }
    }
    commands
}

/// A line without its prompt or cron fields and with `cargo run` replaced, if it runs this program.
fn ours(line: &str) -> Option<String> {
    let mut line = line.strip_prefix("$ ").unwrap_or(line);
    let fields: Vec<_> = line.split_whitespace().take(5).collect();
    if fields.len() == 5 && fields.iter().all(|field| field.chars().all(|c| c.is_ascii_digit() || "*/,-".contains(c))) {
        line = fields.iter().fold(line, |rest, field| rest.trim_start().strip_prefix(field).unwrap_or(rest)).trim_start();
    }
    let line = match line.strip_prefix("cargo run").and_then(|rest| rest.split_once("-- ")) {
        Some((_, args)) => format!("scrape {args}"),
        None => line.to_owned(),
    };
    let is_set = |word: &&str| word.split_once('=').is_some_and(|(name, _)| name.starts_with("SCRAPE_"));
    let is_ours = line.split_whitespace().find(|word| !is_set(word)) == Some("scrape");
    (is_ours || line.contains("| scrape ")).then_some(line)
}

/// The same command with every host replaced by the site.
fn offline(command: &str, site: &str) -> String {
    let mut rest = command;
    let mut line = String::new();
    while let Some((at, scheme)) = ["https://", "http://"].iter().filter_map(|scheme| Some((rest.find(scheme)?, scheme))).min() {
        let after = &rest[at + scheme.len()..];
        let host = after.find(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | ':' | '-')).unwrap_or(after.len());
        line.extend([&rest[..at], site]);
        rest = &after[host..];
    }
    line + rest
}

/// Whether the machine has the other programs of a pipeline.
fn can_run(command: &str) -> bool {
    let has = |tool: &str| {
        Command::new("sh").args(["-c", "command -v \"$0\"", tool]).output().is_ok_and(|output| output.status.success())
    };
    let tools = command.split('|').filter_map(|part| part.split_whitespace().next());
    tools.filter(|tool| *tool != "scrape").all(has)
}

#[test]
fn every_command_of_the_readme_works() {
    let readme = readme();
    let commands = commands(&readme);
    assert!(!commands.is_empty(), "the README shows how to run it");
    let site = Site::start();
    site.on("/*", |request| {
        Reply::html(format!("<title>{0}</title><h1>{0}</h1><b class=price>1</b><a href=/next>next</a>", request.path))
    });
    let list = ["/a", "/b", "/c"].map(|path| site.url(path)).join("\n");
    for command in commands.iter().filter(|command| can_run(command) && !command.contains("serve")) {
        let work = Work::new();
        work.write("urls.txt", &list)
            .write("urls.example.txt", offline(include_str!("../../urls.example.txt"), &site.url("")))
            .write("scrape.toml", block(&readme, "toml"))
            .write("urls.csv", format!("url,id\n{},1\n", site.url("/a")))
            .write("urls.jsonl", format!("{{\"url\":\"{}\",\"id\":1}}\n", site.url("/a")));
        let script = format!("scrape() {{ \"$0\" \"$@\"; }}\n{}", offline(command, &site.url("")));
        let run = work.scrape("").shell(&script).stdin(&list).run();
        let code = if command.contains("--demo") { 3 } else { 0 };
        assert!([0, code].map(Some).contains(&run.exit), "{command}\nended with {:?}:\n{}", run.exit, run.stderr);
    }
}

#[test]
fn every_flag_and_test_of_the_readme_exists() {
    let readme = readme();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let code = ["src", "tests/it"].map(|name| texts(&folder.join(name))).concat();
    let (_, table) = readme.split_once("## What is guaranteed").expect("there is a table of guarantees");
    let (table, _) = table.split_once("\n## ").expect("it is not the last section");
    let named: Vec<_> =
        quoted(table, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_').filter(|name| name.contains('_')).collect();
    assert!(named.len() > 50, "{named:?}");
    for name in named {
        assert!(code.contains(&format!("fn {name}(")), "no test is called {name}");
    }
    let help = scrape("--help").run().code(0);
    let words = readme.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let flags =
        words.filter(|word| word.strip_prefix("--").is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase())));
    let foreign = ["--release", "--locked", "--path", "--open", "--bench", "--lib", "--nocapture"];
    let known: Vec<_> = help.text().split(|c: char| !c.is_ascii_alphanumeric() && c != '-').chain(foreign).collect();
    for flag in flags {
        assert!(known.contains(&flag), "no flag is called {flag}");
    }
}

#[test]
fn commands_are_found_in_the_blocks_of_a_shell() {
    let text = "scrape outside\n```sh\n# a comment\nscrape urls.txt \\\n    --rps 5\ncurl x | scrape - | jq .\n\
        0 * * * *  scrape -q urls.txt\n$ cargo run --release -- --demo\ncargo build\nSCRAPE_RPS=5 scrape x\n```\n\
        ```toml\nscrape = 1\n```\n";
    let expected =
        ["scrape urls.txt --rps 5", "curl x | scrape - | jq .", "scrape -q urls.txt", "scrape --demo", "SCRAPE_RPS=5 scrape x"];
    assert_eq!(commands(text), expected);
    assert_eq!((block(text, "toml"), block(text, "json")), ("scrape = 1\n", ""));
    assert_eq!(quoted("a `b_c` d `e f`\n`g`", |c| c != ' ').collect::<Vec<_>>(), ["b_c", "g"]);
}

#[test]
fn commands_are_taken_offline() {
    let command = "scrape 'https://shop.example:8/p/[1-3]' http://a.test -o x";
    assert_eq!(offline(command, "http://127.0.0.1:1"), "scrape 'http://127.0.0.1:1/p/[1-3]' http://127.0.0.1:1 -o x");
    assert!(can_run("scrape x | sh") && !can_run("scrape x | no-such-program"));
}
