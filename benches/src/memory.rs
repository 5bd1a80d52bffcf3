//! How much memory this process has, as Linux tells it.

/// The resident set in bytes; `None` where `/proc` does not tell.
pub fn resident() -> Option<u64> {
    status("VmRSS:")
}

/// The largest that the resident set has been, in bytes.
pub fn peak() -> Option<u64> {
    status("VmHWM:")
}

fn status(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
