// The core of dhmem in wazero, without cgo.
//
//	go run . traces <traces.txt     plays traces
//	go run . REGION                 answers what another program asks in a region
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "Say traces, or the name of a region")
		os.Exit(2)
	}
	var err error
	if os.Args[1] == "traces" {
		err = play(os.Stdin)
	} else {
		err = answerIn(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
