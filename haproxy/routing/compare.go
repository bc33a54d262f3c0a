package routing

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Change is one difference between two generated configurations.
type Change struct {
	What  string // where: "backend shop.web", "prefix.map"
	Cause string // in words: "route shop.example.com/ to shop.web added"
	// Commands of the Runtime API that make a HAProxy that runs the old
	// configuration like the new one; none where that takes a reload.
	Commands []string
}

// Runtime tells whether the change needs no reload.
func (c Change) Runtime() bool { return len(c.Commands) > 0 }

// Compare tells what has changed from one generated configuration to another,
// and what it takes to apply it. folder is where HAProxy has the files.
//
// At run time HAProxy changes the entries of its maps, and the weights and
// connection limits of its servers (management guide, "set map", "set server",
// "set maxconn server"). A section that is new, gone or otherwise another one
// takes a reload.
func Compare(old, now []File, folder string) []Change {
	var changes []Change
	was, is := byName(old), byName(now)
	for _, name := range slices.Sorted(maps.Keys(union(was, is))) {
		before, had := was[name]
		after, has := is[name]
		switch {
		case had && has && bytes.Equal(before.Content, after.Content):
		case name == RoutesName:
			changes = append(changes, compareSections(before.Content, after.Content)...)
		case !had:
			changes = append(changes, Change{What: name, Cause: "it is new"})
		case !has:
			changes = append(changes, Change{What: name, Cause: "it is needed no more"})
		case strings.HasSuffix(name, ".map"):
			changes = append(changes, compareMaps(name, before.Content, after.Content, path.Join(folder, name))...)
		case after.Secret:
			changes = append(changes, Change{What: name, Cause: "users or passwords changed"})
		default:
			changes = append(changes, Change{What: name, Cause: "it changed"})
		}
	}
	return changes
}

func byName(files []File) map[string]File {
	found := map[string]File{}
	for _, file := range files {
		found[file.Name] = file
	}
	return found
}

func union(a, b map[string]File) map[string]File {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// sectionsOf are the sections of a generated file by their first lines.
func sectionsOf(content []byte) map[string][]string {
	sections := map[string][]string{}
	head := ""
	for line := range strings.Lines(string(content)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(strings.TrimSpace(line), "#"):
		case !strings.HasPrefix(line, " "):
			head = line
			sections[head] = nil
		default:
			sections[head] = append(sections[head], strings.TrimSpace(line))
		}
	}
	return sections
}

func compareSections(old, now []byte) []Change {
	was, is := sectionsOf(old), sectionsOf(now)
	var changes []Change
	heads := maps.Clone(was)
	maps.Copy(heads, is)
	for _, head := range slices.Sorted(maps.Keys(heads)) {
		before, had := was[head]
		after, has := is[head]
		switch {
		case !had:
			changes = append(changes, Change{What: head, Cause: "it is new"})
		case !has:
			changes = append(changes, Change{What: head, Cause: "it is needed no more"})
		case !slices.Equal(before, after):
			changes = append(changes, compareSection(head, before, after)...)
		}
	}
	return changes
}

// compareSection finds out whether the servers' weights and limits are all that differs.
func compareSection(head string, before, after []string) []Change {
	reload := []Change{{What: head, Cause: lineDifference(before, after)}}
	if len(before) != len(after) {
		return reload
	}
	var changes []Change
	for i := range before {
		if before[i] == after[i] {
			continue
		}
		old, now := templateOf(before[i]), templateOf(after[i])
		if old == nil || now == nil || old.rest != now.rest {
			return reload
		}
		backend := strings.TrimPrefix(head, "backend ")
		if old.weight != now.weight {
			changes = append(changes, Change{
				What: head, Cause: fmt.Sprintf("servers %s: weight %s instead of %s", now.prefix, now.weight, old.weight),
				Commands: now.each("set server " + backend + "/%s weight " + now.weight),
			})
		}
		if old.maxconn != now.maxconn {
			changes = append(changes, Change{
				What: head, Cause: fmt.Sprintf("servers %s: maxconn %s instead of %s", now.prefix, now.maxconn, old.maxconn),
				Commands: now.each("set maxconn server " + backend + "/%s " + now.maxconn),
			})
		}
	}
	return changes
}

// lineDifference says the first difference between two sections.
func lineDifference(before, after []string) string {
	for _, line := range after {
		if !slices.Contains(before, line) {
			return "now: " + line
		}
	}
	for _, line := range before {
		if !slices.Contains(after, line) {
			return "no more: " + line
		}
	}
	return "its lines have another order"
}

// serverTemplate is a server-template line, taken apart.
type serverTemplate struct {
	prefix, weight, maxconn string
	slots                   int
	rest                    string // all but weight and maxconn
}

var (
	templateLine = regexp.MustCompile(`^server-template (\S+) ([0-9]+) `)
	weightWord   = regexp.MustCompile(` weight ([0-9]+)`)
	maxconnWord  = regexp.MustCompile(` maxconn ([0-9]+)`)
)

func templateOf(line string) *serverTemplate {
	match := templateLine.FindStringSubmatch(line)
	if match == nil {
		return nil
	}
	t := serverTemplate{prefix: match[1], weight: "1", maxconn: "0"}
	if _, err := fmt.Sscan(match[2], &t.slots); err != nil {
		return nil
	}
	if m := weightWord.FindStringSubmatch(line); m != nil {
		t.weight = m[1]
	}
	if m := maxconnWord.FindStringSubmatch(line); m != nil {
		t.maxconn = m[1]
	}
	t.rest = maxconnWord.ReplaceAllString(weightWord.ReplaceAllString(line, ""), "")
	return &t
}

// each makes a command for every server of the template.
func (t serverTemplate) each(format string) []string {
	var commands []string
	for i := range t.slots {
		commands = append(commands, fmt.Sprintf(format, fmt.Sprint(t.prefix, i+1)))
	}
	return commands
}

// compareMaps changes a map entry by entry: what is new comes first and what is
// gone last, so that there is no moment without an answer.
func compareMaps(name string, old, now []byte, file string) []Change {
	was, is := entriesOf(old), entriesOf(now)
	if name == regexName || strings.HasSuffix(name, "-"+regexName) {
		if !sameOrder(was, is) {
			return []Change{{What: name, Cause: "its regular expressions have another order"}}
		}
	}
	var added, changed, gone []Change
	before := indexOf(was)
	for _, e := range is {
		value, had := before[e.key]
		route := fmt.Sprintf("route %s to %s", e.key, e.value)
		switch {
		case !had:
			added = append(added, Change{What: name, Cause: route + " is new", Commands: []string{fmt.Sprintf("add map %s %s %s", file, word(e.key), word(e.value))}})
		case value != e.value:
			changed = append(changed, Change{What: name, Cause: fmt.Sprintf("%s instead of %s", route, value), Commands: []string{fmt.Sprintf("set map %s %s %s", file, word(e.key), word(e.value))}})
		}
	}
	after := indexOf(is)
	for _, e := range was {
		if _, has := after[e.key]; !has {
			gone = append(gone, Change{What: name, Cause: fmt.Sprintf("route %s to %s is gone", e.key, e.value), Commands: []string{fmt.Sprintf("del map %s %s", file, word(e.key))}})
		}
	}
	return slices.Concat(added, changed, gone)
}

type mapEntry struct{ key, value string }

func entriesOf(content []byte) []mapEntry {
	var entries []mapEntry
	for line := range strings.Lines(string(content)) {
		if key, value, found := strings.Cut(strings.TrimSpace(line), " "); found && !strings.HasPrefix(key, "#") {
			entries = append(entries, mapEntry{key, value})
		}
	}
	return entries
}

func indexOf(entries []mapEntry) map[string]string {
	index := map[string]string{}
	for _, e := range entries {
		index[e.key] = e.value
	}
	return index
}

// sameOrder tells whether the entries that stay come first and in the same
// order: at run time HAProxy adds to the end.
func sameOrder(was, is []mapEntry) bool {
	kept := slices.DeleteFunc(slices.Clone(was), func(e mapEntry) bool {
		return !slices.ContainsFunc(is, func(other mapEntry) bool { return other.key == e.key })
	})
	for i, e := range kept {
		if is[i].key != e.key {
			return false
		}
	}
	return true
}

// word writes a word for the Runtime API (management guide, 9.3).
func word(text string) string {
	return strings.NewReplacer(`\`, `\\`, ` `, `\ `, `;`, `\;`).Replace(text)
}
