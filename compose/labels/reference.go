package labels

import (
	"fmt"
	"slices"
	"strings"
)

// Label is a row of the reference.
type Label struct {
	Key     string // behind "haproxy."; NAME in it is the name of a header
	Values  string // what is allowed
	Default string // what counts without it, "" where that is nothing
	Example string
	Doc     string
	Group   string // under which heading
}

// Reference is every label, in the order in which a person should read them.
func Reference() []Label {
	var all []Label
	for _, r := range slices.Concat(rules(), frontendRules()) {
		all = append(all, r.Label)
	}
	return all
}

// Markdown is the page of the reference, docs/reference/labels.md.
func Markdown() string {
	var out strings.Builder
	out.WriteString(introduction())
	group := ""
	for _, label := range Reference() {
		if label.Group != group {
			group = label.Group
			fmt.Fprintf(&out, "\n## %s\n\n| Label | Value | Default | Example |\n|:------|:------|:--------|:--------|\n", group)
		}
		fmt.Fprintf(&out, "| **`%s`**<br>%s | %s | %s | %s |\n",
			prefix+label.Key, cell(label.Doc), cell(label.Values), cell(label.Default), code(label.example()))
	}
	return out.String()
}

// example is the line as it stands in a Compose file.
func (l Label) example() string {
	head, named := strings.CutSuffix(l.Key, namePlace)
	if named {
		return prefix + head + "." + l.Example
	}
	return prefix + l.Key + ": " + yaml(l.Example)
}

// yaml quotes what YAML would take for something else than text.
func yaml(text string) string {
	if strings.ContainsAny(text[:1], "*&!|>%@`{[,?#-\"'") || strings.Contains(text, ": ") || strings.Contains(text, " #") {
		return "'" + text + "'"
	}
	return text
}

func cell(text string) string { return strings.NewReplacer("|", `\|`, "*", `\*`).Replace(text) }

func code(text string) string { return "`" + strings.ReplaceAll(text, "|", `\|`) + "`" }

func introduction() string {
	return `# Labels

<!-- Written by "make docs" from compose/labels; edit the table there. -->

A label on an app service is a route. One line is enough:

` + "```yaml" + `
services:
  web:
    image: shop
    labels:
      haproxy.host: shop.example.com
` + "```" + `

Requests to shop.example.com go to all containers of the service ` + "`web`" + `; HAProxy follows them by itself
when there are more or fewer. Every other label is there for what differs from the usual.
` + "`docker haproxy up` and `docker haproxy reload`" + ` apply labels.

Of the routes that take a request the one with the higher priority wins; then an exact host before
` + "`*.example.com`" + ` before any host; for the same host an exact path, then a regular expression, then a
prefix; of several alike the longest. What no route takes is answered with 404. A route whose service
has no container is answered with 503 and Retry-After.

## Several routes of one service

A name between ` + "`haproxy.`" + ` and the label makes another route. Names have lower-case letters, digits and
hyphens; a label's own name is none.

` + "```yaml" + `
    labels:
      haproxy.host: shop.example.com         # the route without a name
      haproxy.check: /healthz                # ... and a default for the others
      haproxy.admin.host: admin.example.com  # the route "admin"
      haproxy.admin.port: 9000
      haproxy.admin.allow: 10.0.0.0/8
` + "```" + `

Labels without a name are defaults for the routes that have one, where they make sense there. No defaults are
` + oneRouteKeys() + `:
without a name they count for the route without a name. There is such a route if one of
` + choosingKeys() + `
is given without a name, or if no route has a name.

## Values

Lists are separated by commas or blanks. Booleans are ` + "`true`, `yes`, `on`, `1` and `false`, `no`, `off`, `0`" + `.
Times have a unit: ` + "`500ms`, `2s`, `1m`, `1h`, `1d`" + `. In a Compose file ` + "`$`" + ` is
written ` + "`$$`, and what begins with `*` stands in quotes: `haproxy.host: \"*.example.com\"`" + `.

A label that is misspelt or has a value that cannot be meant is reported with what is allowed. Its
service is put in quarantine: its routes answer 503 until the label is right, all others are served.

So is a service with a label that is nearly one of these (` + "`HAProxy.Allow`, `haproxy_auth`, `haprxoy.deny`" + `), or that
stands where labels are not read (` + "`deploy.labels`, `build.labels`, `annotations`, `environment`" + `, keys that begin with
` + "`x-`" + `), if it would have kept clients out. Where it only would have routed requests, it is a warning.
On the service haproxy itself such a label closes all routes.
`
}

func oneRouteKeys() string {
	return keys(func(r rule) bool { return r.scope == ofOneRoute })
}

func choosingKeys() string { return keys(func(r rule) bool { return r.chooses }) }

func keys(which func(rule) bool) string {
	var names []string
	for _, r := range rules() {
		if which(r) {
			names = append(names, "`"+r.Key+"`")
		}
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
