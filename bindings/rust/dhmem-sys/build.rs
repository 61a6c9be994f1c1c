//! Compiles the library for C, with the core that was translated to C. It needs a C compiler, and nothing else.

use std::path::{Path, PathBuf};

/// Explicit bounds checks: guard pages would need a handler for SIGSEGV, which a library must not install. The core's
/// stack needs no check, because its call graph has no cycle. The names keep out of the way of another translated module.
const CORE: [(&str, &str); 6] = [
    ("WASM_RT_USE_MMAP", "0"),
    ("WASM_RT_MEMCHECK_BOUNDS_CHECK", "1"),
    ("WASM_RT_NONCONFORMING_UNCHECKED_STACK_EXHAUSTION", "1"),
    ("wasm_rt_trap", "dhmem_core_trap"),
    ("wasm_rt_is_initialized", "dhmem_core_is_initialized"),
    ("w2c_env_memory", "dhmem_core_memory"),
];

/// Where the sources are.
struct Sources {
    library: PathBuf,
    core: PathBuf,
    host: PathBuf,
    layout: PathBuf,
}

/// In a package they are part of it; in a clone of the repository they are in other folders.
fn sources() -> Sources {
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let packed = here.join("libdhmem");
    if packed.exists() {
        return Sources {
            core: packed.join("core"),
            host: packed.join("host"),
            layout: packed.clone(),
            library: packed,
        };
    }
    let root = here.join("../../..");
    let library = root.join("bindings/c");
    let core = library.join("core");
    if !core.join("core.c").exists() {
        panic!("in a clone, run this first: npm ci && npm run build && node scripts/translate-core.mjs");
    }
    Sources { library, core, host: root.join("native-shim/host"), layout: root.join("assembly") }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {}", folder.display(), error));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry of the folder").path()).collect();
    files.retain(|path| path.extension().map_or(false, |extension| extension == "c"));
    files.sort();
    files
}

fn main() {
    let Sources { library, core, host, layout } = sources();
    let mut build = cc::Build::new();
    for (name, value) in CORE {
        build.define(name, value);
    }
    build
        .define("_GNU_SOURCE", None)
        .include(library.join("include"))
        .include(&core)
        .include(&layout)
        .include(&host)
        .flag("-std=c11")
        .flag("-fvisibility=hidden")
        .flag("-fno-strict-aliasing")
        .flag("-pthread")
        .warnings(false)
        .flag("-w")
        // The core without optimization is several times slower, which nobody debugs here.
        .opt_level(2)
        .files(files(&library.join("src")))
        .files(files(&host))
        .files(files(&core))
        .compile("dhmem");
    println!("cargo:rustc-link-lib=dl");
    println!("cargo:include={}", library.join("include").display());
    for folder in [library.join("include"), library.join("src"), core, host, layout.join("layout.h")] {
        println!("cargo:rerun-if-changed={}", folder.display());
    }
    println!("cargo:rerun-if-changed=build.rs");
}
