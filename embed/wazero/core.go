package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"unsafe"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

const page = 65536

// layout has the constants of the region, by their names in the C header without CORE_: they are never copied.
var layout = readLayout()

func distribution(path string) string {
	root := os.Getenv("DHMEM_ROOT")
	if root == "" {
		root = "../.."
	}
	return filepath.Join(root, path)
}

func readLayout() map[string]uint32 {
	text, err := os.ReadFile(distribution("assembly/layout.h"))
	must(err)
	constants := map[string]uint32{}
	for _, match := range regexp.MustCompile(`(?m)^#define CORE_(\w+) (0x[0-9a-f]+|\d+)u`).FindAllSubmatch(text, -1) {
		value, err := strconv.ParseUint(string(match[2]), 0, 32)
		must(err)
		constants[string(match[1])] = uint32(value)
	}
	return constants
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// A core is the unchanged core over a memory of its own: anonymous pages, until somebody maps a file over them.
type core struct {
	ctx     context.Context
	runtime wazero.Runtime
	module  api.Module
	memory  []byte
	exports map[string]api.Function
}

func newCore(pages uint32) *core {
	c := &core{ctx: context.Background(), exports: map[string]api.Function{}}
	config := wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesThreads)
	c.runtime = wazero.NewRuntimeWithConfig(c.ctx, config)
	_, err := c.runtime.InstantiateWithConfig(experimental.WithMemoryAllocator(c.ctx, c), memoryModule(pages),
		wazero.NewModuleConfig().WithName("env"))
	must(err)
	wasm, err := os.ReadFile(distribution("dist/core.wasm"))
	must(err)
	c.module, err = c.runtime.Instantiate(c.ctx, wasm)
	must(err)
	for name := range c.module.ExportedFunctionDefinitions() {
		c.exports[name] = c.module.ExportedFunction(name)
	}
	return c
}

// Allocate gives wazero the memory, once.
func (c *core) Allocate(_, max uint64) experimental.LinearMemory {
	memory, err := unix.Mmap(-1, 0, int(max), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	must(err)
	c.memory = memory
	return c
}

// Reallocate is called once, for all of it: the memory never grows.
func (c *core) Reallocate(size uint64) []byte { return c.memory[:size] }

// Free keeps the memory, because somebody may have a view of it.
func (c *core) Free() {}

func (c *core) close() {
	must(c.runtime.Close(c.ctx))
}

// call returns what an export returns, as wazero has it, and an error for a trap.
func (c *core) call(name string, parameters ...uint32) ([]uint64, error) {
	export := c.exports[name]
	if export == nil {
		return nil, fmt.Errorf("the core has no export %s", name)
	}
	values := make([]uint64, len(parameters))
	for index, parameter := range parameters {
		values[index] = uint64(parameter)
	}
	return export.Call(c.ctx, values...)
}

// word is a plain access, for words that only this participant writes.
func (c *core) word(offset uint32) uint32 { return binary.LittleEndian.Uint32(c.memory[offset:]) }

func (c *core) pointer(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&c.memory[offset])) }

// load is an atomic access, for words that others write.
func (c *core) load(offset uint32) uint32 { return atomic.LoadUint32(c.pointer(offset)) }

// memoryModule has nothing but a memory of so many pages: wazero has no other way to make one that can be imported.
func memoryModule(pages uint32) []byte {
	size := binary.AppendUvarint(nil, uint64(pages))
	limits := append(append([]byte{1, 3}, size...), size...)
	wasm := append([]byte{0, 'a', 's', 'm', 1, 0, 0, 0, 5, byte(len(limits))}, limits...)
	export := append([]byte{1, 6}, "memory\x02\x00"...)
	return append(append(wasm, 7, byte(len(export))), export...)
}
