//! What the bar is drawn on: stderr as a terminal.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// A bar of its own lines, which it shows from its first message on.
pub(super) fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}").expect("the template is a constant and well formed");
    ProgressBar::with_draw_target(None, ProgressDrawTarget::term_like(Box::new(Canvas::default()))).with_style(style)
}

/// How wide stderr is, in columns; 80 where nobody knows.
pub(super) fn width() -> u16 {
    window().0
}

fn window() -> (u16, u16) {
    let size = rustix::termios::tcgetwinsize(io::stderr());
    size.ok().map(|size| (size.ws_col, size.ws_row)).filter(|size| size.0 > 0 && size.1 > 0).unwrap_or((80, 24))
}

/// What the bar is drawn on. A frame is gathered and written in one piece; and it never fails, because a terminal that was
/// closed while we work must not end the work. It is not indicatif's own, which hides from `--progress always` in a pipe.
#[derive(Debug, Default)]
struct Canvas {
    frame: Mutex<String>,
}

impl Canvas {
    fn add(&self, text: &str) {
        self.frame.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
    }

    fn shift(&self, n: usize, direction: char) {
        if n > 0 {
            self.add(&format!("\u{1b}[{n}{direction}"));
        }
    }
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        window().0
    }

    fn height(&self) -> u16 {
        window().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.shift(n, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.shift(n, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.shift(n, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.shift(n, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.add(text);
        self.add("\n");
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add("\r\u{1b}[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let frame = std::mem::take(&mut *self.frame.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = io::stderr().lock().write_all(frame.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_by_nothing_moves_nothing() {
        let canvas = Canvas::default();
        canvas.move_cursor_up(0).unwrap();
        canvas.move_cursor_up(2).unwrap();
        canvas.clear_line().unwrap();
        assert_eq!(*canvas.frame.lock().unwrap(), "\u{1b}[2A\r\u{1b}[2K");
    }
}
