package main

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero/api"
)

// play plays traces, and stops at the first difference (conformance/traces/README.md).
func play(input io.Reader) error {
	var c *core
	seed, traces, calls, traps := "", 0, 0, 0
	lines := bufio.NewScanner(input)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		line := lines.Text()
		words := strings.Fields(line)
		switch words[0] {
		case "trace":
			seed = words[1]
		case "memory":
			if c != nil {
				c.close()
			}
			c = newCore(number(words[1]))
		case "write":
			data, err := hex.DecodeString(words[2])
			if err != nil {
				return err
			}
			copy(c.memory[number(words[1]):], data)
		case "call":
			var parameters []uint32
			for _, word := range words[2 : len(words)-2] {
				parameters = append(parameters, number(word))
			}
			got := resultOf(c, words[1], parameters)
			if got != words[len(words)-1] {
				return fmt.Errorf("trace %s, call %d: %s, got %s", seed, calls, line, got)
			}
			calls++
			if got == "trap" {
				traps++
			}
		case "hash":
			if fmt.Sprint(hashOf(c.memory)) != words[1] {
				return fmt.Errorf("trace %s: the memory differs at its end", seed)
			}
			traces++
		default:
			return fmt.Errorf("a line that is not understood: %s", line)
		}
	}
	fmt.Printf("%d traces, %d calls, %d traps: the same results and memory\n", traces, calls, traps)
	return lines.Err()
}

func number(word string) uint32 {
	value, err := strconv.ParseUint(word, 10, 32)
	must(err)
	return uint32(value)
}

func resultOf(c *core, name string, parameters []uint32) string {
	values, err := c.call(name, parameters...)
	switch {
	case err != nil:
		return "trap"
	case len(values) == 0:
		return "-"
	case c.exports[name].Definition().ResultTypes()[0] == api.ValueTypeF64:
		return fmt.Sprintf("%.0f", api.DecodeF64(values[0]))
	default:
		return fmt.Sprint(uint32(values[0]))
	}
}

// hashOf is FNV-1a over the words of the memory.
func hashOf(memory []byte) uint32 {
	hash := uint32(0x811c9dc5)
	for ; len(memory) > 0; memory = memory[4:] {
		hash = (hash ^ binary.LittleEndian.Uint32(memory)) * 0x01000193
	}
	return hash
}
