// Package introduction answers what docker asks a plugin before it runs it, each
// time: who are you? The answer takes nothing but what is known when the program
// is built, and so it is given before the libraries set themselves up, which would
// be three quarters of its time.
//
// Packages are initialized as soon as those are that they depend on, and among
// those that could be, in the order of their paths
// (https://go.dev/ref/spec#Program_initialization). So this one must depend on
// next to nothing: with runtime/debug, which startup needs, it would come behind
// most of the libraries.
package introduction

import (
	"encoding/json"
	"os"

	"github.com/docker-haproxy/docker-haproxy/plugin/about"
)

func init() { //nolint:gochecknoinits // nothing else comes before the libraries
	if !about.Asked(os.Args) {
		return
	}
	if err := json.NewEncoder(os.Stdout).Encode(about.Metadata()); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}
