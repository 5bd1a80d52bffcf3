//! Erlang: OTP's `gen_server` and `supervisor`, timed by Erlang itself. The workloads are in
//! `erlang/noex_bench.erl`; each measurement is a run of `erl`, with as many schedulers as the flavour has threads.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::sample::Sample;
use crate::workload::{Job, Workload, is_smoke};

const SOURCE: &str = include_str!("../../erlang/noex_bench.erl");

/// Where the compiled module is, or why there is none.
static MODULE: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// Why Erlang is left out, if it is.
pub(super) fn missing() -> Option<String> {
    module().as_ref().err().cloned()
}

pub(super) fn measure(job: Job) -> Option<Sample> {
    match job.workload {
        Workload::StopDynamic1k | Workload::StopDynamic10k => return None,
        Workload::Skynet if is_smoke() => return None, // its tree has one size
        _ => {}
    }
    let module = module().as_ref().ok()?;
    let threads = job.flavour.threads();
    let mut erl = Command::new("erl");
    erl.arg("-noshell");
    erl.args(["+S", &format!("{threads}:{threads}")]);
    if job.workload == Workload::Skynet {
        // More processes than by default; the table takes memory, so only here.
        erl.args(["+P", "2000000"]);
    }
    erl.args(["-kernel", "logger_level", "none"]);
    erl.arg("-pa").arg(module);
    erl.args(["-s", "noex_bench", "run", "-extra", job.workload.id()]);
    erl.arg(job.workload.operations().to_string());
    erl.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = erl.output().expect("erl, which was there before");
    let lines = String::from_utf8_lossy(&output.stdout);
    let sample = Sample::from_lines(&lines).filter(|_| output.status.success());
    Some(sample.unwrap_or_else(|| panic!("erl failed at {}: {lines}", job.workload)))
}

fn module() -> &'static Result<PathBuf, String> {
    MODULE.get_or_init(|| {
        let folder = folder();
        compile(&folder).map(|()| folder)
    })
}

/// One for each run of the bench.
fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("noex-bench-{}", std::process::id()))
}

fn compile(folder: &Path) -> Result<(), String> {
    let source = folder.join("noex_bench.erl");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&source, SOURCE))
        .map_err(|error| format!("{} cannot be written: {error}", source.display()))?;
    let compiled = Command::new("erlc")
        .args(["-Werror", "-o"])
        .args([folder, &source])
        .output()
        .map_err(|error| format!("erlc is not installed ({error})"))?;
    if compiled.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&compiled.stdout);
    Err(format!("its workloads do not compile: {why}"))
}

/// Leaves nothing behind.
pub(super) fn clean_up() {
    if MODULE.get().is_some() {
        let _ = std::fs::remove_dir_all(folder());
    }
}
