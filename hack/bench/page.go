package main

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/template"
	"time"

	"github.com/docker/go-units"

	"github.com/docker-haproxy/docker-haproxy/hack/bench/control"
	"github.com/docker-haproxy/docker-haproxy/hack/bench/data"
	"github.com/docker-haproxy/docker-haproxy/hack/bench/lab"
	"github.com/docker-haproxy/docker-haproxy/hack/bench/target"
)

// page is docs/benchmarks.md.
type page struct {
	Machine Machine
	Data    *data.Result    // nil where it was not measured
	Control *control.Result // likewise
}

// Machine is what everything was measured on, and with.
type Machine struct {
	Date      time.Time
	Processor string
	CPUs      int
	Memory    string
	Kernel    string
	Engine    string
	CLI       string
	Plugin    string
	Go        string
}

// machine asks the system, docker and the plugin who they are.
func machine(ctx context.Context, l *lab.Lab) (Machine, error) {
	m := Machine{Date: time.Now().UTC(), CPUs: runtime.NumCPU(), Go: runtime.Version()}
	var err error
	if m.Processor, err = valueIn("/proc/cpuinfo", "model name"); err != nil {
		m.Processor = runtime.GOARCH // not every architecture's has a name
	}
	memory, err := valueIn("/proc/meminfo", "MemTotal")
	if err != nil {
		return m, err
	}
	bytes, err := units.RAMInBytes(memory)
	if err != nil {
		return m, err
	}
	m.Memory = units.BytesSize(float64(bytes))
	for _, ask := range []struct {
		into *string
		args []string
	}{
		{&m.Kernel, []string{"version", "--format", "{{.Server.KernelVersion}}"}},
		{&m.Engine, []string{"version", "--format", "{{.Server.Version}}"}},
		{&m.CLI, []string{"version", "--format", "{{.Client.Version}}"}},
		{&m.Plugin, []string{"haproxy", "version", "--short"}},
	} {
		said, err := l.Docker(ctx, "", ask.args...)
		if err != nil {
			return m, err
		}
		*ask.into = strings.TrimSpace(said.Stdout)
	}
	m.Kernel, _, _ = strings.Cut(m.Kernel, "-") // without the packager's part
	return m, nil
}

// valueIn is the value of the first line "name : value" of a file of /proc.
func valueIn(path, name string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // only read
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		key, value, found := strings.Cut(lines.Text(), ":")
		if found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), nil
		}
	}
	return "", errors.Join(fmt.Errorf("%s has no %q", path, name), lines.Err())
}

// Targets are those of both halves.
func (p page) Targets() []target.Target {
	return append(p.Data.Targets(), p.Control.Targets()...)
}

//go:embed page.md.tmpl
var pageText string

// explained is what the figures do not say by themselves, and is not measured
// anew each time.
//
//go:embed explained.md
var explained string

// Explained is written by hand.
func (p page) Explained() string { return explained }

func (p page) write(w io.Writer) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	if err := t.Execute(w, p); err != nil {
		return err
	}
	return p.writeMeasured(w)
}

// writeMeasured writes what was measured.
func (p page) writeMeasured(w io.Writer) error {
	if p.Data != nil {
		if err := p.Data.Markdown(w); err != nil {
			return err
		}
	}
	if p.Control != nil {
		return p.Control.Markdown(w)
	}
	return nil
}
