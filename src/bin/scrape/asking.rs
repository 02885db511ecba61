//! What the flags of the request mean: the files that they name are read here, once, before the first request.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use scrape::fetch::{Jar, Settings};
use scrape::model::{Body, Media, Request};

use crate::args::Args;

/// Fills in what targets ask with. `stdin_is_list`: standard input has something else to say.
pub(crate) fn asking(args: &Args, stdin_is_list: bool, fetch: &mut Settings) -> anyhow::Result<()> {
    let mut request = Request { method: args.method.clone(), ..Request::default() };
    for (name, value) in &args.headers {
        request.headers.append(name, value.clone());
    }
    let data = |flag, values: &[_], media, sign: &[u8], drop: &[u8]| -> anyhow::Result<Option<Body>> {
        let parts = values.iter().map(|value: &std::ffi::OsString| part(flag, value, stdin_is_list, drop));
        let parts = parts.collect::<anyhow::Result<Vec<_>>>()?;
        Ok((!parts.is_empty()).then(|| Body { bytes: parts.join(sign).into(), media }))
    };
    // As curl has it: what a form's file says is one line, what JSON says is left as it is.
    request.body = data("--data", &args.data, Media::Form, b"&", b"\r\n\0")?;
    request.body = request.body.or(data("--json", &args.json, Media::Json, b"", b"")?);
    fetch.request = Arc::new(request);
    fetch.user.clone_from(&args.user);
    cookies(args, fetch)
}

/// One value of `--data` or `--json`: the text itself, or what the file behind an @ says without the bytes to `drop`.
fn part(flag: &str, value: &OsStr, stdin_is_list: bool, drop: &[u8]) -> anyhow::Result<Vec<u8>> {
    let Some(file) = value.as_bytes().strip_prefix(b"@") else { return Ok(value.as_bytes().to_vec()) };
    let mut bytes = Vec::new();
    if file == b"-" {
        if stdin_is_list {
            bail!("{flag} @-: stdin is the list already; name the list or the data as a file");
        }
        io::stdin().lock().read_to_end(&mut bytes).with_context(|| format!("{flag} @-: cannot read stdin"))?;
    } else {
        let path = Path::new(OsStr::from_bytes(file));
        bytes = std::fs::read(path).with_context(|| format!("{flag}: cannot read {}", path.display()))?;
    }
    bytes.retain(|byte| !drop.contains(byte));
    Ok(bytes)
}

/// Pairs are sent as they are; a file has cookies be kept, and so does a jar to write them to.
fn cookies(args: &Args, fetch: &mut Settings) -> anyhow::Result<()> {
    let (pairs, files): (Vec<&String>, Vec<_>) = args.cookies.iter().partition(|cookie| cookie.contains('='));
    fetch.cookie = (!pairs.is_empty()).then(|| pairs.into_iter().map(String::as_str).collect::<Vec<_>>().join("; "));
    if files.is_empty() && args.cookie_jar.is_none() {
        return Ok(());
    }
    let jar = Jar::default();
    for file in files {
        let text = match std::fs::read(file) {
            Ok(text) => text,
            // The first of many runs that go on with the same jar.
            Err(error) if error.kind() == io::ErrorKind::NotFound && args.cookie_jar.as_deref() == Some(Path::new(file)) => {
                continue;
            }
            Err(error) => return Err(error).context(format!("--cookie: cannot read {file} (cookies themselves are a=b)")),
        };
        let text = String::from_utf8(text).map_err(|_| anyhow::anyhow!("{file}: the cookies are not UTF-8"))?;
        jar.read(&text).with_context(|| format!("{file}: no file of cookies as curl, wget and browsers write it"))?;
    }
    fetch.cookies = Some(Arc::new(jar));
    Ok(())
}
