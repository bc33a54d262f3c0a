package labels

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Slip is a label that was probably meant for us, and that is not read: its name
// is nearly ours, or it stands where no labels of a service are.
type Slip struct {
	Problem

	// Guards: it would have kept a client out. The service is closed then, for it
	// must not be open to those whom a label was to keep out.
	Guards bool
}

// Slips are the labels of a service that are nearly ours, in the order of their names.
func Slips(service string, labels map[string]string) []Slip {
	return slips(service, "", labels, func(r reading) bool { return !r.ours })
}

// Misplaced are the labels that are ours, or nearly, in a place that is not read,
// such as deploy.labels. service is "" where the place belongs to none.
func Misplaced(service, place string, labels map[string]string) []Slip {
	return slips(service, place, labels, func(reading) bool { return true })
}

func slips(service, place string, labels map[string]string, unread func(reading) bool) []Slip {
	var found []Slip
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		r, near := read(label, labels[label])
		if !near || !unread(r) {
			continue
		}
		p := r.problem(wrong(r.notRead(place), r.rightForm(place)))
		p.Service, p.Place = service, place
		found = append(found, Slip{Problem: p, Guards: r.guards()})
	}
	return found
}

// reading is what a label was probably meant to be.
type reading struct {
	wish

	meant string // the label, "" where it cannot be told which
	ours  bool   // it begins as ours do
	words []string
}

// read takes a label for what it was probably meant to be; false where it is not
// likely to be meant for us.
func read(label, value string) (reading, bool) {
	r := reading{wish: wish{label: label, value: strings.TrimSpace(value)}, ours: strings.HasPrefix(label, prefix)}
	var head nearness
	r.words, head = behindPrefix(label)
	if head == far {
		return r, false
	}
	if len(r.words) == 0 { // "haproxy: shop"
		r.words = []string{bareKey(r.value)}
	}
	known := r.understand()
	return r, known || head == dotted
}

// nearness is how much the beginning of a label resembles ours.
type nearness int

const (
	far    nearness = iota
	likely          // ours only if a label of ours follows
	dotted          // ours, whatever follows: haproxy and a dot, but for case and single letters
)

// behindPrefix takes from a label what was to be "haproxy", and gives the words
// that follow.
func behindPrefix(label string) (words []string, head nearness) {
	words = wordsOf(label)
	if len(words) > 1 && slices.Contains([]string{"docker", "com", "org", "io", "net"}, strings.ToLower(words[0])) && strings.EqualFold(words[1], ourName) {
		return words[2:], likely
	}
	joined := ""
	for i, word := range words[:min(3, len(words))] {
		joined += strings.ToLower(word)
		d := distance(joined, ourName)
		begins := strings.HasPrefix(joined, "ha") || strings.HasPrefix(joined, "hp")
		switch {
		case d > 2, !begins && (d == 2 || d == 1 && i > 0): // myproxy, a.proxy
			continue
		case i+1 == len(words) && d > 1, i+1 < len(words) && slices.Contains(othersOfTheName(), strings.ToLower(words[i+1])):
			return nil, far
		case d < 2 && (i+1 == len(words) || dotFollows(label, words[:i+1])):
			return words[i+1:], dotted
		}
		return words[i+1:], likely
	}
	if len(words) > 0 && strings.HasPrefix(strings.ToLower(words[0]), ourName) {
		glued := words[0][len(ourName):] // haproxyHost
		if _, known := everyRule().nearest(glued); known {
			return append([]string{glued}, words[1:]...), likely
		}
	}
	return nil, far
}

// ourName is the prefix without its dot.
const ourName = "haproxy"

// othersOfTheName are what names of other programs go on with.
func othersOfTheName() []string { return []string{"ingress", "exporter"} }

// wordsOf splits at all that is neither a letter nor a digit. Marks that cannot
// be seen are left out, and wide letters become plain ones.
func wordsOf(label string) []string {
	plain := strings.Map(func(c rune) rune {
		switch {
		case unicode.Is(unicode.Cf, c):
			return -1
		case c >= '！' && c <= '～': // the wide forms of ASCII
			return c - '！' + '!'
		}
		return c
	}, label)
	return strings.FieldsFunc(plain, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
}

// dotFollows tells whether what follows the given words of a label begins with a dot.
func dotFollows(label string, words []string) bool {
	for _, word := range words {
		_, label, _ = strings.Cut(label, word)
	}
	return strings.HasPrefix(strings.TrimSpace(label), ".")
}

// bareKey is the label that a value without a label's name was probably meant for.
func bareKey(value string) string {
	if _, err := truth(value); err == nil {
		return "enable"
	}
	if _, err := whole(value, 1, 65535); err == nil {
		return "port"
	}
	return "host"
}

// everyRule is the table of the labels of app services, then those of the load balancer.
func everyRule() table { return slices.Concat(rules(), frontendRules()) }

// understand finds the label of ours that the words are or resemble.
func (r *reading) understand() bool {
	all := everyRule()
	for _, key := range spellings(r.words) {
		if found, err := all.resolve(key); err == nil {
			r.rule, r.name, r.route, r.meant = found.rule, found.name, found.route, prefix+key
			return true
		}
	}
	for i := range min(2, len(r.words)) { // a route's name, or none, and a key that is misspelt
		route := ""
		if i > 0 {
			route = strings.ToLower(r.words[0]) + "."
		}
		if near, ok := all.nearest(strings.Join(r.words[i:], "-")); ok {
			r.rule, _ = all.find(strings.TrimSuffix(near, namePlace))
			r.meant = prefix + route + near
			return true
		}
	}
	return r.soundsLikeGuard()
}

// spellings are the keys that words can be: KEY, ROUTE.KEY, KEY.NAME and
// ROUTE.KEY.NAME. The words of each part are joined by hyphens.
func spellings(words []string) []string {
	const most = 8 // words; a label of ours has fewer
	if len(words) > most {
		return nil
	}
	lower := func(words []string) string { return strings.ToLower(strings.Join(words, "-")) }
	keys := []string{lower(words)}
	for i := 1; i < len(words); i++ {
		keys = append(keys, lower(words[:i])+"."+strings.Join(words[i:], "-"), lower(words[:i])+"."+lower(words[i:]))
	}
	for i := 1; i < len(words); i++ {
		for j := i + 1; j < len(words); j++ {
			keys = append(keys, lower(words[:i])+"."+lower(words[i:j])+"."+strings.Join(words[j:], "-"))
		}
	}
	return keys
}

// soundsLikeGuard tells whether a word of the label is one by which clients are
// kept out, whatever stands beside it.
func (r *reading) soundsLikeGuard() bool {
	for _, rule := range accessRules() {
		for _, word := range r.words {
			key, _, _ := strings.Cut(rule.Key, "-")
			if strings.EqualFold(word, key) || slices.Contains(rule.aliases, strings.ToLower(word)) {
				return true
			}
		}
	}
	return false
}

// guards tells whether the label would have kept a client out.
func (r *reading) guards() bool {
	switch r.rule.Key {
	case "":
		return r.soundsLikeGuard()
	case "enable":
		on, err := truth(r.value)
		return err == nil && !on
	case "snippet": // may hold any rule
		return true
	}
	return r.rule.Group == groupAccess
}

func (r *reading) notRead(place string) string {
	switch {
	case place == "":
		return "is not read: labels begin with " + prefix
	case strings.HasPrefix(place, "network ") || strings.HasPrefix(place, "volume "):
		return "is not read there: it is a label of services"
	}
	return "is not read there"
}

func (r *reading) rightForm(place string) string {
	label := r.meant
	if label == "" {
		label = prefix + "…"
	}
	if place != "" {
		return `write it below "labels:" of the service: ` + plain(label)
	}
	if r.meant == "" {
		return "all labels are in docs/reference/labels.md"
	}
	return didYouMeanLabel(label)
}
