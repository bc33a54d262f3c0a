package labels

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Problem is a label that cannot be meant so.
type Problem struct {
	Service string // "" where the label belongs to none
	Place   string // such as deploy.labels; "" is the labels of the service
	Label   string // as written
	Value   string // without the blanks around it; never the content of a file
	Message string // what is wrong
	Hint    string // what is allowed, or what was probably meant
}

// Error names service, label and value, what is wrong and what is allowed, in
// one line if it is short.
func (p Problem) Error() string {
	text := fmt.Sprintf("%s: label %s: %s: %s", p.owner(), plain(p.Label), quote(p.Value), p.Message)
	switch {
	case p.Hint == "":
		return text
	case len(text)+len(p.Hint) < 120:
		return text + "; " + p.Hint
	default:
		return text + "\n  " + p.Hint
	}
}

// owner is what the label stands on.
func (p Problem) owner() string {
	switch {
	case p.Service == "":
		return p.Place
	case p.Place == "":
		return "service " + p.Service
	}
	return "service " + p.Service + ", " + p.Place
}

// complaint is what a rule says of a value.
type complaint struct{ message, hint string }

func (c *complaint) Error() string { return c.message }

// wrong makes a complaint. Without a hint the rule's values are the hint.
func wrong(message string, hint ...string) error {
	return &complaint{message: message, hint: strings.Join(hint, " ")}
}

func problem(label, value string, err error) Problem {
	p := Problem{Label: label, Value: value, Message: err.Error()}
	var c *complaint
	if errors.As(err, &c) {
		p.Hint = c.hint
	}
	return p
}

// ofService puts the problems of a service in the order of its labels.
func ofService(service string, problems []Problem) []Problem {
	for i := range problems {
		problems[i].Service = service
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(a.Label, b.Label) })
	return problems
}

// quote shows foreign text in one line, and not all of it if it is long.
func quote(text string) string {
	const most = 80
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strconv.Quote(text)
}

// plain is a label as it is, if it can be shown so.
func plain(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return quote(text)
	}
	return text
}
