package labels

import (
	"strings"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// setCheck replaces what a default said, all but the interval, status and host,
// which have labels of their own.
func setCheck(d *draft, a argument) error {
	check := routing.Check{Host: d.Check.Host, Status: d.Check.Status, Interval: d.Check.Interval}
	on, err := truth(a.value)
	switch {
	case err == nil && !on:
		check.Off = true
	case err == nil || strings.EqualFold(a.value, "http"):
		check.Path = "/"
	case strings.EqualFold(a.value, "tcp"):
		check.TCP = true
	case strings.HasPrefix(a.value, "/"):
		if err := validCheckPath(a.value); err != nil {
			return err
		}
		check.Path = a.value
	default:
		return wrong("is not a check", joinHint(didYouMeanPath(a.value), "a path such as /healthz, tcp, or off"))
	}
	d.Check = check
	return nil
}

func joinHint(hints ...string) string { return strings.TrimSpace(strings.Join(hints, " ")) }

// validCheckPath is that of a path, which may have a query.
func validCheckPath(value string) error {
	path, query, _ := strings.Cut(value, "?")
	if !only(query, pathCharacters+"?") {
		return wrong("has a query with characters that must be percent-encoded")
	}
	return validPath(path)
}

// setCheckStatus writes statuses as HAProxy reads them: 200,204,300-399.
func setCheckStatus(d *draft, a argument) error {
	found, err := items(a.value)
	if err != nil {
		return err
	}
	for _, item := range found {
		low, high, isRange := strings.Cut(item, "-")
		if !isRange {
			high = low
		}
		if !isStatus(low) || !isStatus(high) || low > high {
			return wrong(quote(item) + " is no status and no range of them")
		}
	}
	d.Check.Status = strings.Join(found, ",")
	return nil
}

func isStatus(text string) bool {
	return len(text) == 3 && only(text, digits) && text[0] >= '1' && text[0] <= '5'
}

// setCheckHost takes a host with the port that a Host header may have.
func setCheckHost(d *draft, a argument) error {
	name, port, hasPort := strings.Cut(a.value, ":")
	name, err := hostName(name)
	if err != nil {
		return err
	}
	d.Check.Host = name
	if hasPort {
		if _, err := whole(port, 1, 65535); err != nil {
			return wrong(quote(port) + " is not a port")
		}
		d.Check.Host += ":" + port
	}
	return nil
}

func fitsCheckKind(d *draft) error {
	if d.Listen != 0 && d.Check.Path != "" {
		return wrong("this route is plain TCP, which is checked by a connection", "tcp or off")
	}
	return nil
}

func fitsHTTPCheck(d *draft) error {
	switch {
	case d.Listen != 0:
		return wrong("is for a check by HTTP, and this route is plain TCP", "take it away")
	case d.Check.Off || d.Check.TCP:
		return wrong("is for a check by HTTP, and this route has none", "take it away, or name a path with "+prefix+"check")
	}
	return nil
}

func fitsCheck(d *draft) error {
	if d.Check.Off {
		return wrong("is for a check, and this route has none", "take it away, or "+prefix+"check: off")
	}
	return nil
}
