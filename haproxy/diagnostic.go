package haproxy

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Severity tells whether HAProxy refuses a configuration for what it says, or only warns.
type Severity string

// The severities, from HAProxy's tags ALERT and WARNING.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Diagnostic is one thing that HAProxy has to say of a configuration, with where and what to do.
type Diagnostic struct {
	Severity Severity
	File     string `json:",omitempty"` // as HAProxy named it; empty when it gave no position
	Line     int    `json:",omitempty"` // from 1; 0 when unknown

	// Column is the first character to point at, from 1; 0 when unknown. HAProxy counts bytes
	// from 1 (measured on 3.2.26 and 3.4.7), and so does a diagnostic that was not located;
	// a located one counts characters.
	Column int `json:",omitempty"`

	// Length is the number of characters to point at: 1 or more when Column is known.
	Length int `json:",omitempty"`

	Source  string `json:",omitempty"` // the line itself, when known
	Message string // HAProxy's words, without tag, PID, position and hint
	Hint    string `json:",omitempty"` // what to do: HAProxy's idea, or else ours
}

// advice is what to do about messages for which HAProxy itself has no hint. The words are those of
// 3.2.26 and 3.4.7.
var advice = []struct { //nolint:gochecknoglobals // a table that nobody writes to; its regular expressions are compiled once
	message *regexp.Regexp
	hint    string
}{
	{regexp.MustCompile(`^Missing LF on last line`), "end the file with a newline"},
	{regexp.MustCompile(`^unmatched quote`), `close the quote, or write \" for a quote that is part of the text`},
	{regexp.MustCompile(`non-terminated '\.if' block`), "end the block with a line that says .endif"},
	{regexp.MustCompile(`could not resolve address '([^']*)'\.`), "start the container that is called '$1', correct the name, or let HAProxy start without it: init-addr last,libc,none and resolvers on the server line"},
	{regexp.MustCompile(`no such ACL : '([^']*)'`), "define it on a line above: acl $1 …"},
	{regexp.MustCompile(`unable to find required (?:default_backend|use_backend): '([^']*)'`), "add a section that begins with: backend $1, or correct the name"},
	{regexp.MustCompile(`unable to find required resolvers '([^']*)'`), "add a section that begins with: resolvers $1"},
	{regexp.MustCompile(`(?:unable to stat SSL certificate from|error opening) file '([^']*)'`), "make sure that $1 exists inside the container and that HAProxy's user may read it"},
	{regexp.MustCompile(`failed to open pattern file <([^>]*)>`), "make sure that $1 exists inside the container and that HAProxy's user may read it"},
	{regexp.MustCompile(`^Cannot open configuration file/directory (\S+)`), "make sure that $1 exists inside the container and that HAProxy's user may read it"},
	{regexp.MustCompile(`\(Address already in use\)`), "use another port, or stop what listens on this one"},
	{regexp.MustCompile(`\(Cannot assign requested address\)`), "bind to an address of the container; bind :PORT means all of them"},
}

// advise returns our own hint for a message, or nothing.
func advise(message string) string {
	for _, a := range advice {
		if m := a.message.FindStringSubmatchIndex(message); m != nil {
			return string(a.message.ExpandString(nil, a.hint, message, m))
		}
	}
	return ""
}

// locate returns the diagnostics with what the files tell about them.
func locate(diagnostics []Diagnostic, read func(file string) ([]byte, error)) []Diagnostic {
	files := map[string][]string{}
	located := make([]Diagnostic, len(diagnostics))
	for i, d := range diagnostics {
		if d.File != "" && files[d.File] == nil {
			content, err := read(d.File)
			if err != nil {
				content = nil
			}
			files[d.File] = strings.Split(string(content), "\n")
		}
		located[i] = d
		if lines := files[d.File]; d.Line >= 1 && d.Line <= len(lines) {
			located[i] = d.in(strings.TrimSuffix(lines[d.Line-1], "\r"))
		}
	}
	return located
}

// in returns the diagnostic placed in its source line.
func (d Diagnostic) in(line string) Diagnostic {
	if d.Source != "" {
		return d // already counted in characters
	}
	d.Source = line
	start, length := d.Column-1, 1
	if d.Column == 0 {
		if start, length = offending(d.Message, line); length == 0 {
			return d
		}
	}
	start = min(start, len(line))
	end := min(start+length, len(line))
	d.Column = utf8.RuneCountInString(line[:start]) + 1
	d.Length = max(1, utf8.RuneCountInString(line[start:end]))
	return d
}

var (
	// A message names the circumstances first and the cause last.
	clause = regexp.MustCompile(`:\s`)

	got    = regexp.MustCompile(`(?:got|value in) '([^']+)'`)
	quoted = regexp.MustCompile(`'([^']+)'|<([^>]+)>|\(([^()\s]+)\)|\[([^\]]+)\]`)
)

// offending finds the part of a line that a message is about: byte offset and length, which is 0
// when the message names nothing that stands in the line.
func offending(message, line string) (start, length int) {
	clauses := clause.Split(message, -1)
	for i := len(clauses) - 1; i >= 0; i-- {
		named := append(got.FindAllStringSubmatch(clauses[i], -1), quoted.FindAllStringSubmatch(clauses[i], -1)...)
		for _, groups := range named {
			token := strings.Join(groups[1:], "") // only one has matched
			if at := find(line, token); at >= 0 {
				return at, len(token)
			}
		}
	}
	return 0, 0
}

// find returns where a line says token: as the last whole word, since names stand before what they
// stand for ("server web web:80"), or else as a part of a word when there is only one such part.
func find(line, token string) int {
	for end := len(line); end > 0; {
		at := strings.LastIndex(line[:end], token)
		if at < 0 {
			break
		}
		before, _ := utf8.DecodeLastRuneInString(line[:at])
		after, _ := utf8.DecodeRuneInString(line[at+len(token):])
		if !isWord(before) && !isWord(after) {
			return at
		}
		end = at + len(token) - 1
	}
	if strings.Count(line, token) == 1 {
		return strings.Index(line, token)
	}
	return -1
}

func isWord(r rune) bool {
	return r == '_' || r == '-' || r == '.' || unicode.IsLetter(r) || unicode.IsDigit(r)
}
