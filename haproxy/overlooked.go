package haproxy

import (
	"bufio"
	"bytes"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
)

// ConfigFile is a file of a configuration, by the name that HAProxy knows it by.
type ConfigFile struct {
	Name    string
	Content []byte
}

// Container is where a configuration is to run. What is nil is not asked.
type Container struct {
	Loaded    []ConfigFile             // what HAProxy has in memory
	LoadedBy  int                      // the worker that loaded it, by its PID
	Writable  func(folder string) bool // whether it may create a file there
	Network   func() Network
	Resources func() Resources
	Masters   []string        // the addresses of the master CLI, as the command line has them
	Published []PublishedPort // that lead to HAProxy
}

// Overlooked looks for the mistakes that "haproxy -c" accepts and that a reload suffers from. The
// files must be all that HAProxy reads. Measured on 3.2.26 and 3.4.7:
//
//   - A pidfile that cannot be created ends the master process, and with it the container.
//   - Without any bind line, a socket of the Runtime API is listener enough for HAProxy: it then
//     serves nothing.
//   - Where a new worker cannot listen, the old one refuses connections for two seconds.
//   - Ports and sockets that two lines share, or that nothing listens on: see shared, unpublished.
func Overlooked(files []ConfigFile, in Container) []Diagnostic {
	found := slices.Concat(unbindable(files, in), shared(files, in), exposed(files, in))
	listens := false
	for _, file := range files {
		section := ""
		for line, words := range statements(file.Content) {
			switch {
			case isSection(words[0]):
				section = words[0]
			case words[0] == "bind" || words[0] == "dgram-bind":
				listens = listens || section != "peers"
			case section == "global" && words[0] == "pidfile" && len(words) > 1:
				if why := unwritable(words[1], in.Writable); why != "" {
					found = append(found, Diagnostic{
						Severity: Error, File: file.Name, Line: line, Message: why,
						Hint: "remove the line: a container needs no pidfile, and a reload with one that cannot be written ends HAProxy",
					})
				}
			}
		}
	}
	if !listens {
		return append(found, noListener)
	}
	return append(found, unpublished(files, in)...)
}

// unwritable tells why a pidfile cannot be written; "" when it can.
func unwritable(name string, writable func(folder string) bool) string {
	name = strings.Trim(name, `"'`)
	switch {
	case writable == nil:
		return ""
	case strings.ContainsAny(name, `$"'\`):
		return fmt.Sprintf("whether pidfile %s can be written cannot be told", name)
	case !writable(path.Dir(name)):
		return fmt.Sprintf("pidfile %s cannot be written in the container", name)
	}
	return ""
}

// Add returns the report with more diagnostics. An error among them makes it invalid.
func (r Report) Add(diagnostics []Diagnostic) Report {
	for _, d := range diagnostics {
		r.Valid = r.Valid && d.Severity != Error
	}
	r.Diagnostics = append(r.Diagnostics, diagnostics...)
	return r
}

// statements are the lines of a configuration that say something, in words and without comments,
// by their numbers from 1.
func statements(config []byte) iter.Seq2[int, []string] {
	return func(yield func(int, []string) bool) {
		number := 0
		for lines := bufio.NewScanner(bytes.NewReader(config)); lines.Scan(); {
			number++
			words := strings.Fields(uncomment(lines.Text()))
			if len(words) > 0 && !yield(number, words) {
				return
			}
		}
	}
}
