//go:build !race && !dhmemdebug

package dhmem

import "unsafe"

// checksViews is whether a late use of a slice crashes.
const checksViews = false

// view is not checked.
type view struct{}

func (view) of(data unsafe.Pointer, _ int) unsafe.Pointer { return data }

func (view) close() {}
