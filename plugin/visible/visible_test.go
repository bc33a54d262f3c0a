package visible

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"gotest.tools/v3/assert"
)

func TestNothingThatActsOnATerminalIsLeft(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "",
		"plain, 100 µs, Ünïcode":    "plain, 100 µs, Ünïcode",
		"a\tb\nc":                   "a\tb\nc",
		`a\x1b`:                     `a\x1b`,
		"bo\x1b[31mgus\x1b]0;x\x07": `bo\x1b[31mgus\x1b]0;x\x07`,
		"a\rb\bc\x00\x7f":           `a\x0db\x08c\x00\u007f`,
		"\u009b31m\u0085":           `\u009b31m\u0085`,
		"\xc2\x9b31m":               `\u009b31m`,
		"\x9b31m":                   `\x9b31m`,
		"a\xff\xc0b":                `a\xff\xc0b`,
		"\u202eabc\u202c":           `\u202eabc\u202c`,
		"\u2066\u2069\u200e\u061c\ufeff\u2028\u00ad": `\u2066\u2069\u200e\u061c\ufeff\u2028\u00ad`,
		"\U000e0041":    `\U000e0041`,
		"\ufffd":        "\ufffd",
		"👩\u200d💻":      "👩\u200d💻",
		"日本語\u00a0text": "日本語\u00a0text",
	} {
		assert.Equal(t, Text(text), want)
		assert.Equal(t, Text(Text(text)), want, "twice is as once")
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\x1b[31m\xff\u202e")
	f.Fuzz(func(t *testing.T, text string) {
		got := Text(text)
		if !utf8.ValidString(got) {
			t.Errorf("%q is not UTF-8", got)
		}
		for _, r := range got {
			if r != '\n' && r != '\t' && (unicode.IsControl(r) || strings.ContainsRune("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", r)) {
				t.Errorf("%q holds %U", got, r)
			}
		}
	})
}
