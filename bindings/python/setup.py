"""Builds the extension module with a C compiler alone: libdhmem/ has the library for C with the core translated to C."""

from glob import glob

from setuptools import Extension, setup

core = [
    # Explicit bounds checks: guard pages would need a handler for SIGSEGV. The core's stack needs no check, because its
    # call graph has no cycle. The names keep out of the way of another translated module.
    ("WASM_RT_USE_MMAP", "0"),
    ("WASM_RT_MEMCHECK_BOUNDS_CHECK", "1"),
    ("WASM_RT_NONCONFORMING_UNCHECKED_STACK_EXHAUSTION", "1"),
    ("wasm_rt_trap", "dhmem_core_trap"),
    ("wasm_rt_is_initialized", "dhmem_core_is_initialized"),
    ("w2c_env_memory", "dhmem_core_memory"),
]

native = Extension(
    "dhmem._native",
    sources=sorted(glob("native/*.c") + glob("libdhmem/*/*.c")),
    depends=sorted(glob("native/*.h") + glob("libdhmem/**/*.h", recursive=True)),
    include_dirs=["libdhmem", "libdhmem/include", "libdhmem/core", "libdhmem/host"],
    define_macros=[("_GNU_SOURCE", "1"), *core],
    extra_compile_args=["-std=c11", "-fvisibility=hidden", "-fno-strict-aliasing", "-pthread"],
    extra_link_args=["-pthread", "-ldl", "-Wl,-z,now"],
    py_limited_api=True,
)

setup(ext_modules=[native], options={"bdist_wheel": {"py_limited_api": "cp311"}})
