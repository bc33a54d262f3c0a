//go:build !linux

package compose

// listener cannot tell here: the engine runs in a virtual machine or the tables
// of sockets are not files. The engine's own refusal is explained instead.
func listener(HostPort) (process, bool) { return process{}, false }
