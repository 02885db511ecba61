//! Runs the real program as a user would, in a folder and an environment of its own, and never longer than the limit.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::run::Run;
use super::tap::Tap;
use super::{LIMIT, Site, thread};

/// How often a running program is looked at.
pub(super) const NAP: Duration = Duration::from_millis(2);

/// A folder to run in, removed at the end.
#[derive(Clone)]
pub(crate) struct Work(Rc<TempDir>);

impl Work {
    pub(crate) fn new() -> Self {
        Self(Rc::new(TempDir::new().expect("there is a folder for temporary files")))
    }

    /// The path of a file in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path(name), content).expect("the new folder can be written");
        self
    }

    /// A file of the folder as text.
    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Waits until a file of the folder has so many lines.
    #[track_caller]
    pub(crate) fn wait_for_lines(&self, name: &str, lines: usize) {
        let start = Instant::now();
        while std::fs::read_to_string(self.path(name)).map_or(0, |text| text.lines().count()) < lines {
            assert!(start.elapsed() < LIMIT, "waited in vain for {lines} lines in {name}");
            std::thread::park_timeout(NAP);
        }
    }

    /// The names of the files in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("the folder is there");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The program, to be run in this folder. `flags` are split at blanks.
    pub(crate) fn scrape(&self, flags: &str) -> Scrape {
        Scrape {
            work: self.clone(),
            folder: self.0.path().to_owned(),
            args: flags.split_whitespace().map(OsString::from).collect(),
            env: Vec::new(),
            stdin: Input::Nothing,
            stdout: None,
            shell: None,
        }
    }
}

/// The program, to be run in a folder of its own. `flags` are split at blanks.
pub(crate) fn scrape(flags: &str) -> Scrape {
    Work::new().scrape(flags)
}

enum Input {
    Nothing,
    Bytes(Vec<u8>),
    Open,
}

/// A command line in the making.
#[must_use]
pub(crate) struct Scrape {
    work: Work,
    folder: PathBuf,
    args: Vec<OsString>,
    env: Vec<(String, OsString)>,
    stdin: Input,
    stdout: Option<File>,
    shell: Option<String>,
}

impl Scrape {
    /// One more argument, as it is.
    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// More arguments, as they are.
    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// A variable of the environment, which has only `PATH` and `LANG=C` otherwise.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Asks this site for everything, as a proxy.
    pub(crate) fn through(self, proxy: &Site) -> Self {
        self.env("HTTP_PROXY", proxy.url("")).env("http_proxy", proxy.url(""))
    }

    /// What stdin says before it ends. It is empty otherwise.
    pub(crate) fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = Input::Bytes(bytes.as_ref().to_vec());
        self
    }

    /// Leaves stdin open, to be written to by [`Live::write`].
    pub(crate) fn open_stdin(mut self) -> Self {
        self.stdin = Input::Open;
        self
    }

    /// Where stdout goes instead of into [`Run::stdout`].
    pub(crate) fn stdout(mut self, file: File) -> Self {
        self.stdout = Some(file);
        self
    }

    /// Another working directory.
    pub(crate) fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        folder.as_ref().clone_into(&mut self.folder);
        self
    }

    /// Starts it from a shell: the script ends with `exec "$0" "$@"`.
    pub(crate) fn shell(mut self, script: &str) -> Self {
        self.shell = Some(script.to_owned());
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(self) -> Run {
        self.spawn().end()
    }

    /// Starts it.
    #[track_caller]
    pub(crate) fn spawn(self) -> Live {
        let (mut live, stdout) = self.start();
        live.stdout = stdout.map(Tap::on);
        live
    }

    /// Starts it with its stdout in the test's hands, to be read slowly, or closed.
    #[track_caller]
    pub(crate) fn spawn_with_stdout(self) -> (Live, ChildStdout) {
        let (live, stdout) = self.start();
        (live, stdout.expect("it is piped unless it was sent elsewhere"))
    }

    #[track_caller]
    fn start(self) -> (Live, Option<ChildStdout>) {
        let program = env!("CARGO_BIN_EXE_scrape");
        let mut command = match &self.shell {
            None => Command::new(program),
            Some(script) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", script, program]);
                shell
            }
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.args(&self.args).current_dir(&self.folder).env_clear().env("PATH", path).env("LANG", "C").envs(self.env);
        command.stdin(if matches!(self.stdin, Input::Nothing) { Stdio::null() } else { Stdio::piped() });
        command.stdout(self.stdout.map_or_else(Stdio::piped, Stdio::from)).stderr(Stdio::piped());
        let start = Instant::now();
        let mut child = command.spawn().expect("the program starts");
        let stdin = child.stdin.take();
        let (writer, stdin) = match self.stdin {
            Input::Bytes(bytes) => (stdin.map(|pipe| thread("stdin", move || pour(pipe, &bytes))), None),
            Input::Nothing | Input::Open => (None, stdin),
        };
        let stdout = child.stdout.take();
        let stderr = child.stderr.take().map(Tap::on);
        (Live { child, stdin, writer, stdout: None, stderr, heard: 0, start, _work: self.work }, stdout)
    }
}

/// Writes all of it, unless the program does not want it.
fn pour(mut pipe: ChildStdin, bytes: &[u8]) {
    drop(pipe.write_all(bytes));
}

/// A running program. It is killed when the test forgets it.
pub(crate) struct Live {
    child: Child,
    stdin: Option<ChildStdin>,
    writer: Option<JoinHandle<()>>,
    stdout: Option<Tap>,
    stderr: Option<Tap>,
    /// How much of stdout has been taken line by line.
    heard: usize,
    start: Instant,
    _work: Work,
}

impl Live {
    /// Writes to stdin and flushes.
    #[track_caller]
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("stdin was left open");
        stdin.write_all(bytes.as_ref()).expect("the program reads its stdin");
    }

    /// Ends stdin.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for the next line on stdout.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let start = self.heard;
        let whole = |bytes: &[u8]| {
            let end = bytes[start..].iter().position(|byte| *byte == b'\n')?;
            Some(String::from_utf8_lossy(&bytes[start..start + end]).into_owned())
        };
        let line = self.stdout.as_ref().expect("stdout is read").wait("further line", whole);
        self.heard += line.len() + 1;
        line
    }

    /// Waits until stderr has a line with this text, and returns the line.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> String {
        self.says_nth(text, 1)
    }

    /// The same for the first, second, … such line.
    #[track_caller]
    pub(crate) fn says_nth(&self, text: &str, nth: usize) -> String {
        let found = |bytes: &[u8]| {
            let talk = String::from_utf8_lossy(bytes);
            let whole = &talk[..=talk.rfind('\n')?];
            whole.lines().filter(|line| line.contains(text)).nth(nth - 1).map(str::to_owned)
        };
        self.stderr.as_ref().expect("stderr is read").wait(&format!("line with {text:?}"), found)
    }

    /// Whether stderr has this text by now.
    pub(crate) fn has_said(&self, text: &str) -> bool {
        let found = |bytes: &[u8]| Some(String::from_utf8_lossy(bytes).contains(text));
        self.stderr.as_ref().expect("stderr is read").wait("text", found)
    }

    /// Waits until the program has a handler for a signal.
    pub(crate) fn wait_until_it_catches(&self, signal: Signal) {
        let catches = || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the program is running");
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("Linux says so");
            u64::from_str_radix(mask.trim(), 16).expect("it is a mask") >> (signal.as_raw() - 1) & 1 == 1
        };
        while !catches() {
            assert!(self.start.elapsed() < LIMIT, "it never does");
            std::thread::park_timeout(NAP);
        }
    }

    /// Sends a signal and waits until the program has done what it does about it, and sleeps again.
    pub(crate) fn signal_and_settle(&self, signal: Signal) {
        self.signal(signal);
        // A signal wakes a thread before it counts as sent, and whom that one wakes is awake before it sleeps itself.
        let mut asleep = 0;
        while asleep < 3 {
            asleep = if self.is_asleep() { asleep + 1 } else { 0 };
            assert!(self.start.elapsed() < LIMIT, "it never comes to rest");
            std::thread::park_timeout(NAP);
        }
    }

    /// Whether all of its threads sleep.
    fn is_asleep(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("the program is running");
        let state = |thread: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(thread?.path().join("stat"));
        // The state is the first word after the name, which stands in parentheses.
        threads
            .map(state)
            .all(|stat| stat.is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))))
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the program has not been waited for");
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// The most memory it has had so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the program is running");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says so");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("it is a number of kB") * 1024
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits for the end; a stdin that was left open stays so.
    #[track_caller]
    pub(crate) fn end(mut self) -> Run {
        while self.is_running() && self.start.elapsed() < LIMIT {
            std::thread::park_timeout(NAP);
        }
        let took = self.start.elapsed();
        let late = self.is_running();
        self.kill();
        let exit = self.child.wait().expect("it is our child").code();
        let drain =
            |tap: Option<Tap>| tap.map_or_else(Vec::new, |tap| tap.drain().expect("no child of the program keeps its pipe"));
        let (stdout, stderr) = (drain(self.stdout.take()), drain(self.stderr.take()));
        let stderr = String::from_utf8(stderr).expect("stderr is UTF-8");
        assert!(!late, "it had not ended after {took:?}; stdout:\n{}\nstderr:\n{stderr}", String::from_utf8_lossy(&stdout));
        if let Some(writer) = self.writer.take() {
            writer.join().expect("a write to stdin does not panic");
        }
        Run { exit, stdout, stderr, took }
    }

    fn kill(&mut self) {
        drop(self.child.kill()); // it may have ended by itself
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.kill();
        drop(self.child.wait()); // it may have been waited for
    }
}
