package labels

import (
	"fmt"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// setBalance takes the algorithms that allow servers to come and go (HAProxy's
// "dynamic" ones; those that hash are it with hash-type consistent).
func setBalance(d *draft, a argument) error {
	words := strings.Fields(a.value)
	switch name, argument := splitBalance(words); {
	case argument == "" && only(name, lowerCase) && isPlainBalance(name):
		d.Balance = name
	case name == "random" && argument != "":
		n, err := whole(argument, 1, 100)
		if err != nil {
			return wrong(fmt.Sprintf("random has an argument that %s", err))
		}
		d.Balance = fmt.Sprintf("random(%d)", n)
	case name == "hdr" && isWord(argument):
		d.Balance = "hdr(" + argument + ")"
	case name == "url_param" && isWord(argument):
		d.Balance = "url_param " + argument
	case name == "hdr" || name == "url_param":
		return wrong(name+" needs a name", "hdr(X-User), url_param user")
	default:
		return wrong("is not a way to balance")
	}
	return nil
}

func isPlainBalance(name string) bool {
	switch name {
	case "roundrobin", "leastconn", "random", "first", "source", "uri":
		return true
	}
	return false
}

// splitBalance takes NAME, NAME(ARGUMENT) and NAME ARGUMENT apart.
func splitBalance(words []string) (name, argument string) {
	joined := strings.Join(words, " ")
	if name, rest, has := strings.Cut(joined, "("); has {
		argument, closed := strings.CutSuffix(rest, ")")
		if !closed {
			return "", ""
		}
		return strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(argument)
	}
	name, argument, _ = strings.Cut(joined, " ")
	return strings.ToLower(name), argument
}

// isWord tells the names that need no quotes anywhere in HAProxy's language.
func isWord(text string) bool {
	return text != "" && len(text) <= maxName && only(text, lowerCase+upperCase+digits+"-_.")
}

// fitsBalance knows the algorithms that look at a request.
func fitsBalance(d *draft) error {
	name, _, _ := strings.Cut(strings.ReplaceAll(d.Balance, "(", " "), " ")
	if d.Listen != 0 && (name == "uri" || name == "hdr" || name == "url_param") {
		return wrong(name+" looks at HTTP, and this route is plain TCP", "roundrobin, leastconn, random, first or source")
	}
	return nil
}

// setSticky takes a boolean or the name of a cookie.
func setSticky(d *draft, a argument) error {
	if on, err := truth(a.value); err == nil {
		d.Sticky = ""
		if on {
			d.Sticky = "SRV"
		}
		return nil
	}
	if !isWord(a.value) {
		return wrong("cannot be the name of a cookie")
	}
	d.Sticky = a.value
	return nil
}

func setProtocol(d *draft, a argument) error {
	d.grpc = false
	switch strings.ToLower(a.value) {
	case "http", "http1", "http/1.1":
		d.Protocol = routing.HTTP1
	case "h2", "h2c", "http2":
		d.Protocol = routing.H2
	case "grpc":
		d.Protocol, d.grpc = routing.H2, true
	case "https", "tls", "ssl":
		return wrong("the app would have to be asked in TLS, which HAProxy does not do for labels", "http, h2 or grpc; or "+prefix+"tls: passthrough")
	default:
		return wrong("is not a protocol that is known")
	}
	return nil
}
