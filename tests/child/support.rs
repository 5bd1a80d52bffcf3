use std::path::{Path, PathBuf};
use std::time::Duration;

use noex::child::ProcessOptions;

pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("child")
        .join(name)
}

pub(crate) fn hostile() -> ProcessOptions {
    ProcessOptions::node(script("hostile.js")).grace(Duration::from_millis(300))
}

pub(crate) fn rust() -> ProcessOptions {
    ProcessOptions::rust(env!("CARGO_BIN_EXE_test-worker"))
}

pub(crate) fn shell(code: &str) -> ProcessOptions {
    ProcessOptions::new("sh").arg("-c").arg(code)
}

/// Whether the operating system still has it, also as a zombie.
pub(crate) fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !matches!(
        stat.rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next()),
        None | Some('Z')
    )
}

pub(crate) async fn gone(pid: u32) {
    for _ in 0..1000 {
        if !runs(pid) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{pid} still runs");
}
