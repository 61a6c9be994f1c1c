//go:build linux && cgo

package native

// #include "calls.h"
import "C"

import "unsafe"

// Block is memory of the region: nil if there is none.
type Block struct {
	Data   unsafe.Pointer
	Length int
	At     uint32
}

func (b Block) c() C.struct_dhmem_block {
	return C.struct_dhmem_block{data: b.Data, length: C.size_t(b.Length), at: C.uint32_t(b.At)}
}

func blockOf(b C.struct_dhmem_block) Block {
	return Block{b.data, int(b.length), uint32(b.at)}
}

// Allocate allocates a block.
func (c *Calls) Allocate(length uint64) (Block, Code) {
	code := Code(C.go_allocate(c.c(), C.size_t(length)))
	return blockOf(c.block), code
}

// Free frees it.
func (c *Calls) Free(block Block) Code { return Code(C.go_free_block(c.c(), block.c())) }

// Clone makes another reference. The block may become one, too.
func (c *Calls) Clone(block *Block) (Block, Code) {
	code := Code(C.go_clone(c.c(), block.c()))
	if code == OK {
		*block = blockOf(c.message.block)
	}
	return blockOf(c.block), code
}

// Save gives the block to the region, under a token.
func (c *Calls) Save(block Block) (string, Code) {
	code := Code(C.go_save(c.c(), block.c()))
	return c.tokenOf(code), code
}

func (c *Calls) tokenOf(code Code) string {
	if code != OK {
		return ""
	}
	return C.GoString(&c.token[0])
}

func (c *Calls) byToken(token string, call func(token *C.char) C.int) Code {
	named := terminated(token)
	defer free(named)
	return Code(call(named))
}

// Load finds a saved block.
func (c *Calls) Load(token string) (Block, Code) {
	code := c.byToken(token, func(t *C.char) C.int { return C.go_load(c.c(), t) })
	return blockOf(c.block), code
}

// FreeSaved frees a saved block.
func (c *Calls) FreeSaved(token string) Code {
	return c.byToken(token, func(t *C.char) C.int { return C.go_free_saved(c.c(), t) })
}

// TokenKind is the kind of what a token refers to.
func (c *Calls) TokenKind(token string) (int, Code) {
	code := c.byToken(token, func(t *C.char) C.int { return C.go_token_kind(c.c(), t) })
	return int(c.number), code
}
