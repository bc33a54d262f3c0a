package compose

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"slices"
)

// throughDockerProxy tells whether a process docker-proxy passes on what is sent to an address
// of the loopback interface: the engine's NAT leaves loopback out (its rule says "!
// -d 127.0.0.0/8") unless it was started with --userland-proxy=false.
func throughDockerProxy(address string) bool {
	_, port, _ := net.SplitHostPort(address)
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	return slices.ContainsFunc(commands, func(file string) bool {
		line, err := os.ReadFile(file)
		words := bytes.Split(line, []byte{0})
		if err != nil || filepath.Base(string(words[0])) != dockerProxy {
			return false
		}
		at := slices.IndexFunc(words, func(word []byte) bool { return string(word) == "-host-port" })
		return at > 0 && at+1 < len(words) && string(words[at+1]) == port
	})
}
