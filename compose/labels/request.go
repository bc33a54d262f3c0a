package labels

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// setRedirect takes https, or a URL.
func setRedirect(d *draft, a argument) error {
	if strings.EqualFold(a.value, "https") {
		d.HTTPS = true
		return nil
	}
	if err := validURL(a.value); err != nil {
		return err
	}
	scheme, rest, _ := strings.Cut(a.value, "://")
	keepPath := !strings.ContainsAny(rest, "/?#")
	d.Redirect = &routing.Redirect{To: strings.ToLower(scheme) + "://" + rest, Code: 308, KeepPath: keepPath}
	return nil
}

func validURL(value string) error {
	if len(value) > maxText {
		return wrong(fmt.Sprintf("is too long: %d letters", len(value)), fmt.Sprintf("%d at most", maxText))
	}
	if err := printable(value); err != nil {
		return err
	}
	address, err := url.Parse(value)
	switch {
	case err != nil || !only(value, pathCharacters+"?#[]"):
		return wrong("is not a URL")
	case address.Scheme != "http" && address.Scheme != "https":
		return wrong("is not a URL that begins with https:// or http://", didYouMeanURL(value))
	case address.User != nil:
		return wrong("has a user in it")
	case strings.HasPrefix(address.Host, "["):
		return nil // an IPv6 address, which url.Parse has looked at
	}
	if port := address.Port(); port != "" {
		if _, err := whole(port, 1, 65535); err != nil {
			return wrong(quote(port) + " is not a port")
		}
	}
	_, err = hostName(address.Hostname())
	return err
}

func didYouMeanURL(value string) string {
	if host, _, _ := strings.Cut(value, "/"); strings.Contains(host, ".") && validURL("https://"+value) == nil {
		return didYouMean("https://" + value)
	}
	return ""
}

func setRedirectCode(d *draft, a argument) error {
	n, err := whole(a.value, 301, 308)
	if err != nil || !slices.Contains([]int{301, 302, 303, 307, 308}, n) {
		return wrong("is not the status of a redirect")
	}
	d.code = n
	return nil
}

func fitsRedirect(d *draft) error {
	if !d.redirects() {
		return wrong("there is no redirect", "add "+prefix+"redirect or "+prefix+"www")
	}
	return nil
}

// redirects tells whether clients are sent elsewhere.
func (d *draft) redirects() bool {
	return d.HTTPS || d.WWW != routing.KeepWWW || d.Redirect != nil && d.Redirect.To != ""
}

// setHeader adds a header, or replaces what a default said of it.
func setHeader(d *draft, a argument, response bool) error {
	if !isToken(a.name) {
		return wrong(quote(a.name)+" is not the name of a header", "letters, digits and hyphens, such as X-Tenant")
	}
	if err := printable(a.value); err != nil {
		return err
	}
	d.Headers = slices.DeleteFunc(slices.Clone(d.Headers), func(h routing.Header) bool {
		return h.Response == response && strings.EqualFold(h.Name, a.name)
	})
	d.Headers = append(d.Headers, routing.Header{Response: response, Name: a.name, Value: a.value})
	return nil
}

// isToken is RFC 9110's.
func isToken(text string) bool {
	return text != "" && len(text) <= maxName && only(text, lowerCase+upperCase+digits+"!#$%&'*+-.^_`|~")
}
