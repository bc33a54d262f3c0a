package routing

import (
	"slices"
	"strings"
)

// paths changes the path of a request before the app sees it. What was found by
// its canonical path and does not have that form becomes canonical first, so
// that what is matched is what is rewritten; all else of a path stays as the
// client wrote it.
func (w *writer) paths(wish Spec) {
	if wish.Strip {
		w.strip(wish)
	}
	if r := wish.Rewrite; r != nil {
		w.in("http-request set-path %s if %s !{ path -m reg %s } { %s -m reg %s }", quote("%["+canonicalForApp+"]"), isOdd, quote(r.Regex), quote(canonicalForApp), quote(r.Regex))
		w.in("http-request replace-path %s %s", quote(r.Regex), quoteFormat(r.Replacement))
	}
}

func (w *writer) strip(wish Spec) {
	var prefixes []Path
	for _, p := range wish.Paths {
		if p.Match == Prefix && p.canonical() != "/" {
			prefixes = append(prefixes, p)
		}
	}
	if len(prefixes) == 0 {
		return
	}
	slices.SortStableFunc(prefixes, func(a, b Path) int { return len(b.canonical()) - len(a.canonical()) })
	flags, insensitive := "", ""
	if prefixes[0].NoCase {
		flags, insensitive = "(?i)", "-i "
	}
	for _, p := range slices.Backward(prefixes) { // the longest has the last word
		w.in("http-request set-header X-Forwarded-Prefix %s if { var(txn.path),concat(/) -m beg %s%s }", quoteFormat(p.prefix()), insensitive, quote(p.below()))
	}
	var all []string
	for _, p := range prefixes {
		own := regexOf([]string{p.prefix()})
		w.in("http-request set-path %s if { var(txn.path),concat(/) -m beg %s%s } !{ path -m reg %s }", quote("%["+canonicalForApp+"]"), insensitive, quote(p.below()), quote(flags+own))
		all = append(all, p.prefix(), encoded(strings.TrimSuffix(p.canonical(), "/")))
	}
	w.in(`http-request replace-path %s '/\1'`, quote(flags+regexOf(all)))
}

// prefix is a prefix as its label has it, without a slash at its end.
func (p Path) prefix() string { return strings.TrimSuffix(p.Value, "/") }

// regexOf is a regular expression for paths with one of the given prefixes. The
// rest is its first group, without the slashes before it: // at the beginning of
// a path would be the name of a host.
func regexOf(prefixes []string) string {
	var literal []string
	for _, p := range slices.Compact(prefixes) {
		literal = append(literal, literalRegex(p))
	}
	return "^(?:" + strings.Join(literal, "|") + ")(?:/+(.*))?$"
}
