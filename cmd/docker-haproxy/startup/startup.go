// Package startup makes the start of the process cheaper. A command lives for a
// fraction of a second; collecting garbage while the libraries set themselves up
// is a fifth of that time.
//
// The package depends on little, and so it is initialized before the libraries
// that take long: https://go.dev/ref/spec#Program_initialization.
package startup

import (
	"os"
	"runtime/debug"
)

// heapGrowth is the growth of the heap between two collections, in percent.
// What runs on, such as "top", lives with a heap of some 30 MB.
const heapGrowth = 400

func init() { //nolint:gochecknoinits // nothing else comes before the libraries
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
}
