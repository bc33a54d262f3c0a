package labels_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"github.com/docker-haproxy/docker-haproxy/compose/labels"
	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// A case is a file of testdata: labels, files that they name, and what comes of
// them. "go test ./compose/labels -update" writes the expected sections; look at
// the diff. A line of labels is SERVICE | LABEL = VALUE; lines with two blanks
// before them belong to the value above. With a section dns the servers' checks ask
// it first whose address a server has.

func TestLabelsMakeTheConfigurationOfTheirCase(t *testing.T) {
	t.Parallel()
	for _, file := range cases(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			assert.NilError(t, err)
			given, want := parts(archive)
			got := generate(t, given)
			if golden.FlagUpdate() {
				write(t, file, archive, got)
				return
			}
			assert.Assert(t, len(strings.TrimSpace(string(archive.Comment))) > 0, "a case says what it shows")
			assert.DeepEqual(t, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
			for name := range want {
				assert.Equal(t, got[name], want[name], name)
			}
		})
	}
}

func TestEveryLabelOfTheReferenceHasACase(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, file := range cases(t) {
		archive, err := txtar.ParseFile(file)
		assert.NilError(t, err)
		given, want := parts(archive)
		if want["problems"] != "" {
			continue // what is refused shows nothing
		}
		for service, wishes := range services(t, given["labels"]) {
			for label := range wishes {
				for _, l := range labels.Reference() {
					if ofFrontend(l) == (service == "haproxy") && isLabel(label, l.Key) {
						used[l.Group+l.Key] = true
					}
				}
			}
		}
	}
	for _, l := range labels.Reference() {
		assert.Check(t, used[l.Group+l.Key], "no case uses haproxy.%s (%s)", l.Key, l.Group)
	}
}

func ofFrontend(l labels.Label) bool { return strings.Contains(l.Group, "haproxy itself") }

// isLabel tells whether a label is this key, with or without a route.
func isLabel(label, key string) bool {
	name := strings.TrimPrefix(label, "haproxy.")
	if head, named := strings.CutSuffix(key, "NAME"); named {
		return strings.HasPrefix(name, head) || strings.Contains(name, "."+head)
	}
	return name == key || strings.HasSuffix(name, "."+key)
}

func cases(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	assert.NilError(t, err)
	assert.Assert(t, len(files) > 90, "the cases are gone")
	return files
}

// isOutput tells the sections that are written by -update.
func isOutput(name string) bool {
	return name == "problems" || name == "routes.cfg" || name == "users.cfg" || strings.HasSuffix(name, ".map")
}

func parts(archive *txtar.Archive) (given, want map[string]string) {
	given, want = map[string]string{}, map[string]string{}
	for _, file := range archive.Files {
		if isOutput(file.Name) {
			want[file.Name] = string(file.Data)
		} else {
			given[file.Name] = string(file.Data)
		}
	}
	return given, want
}

// services reads the section labels.
func services(t *testing.T, text string) map[string]map[string]string {
	t.Helper()
	found := map[string]map[string]string{}
	var service, label string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			continue
		}
		if more, continues := strings.CutPrefix(line, "  "); continues {
			found[service][label] += "\n" + more
			continue
		}
		name, rest, ok := strings.Cut(line, " | ")
		assert.Assert(t, ok, "not SERVICE | LABEL = VALUE: %q", line)
		key, value, ok := strings.Cut(rest, " =")
		assert.Assert(t, ok, "not SERVICE | LABEL = VALUE: %q", line)
		service, label = strings.TrimSpace(name), strings.TrimSpace(key)
		if found[service] == nil {
			found[service] = map[string]string{}
		}
		_, twice := found[service][label]
		assert.Assert(t, !twice, "%s has %s twice", service, label)
		found[service][label] = strings.TrimPrefix(value, " ")
	}
	return found
}

// generate does what "up" does with labels, of a project named shop in which
// every service listens on port 8080.
func generate(t *testing.T, given map[string]string) map[string]string {
	t.Helper()
	read := func(name string) ([]byte, error) {
		content, ok := given[name]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return []byte(content), nil
	}
	all := services(t, given["labels"])
	front := labels.ParseFrontend("haproxy", all["haproxy"])
	delete(all, "haproxy")
	problems := texts(front.Problems)
	var specs []routing.Spec
	for _, name := range slices.Sorted(maps.Keys(all)) {
		said := labels.Parse(name, all[name], read)
		problems = append(problems, texts(said.Problems)...)
		specs = append(specs, said.Quarantined...)
		for _, spec := range said.Specs {
			if spec.Port == 0 {
				spec.Port = 8080
			}
			spec.Address = name + ".shop_default"
			if said.Network != "" {
				spec.Address = name + ".shop_" + said.Network
			}
			spec.Containers = []string{"shop-" + name + "-*", "shop_" + name + "_*"}
			specs = append(specs, spec)
		}
	}
	for i := range specs {
		specs[i].Quarantined = specs[i].Quarantined || front.Closed
	}
	r, conflicts := routing.Assemble("shop", routing.Frontend{Port: front.Port, Snippet: front.Snippet}, specs)
	r.PeersSocket = "/var/run/haproxy/peers.sock"
	problems = append(problems, texts(conflicts)...)
	if dns := strings.Fields(given["dns"]); len(dns) > 0 {
		r.DNS.Address = dns[0]
		if len(dns) > 1 {
			r.DNS.Port, _ = strconv.Atoi(dns[1])
		}
	}
	got := map[string]string{}
	for _, file := range r.Render("/usr/local/etc/haproxy/generated").Files {
		if path.Ext(file.Name) != ".lua" { // always the same
			got[file.Name] = string(file.Content)
		}
	}
	if len(problems) > 0 {
		got["problems"] = strings.Join(problems, "\n") + "\n"
	}
	return got
}

func texts[T error](all []T) []string {
	var lines []string
	for _, one := range all {
		lines = append(lines, fmt.Sprint(one))
	}
	return lines
}

// write puts what came out behind what was given.
func write(t *testing.T, name string, archive *txtar.Archive, got map[string]string) {
	t.Helper()
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return isOutput(f.Name) })
	order := slices.SortedFunc(maps.Keys(got), func(a, b string) int {
		return strings.Compare(rank(a)+a, rank(b)+b)
	})
	for _, section := range order {
		archive.Files = append(archive.Files, txtar.File{Name: section, Data: []byte(got[section])})
	}
	assert.NilError(t, os.WriteFile(name, txtar.Format(archive), 0o644))
}

// rank orders sections: problems, then the configuration, then what it reads.
func rank(section string) string {
	switch section {
	case "problems":
		return "0"
	case "routes.cfg":
		return "1"
	}
	return "2"
}
