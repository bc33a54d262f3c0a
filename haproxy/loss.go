package haproxy

import (
	"fmt"
	"slices"
)

// Worse says in words what served before a change and does not after it: frontends that are closed,
// backends of which no server takes requests. It is empty when nobody is worse off. What did not
// serve before, and what is new, does not count, as long as there is something that serves.
func Worse(before, after Readiness) []string {
	var worse []string
	say := func(format string, args ...any) { worse = append(worse, fmt.Sprintf(format, args...)) }
	for _, f := range after.Frontends {
		if f.Status != "OPEN" && slices.Contains(before.Frontends, FrontendReadiness{Name: f.Name, Status: "OPEN"}) {
			say("frontend %s is %s instead of OPEN", f.Name, f.Status)
		}
	}
	if len(before.Frontends) > 0 && len(after.Frontends) == 0 {
		say("there is no frontend any more")
	}
	served, serves := before.serving(), after.serving()
	for _, b := range after.Backends {
		if slices.Contains(served, b.Name) && !slices.Contains(serves, b.Name) {
			say("backend %s: no server takes requests any more", b.Name)
		}
	}
	if len(worse) == 0 && len(served) > 0 && len(serves) == 0 && len(after.Backends) > 0 {
		say("no backend has a server that takes requests any more")
	}
	return worse
}

// serving are the names of the backends of which a server takes requests.
func (r Readiness) serving() []string {
	var names []string
	for _, b := range r.Backends {
		if b.serves() {
			names = append(names, b.Name)
		}
	}
	return names
}

func (b BackendReadiness) serves() bool { return len(b.Up)+len(b.Unchecked)+len(b.pendingUp()) > 0 }
