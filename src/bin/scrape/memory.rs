//! How much memory the process may use, and how much of that its bodies.

use std::fs;
use std::path::Path;

use anyhow::bail;
use rustix::process::{Resource, getrlimit};
use scrape::Plan;
use scrape::fetch::Memory;

/// What a run takes beside its bodies: the program, its buffers, a parsed page of some size.
const OURS: u64 = 24 << 20;
/// And for each request in flight: its connection, TLS.
const EACH: u64 = 48 << 10;
/// And what a connection reads at a time where a large body comes fast.
const BUFFER: u64 = 400 << 10;
/// Address space is reserved more generously than memory is used: stacks of threads, the allocator's arenas,
const RESERVED: u64 = 256 << 20;
/// and room to grow into for each body, four times as much as it takes.
const GROWTH: u64 = 4;

/// Lowers what bodies may take to what the limits of the process let: those of its control groups, as containers have them, and that
/// of its address space.
pub(crate) fn fit(plan: &mut Plan) -> anyhow::Result<()> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = of_groups(Path::new("/sys/fs/cgroup"), &groups);
    let space = getrlimit(Resource::As).current.map(|space| space.saturating_sub(RESERVED) / GROWTH);
    let [(group, by_group), (space, by_space)] =
        [(group, "the memory limit of its control group"), (space, "the limit of its address space (ulimit -v)")];
    let (limit, by) = match (group, space) {
        (Some(group), Some(space)) if space < group => (space, by_space),
        (Some(group), _) => (group, by_group),
        (None, Some(space)) => (space, by_space),
        (None, None) => return Ok(()),
    };
    let requests = plan.crawl.concurrency as u64;
    let fetch = &mut plan.fetch;
    let least = Memory::least(fetch.max_body);
    let room = limit.saturating_sub(OURS + EACH * requests);
    // Many requests are hardly ever all large bodies that come fast: where that is all that is missing it is no reason to give up.
    let fits = room.saturating_sub(BUFFER * requests).max(room.min(least));
    if fits >= fetch.max_memory {
        return Ok(());
    }
    if fits < least {
        bail!(
            "{by} leaves {} for bodies, and one of --max-body {} may take {}: raise the limit, or lower --max-body or --concurrency",
            size(fits),
            size(fetch.max_body),
            size(least)
        );
    }
    tracing::warn!(from = size(fetch.max_memory), to = size(fits), "--max-memory is lowered: {by} lets no more");
    fetch.max_memory = fits;
    Ok(())
}

/// The strictest limit of the groups that a process is in, and of those around them. `groups` is its `/proc/PID/cgroup`, `root` where
/// the groups are mounted.
fn of_groups(root: &Path, groups: &str) -> Option<u64> {
    groups.lines().filter_map(|line| of_group(root, line)).min()
}

/// The limit that a line says of: `0::/a/b` in the one tree of version 2, `4:cpu,memory:/a/b` in the tree of memory of version 1.
fn of_group(root: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let (trees, file) = if controllers.is_empty() {
        ([root.to_owned(), root.join("unified")], "memory.max")
    } else if controllers.split(',').any(|controller| controller == "memory") {
        ([root.join("memory"), root.join(controllers)], "memory.limit_in_bytes")
    } else {
        return None;
    };
    let path = Path::new(path.trim_start_matches('/'));
    // Inside a container the path may be that of the host, where there is nothing to read: its own group is the root then.
    let limits = trees.iter().flat_map(|tree| path.ancestors().map(move |path| tree.join(path).join(file)));
    limits.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok()).min()
}

/// A size as the flags take it, rounded up to what is readable.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => bytes.to_string(),
        10_000..10_000_000 => format!("{}K", bytes.div_ceil(1000)),
        _ => format!("{}M", bytes.div_ceil(1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of groups with these files.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("there is a folder for temporary files");
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("it is in the tree")).expect("the new folder can be written");
            fs::write(path, content).expect("the new folder can be written");
        }
        root
    }

    #[test]
    fn the_strictest_group_on_the_way_up_counts() {
        let root = tree(&[("a/memory.max", "500000\n"), ("a/b/memory.max", "max\n"), ("a/b/c/memory.max", "900000\n")]);
        assert_eq!(of_groups(root.path(), "0::/a/b/c\n"), Some(500_000));
        assert_eq!(of_groups(root.path(), "0::/other\n"), None);
        let flat = tree(&[("memory.max", "7000\n")]);
        assert_eq!(of_groups(flat.path(), "0::/\n"), Some(7000), "a container sees its own group as the root");
        assert_eq!(of_groups(flat.path(), "0::/docker/0123\n"), Some(7000), "although it may be told the host's path");
        let hybrid = tree(&[("unified/x/memory.max", "5\n")]);
        assert_eq!(of_groups(hybrid.path(), "4:memory:/x\n0::/x\n"), Some(5));
    }

    #[test]
    fn version_1_has_a_tree_for_memory() {
        let groups = "12:pids:/x\n4:memory:/x/y\n1:cpu,cpuacct:/x\n0::/\n";
        let root = tree(&[
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/x/memory.limit_in_bytes", "300000\n"),
            ("memory/x/y/memory.limit_in_bytes", "400000\n"),
            ("pids/x/memory.limit_in_bytes", "1\n"),
        ]);
        assert_eq!(of_groups(root.path(), groups), Some(300_000));
        let merged = tree(&[("cpu,memory/x/memory.limit_in_bytes", "8\n")]);
        assert_eq!(of_groups(merged.path(), "3:cpu,memory:/x\n"), Some(8));
    }

    #[test]
    fn what_is_no_group_limits_nothing() {
        let root = tree(&[("memory.max", "lots\n")]);
        for groups in ["", "\n", "0:", "0::", "x", "4:memory\n", ":::::\n", "0::/../../etc\n"] {
            assert_eq!(of_groups(root.path(), groups), None, "{groups:?}");
        }
    }

    #[test]
    fn sizes_are_never_said_to_be_smaller_than_they_are() {
        assert_eq!([9999, 10_000, 31_671_169, 256_000_000].map(size), ["9999", "10K", "32M", "256M"]);
    }
}
