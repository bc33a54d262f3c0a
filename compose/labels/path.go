package labels

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

func setPaths(d *draft, match routing.Match, value string) error {
	found, err := items(value)
	if err != nil {
		return err
	}
	for _, path := range found {
		check := validPath
		if match == routing.Prefix {
			check = validPrefix
		}
		if err := check(path); err != nil {
			return err
		}
		d.addPath(match, path)
	}
	return nil
}

// pathCharacters are those of RFC 3986: what else there is in a path comes
// percent-encoded.
const pathCharacters = lowerCase + upperCase + digits + "-._~!$&'()*+,;=:@/%"

func validPath(path string) error {
	switch {
	case !strings.HasPrefix(path, "/"):
		return wrong(quote(path)+" does not begin with /", didYouMeanPath(path))
	case len(path) > maxPath:
		return wrong(fmt.Sprintf("is too long: %d letters", len(path)), fmt.Sprintf("%d at most", maxPath))
	case strings.ContainsAny(path, "?#"):
		return wrong(quote(path)+" has a ? or a #, and routes look at the path only", didYouMean(path[:strings.IndexAny(path, "?#")]))
	case only(path, pathCharacters):
		return findable(path)
	case printable(path) != nil:
		return printable(path)
	case strings.ContainsAny(path, `^|\[]{}`):
		return wrong(quote(path)+" is not a path", "did you mean "+prefix+"path-regex?")
	}
	return wrong(quote(path)+" is not in the form that requests have", didYouMean((&url.URL{Path: path}).EscapedPath()))
}

// findable refuses what no request is looked up by.
func findable(path string) error {
	canonical, ok := routing.Canonical(path)
	switch {
	case ok:
		return nil
	case strings.Contains(canonical+"/", "/../"):
		return wrong(quote(path) + " leads upwards: HAProxy refuses such requests where a host has routes by path")
	}
	return wrong(quote(path)+" has an encoding that HAProxy refuses in requests", "% and two hexadecimal digits for each byte, once, of a character that can be printed")
}

// validPrefix knows that /api/* is meant to be /api.
func validPrefix(path string) error {
	if strings.HasSuffix(path, "*") {
		return wrong(quote(path)+" ends with a *, and what is below a path is meant anyhow",
			didYouMean("/"+strings.Trim(path, "*/")))
	}
	return validPath(path)
}

func didYouMeanPath(path string) string {
	if fixed := "/" + path; validPath(fixed) == nil {
		return didYouMean(fixed)
	}
	return ""
}

func setPathRegex(d *draft, a argument) error {
	if err := validRegex(a.value); err != nil {
		return err
	}
	d.addPath(routing.Regex, a.value)
	return nil
}

// validRegex takes what Go reads, which HAProxy's PCRE reads in the same way,
// and the lookaheads that Go has not. What is refused here would be refused by
// HAProxy together with every other expression in the same map.
func validRegex(regex string) error {
	if err := printable(regex); err != nil {
		return err
	}
	switch {
	case len(regex) > maxText:
		return wrong(fmt.Sprintf("is too long: %d letters", len(regex)), fmt.Sprintf("%d at most", maxText))
	case !isASCII(regex):
		return wrong("has letters that are percent-encoded in requests", "write them so: %C3%BC")
	case strings.ContainsAny(regex, " "):
		return wrong("has a blank, which no path has", "a blank is %20 in requests")
	case foreignEscape.MatchString(regex):
		return wrong(`has \Q, \E, \z or \x{}, which are not for here`, `$ is the end of the path; a \ before a character means the character itself`)
	}
	if _, err := compiled(regex); err != nil {
		return wrong("is not a regular expression: "+reason(err), "groups, classes, repetitions, (?=…) and (?!…) as in PCRE")
	}
	return nil
}

// foreignEscape finds what Go reads, and what would reach beyond the expression
// where HAProxy puts more behind it, or means something else to PCRE.
var foreignEscape = regexp.MustCompile(`(^|[^\\])(\\\\)*\\([QEz]|x\{)`)

// compiled reads a regular expression as Go does. A lookahead counts as a group
// that catches nothing.
func compiled(regex string) (*regexp.Regexp, error) {
	return regexp.Compile(strings.NewReplacer(`\\`, `\\`, `\(`, `\(`, `(?=`, `(?:`, `(?!`, `(?:`).Replace(regex))
}

// reason is what is wrong with a regular expression, without the words that Go
// puts before it.
func reason(err error) string {
	return plain(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
}

// setRewrite reads a regular expression and a replacement.
func setRewrite(d *draft, a argument) error {
	if err := printable(a.value); err != nil {
		return err
	}
	words := strings.Fields(a.value)
	if len(words) != 2 {
		return wrong(fmt.Sprintf("has %d words instead of two", len(words)))
	}
	regex, replacement := words[0], words[1]
	if err := validRegex(regex); err != nil {
		return err
	}
	if err := validReplacement(regex, replacement); err != nil {
		return err
	}
	d.Rewrite = &routing.Rewrite{Regex: regex, Replacement: replacement}
	return nil
}

// validReplacement wants a path in which \1 names a group that there is.
func validReplacement(regex, replacement string) error {
	if len(replacement) > maxPath || !only(replacement, pathCharacters+`\?`) {
		return wrong("puts in what cannot be in a path", `letters, digits, -._~!$&'()*+,;=:@/% and \1`)
	}
	most := groups(regex)
	for i := 0; i < len(replacement); i++ {
		if replacement[i] != '\\' {
			continue
		}
		i++
		if i == len(replacement) || !only(replacement[i:i+1], digits) {
			return wrong(`has a \ without the number of a group`)
		}
		if n := int(replacement[i] - '0'); n > most {
			return wrong(fmt.Sprintf(`names the group \%d, and the regular expression has %d`, n, most))
		}
	}
	return nil
}

func groups(regex string) int {
	expression, err := compiled(regex)
	if err != nil {
		return 0
	}
	return expression.NumSubexp()
}

// fitsNoCase wants a path: hosts have no case anyway.
func fitsNoCase(d *draft) error {
	if len(d.Paths) == 0 && !d.hostHasPath() {
		return wrong("is about paths, and there is none", "add "+prefix+"path, or a path to the host")
	}
	return nil
}

func fitsStrip(d *draft) error {
	if d.Strip && !d.hasPrefix() {
		return wrong("there is no path prefix to take off", "add "+prefix+"path, or a path to the host")
	}
	return nil
}
