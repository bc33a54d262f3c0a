package routing

import (
	_ "embed"
	"fmt"
	"iter"
	"path"
	"strconv"
	"strings"
)

// Docker's DNS gives an address to whatever bears a name: a container of another
// project on a shared network, a one-off of "docker compose run --use-aliases",
// a container that was connected by hand with that alias. It also tells the name of
// the container behind an address, which it keeps unique. So the check of a server
// asks for that first, by a script of Lua inside HAProxy: what is not a container
// of the service never passes, and never gets a request.

// IdentityFrontend is the one that the script answers the checks in. No client
// reaches it.
const IdentityFrontend = "docker-haproxy-identity"

// IdentityScript is the name of the script, a generated file.
const IdentityScript = "containers.lua"

const containersName = "containers.map" // BACKEND/SERVERS to the names that their containers may have

//go:embed containers.lua
var identityProgram []byte

// identifies tells whether checks ask whose the address of a server is.
func (r Routing) identifies() bool { return r.DNS.Address != "" && len(r.Backends) > 0 }

// identitySocket is where the checks connect to. The kernel keeps such names
// apart by network, and on the host's network there may be several projects.
func (r Routing) identitySocket() string { return "abns@" + IdentityFrontend + "." + r.Project }

// checks tells whether the servers of a backend are checked in any way.
func (r Routing) checks(b Backend) bool { return r.identifies() || !b.Wishes.Check.Off }

// identity writes what the checks ask.
func (w *writer) identity(r Routing) {
	if !r.identifies() {
		return
	}
	w.section("global")
	if !r.OtherLua {
		w.in("tune.lua.bool-sample-conversion normal")
	}
	w.in("lua-load %s %s %s", path.Join(w.folder, IdentityScript), w.file(containersName), r.DNS)
	w.section("frontend %s", IdentityFrontend)
	w.in("mode http")
	w.in("# For the checks of the backends below: whose address has a server? Nothing else reaches it.")
	w.in("bind %s", r.identitySocket())
	w.in("http-request set-log-level silent")
	w.in("http-request use-service lua.whose")
	for _, b := range r.Backends {
		for prefix, s := range b.prefixes() {
			w.entry(containersName, b.Name+"/"+prefix, strings.Join(s.Containers, ","))
		}
	}
}

// String is the address as the script takes it.
func (d DNS) String() string {
	if d.Port == 0 {
		return d.Address
	}
	return d.Address + " " + strconv.Itoa(d.Port)
}

// prefixes are the servers of a backend by what their names begin with.
func (b Backend) prefixes() iter.Seq2[string, Spec] {
	return func(yield func(string, Spec) bool) {
		taken := map[string]bool{}
		for _, s := range b.Servers {
			prefix := s.Service
			for taken[prefix] { // the same service with two ports in one group
				prefix += "-" + fmt.Sprint(s.Port)
			}
			taken[prefix] = true
			if !yield(prefix, s) {
				return
			}
		}
	}
}
