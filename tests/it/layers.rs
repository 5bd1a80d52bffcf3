use std::fs;
use std::path::{Path, PathBuf};

/// The folders of noex-core, from the lowest layer to the highest. A folder may use those in
/// earlier rows, and not its neighbours.
const LAYERS: &[&[&str]] = &[
    &["process"],
    &["server"],
    &["registry", "supervisor"],
    &[
        "agent",
        "application",
        "bus",
        "dynamic",
        "group",
        "partition",
    ],
    &["pool"],
    &["child", "gateway"],
];

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a line of code names after `crate::`.
fn names(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    code.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

fn violation(module: &str, line: &str) -> Option<String> {
    let here = layer_of(module)?;
    names(line)
        .find(|name| *name != module && layer_of(name).is_none_or(|used| used >= here))
        .map(|name| format!("uses crate::{name}"))
}

#[test]
fn imports_point_downwards_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../noex-core/src");
    let mut all = Vec::new();
    files(&source, &mut all);
    let mut wrong = Vec::new();
    for path in &all {
        let inside = path.strip_prefix(&source).unwrap();
        let Some(module) = inside.iter().next().and_then(|first| first.to_str()) else {
            continue;
        };
        if module == "lib.rs" {
            continue; // the table of contents
        }
        assert!(layer_of(module).is_some(), "{module} has no layer yet");
        for (number, line) in fs::read_to_string(path).unwrap().lines().enumerate() {
            if let Some(what) = violation(module, line) {
                wrong.push(format!("{}:{}: {what}", inside.display(), number + 1));
            }
        }
    }
    assert!(all.len() > 50, "looked at {} files only", all.len());
    assert!(wrong.is_empty(), "upward imports:\n{}", wrong.join("\n"));
}

#[test]
fn an_upward_import_is_seen() {
    assert!(violation("process", "use crate::server::ServerRef;").is_some());
    assert!(violation("server", "    crate::registry::whereis(name)").is_some());
    assert!(violation("supervisor", "use crate::registry::Name;").is_some());
    assert!(violation("process", "use crate::ServerRef;").is_some());
    assert!(violation("server", "use crate::process::Pid; // crate::registry").is_none());
    assert!(violation("server", "use crate::server::call::Call;").is_none());
}
