package haproxy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// record is one row of a table that HAProxy printed, by column name: HAProxy adds columns with
// every release, and not always at the end. Taking a column removes it, so that those which are
// not known remain.
type record struct {
	columns map[string]string
	err     error // the first column that could not be read
}

// newRecord pairs names with fields. What is empty is left out; fields may be missing at the end.
func newRecord(names, fields []string) *record {
	r := &record{columns: make(map[string]string, len(names))}
	for i, name := range names[:min(len(names), len(fields))] {
		if name != "" && fields[i] != "" {
			r.columns[name] = fields[i]
		}
	}
	return r
}

func (r *record) text(name string) string {
	value := r.columns[name]
	delete(r.columns, name)
	return value
}

// textOrDash is text for the tables that print "-" for nothing.
func (r *record) textOrDash(name string) string {
	if value := r.text(name); value != "-" {
		return value
	}
	return ""
}

// number is 0 for an absent or empty column.
func (r *record) number(name string) int64 {
	value := r.text(name)
	if value == "" {
		return 0
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%w: column %s has %q instead of a number", ErrUnexpectedAnswer, name, value)
	}
	return n
}

// printable replaces what a terminal would take for a command: an app may put anything into the
// reason of its HTTP status, which HAProxy passes on as what a check has found.
func (r *record) printable() {
	for name, value := range r.columns {
		r.columns[name] = strings.Map(func(char rune) rune {
			if unicode.IsPrint(char) {
				return char
			}
			return '?'
		}, value)
	}
}

// rest returns the columns that were not taken, nil when there are none.
func (r *record) rest() map[string]string {
	if len(r.columns) == 0 {
		return nil
	}
	return r.columns
}
