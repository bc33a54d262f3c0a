package labels

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	lowerCase = "abcdefghijklmnopqrstuvwxyz"
	upperCase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits    = "0123456789"
)

// The most that texts may have. HAProxy reads maps and lines into buffers of
// 16 KiB and does not say that something was cut.
const (
	maxName  = 63 // a DNS label's, for the names of routes and groups too
	maxHost  = 253
	maxPath  = 1024
	maxText  = 1024
	maxValue = 4096
)

// only tells whether a text has no other characters than these.
func only(text, characters string) bool { return strings.Trim(text, characters) == "" }

// list splits at commas and blanks.
func list(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

// items are those of a list that has some: "," has none.
func items(value string) ([]string, error) {
	found := list(value)
	if len(found) == 0 {
		return nil, wrong("is empty")
	}
	return found, nil
}

// truth reads a boolean in the ways in which YAML writes one.
func truth(value string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, wrong("is neither true nor false")
}

func setBool(set func(*draft, bool)) func(*draft, argument) error {
	return func(d *draft, a argument) error {
		on, err := truth(a.value)
		if err == nil {
			set(d, on)
		}
		return err
	}
}

// whole reads a number that has digits only: no +, no blanks, no 1e3.
func whole(value string, least, most int) (int, error) {
	n, err := strconv.Atoi(value)
	switch {
	case !only(strings.TrimPrefix(value, "-"), digits) || value == "":
		return 0, wrong("is not a whole number")
	case err != nil || n < least || n > most:
		return 0, wrong(fmt.Sprintf("is not between %d and %d", least, most))
	}
	return n, nil
}

func setNumber(least, most int, set func(*draft, int)) func(*draft, argument) error {
	return func(d *draft, a argument) error {
		n, err := whole(a.value, least, most)
		if err == nil {
			set(d, n)
		}
		return err
	}
}

// span is a time as HAProxy counts it.
type span = time.Duration

// maxSpan is the longest that HAProxy's timers hold: 2^31 milliseconds.
const maxSpan = math.MaxInt32 * time.Millisecond

// duration reads a time as HAProxy writes it, such as 500ms. A bare number,
// which HAProxy takes for milliseconds, is refused: most who write one mean
// seconds.
func duration(value string) (span, error) {
	unit := strings.TrimLeft(value, digits)
	number := strings.TrimSuffix(value, unit)
	size, known := map[string]span{
		"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	}[unit]
	n, err := strconv.ParseInt(number, 10, 64)
	switch {
	case number == "":
		return 0, wrong("is not a time")
	case unit == "":
		return 0, wrong("has no unit", fmt.Sprintf("did you mean %ss or %sms?", number, number))
	case !known:
		return 0, compound(value, unit)
	case n == 0:
		return 0, wrong("is no time at all")
	case err != nil || n > int64(maxSpan/size):
		return 0, wrong("is too long", "24d at most")
	}
	return span(n) * size, nil
}

// compound is about 1m30s and the like, which HAProxy does not read.
func compound(value, unit string) error {
	whole, err := time.ParseDuration(value)
	if err != nil || whole <= 0 || whole > maxSpan || whole%time.Millisecond != 0 {
		return wrong("has a unit that is not known: " + quote(unit))
	}
	if whole%time.Second == 0 {
		return wrong("has more than one number", fmt.Sprintf("did you mean %ds?", whole/time.Second))
	}
	return wrong("has more than one number", fmt.Sprintf("did you mean %dms?", whole/time.Millisecond))
}

func setDuration(set func(*draft, span)) func(*draft, argument) error {
	return func(d *draft, a argument) error {
		t, err := duration(a.value)
		if err == nil {
			set(d, t)
		}
		return err
	}
}

// printable tells whether a text can stand in a line: no control characters, no
// invisible ones that turn the direction of writing or look like blanks.
func printable(text string) error {
	switch {
	case len(text) > maxValue:
		return wrong(fmt.Sprintf("is too long: %d bytes", len(text)), fmt.Sprintf("%d at most", maxValue))
	case !utf8.ValidString(text):
		return wrong("is not UTF-8")
	}
	for _, r := range text {
		switch {
		case r == '\n' || r == '\r':
			return wrong("has more than one line")
		case !unicode.IsPrint(r):
			return wrong(fmt.Sprintf("has a character that cannot be printed: %U", r))
		}
	}
	return nil
}

// setGroup checks the name of a group, which becomes one of a backend.
func setGroup(d *draft, a argument) error {
	if !isRouteName(a.value) {
		return wrong("cannot be the name of a group")
	}
	d.Group = a.value
	return nil
}

// setNetwork checks a key as Compose allows it; whether there is such a network
// is for those to say who have the project.
func setNetwork(d *draft, a argument) error {
	if !only(a.value, lowerCase+upperCase+digits+"._-") {
		return wrong("cannot be the key of a network")
	}
	d.network = a.value
	return nil
}

func fitsGroup(d *draft) error {
	if d.Group == "" {
		return wrong("counts among the services of a group, and this one is in none", "add "+prefix+"group to all that share the requests")
	}
	return nil
}
