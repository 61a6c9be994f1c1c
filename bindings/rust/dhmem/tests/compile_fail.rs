//! Programs that must not compile, each for one line, which ends with its error: `//~ E0505`. Without that line they compile,
//! so it is the reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder with what cargo has built for this test, and this crate in it.
fn library() -> (PathBuf, PathBuf) {
    let test = std::env::current_exe().expect("the test's path");
    let folder = test.parent().expect("its folder").to_owned();
    let entries =
        fs::read_dir(&folder).expect("the folder of the test").map(|entry| entry.expect("an entry").path());
    let named = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with("libdhmem-") && name.ends_with(".rlib")
    };
    let age = |path: &PathBuf| fs::metadata(path).and_then(|file| file.modified()).ok();
    let newest = entries.filter(named).max_by_key(age).expect("this crate");
    (folder, newest)
}

/// What the compiler says about a program, or `None` if it compiles.
fn compile(program: &str, name: &str) -> Option<String> {
    let (folder, library) = library();
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let source = scratch.join(name);
    fs::write(&source, program).expect("the scratch folder");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args([
            "--edition=2021",
            "--crate-type=bin",
            "--emit=metadata",
            "--error-format=short",
            "-Adead_code",
        ])
        .arg("-L")
        .arg(format!("dependency={}", folder.display()))
        .arg("--extern")
        .arg(format!("dhmem={}", library.display()))
        .arg("--out-dir")
        .arg(&scratch)
        .arg(&source)
        .output()
        .expect("the compiler");
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

fn check(path: &Path) -> Result<(), String> {
    let program = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let marked = |line: &&str| line.contains("//~ ");
    let line = program.lines().find(marked).ok_or("no line is marked with //~")?;
    let code = line.rsplit("//~ ").next().unwrap_or_default();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match compile(&program, &name) {
        None => return Err(format!("compiles, but its line must be {code}")),
        Some(said) if !said.contains(&format!("error[{code}]")) || said.matches("error[").count() > 1 => {
            return Err(format!("must be {code} alone, but: {said}"));
        }
        Some(_) => (),
    }
    let right: Vec<_> = program.lines().filter(|line| !marked(line)).collect();
    match compile(&right.join("\n"), &name) {
        None => Ok(()),
        Some(said) => Err(format!("does not compile without its marked line either: {said}")),
    }
}

#[test]
fn what_must_not_compile_does_not_and_would_otherwise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile-fail");
    let mut count = 0;
    let mut failures = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder of programs") {
        let path = entry.expect("an entry").path();
        if let Err(failure) = check(&path) {
            failures.push(format!("{}: {}", path.display(), failure));
        }
        count += 1;
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count >= 9, "{count} programs");
}
