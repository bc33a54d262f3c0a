package haproxy

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Carriage is how a configuration that serves in a container's network is served once more on the
// host's, beside it: by a second HAProxy, for a moment, to compare the two. Only what the network
// takes is changed: where it listens, and the addresses of servers, which have no DNS there.
type Carriage struct {
	// Entrances are the listeners that people may still come in by, and where those are. All other
	// ones become UNIX sockets.
	Entrances map[Listener]string
	// Sockets is the folder of those.
	Sockets string
	// Servers are where each server is, and what it is told to do, at this moment.
	Servers []ServerState
	// Script is the path of the one Lua script that is known to do nothing beside serving; "" is none.
	Script string
}

// NotCarried is the reason for which a configuration does not work on the host's network, or would
// do more there than to serve.
type NotCarried struct {
	File string
	Line int
	Why  string
}

func (n *NotCarried) Error() string { return fmt.Sprintf("%s line %d: %s", n.File, n.Line, n.Why) }

// Carry changes the files, which stay as they are in everything else.
func (c Carriage) Carry(files []ConfigFile) ([]ConfigFile, error) {
	w := carrying{Carriage: c, opened: map[Listener]bool{}, placed: map[namedServer]bool{}, abstract: map[string]bool{}}
	for _, file := range files {
		w.listeners = append(w.listeners, Listeners(file.Content)...)
	}
	w.noteChecked(files)
	var carried []ConfigFile
	for _, file := range files {
		content, err := w.file(file)
		if err != nil {
			return nil, err
		}
		carried = append(carried, ConfigFile{Name: file.Name, Content: content})
	}
	for entrance := range c.Entrances {
		if !w.opened[entrance] {
			return nil, fmt.Errorf("no bind line of %s is understood that opens port %d", entrance.Proxy, entrance.Port)
		}
	}
	for _, s := range c.Servers {
		if s.AdminState&Maintenance == 0 && !w.placed[namedServer{s.Backend, s.Server}] {
			return nil, fmt.Errorf("server %s of backend %s is not in the configuration, but was added at run time", s.Server, s.Backend)
		}
	}
	return carried, nil
}

// noteChecked finds the sockets with a name that checks of the same files connect to. They
// keep their names.
func (w *carrying) noteChecked(files []ConfigFile) {
	connected := map[string]bool{}
	for _, file := range files {
		for _, words := range statements(file.Content) {
			if n := slices.Index(words, "addr"); n >= 0 && n+1 < len(words) {
				connected[words[n+1]] = true
			}
		}
	}
	lines, _ := listenings(files)
	for _, l := range lines {
		w.abstract[l.socket] = strings.HasPrefix(l.socket, "abns@") && connected[l.socket]
	}
}

type namedServer struct{ backend, server string }

// carrying is a Carriage under way.
type carrying struct {
	Carriage

	listeners []Listener // that the files have
	sockets   int        // made
	opened    map[Listener]bool
	placed    map[namedServer]bool
	abstract  map[string]bool // sockets with a name (abns@NAME) that the files listen on and checks connect to

	kind, name string // of the section
}

func (w *carrying) file(file ConfigFile) ([]byte, error) {
	var out strings.Builder
	number := 0
	for line := range strings.Lines(string(file.Content)) {
		number++
		text := strings.TrimRight(uncomment(strings.TrimRight(line, "\r\n")), " \t")
		words := strings.Fields(text)
		if len(words) == 0 {
			out.WriteString(line)
			continue
		}
		changed, why := w.line(text, words)
		switch {
		case why != "":
			return nil, &NotCarried{File: file.Name, Line: number, Why: why}
		case changed == text:
			out.WriteString(line)
		default:
			out.WriteString(changed + "\n")
		}
	}
	return []byte(out.String()), nil
}

// line gives the lines that take the place of one, or why there are none. text is without a comment.
func (w *carrying) line(text string, words []string) (changed, why string) {
	if isSection(words[0]) {
		w.kind, w.name = words[0], ""
		if len(words) > 1 {
			w.name = words[1]
		}
		return text, sectionDoesMore(words[0])
	}
	if why := w.doesMore(words); why != "" {
		return "", why
	}
	switch {
	case words[0] == "bind" && len(words) > 1:
		return w.bind(text, words)
	case w.kind == "global" && words[0] == "stats" && len(words) > 2 && words[1] == "socket" && !isSocketPath(words[2]):
		return replaceWord(text, 2, w.socket()), ""
	case w.kind == "peers" && len(words) > 1 && !isSocketPath(words[len(words)-1]): // a socket is of its own container
		return "", "a second HAProxy would take part among the peers"
	case w.kind == "peers":
		return text, ""
	case words[0] == "server" && w.kind == "ring":
		return "", "a second HAProxy would send to the log's receivers as well"
	case words[0] == "server" && len(words) > 2:
		return w.server(text, words)
	case words[0] == "server-template" && len(words) > 3:
		return w.template(text, words)
	}
	return text, ""
}

// sectionDoesMore tells what a section would do beside serving; "" where it does nothing else.
func sectionDoesMore(kind string) string {
	switch kind {
	case "mailers":
		return "a second HAProxy would send mail as well"
	case "program":
		return "a second HAProxy would start the program again"
	case "log-forward":
		return "a second HAProxy would pass logs on as well"
	case "acme":
		return "a second HAProxy would ask for certificates as well"
	}
	return ""
}

// doesMore tells what a line would do beside serving, or would do to others on the host's network.
func (w *carrying) doesMore(words []string) string {
	if n := slices.IndexFunc(words, isOCSPUpdate); n >= 0 && n+1 < len(words) && words[n+1] == "on" {
		return "a second HAProxy would fetch OCSP answers as well"
	}
	second := ""
	if len(words) > 1 {
		second = strings.Trim(words[1], `"'`)
	}
	switch words[0] {
	case "external-check":
		return "a second HAProxy would run the external check as well"
	case "source", "dispatch":
		return fmt.Sprintf("%s names an address, which is another one on the host's network", words[0])
	case "lua-load", "lua-load-per-thread":
		if second == "" || second != w.Script {
			return "what Lua does besides is not known"
		}
	case "default-path":
		if second != "current" {
			return "paths are relative to where the files are"
		}
	case "log":
		if logsOverNetwork(second) {
			return fmt.Sprintf("the log goes to %s, which on the host's network is another place", second)
		}
	case "http-request", "http-response", "tcp-request", "tcp-response", "http-after-response":
		for _, word := range words[1:] {
			if action, _, _ := strings.Cut(word, "("); action == "do-resolve" || action == "set-dst" || action == "set-dst-port" {
				return fmt.Sprintf("%s chooses an address when a request comes", action)
			}
		}
	case "server", "server-template", "default-server", "tcp-check", "http-check":
		for n, word := range words[:len(words)-1] {
			if word == "source" {
				return "source names an address, which is another one on the host's network"
			}
			if slices.Contains([]string{"addr", "agent-addr", "socks4"}, word) && !isElsewhere(words[n+1]) && !w.abstract[words[n+1]] {
				return fmt.Sprintf("%s %s is another place on the host's network", word, words[n+1])
			}
		}
	}
	return ""
}

// isOCSPUpdate tells whether a word switches the fetching of OCSP answers, for all certificates or for
// those of a bind line.
func isOCSPUpdate(word string) bool {
	return slices.Contains([]string{"ocsp-update", "ocsp-update.mode", "tune.ssl.ocsp-update.mode"}, word)
}

// logsOverNetwork tells whether a log target is an address.
func logsOverNetwork(target string) bool {
	switch {
	case target == "", target == "global", target == "stdout", target == "stderr", isSocketPath(target):
		return false
	}
	protocol, _, _ := strings.Cut(target, "@")
	return !slices.Contains([]string{"fd", "ring", "backend"}, protocol)
}

// isElsewhere tells whether a text is an IP address, with or without a port, that is the same on the
// host's network as in a container's.
func isElsewhere(text string) bool {
	text = strings.Trim(text, `"'`)
	ip, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if address, portErr := netip.ParseAddrPort(text); portErr == nil {
		ip, err = address.Addr(), nil
	}
	return err == nil && isOthers(ip)
}

// isOthers tells whether an address is not that of whoever uses it.
func isOthers(ip netip.Addr) bool {
	ip = ip.Unmap()
	return !ip.IsLoopback() && !ip.IsUnspecified()
}

func isSocketPath(address string) bool {
	address = strings.Trim(address, `"'`)
	if protocol, rest, found := strings.Cut(address, "@"); found && (protocol == "unix" || protocol == "uxst") {
		address = rest
	}
	return strings.HasPrefix(address, "/")
}

// bind moves a bind line's addresses. Those of QUIC go without a place of their own: nothing else
// than TCP is compared.
func (w *carrying) bind(text string, words []string) (changed, why string) {
	for _, option := range []string{"interface", "namespace"} {
		if slices.Contains(words[2:], option) {
			return "", fmt.Sprintf("a bind with %s is another place on the host's network", option)
		}
	}
	var moved []string
	for address := range strings.SplitSeq(strings.Trim(words[1], `"'`), ",") {
		switch {
		case isSocketPath(address), w.abstract[address]:
			moved = append(moved, address)
		case strings.HasPrefix(address, "quic"):
		default:
			moved = append(moved, w.place(address, slices.Contains(words[2:], "ssl")))
		}
	}
	if len(moved) == 0 {
		return "# " + strings.TrimSpace(text), ""
	}
	return replaceWord(text, 1, strings.Join(moved, ",")), ""
}

// place is where a listener of this section is now.
func (w *carrying) place(address string, secured bool) string {
	for _, listener := range w.listeners {
		colon := strings.LastIndex(address, ":")
		own := listener.Proxy == w.name && listener.TLS == secured &&
			address[colon+1:] == strconv.Itoa(listener.Port) && boundTo(address[:max(colon, 0)]) == listener.Host
		if to, opens := w.Entrances[listener]; own && opens && !w.opened[listener] {
			w.opened[listener] = true
			return to
		}
	}
	return w.socket()
}

// socket is the path of a new socket.
func (w *carrying) socket() string {
	w.sockets++
	return path.Join(w.Sockets, fmt.Sprintf("%d.sock", w.sockets))
}

func (w *carrying) server(text string, words []string) (changed, why string) {
	if isSocketPath(words[2]) {
		w.placed[namedServer{w.name, words[1]}] = true
		return text, ""
	}
	if protocol, _, found := strings.Cut(strings.Trim(words[2], `"'`), "@"); found && protocol != "ipv4" && protocol != "ipv6" {
		return "", fmt.Sprintf("an address of the kind %s@ is not understood", protocol)
	}
	address, options, why := w.whereIs(words[1])
	return replaceWord(text, 2, address) + options, why
}

// template writes the servers one by one: without DNS there is nobody to fill a template.
func (w *carrying) template(text string, words []string) (changed, why string) {
	first, last, isRange := strings.Cut(words[2], "-")
	if !isRange {
		first, last = "1", first
	}
	from, fromErr := strconv.Atoi(first)
	to, toErr := strconv.Atoi(last)
	if fromErr != nil || toErr != nil {
		return "", fmt.Sprintf("how many servers %s are is not understood", words[2])
	}
	var lines []string
	indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
	for n := from; n <= to; n++ {
		name := words[1] + strconv.Itoa(n)
		address, options, why := w.whereIs(name)
		if why != "" {
			return "", why
		}
		lines = append(lines, indent+strings.Join(append([]string{"server", name, address}, words[4:]...), " ")+options)
	}
	return strings.Join(lines, "\n"), ""
}

// nowhere stands for the address of a server that has none. It gets neither requests nor checks:
// it is disabled.
const nowhere = "0.0.0.0:1"

// whereIs is a server's address of this moment, and the options by which it does what it is told to
// do now, beside those of the configuration.
func (w *carrying) whereIs(server string) (address, options, why string) {
	w.placed[namedServer{w.name, server}] = true
	i := slices.IndexFunc(w.Servers, func(s ServerState) bool { return s.Backend == w.name && s.Server == server })
	if i < 0 || w.Servers[i].Addr == "" {
		return nowhere, " disabled", ""
	}
	s := w.Servers[i]
	ip, err := netip.ParseAddr(s.Addr)
	if err != nil || !isOthers(ip) {
		return "", "", fmt.Sprintf("server %s of backend %s is at %s, which on the host's network is another place", server, w.name, s.Addr)
	}
	address = ip.String()
	if s.Port > 0 {
		address = netip.AddrPortFrom(ip, uint16(s.Port)).String()
	}
	return address, s.orders(), ""
}

// orders are what the server is told at run time, as options of a configuration.
func (s ServerState) orders() string {
	switch {
	case s.AdminState&Maintenance != 0:
		return " disabled"
	case s.AdminState&Drain != 0:
		return " weight 0"
	case s.Weight != s.InitialWeight:
		return fmt.Sprintf(" weight %d", s.Weight)
	}
	return ""
}

// replaceWord puts another word into the place of the one with an index.
func replaceWord(text string, index int, with string) string {
	rest := text
	for ; ; index-- {
		rest = strings.TrimLeft(rest, " \t")
		end := strings.IndexAny(rest, " \t")
		if end < 0 {
			end = len(rest)
		}
		if index == 0 {
			return text[:len(text)-len(rest)] + with + rest[end:]
		}
		rest = rest[end:]
	}
}

// CommandWith is a command line with other configurations in the place of its own, and without the
// master CLI at an address of the network; found is false where it names no configuration.
func CommandWith(args, configs []string) (command []string, found bool) {
	for len(args) > 0 {
		if opensMasterPort(args) {
			args = args[2:]
			continue
		}
		width := configWidth(args)
		if width == 0 {
			command, args = append(command, args[0]), args[1:]
			continue
		}
		for _, config := range configs {
			command = append(command, "-f", config)
		}
		configs, found, args = nil, true, args[width:]
	}
	return command, found
}

// opensMasterPort tells whether the first two arguments open the master CLI elsewhere than at a path.
func opensMasterPort(args []string) bool {
	if args[0] != "-S" || len(args) < 2 {
		return false
	}
	address, _, _ := strings.Cut(args[1], ",")
	return !isSocketPath(address)
}

// configWidth is how many arguments, from the first on, name configurations.
func configWidth(args []string) int {
	switch {
	case args[0] == "-f" && len(args) > 1:
		return 2
	case args[0] == "--":
		return len(args)
	}
	return 0
}
