//! What the bar is drawn on: stderr as a terminal.
//!
//! The cursor rests on the first column of the bar's first line. So what else is written there (an echoed `^C`, the text of a
//! program on the same screen) begins on a line of its own; taking the bar away is to clear from the cursor on, which erases no
//! line that is not the bar's, however many lines it had or has become since the terminal was resized.

use std::io::{self, Write};
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// A bar of its own lines, which it shows from its first message on, and takes away when its message is empty.
pub(super) fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}").expect("the template is a constant and well formed");
    ProgressBar::with_draw_target(None, ProgressDrawTarget::term_like(Box::new(Canvas::default()))).with_style(style)
}

/// Begins a new line if somebody has left the cursor within one: as many blanks as a line has end on the next line then, and
/// else on the same.
pub(super) fn leave_line() {
    write(&format!("{}\r", " ".repeat(width().into())));
}

/// How wide stderr is, in columns; 80 where nobody knows.
pub(super) fn width() -> u16 {
    window().0
}

fn window() -> (u16, u16) {
    let size = rustix::termios::tcgetwinsize(io::stderr());
    size.ok().map(|size| (size.ws_col, size.ws_row)).filter(|size| size.0 > 0 && size.1 > 0).unwrap_or((80, 24))
}

/// It never fails, because a terminal that was closed while we work must not end the work.
fn write(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// What the bar is drawn on. It takes from indicatif the lines of a frame, and leaves aside how that would go about drawing
/// them: it pads each to the full width and goes back by as many lines as it has counted. It is not indicatif's own target
/// either, which hides from `--progress always` in a pipe.
#[derive(Debug, Default)]
struct Canvas(Mutex<Frame>);

#[derive(Debug, Default)]
struct Frame {
    lines: Vec<String>,
    /// There is something of the bar on the screen.
    shown: bool,
}

impl Frame {
    /// What brings the gathered lines to the screen, in the place of those that are there.
    fn draw(&mut self) -> String {
        let lines = mem::take(&mut self.lines);
        let clear = if mem::replace(&mut self.shown, !lines.is_empty()) { "\r\u{1b}[J" } else { "" };
        // Nothing wraps, also while the terminal is narrower already than it says.
        let whole = |lines: &[String]| format!("{clear}\u{1b}[?7l{}\u{1b}[?7h\r", lines.join("\r\n"));
        match lines.len() {
            0 => clear.to_owned(),
            1 => whole(&lines),
            count => format!("{}\u{1b}[{}A", whole(&lines), count - 1),
        }
    }
}

impl Canvas {
    fn frame(&self) -> MutexGuard<'_, Frame> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        window().0
    }

    fn height(&self) -> u16 {
        window().1
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    /// A line, or what it is padded with.
    fn write_str(&self, text: &str) -> io::Result<()> {
        if !text.trim().is_empty() {
            self.frame().lines.push(text.to_owned());
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let text = self.frame().draw();
        write(&text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_takes_the_place_of_the_one_before() {
        let canvas = Canvas::default();
        let frame = |lines: &[&str]| {
            for line in lines {
                canvas.write_str(line).unwrap();
                canvas.write_str("   ").unwrap();
            }
            canvas.frame().draw()
        };
        assert_eq!(frame(&[""]), "", "what was not shown is not taken away");
        assert_eq!(frame(&["one", "two"]), "\u{1b}[?7lone\r\ntwo\u{1b}[?7h\r\u{1b}[1A");
        assert_eq!(frame(&["three"]), "\r\u{1b}[J\u{1b}[?7lthree\u{1b}[?7h\r");
        assert_eq!(frame(&[]), "\r\u{1b}[J");
        assert_eq!(frame(&[]), "");
    }
}
