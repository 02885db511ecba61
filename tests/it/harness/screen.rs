//! What a person sees: the program at a terminal, and the screen after what it wrote there.

use super::{Scrape, Work};

/// How wide the terminals of the tests are.
const WIDTH: usize = 80;

impl Work {
    /// A script at a terminal of its own, in which `$scrape` is the program. What comes to the screen is its stdout, and what
    /// is typed its stdin.
    pub(crate) fn terminal(&self, script: &str) -> Scrape {
        let terminal = r#"export scrape="$0"; exec script -qec "stty cols $1 rows 24; $2" /dev/null"#;
        self.scrape("").shell(terminal).env("TERM", "xterm").args([WIDTH.to_string().as_str(), script])
    }
}

/// The lines on a screen that has room for all of them, without the blanks at their ends.
#[track_caller]
pub(crate) fn screen(output: &str) -> Vec<String> {
    let (mut lines, mut row, mut column, mut wraps) = (vec![Vec::new()], 0, 0, true);
    let mut rest = output;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{1b}' => {
                let end = rest.find(|c: char| c.is_ascii_alphabetic()).expect("a sequence has an end");
                match rest.split_at(end + 1) {
                    ("[J", _) => {
                        lines.truncate(row + 1);
                        lines[row].truncate(column);
                    }
                    ("[1A", _) => row -= 1,
                    ("[?7h", _) => wraps = true,
                    ("[?7l", _) => wraps = false,
                    (colour, _) if colour.ends_with('m') => {}
                    (other, _) => panic!("what a terminal does about {other:?} is not known here"),
                }
                rest = &rest[end + 1..];
            }
            c => {
                if column == WIDTH && wraps {
                    (row, column) = (row + 1, 0);
                }
                column = column.min(WIDTH - 1);
                lines.resize(lines.len().max(row + 1), Vec::new());
                let line = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), Vec::new());
    }
    lines.into_iter().map(|line| line.into_iter().collect::<String>().trim_end().to_owned()).collect()
}
