//! What the program prints about itself: man page, completions, lists.

use std::io::{self, Write};

use clap_complete::Shell;

use crate::args::{Generate, command};

/// Prints a man page or a completion script on stdout.
pub(crate) fn print(what: Generate) -> anyhow::Result<()> {
    let mut text = Vec::new();
    let shell = match what {
        Generate::Man => None,
        Generate::Bash => Some(Shell::Bash),
        Generate::Zsh => Some(Shell::Zsh),
        Generate::Fish => Some(Shell::Fish),
        Generate::Powershell => Some(Shell::PowerShell),
    };
    match shell {
        Some(shell) => clap_complete::generate(shell, &mut command(), "scrape", &mut text),
        None => clap_mangen::Man::new(command()).render(&mut text)?,
    }
    write(&text).map(drop)
}

/// Prints lines on stdout. `false`: nobody reads them any more.
pub(crate) fn lines(lines: &[String]) -> anyhow::Result<bool> {
    write((lines.join("\n") + "\n").as_bytes())
}

fn write(text: &[u8]) -> anyhow::Result<bool> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(anyhow::Error::new(error).context("cannot write standard output")),
    }
}
