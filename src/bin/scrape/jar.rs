//! The file that the cookies of a run are written to at its end, whole or not at all.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use scrape::fetch::Jar;

use crate::whole::Whole;

/// The cookies of a run, and where they are to go.
pub(crate) struct JarFile {
    jar: Arc<Jar>,
    file: Whole,
}

impl JarFile {
    /// The jar for a path, which is looked at before anything is fetched. A new one is its owner's only.
    pub(crate) fn new(jar: Arc<Jar>, path: &Path) -> anyhow::Result<Self> {
        Ok(Self { jar, file: Whole::new("--cookie-jar", path, 0o600)? })
    }

    /// Writes the cookies, of a run that `broke` only if there are any: one that had not begun leaves what there was.
    pub(crate) fn save(&self, broke: bool) -> anyhow::Result<()> {
        if broke && self.jar.is_empty() {
            return Ok(());
        }
        self.file.write(&self.jar.text()).with_context(|| format!("{}: cannot write the cookies", self.file.path().display()))
    }
}
