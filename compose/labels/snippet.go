package labels

import (
	"fmt"
	"slices"
	"strings"
)

// setSnippet takes lines of HAProxy's language that stay within their section.
func setSnippet(d *draft, a argument) error {
	var lines []string
	number := 0
	for line := range strings.Lines(a.value) {
		number++
		line = strings.TrimSpace(strings.ReplaceAll(line, "\t", " "))
		if line == "" {
			continue
		}
		if err := validLine(line); err != nil {
			return inLine(number, err)
		}
		lines = append(lines, line)
	}
	d.Snippet = lines
	return nil
}

func inLine(number int, err error) error {
	p := problem("", "", err)
	return wrong(fmt.Sprintf("line %d %s", number, p.Message), p.Hint)
}

func validLine(line string) error {
	if err := printable(line); err != nil {
		return err
	}
	words := strings.Fields(line)
	first := words[0]
	if first == "no" || first == "default" {
		words = words[1:]
		if len(words) == 0 {
			return wrong("is not complete")
		}
		first = words[0]
	}
	switch {
	case strings.HasPrefix(first, "#"):
		return nil
	case strings.HasPrefix(first, "."):
		return wrong("has a condition for what follows it, which would be in the way of other services", "take "+quote(first)+" away")
	case slices.Contains(sections(), first):
		return wrong("begins a section: "+first, "put sections into haproxy/haproxy.cfg")
	case !only(first, lowerCase+upperCase+digits+"-_"):
		// A quote, an escape or a variable could hide a keyword.
		return wrong(quote(first) + " is not a keyword of HAProxy")
	}
	return closed(line)
}

// sections are the words that end a backend by beginning something else
// (configuration manual of 3.2 and 3.4).
func sections() []string {
	return []string{
		"acme", "backend", "cache", "crt-store", "defaults", "fcgi-app", "frontend", "global", "http-errors",
		"listen", "log-forward", "log-profile", "mailers", "peers", "program", "resolvers", "ring", "traces",
		"userlist", "healthcheck", "namespace_list",
	}
}

// closed tells whether quotes and escapes end with their line (manual, 2.2).
// What does not is an error of the kind that takes HAProxy 3.4 down on a reload.
func closed(line string) error {
	quoted := rune(0)
	escaped := false
	for _, r := range line {
		switch {
		case escaped:
			escaped = false
		case r == '\\' && quoted != '\'':
			escaped = true
		case quoted == 0 && r == '#':
			return nil
		case quoted == 0 && (r == '"' || r == '\''):
			quoted = r
		case r == quoted:
			quoted = 0
		}
	}
	switch {
	case escaped:
		return wrong(`ends with a \`)
	case quoted != 0:
		return wrong(fmt.Sprintf("has a %c without a second one", quoted))
	}
	return nil
}
