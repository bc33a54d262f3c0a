package compose

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// listener tells whether a process of this machine listens on a TCP port, and
// which one, as far as this user may see it. The tables in /proc are read
// instead of trying to bind: low ports need root, and a try would be a listener
// itself for a moment.
func listener(want HostPort) (process, bool) {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if inode, found := listening(table, want); found {
			return processOf(inode), true
		}
	}
	return process{}, false
}

// tcpListen is the state of a listening socket in /proc/net/tcp (proc(5)).
const tcpListen = "0A"

// listening looks a port up in a table, in which listeners come first and then
// connections, of which there may be thousands, such as
//
//	sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//	 0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 28113 …
func listening(table string, want HostPort) (inode string, found bool) {
	file, err := os.Open(table)
	if err != nil {
		return "", false
	}
	defer func() { _ = file.Close() }() // only read
	lines := bufio.NewScanner(file)
	for lines.Scan(); lines.Scan(); { // without the titles
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != tcpListen {
			break
		}
		if local, err := parseProcAddr(fields[1]); err == nil && want.Overlaps(local.Addr(), local.Port()) {
			return fields[9], true
		}
	}
	return "", false
}

// parseProcAddr reads "0100007F:1F90": the address as 32-bit words in the
// machine's byte order (little endian on all that Docker runs on but s390x),
// the port as a number.
func parseProcAddr(text string) (netip.AddrPort, error) {
	addrText, portText, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(addrText)
	if err != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, fmt.Errorf("no address: %q", text)
	}
	for word := range slices.Chunk(raw, 4) {
		slices.Reverse(word)
	}
	addr, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("no address: %q", text)
	}
	port, err := strconv.ParseUint(portText, 16, 16)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), err
}

// processOf finds the process that holds a socket. Only root sees those of
// other users.
func processOf(inode string) process {
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return process{}
	}
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && target == "socket:["+inode+"]" {
			folder := filepath.Dir(filepath.Dir(fd))
			name, _ := os.ReadFile(filepath.Join(folder, "comm"))
			pid, _ := strconv.Atoi(filepath.Base(folder))
			return process{Name: strings.TrimSpace(string(name)), PID: pid}
		}
	}
	return process{}
}
