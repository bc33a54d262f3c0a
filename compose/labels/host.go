package labels

import (
	"fmt"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// setHosts reads hosts that may carry a path.
func setHosts(d *draft, a argument) error {
	found, err := items(a.value)
	if err != nil {
		return err
	}
	var pairs []pair
	for _, item := range found {
		p, err := hostAndPath(item)
		if err != nil {
			return err
		}
		pairs = append(pairs, p)
	}
	d.pairs = pairs
	return nil
}

func hostAndPath(item string) (pair, error) {
	if _, rest, isURL := strings.Cut(item, "://"); isURL {
		return pair{}, wrong(quote(item)+" is a URL", didYouMean(strings.TrimSuffix(rest, "/")))
	}
	name, rest, slash := strings.Cut(item, "/")
	if name == "" {
		return pair{}, wrong(quote(item)+" is a path", "did you mean "+prefix+"path?")
	}
	name, err := hostPattern(name)
	if err != nil || !slash || rest == "" {
		return pair{host: name}, err
	}
	path := "/" + rest
	return pair{host: name, path: path}, validPrefix(path)
}

// hostPattern reads a host in which the first name may be a *.
func hostPattern(item string) (string, error) {
	if item == "*" {
		return item, nil
	}
	if rest, wild := strings.CutPrefix(item, "*."); wild {
		name, err := hostName(rest)
		if err != nil {
			return "", err
		}
		return "*." + name, nil
	}
	return hostName(item)
}

// hostName reads a name as it stands in requests. International names are
// written in their ASCII form there, xn--…; an underscore is no host's by the
// book (RFC 952), but browsers and Compose know hosts with one.
func hostName(item string) (string, error) {
	name := strings.TrimSuffix(strings.ToLower(item), ".")
	if before, port, has := strings.Cut(name, ":"); has && only(port, digits) {
		return "", wrong(quote(item)+" has a port, and ports count for nothing in "+prefix+"host", didYouMean(before))
	}
	switch {
	case name == "":
		return "", wrong(quote(item) + " is not a host name")
	case len(name) > maxHost:
		return "", wrong(fmt.Sprintf("%s is too long for a host name: %d letters", quote(item), len(name)), fmt.Sprintf("%d at most", maxHost))
	case !isASCII(name):
		return "", wrong(quote(item)+" is not in the form that requests have", "write the ASCII form of the name, which begins with xn--")
	case strings.Contains(name, "*"):
		return "", wrong(quote(item)+" has a * that is not its whole first name", "*.example.com is any one name before it, * any host")
	}
	for part := range strings.SplitSeq(name, ".") {
		switch {
		case part == "":
			return "", wrong(quote(item) + " has two dots together, or one at its beginning")
		case len(part) > maxName:
			return "", wrong(fmt.Sprintf("%s has a name of more than %d letters", quote(item), maxName))
		case !only(part, lowerCase+digits+"-_"):
			return "", wrong(quote(item)+" is not a host name", "letters, digits, hyphens and dots")
		case part[0] == '-' || part[len(part)-1] == '-':
			return "", wrong(quote(item) + " has a name that begins or ends with a hyphen")
		}
	}
	return name, nil
}

// didYouMean proposes a value, unless there is none.
func didYouMean(value string) string {
	if value == "" {
		return ""
	}
	return "did you mean " + quote(value) + "?"
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > '~' })
}

func fitsHost(d *draft) error {
	switch {
	case d.Listen != 0 && !d.Passthrough:
		return wrong("plain TCP has no host", "add "+prefix+"tls: passthrough if clients speak TLS, or take the host away")
	case d.Passthrough && d.hostHasPath():
		return wrong("TLS that is passed through shows no path", "take the path away")
	}
	return nil
}

func fitsPath(d *draft) error {
	if d.hostHasPath() {
		return wrong("the host of this route has a path already", "give hosts without paths, or two routes: "+prefix+"ROUTE.host")
	}
	return nil
}

func fitsTLS(d *draft) error {
	if d.Passthrough && len(d.pairs) == 0 {
		return wrong("needs a host, by which connections are told apart", "add "+prefix+"host; * takes all")
	}
	return nil
}

// setTLS knows one way to treat TLS.
func setTLS(d *draft, a argument) error {
	if a.value != "passthrough" {
		return wrong("is not a way to treat TLS")
	}
	d.Passthrough = true
	return nil
}

// setWWW reads the way in which www. is treated.
func setWWW(d *draft, a argument) error {
	switch way := routing.WWW(strings.ToLower(a.value)); way {
	case routing.AddWWW, routing.RemoveWWW:
		d.WWW = way
		return nil
	}
	return wrong("is neither add nor remove")
}

// fitsWWW wants one host that can have the www.
func fitsWWW(d *draft) error {
	for _, p := range d.pairs {
		if !strings.HasPrefix(p.host, "*") {
			return nil
		}
	}
	return wrong("needs a host without a *", "add "+prefix+"host")
}
