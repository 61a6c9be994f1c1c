//go:build !linux || !cgo

package native

// dhmem needs Linux, and cgo with a C compiler: without these, the next line does not compile.
var _ = dhmem_needs_Linux_and_cgo_with_a_C_compiler
