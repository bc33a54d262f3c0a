package haproxy

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A reload in which the new worker cannot listen somewhere is the one failure that costs requests:
// HAProxy tries for two seconds, and the old worker refuses connections meanwhile (measured on
// 3.2.26 and 3.4.7). "haproxy -c" does not try to listen, so that this is looked at beforehand.

// listening is a place where a configuration wants to listen.
type listening struct {
	file    string
	line    int
	section string     // such as "frontend web", or "global" for the Runtime API
	text    string     // the address as it is written
	options []string   // what stands behind it
	socket  string     // path of a UNIX socket, or abns@NAME; "" otherwise
	host    string     // the address as it is written, without a port and a protocol
	six     bool       // of IPv6
	ip      netip.Addr // invalid where it is all of them, or a name
	udp     bool
	port    int // the first one; 0 where there is none
	last    int // the last one of a range, or the same
}

// Network is what the kernel tells of the network that a container sees.
type Network struct {
	Addresses []netip.Addr // its own
	Ports     []int        // TCP ports that somebody listens on
	Foreign   bool         // addresses that are not its own may be listened on
	LowPorts  int          // ports below this one need the capability that follows
	MayBind   bool         // HAProxy has CAP_NET_BIND_SERVICE
	Host      bool         // it is the network of the engine's machine
	Worker    int          // the newest worker process, 0 where it is not known
}

func (l listening) covers(port int) bool { return l.port > 0 && l.port <= port && port <= l.last }

// free tells that it need not be an address of the machine.
func (l listening) free() bool { return slices.Contains(l.options, "transparent") }

// listenings are the places where a configuration wants to listen. What is not understood
// (variables, file descriptors, abstract sockets) is left out, and everything where lines may not
// count (.if) or mean something else (unix-bind puts a prefix before paths). complete tells whether
// there are no other places than those.
func listenings(files []ConfigFile) (found []listening, complete bool) {
	complete = true
	for _, file := range files {
		section, begins, off := "", 0, false
		for line, words := range statements(file.Content) {
			var addresses, options []string
			switch {
			case isSection(words[0]):
				section, begins, off = strings.Join(words[:min(2, len(words))], " "), len(found), false
			case words[0] == "disabled":
				found, off = found[:begins], true // none of the section's lines counts
			case off:
			case (words[0] == "bind" || words[0] == "dgram-bind") && len(words) > 1:
				addresses, options = strings.Split(words[1], ","), words[2:]
			case section == "global" && words[0] == "stats" && len(words) > 2 && words[1] == "socket":
				addresses, options = strings.Split(words[2], ","), words[3:]
			case words[0] == "unix-bind" || words[0] == ".if":
				return nil, false
			case strings.HasPrefix(section, "peers") && words[0] == "peer" && len(words) > 2 && !isSocketPath(words[2]):
				complete = false // the one that bears this HAProxy's own name listens
			}
			for _, address := range addresses {
				l, understood := parseListening(strings.Trim(address, `"'`))
				if !understood {
					complete = false
					continue
				}
				l.file, l.line, l.section, l.options = file.Name, line, section, options
				l.udp = l.udp || words[0] == "dgram-bind"
				found = append(found, l)
			}
		}
	}
	return found, complete
}

var addressProtocol = regexp.MustCompile(`^([a-z0-9+]+)@`)

// parseListening reads one address (configuration manual, "bind" and 11., "Address formats").
func parseListening(text string) (l listening, understood bool) {
	l.text = text
	protocol := ""
	if m := addressProtocol.FindStringSubmatch(text); m != nil {
		protocol, text = m[1], text[len(m[0]):]
	}
	if text == "" || strings.ContainsAny(text, "$\"'\\") {
		return l, false
	}
	switch protocol {
	case "unix", "uxst", "uxdg":
		l.socket = text
		return l, strings.HasPrefix(text, "/")
	case "abns", "abnsz":
		l.socket = "abns@" + text
		return l, true
	case "", "ipv4", "ipv6", "tcp", "tcp4", "tcp6", "mptcp", "mptcp4", "mptcp6":
	case "quic4", "quic6", "quic", "udp", "udp4", "udp6":
		l.udp = true
	default:
		return l, false
	}
	l.six = strings.HasSuffix(protocol, "6")
	if strings.HasPrefix(text, "/") {
		l.socket = text
		return l, true
	}
	return parseIP(l, text)
}

func parseIP(l listening, text string) (listening, bool) {
	colon := strings.LastIndex(text, ":")
	if colon < 0 {
		return l, false
	}
	l.host = strings.Trim(text[:colon], "[]")
	l.six = l.six || strings.Contains(l.host, ":")
	first, last, isRange := strings.Cut(text[colon+1:], "-")
	if !isRange {
		last = first
	}
	var err, lastErr error
	l.port, err = strconv.Atoi(first)
	l.last, lastErr = strconv.Atoi(last)
	if ip, err := netip.ParseAddr(l.host); err == nil && !ip.IsUnspecified() {
		l.ip = ip
	}
	return l, err == nil && lastErr == nil && l.port <= l.last
}

// unbindable says what a new worker could not listen on. Where HAProxy listens already, a new worker
// takes the socket over.
func unbindable(files []ConfigFile, in Container) []Diagnostic {
	ours, complete := listenings(in.Loaded)
	if !complete {
		in.LoadedBy = 0 // whose port is whose cannot be told
	}
	wanted, _ := listenings(files)
	var found []Diagnostic
	for _, l := range wanted {
		if slices.ContainsFunc(ours, func(our listening) bool { return our.text == l.text }) {
			continue
		}
		if why, hint := l.prevented(in, ours); why != "" {
			found = append(found, Diagnostic{Severity: Error, File: l.file, Line: l.line, Message: fmt.Sprintf("cannot listen on '%s': %s", l.text, why), Hint: hint})
		}
	}
	return found
}

// prevented tells what keeps HAProxy from listening there, and what to do; "" where nothing is known
// to. ours are the places where it listens.
func (l listening) prevented(in Container, ours []listening) (why, hint string) {
	if l.socket != "" {
		if folder := path.Dir(l.socket); path.IsAbs(l.socket) && in.Writable != nil && !in.Writable(folder) {
			return fmt.Sprintf("HAProxy may not write to %s in its container", folder), "use a folder that exists there and belongs to HAProxy's user, such as that of the other sockets"
		}
		return "", ""
	}
	if in.Network == nil {
		return "", ""
	}
	network := in.Network()
	switch {
	case l.ip.IsValid() && !l.ip.IsLoopback() && !l.free() && !network.Foreign && len(network.Addresses) > 0 && !slices.Contains(network.Addresses, l.ip):
		return fmt.Sprintf("%s is not an address of %s", l.ip, network.owner()), "bind to :" + strconv.Itoa(l.port) + ", which means all of its addresses; which ones of the machine lead to it is for \"ports:\" to say"
	case l.port > 0 && l.port < network.LowPorts && !network.MayBind:
		return fmt.Sprintf("HAProxy's user may not listen on ports below %d%s", network.LowPorts, network.ofWhom()), network.wayToLowPort(l.port)
	case !l.udp && network.Worker > 0 && network.Worker == in.LoadedBy && l.taken(network.Ports, ours):
		return "another process listens on that port", "use another port, or stop what listens on this one"
	}
	return "", ""
}

// owner is whose addresses they are.
func (n Network) owner() string {
	if n.Host {
		return "this machine"
	}
	return "the container"
}

// ofWhom says whose ports they are, where they are not the container's own.
func (n Network) ofWhom() string {
	if n.Host {
		return " of this machine"
	}
	return ""
}

// wayToLowPort is what to do about a port that is for root only. A container on
// the host's network cannot be given the setting that others have, and
// capabilities do not reach a user without root (measured on Docker 20.10).
func (n Network) wayToLowPort(port int) string {
	if !n.Host {
		return "use a higher port, and map it with \"ports:\""
	}
	return fmt.Sprintf("use a higher port, such as %d; or let every user of this machine listen on low ones: sudo sysctl -w net.ipv4.ip_unprivileged_port_start=%d", port+8000, port)
}

// taken tells whether somebody else listens on one of the ports.
func (l listening) taken(ports []int, ours []listening) bool {
	return slices.ContainsFunc(ports, func(port int) bool {
		return l.covers(port) && !slices.ContainsFunc(ours, func(our listening) bool { return !our.udp && our.covers(port) })
	})
}

var (
	localAddress = regexp.MustCompile(`\|-- (\S+)\n\s+/32 host LOCAL`)
	effective    = regexp.MustCompile(`CapEff:\s*([0-9a-f]+)`)
)

// capNetBindService is the bit of CAP_NET_BIND_SERVICE (capabilities(7)).
const capNetBindService = 1 << 10

// ParseNetwork reads /proc/net/fib_trie, /proc/net/if_inet6, the listening lines of /proc/net/tcp and
// tcp6, /proc/sys/net/ipv4/ip_nonlocal_bind and ip_unprivileged_port_start, and /proc/PID/status and
// task/PID/children of HAProxy's master. What is missing is taken for harmless.
func ParseNetwork(fibTrie, ifInet6, tcp, nonLocal, lowPorts, status, children string) Network {
	n := Network{Foreign: strings.TrimSpace(nonLocal) == "1", LowPorts: number(strings.TrimSpace(lowPorts)), MayBind: true}
	for _, match := range localAddress.FindAllStringSubmatch(fibTrie, -1) {
		if ip, err := netip.ParseAddr(match[1]); err == nil {
			n.Addresses = append(n.Addresses, ip)
		}
	}
	for line := range strings.Lines(ifInet6) {
		digits, _, _ := strings.Cut(line, " ")
		raw, err := hex.DecodeString(digits)
		if ip, ok := netip.AddrFromSlice(raw); ok && err == nil {
			n.Addresses = append(n.Addresses, ip)
		}
	}
	for line := range strings.Lines(tcp) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		port, err := strconv.ParseUint(fields[1][strings.LastIndex(fields[1], ":")+1:], 16, 16)
		if err == nil {
			n.Ports = append(n.Ports, int(port))
		}
	}
	if match := effective.FindStringSubmatch(status); match != nil {
		capabilities, err := strconv.ParseUint(match[1], 16, 64)
		n.MayBind = err != nil || capabilities&capNetBindService != 0
	}
	if workers := strings.Fields(children); len(workers) > 0 {
		n.Worker = number(workers[len(workers)-1])
	}
	return n
}
