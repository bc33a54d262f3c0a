// Package labels reads what the labels of a Compose service say about its
// routes. One table (rules) holds every label: it is what parsing, "did you
// mean" and the reference in docs/ come from. The package knows neither Compose
// nor Docker: it gets labels as strings, and files through a function.
package labels

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// prefix begins every label that is ours.
const prefix = "haproxy."

// Service is what the labels of one service say.
type Service struct {
	Specs    []routing.Spec // none where a label is wrong or enable is false
	Network  string         // key of the Compose network, "" where no label says it
	Problems []Problem
	Disabled bool // haproxy.enable: false
	// Quarantined are the routes that a service has in spite of its wrong labels:
	// which requests they take is certain, so that these can be answered with 503.
	Quarantined []routing.Spec
}

// Uses tells whether any label is meant for us.
func Uses(labels map[string]string) bool {
	for label := range labels {
		if strings.HasPrefix(label, prefix) {
			return true
		}
	}
	return false
}

// Parse reads the labels of an app service. Files that labels name are got
// through read, which is given the path as the label has it.
func Parse(service string, labels map[string]string, read func(path string) ([]byte, error)) Service {
	if value, ok := labels[prefix+"enable"]; ok {
		if on, err := truth(value); err == nil && !on {
			return Service{Disabled: true} // what is not routed need not be right
		}
	}
	read = once(read)
	wishes, unknown := understand(labels, rules().resolve)
	problems := slices.Concat(unknown, invalid(wishes, read), guarding(Slips(service, labels)))
	said := Service{Network: network(wishes, read)}
	if len(problems) == 0 {
		said.Specs, problems = routes(service, wishes, read)
	}
	if len(problems) > 0 {
		said.Specs = nil
		said.Problems = ofService(service, problems)
		said.Quarantined = quarantined(service, wishes, len(unknown) == 0, read)
	}
	return said
}

// guarding are the slips that would have kept a client out.
func guarding(slips []Slip) []Problem {
	var problems []Problem
	for _, slip := range slips {
		if slip.Guards {
			problems = append(problems, slip.Problem)
		}
	}
	return problems
}

// once reads each file once, however many routes inherit its label: all get the
// same content.
func once(read func(string) ([]byte, error)) func(string) ([]byte, error) {
	type result struct {
		content []byte
		err     error
	}
	results := map[string]result{}
	return func(path string) ([]byte, error) {
		got, done := results[path]
		if !done {
			got.content, got.err = read(path)
			results[path] = got
		}
		return got.content, got.err
	}
}

// wish is a label that is in the table, with what it says.
type wish struct {
	label string // as written
	route string // "" where the label names none
	name  string // what follows a key such as request-header
	value string
	rule  rule
}

// understand finds the rule of every label that is ours, in the table's order,
// which does not depend on how the Compose file orders them.
func understand(labels map[string]string, resolve func(key string) (wish, error)) ([]wish, []Problem) {
	var wishes []wish
	var problems []Problem
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		key, ours := strings.CutPrefix(label, prefix)
		if !ours {
			continue
		}
		found, err := resolve(key)
		if err != nil {
			problems = append(problems, problem(label, labels[label], err))
			continue
		}
		found.label, found.value = label, strings.TrimSpace(labels[label])
		wishes = append(wishes, found)
	}
	slices.SortStableFunc(wishes, func(a, b wish) int { return cmp.Compare(a.rule.place, b.rule.place) })
	return wishes, problems
}

// resolve tells KEY, ROUTE.KEY and what is neither apart.
func (t table) resolve(key string) (wish, error) {
	if found, name, ok := t.lookup(key); ok {
		return wish{rule: found, name: name}, nil
	}
	route, inner, dotted := strings.Cut(key, ".")
	if _, isKey := t.find(route); isKey {
		return wish{}, t.keyAsRoute(route, inner)
	}
	if !dotted {
		return wish{}, t.unknown("", key)
	}
	found, name, ok := t.lookup(inner)
	switch {
	case !ok:
		return wish{}, t.unknown(route, inner)
	case found.scope == ofWholeService:
		return wish{}, wrong("is for the whole service, not for one of its routes", "did you mean "+prefix+found.Key+"?")
	case !isRouteName(route):
		return wish{}, wrong(fmt.Sprintf("%s cannot be the name of a route", quote(route)),
			"a route's name has lower-case letters, digits and hyphens")
	}
	return wish{rule: found, name: name, route: route}, nil
}

// keyAsRoute is about haproxy.KEY.SOMETHING.
func (t table) keyAsRoute(key, inner string) error {
	if found, _ := t.find(key); found.named() {
		return wrong("needs the name of a header", "such as "+prefix+key+".X-Robots-Tag")
	}
	if _, _, ok := t.lookup(inner); ok {
		return wrong(key+" is the name of a label and cannot be the name of a route", "give the route another name")
	}
	if isRouteName(inner) {
		return wrong("no such label", "did you mean "+prefix+inner+"."+key+"?")
	}
	return wrong("no such label", "did you mean "+prefix+key+"?")
}

func isRouteName(name string) bool {
	return name != "" && len(name) <= maxName && strings.Trim(name, lowerCase+digits+"-") == "" && strings.Trim(name, "-") != ""
}

// invalid tries each value by itself, so that a default which many routes
// inherit is reported once.
func invalid(wishes []wish, read func(string) ([]byte, error)) []Problem {
	var problems []Problem
	for _, w := range wishes {
		if err := w.apply(&draft{}, read); err != nil {
			problems = append(problems, w.problem(err))
		}
	}
	return problems
}

func (w wish) apply(d *draft, read func(string) ([]byte, error)) error {
	if w.value == "" && !w.rule.named() {
		return wrong("is empty", "is a variable not set? "+w.rule.Values)
	}
	return w.rule.set(d, argument{value: w.value, name: w.name, read: read})
}

// problem adds what is allowed where the error does not say it.
func (w wish) problem(err error) Problem {
	p := problem(w.label, w.value, err)
	if p.Hint == "" {
		p.Hint = w.rule.Values
	}
	if w.rule.secret && looksSecret(w.value) {
		p.Value = "(not shown)"
	}
	return p
}

// network is what the label of that name says, if it is right.
func network(wishes []wish, read func(string) ([]byte, error)) string {
	d := draft{}
	for _, w := range wishes {
		if w.rule.Key == "network" && w.apply(&d, read) == nil {
			return d.network
		}
	}
	return ""
}
