//go:build !linux

package compose

// throughDockerProxy cannot be told where the engine runs in a virtual machine: what passes
// loopback on into it is neither its docker-proxy nor its NAT alone.
func throughDockerProxy(string) bool { return false }
