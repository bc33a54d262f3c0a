package labels

import (
	"slices"
	"strings"
)

// unknown is about a key that is not in the table.
func (t table) unknown(route, key string) error {
	name := prefix
	if route != "" {
		name += route + "."
	}
	if _, ok := frontendRules().find(key); ok {
		return wrong("is a label of the load balancer's own service", "give it to the service haproxy")
	}
	if near, ok := t.nearest(key); ok {
		return wrong("no such label", didYouMeanLabel(name+near))
	}
	if near, ok := t.nearest(route); route != "" && ok && t.isNamed(near) {
		return wrong("no such label", didYouMeanLabel(prefix+strings.Replace(near, "NAME", key, 1)))
	}
	if route == "" && isRouteName(key) {
		return wrong("no such label", "the route "+key+" would be "+prefix+key+".host; all labels are in docs/reference/labels.md")
	}
	return wrong("no such label", "all labels are in docs/reference/labels.md")
}

// didYouMeanLabel proposes a label, parts of which are as foreign as what was written.
func didYouMeanLabel(label string) string { return "did you mean " + plain(label) + "?" }

func (t table) isNamed(key string) bool {
	return slices.ContainsFunc(t, func(r rule) bool { return r.Key == key && r.named() })
}

// nearest finds the key that was probably meant: by what other tools call it,
// else by the fewest letters that differ.
func (t table) nearest(key string) (string, bool) {
	head, rest, _ := strings.Cut(key, ".")
	head = strings.ToLower(head)
	best, bestDistance := "", 3
	for _, r := range t {
		word, name := r.Key, r.Key
		if r.named() {
			word = strings.TrimSuffix(word, namePlace)
			if rest != "" {
				name = word + "." + rest
			}
		}
		if slices.Contains(r.aliases, head) {
			return name, true
		}
		if d := distance(head, word); d < bestDistance && d <= allowed(word) {
			best, bestDistance = name, d
		}
	}
	return best, best != ""
}

// allowed is how many letters may differ: of short words all resemble each other.
func allowed(word string) int {
	if len(word) <= 4 {
		return 1
	}
	return 2
}

// distance counts the letters to add, drop, change or swap with their neighbour.
func distance(one, other string) int {
	a, b := []rune(one), []rune(other)
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 3 // far enough, whatever the letters are
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
