//! Every command of the README is run as it stands there, against a local site: the manual cannot promise what is not.

use std::path::Path;
use std::process::Command;

use crate::harness::{Reply, Site, Work};

/// The languages of the blocks that hold commands.
const SHELLS: [&str; 4] = ["sh", "shell", "bash", "console"];

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
    (line == "scrape" || line.starts_with("scrape ") || line.contains("| scrape ")).then_some(line)
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
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).expect("there is a README.md");
    let commands = commands(&readme);
    assert!(!commands.is_empty(), "the README shows how to run it");
    let site = Site::start();
    site.on("/*", |request| Reply::html(format!("<title>{0}</title><h1>{0}</h1><a href=/next>next</a>", request.path)));
    let list = ["/a", "/b", "/c"].map(|path| site.url(path)).join("\n");
    for command in commands.iter().filter(|command| can_run(command) && !command.contains("serve")) {
        let work = Work::new();
        work.write("urls.txt", &list)
            .write("urls.example.txt", offline(include_str!("../../urls.example.txt"), &site.url("")))
            .write("urls.csv", format!("url,id\n{},1\n", site.url("/a")))
            .write("urls.jsonl", format!("{{\"url\":\"{}\",\"id\":1}}\n", site.url("/a")));
        let script = format!("scrape() {{ \"$0\" \"$@\"; }}\n{}", offline(command, &site.url("")));
        let run = work.scrape("").shell(&script).stdin(&list).run();
        let code = if command.contains("--demo") { 3 } else { 0 };
        assert!([0, code].map(Some).contains(&run.exit), "{command}\nended with {:?}:\n{}", run.exit, run.stderr);
    }
}

#[test]
fn commands_are_found_in_the_blocks_of_a_shell() {
    let text = "scrape outside\n```sh\n# a comment\nscrape urls.txt \\\n    --rps 5\ncurl x | scrape - | jq .\n\
        0 * * * *  scrape -q urls.txt\n$ cargo run --release -- --demo\ncargo build\n```\n```toml\nscrape = 1\n```\n";
    let expected = ["scrape urls.txt --rps 5", "curl x | scrape - | jq .", "scrape -q urls.txt", "scrape --demo"];
    assert_eq!(commands(text), expected);
}

#[test]
fn commands_are_taken_offline() {
    let command = "scrape 'https://shop.example:8/p/[1-3]' http://a.test -o x";
    assert_eq!(offline(command, "http://127.0.0.1:1"), "scrape 'http://127.0.0.1:1/p/[1-3]' http://127.0.0.1:1 -o x");
    assert!(can_run("scrape x | sh") && !can_run("scrape x | no-such-program"));
}
