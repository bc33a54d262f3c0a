package haproxy

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// What follows is accepted by "haproxy -c", and by a start as well (measured on 3.2.26 and 3.4.7):
//
//   - Two lines that listen on one port: the kernel gives each connection to one of them by chance,
//     for HAProxy opens its sockets with SO_REUSEPORT. Where one is more specific than the other (an
//     address, an interface, IPv4 against IPv6), it gets all that it asks for.
//   - A line whose socket has the path of another one's: it takes the other's place in the file
//     system, and that one is not reached again.

// shared finds the lines that would share a port or a socket with an earlier one, or with the master
// CLI.
func shared(files []ConfigFile, in Container) []Diagnostic {
	lines, _ := listenings(files)
	lines = append(in.masters(), lines...)
	var found []Diagnostic
	for i, l := range lines {
		for _, other := range lines[:i] {
			if d, conflict := l.conflict(other); conflict {
				found = append(found, d)
				break
			}
		}
	}
	return append(found, written(files, lines)...)
}

// masters are where the master CLI listens, by HAProxy's command line.
func (in Container) masters() (lines []listening) {
	for _, option := range in.Masters {
		address, options, _ := strings.Cut(option, ",")
		if l, understood := parseListening(address); understood {
			l.section, l.options = masterCLI, strings.Split(options, ",")
			lines = append(lines, l)
		}
	}
	return lines
}

const masterCLI = "the master CLI"

// conflict tells that two lines listen on one place.
func (l listening) conflict(other listening) (d Diagnostic, conflict bool) {
	d = Diagnostic{Severity: Error, File: l.file, Line: l.line}
	switch {
	case l.socket != "" && sameFile(l.socket, other.socket):
		d.Message = fmt.Sprintf("'%s' is the socket of %s: this line would take it over", l.text, other.where(l))
		d.Hint = "give it a path of its own"
		return d, true
	case l.meets(other) && !l.sharesWell(other):
		d.Message = fmt.Sprintf("'%s' listens on the port of %s ('%s'): each connection would go to one of them by chance", l.text, other.where(l), other.text)
		d.Hint = "keep one of the two lines, or give them two ports"
		return d, true
	}
	return d, false
}

// where says which line it is to a person who looks at another one.
func (l listening) where(from listening) string {
	switch {
	case l.section == masterCLI:
		return l.section
	case l.file != from.file:
		return fmt.Sprintf("%s (%s, line %d)", orAPI(l.section), path.Base(l.file), l.line)
	}
	return fmt.Sprintf("%s (line %d)", orAPI(l.section), l.line)
}

// orAPI is the name of a section for people.
func orAPI(section string) string {
	if section == "global" {
		return "the Runtime API"
	}
	return section
}

// meets tells whether a connection may reach the one as well as the other.
func (l listening) meets(other listening) bool {
	if l.port == 0 || l.udp != other.udp || l.last < other.port || other.last < l.port {
		return false
	}
	for _, option := range []string{"interface", "namespace"} {
		if after(l.options, option) != after(other.options, option) {
			return false
		}
	}
	if l.everywhere() && other.everywhere() {
		return l.six == other.six || l.both() || other.both()
	}
	return l.ip == other.ip && l.everywhere() == other.everywhere() && (l.ip.IsValid() || l.host == other.host)
}

// everywhere tells that it listens on all addresses of a family.
func (l listening) everywhere() bool {
	return !l.ip.IsValid() && strings.Trim(l.host, "*0.:") == ""
}

// both tells that a line asks for the connections of both families.
func (l listening) both() bool { return l.six && slices.Contains(l.options, "v4v6") }

// sharesWell tells that it makes no difference which of two lines a connection goes to: lines of one
// section that differ in who serves them, as one makes them for each thread.
func (l listening) sharesWell(other listening) bool {
	return l.section == other.section && l.file == other.file && slices.Equal(l.effect(), other.effect())
}

// effect are the options that a client notices.
func (l listening) effect() []string {
	var kept []string
	for i := 0; i < len(l.options); i++ {
		switch l.options[i] {
		case "thread", "process", "name", "id", "shards", "nbconn", "nice", "maxconn", "backlog":
			i++ // and its value
		case "v4v6", "v6only":
		default:
			kept = append(kept, l.options[i])
		}
	}
	return kept
}

// written finds the files that HAProxy or this program writes or removes and that are sockets.
func written(files []ConfigFile, lines []listening) []Diagnostic {
	var found []Diagnostic
	for _, file := range files {
		for line, words := range statements(file.Content) {
			if len(words) < 2 || words[0] != "pidfile" && words[0] != "server-state-file" {
				continue
			}
			i := slices.IndexFunc(lines, func(l listening) bool { return sameFile(l.socket, strings.Trim(words[1], `"'`)) })
			if i >= 0 {
				found = append(found, Diagnostic{
					Severity: Error, File: file.Name, Line: line,
					Message: fmt.Sprintf("'%s' is the socket of %s: a file would take its place", words[1], lines[i].where(listening{file: file.Name})),
					Hint:    "give it a path of its own",
				})
			}
		}
	}
	return found
}

// sameFile tells whether two paths are one place. /var/run is a link to /run in the images of HAProxy.
func sameFile(one, other string) bool {
	if one == "" || other == "" {
		return false
	}
	return inRun(one) == inRun(other)
}

func inRun(name string) string {
	if path.IsAbs(name) {
		name = path.Clean(name)
	}
	return strings.TrimPrefix(name, "/var")
}

// exposed finds the Runtime APIs that whoever reaches the container may command.
func exposed(files []ConfigFile, in Container) []Diagnostic {
	lines, _ := listenings(files)
	lines = slices.DeleteFunc(lines, func(l listening) bool { return l.section != "global" })
	var found []Diagnostic
	for _, l := range append(lines, in.masters()...) {
		level := after(l.options, "level")
		if l.port == 0 || l.ip.IsLoopback() || l.host == "localhost" || level == "user" {
			continue
		}
		if level == "" {
			level = "operator" // HAProxy's default
		}
		found = append(found, Diagnostic{
			Severity: Warning, File: l.file, Line: l.line,
			Message: fmt.Sprintf("'%s' opens %s at level %s to everybody who reaches it, without a password", l.text, commands(l), level),
			Hint:    "use a socket: /var/run/haproxy/NAME.sock mode 600; docker haproxy needs no port for it",
		})
	}
	return found
}

func commands(l listening) string {
	if l.section == masterCLI {
		return l.section
	}
	return "the Runtime API"
}

// unpublished finds the ports that lead from the host to HAProxy, where it does not listen. What was
// so before is a warning: a reload makes nothing worse.
func unpublished(files []ConfigFile, in Container) []Diagnostic {
	lines, complete := listenings(files)
	if !complete {
		return nil // what is not understood may be what is missing
	}
	lines = append(lines, in.masters()...)
	before, known := listenings(in.Loaded)
	var found []Diagnostic
	for _, port := range in.Published {
		if port.served(lines) {
			continue
		}
		d := Diagnostic{
			Severity: Error,
			Message:  fmt.Sprintf("HAProxy listens on no port %s, which the Compose file publishes (%s)", port.name(), port.Text),
			Hint:     fmt.Sprintf(`add %q to a frontend, or take the port out of "ports:" of the service`, port.bind()),
		}
		if len(in.Loaded) > 0 && known && !port.served(before) {
			d.Severity = Warning
		}
		found = append(found, d)
	}
	return found
}

// PublishedPort is a port of the container that the host publishes.
type PublishedPort struct {
	Port int
	UDP  bool
	Text string // as the Compose file has it: "8080:80"
}

func (p PublishedPort) name() string {
	if p.UDP {
		return fmt.Sprintf("%d/udp", p.Port)
	}
	return fmt.Sprint(p.Port)
}

func (p PublishedPort) bind() string {
	if p.UDP {
		return fmt.Sprintf("bind quic4@:%d", p.Port)
	}
	return fmt.Sprintf("bind :%d", p.Port)
}

// served tells whether one of the lines listens there, on an address that the host can reach.
func (p PublishedPort) served(lines []listening) bool {
	return slices.ContainsFunc(lines, func(l listening) bool {
		return l.udp == p.UDP && l.covers(p.Port) && !l.ip.IsLoopback() && l.host != "localhost" && !slices.Contains(l.options, "v6only")
	})
}
