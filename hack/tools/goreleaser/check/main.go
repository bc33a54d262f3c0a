// Command check reads a goreleaser.yaml as goreleaser does: an unknown field, a
// wrong type or another version of the format is an error with its line.
//
// It is what `make test` runs. The whole tool costs more than four minutes to build
// from nothing on two cores, against a fraction of that for its configuration
// package alone; `make release-check` runs the whole tool, which looks at
// deprecated fields and defaults as well.
//
// Usage: check FILE
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: check FILE")
		os.Exit(2)
	}
	if err := check(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

// check also asks for what the loader leaves to later: it only warns about another
// version of the format, and an empty file is a valid configuration to it.
func check(file string) error {
	project, err := config.Load(file)
	if err != nil {
		return err
	}
	if project.Version != 2 {
		return fmt.Errorf("version: want 2, got %d", project.Version)
	}
	if len(project.Builds) == 0 {
		return errors.New("builds: nothing to build")
	}
	return nil
}
