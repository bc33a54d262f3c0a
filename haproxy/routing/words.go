package routing

import (
	"fmt"
	"strings"
	"time"
)

// quote makes one word of a text, whatever is in it (configuration manual, 2.2).
func quote(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune(plainCharacters, r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

const plainCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,=@+*~"

// quoteFormat is quote for where HAProxy reads a log format: % begins an expression there.
func quoteFormat(text string) string { return quote(strings.ReplaceAll(text, "%", "%%")) }

// literalRegex lets a regular expression mean the text itself.
func literalRegex(text string) string {
	var out strings.Builder
	for _, r := range text {
		if strings.ContainsRune(`\.+*?()|[]{}^$`, r) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

// span writes a time as HAProxy reads it.
func span(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", max(1, d.Milliseconds()))
}

// seconds rounds up: a Retry-After of 0 would invite to try at once.
func seconds(d time.Duration) int { return max(1, int((d+time.Second-1)/time.Second)) }
