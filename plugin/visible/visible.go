// Package visible makes foreign text fit for a terminal: what a file, a label, a
// name or an answer holds must neither move its cursor nor turn its text around.
package visible

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text is a text in which nothing acts on a terminal: control characters but for
// tabs and newlines, marks that turn the direction of writing and other marks that
// cannot be seen, and bytes that are not UTF-8 are written as Go and JSON write
// them, such as \x1b and \u202e. All else stays as it is, a backslash too.
func Text(text string) string {
	if !strings.ContainsFunc(text, acts) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1, acts(r) && r < ' ':
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case acts(r) && r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		case acts(r) && r != utf8.RuneError:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	return b.String()
}

// acts tells the characters that Text does not leave as they are, and the one that
// stands for a byte which is not UTF-8.
func acts(r rune) bool {
	switch r {
	case '\n', '\t', '\u200c', '\u200d': // joiners of letters and of pictures
		return false
	case utf8.RuneError:
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
