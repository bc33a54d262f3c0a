package attach

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// Route is a route as a person asks init for it.
type Route struct {
	Host    string // lower case; "" is any host, "*.example.com" any one label before it
	Path    string // prefix; "" is every path
	Listen  int    // plain TCP on this port of HAProxy, in place of HTTP; 0 is HTTP
	Service string
	Port    int // that the app listens on; 0 where it is to be found out
}

// TCP tells whether connections are passed on as they are.
func (r Route) TCP() bool { return r.Listen != 0 }

// Where is the left side of the route, as --route takes it.
func (r Route) Where() string {
	switch {
	case r.TCP():
		return "tcp:" + strconv.Itoa(r.Listen)
	case r.Host == "" && r.Path == "":
		return "*"
	default:
		return r.Host + r.Path
	}
}

// String is the route as --route takes it.
func (r Route) String() string {
	text := r.Where() + "=" + r.Service
	if r.Port != 0 {
		text += ":" + strconv.Itoa(r.Port)
	}
	return text
}

// Flag is what to type for the route. An asterisk is quoted, for shells look
// for files of such names.
func (r Route) Flag() string {
	return "--route " + quoted(r.String())
}

// quoted is a word for a shell.
func quoted(word string) string {
	if strings.ContainsAny(word, "*?~$&'\"();!<>|#[]{}`\\ \t\n") {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}

// ParseRoute reads [HOST][/PATH]=SERVICE[:PORT] or tcp:LISTEN=SERVICE[:PORT].
func ParseRoute(text string) (Route, error) {
	refuse := func(format string, args ...any) (Route, error) {
		return Route{}, &compose.Problem{
			Summary: fmt.Sprintf("--route %q: ", text) + fmt.Sprintf(format, args...),
			Advice:  "Write --route [HOST][/PATH]=SERVICE[:PORT], such as shop.example.com=web, /api=api:3000 or '*=web'; or --route tcp:LISTEN=SERVICE[:PORT].",
		}
	}
	i := strings.LastIndex(text, "=")
	if i < 0 {
		return refuse(`there is no "=" with a service behind it`)
	}
	where, to := text[:i], text[i+1:]
	service, port, hasPort := strings.Cut(to, ":")
	route := Route{Service: service}
	if !serviceName.MatchString(service) {
		return refuse("%q is no name of a service", service)
	}
	if hasPort {
		number, err := portNumber(port)
		if err != nil {
			return refuse("port %v", err)
		}
		route.Port = number
	}
	if listen, ok := strings.CutPrefix(where, "tcp:"); ok {
		number, err := portNumber(listen)
		if err != nil {
			return refuse("the port to listen on %v", err)
		}
		route.Listen = number
		return route, nil
	}
	var err error
	if route.Host, route.Path, err = ParseWhere(where); err != nil {
		return refuse("%v", err)
	}
	return route, nil
}

// ParseWhere reads [HOST][/PATH]; "*" and an empty host are any host, given as "".
func ParseWhere(text string) (host, path string, err error) {
	host, path = text, ""
	if i := strings.Index(text, "/"); i >= 0 {
		host, path = text[:i], text[i:]
	}
	switch host = strings.ToLower(host); {
	case host == "*":
		host = ""
	case len(host) > 1:
		host = strings.TrimSuffix(host, ".")
	}
	if err := validHost(host); err != nil {
		return "", "", err
	}
	if path == "/" {
		path = ""
	}
	if path != "" && !routePath.MatchString(path) {
		return "", "", fmt.Errorf("the path %q has characters that no path of a URL has, or is longer than it", path)
	}
	return host, path, nil
}

var (
	// serviceName is what Compose takes for one.
	serviceName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)
	// hostName is a DNS name, with an asterisk for its first label if need be.
	hostName = regexp.MustCompile(`^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*$`)
	// routePath is a path as it stands in a URL, less the comma, which separates paths in a label.
	routePath = regexp.MustCompile(`^(?:/(?:[A-Za-z0-9._~!$&'()*+;=:@-]|%[0-9A-Fa-f]{2})*)+$`)
)

// validHost tells what is wrong with a host; "" is any host.
func validHost(host string) error {
	switch {
	case host == "":
		return nil
	case strings.Contains(host, ":"):
		return fmt.Errorf("the host %q must have neither a scheme nor a port", host)
	case isAddress(host):
		return nil
	case len(host) > 253 || !hostName.MatchString(host):
		return fmt.Errorf("%q is no host: use a name such as shop.example.com, *.example.com or * (names in other alphabets as xn--...)", host)
	}
	return nil
}

func isAddress(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Is4()
}

func portNumber(text string) (int, error) {
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 || strings.HasPrefix(text, "0") {
		return 0, fmt.Errorf("%q is none: 1 to 65535", text)
	}
	return int(number), nil
}
