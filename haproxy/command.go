package haproxy

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// defaultConfig is the file that the command of HAProxy's images names.
const defaultConfig = "/usr/local/etc/haproxy/haproxy.cfg"

// Command is what matters of HAProxy's command line.
type Command struct {
	// Configs are the configuration files and folders in the order HAProxy reads them: those of
	// -f, and those that follow "--".
	Configs []string

	// MasterSocket is the path of the master CLI's socket (-S), without options such as
	// ",mode,600". It is empty when there is none, or when it is not a path (TCP, abstract).
	MasterSocket string

	// Masters are all values of -S as they are written.
	Masters []string

	// options are the others that decide whether a configuration is valid.
	options []string
}

// ParseCommand reads a container's command. Its first element may be haproxy by name or by path,
// something that starts it (an entrypoint, an init), or already an option, as HAProxy's images
// allow. No arguments at all mean the command of those images.
//
// An option and its value are always two arguments: HAProxy refuses -fFILE and -f=FILE, and a
// second file after one -f. Measured on 3.2.26.
func ParseCommand(args []string) Command {
	if len(args) == 0 {
		return Command{Configs: []string{defaultConfig}}
	}

	var c Command
	args = withoutProgram(args)
	for len(args) > 0 {
		option := args[0]
		args = args[1:]
		if option == "--" {
			c.Configs = append(c.Configs, args...)
			break
		}

		values := args[:valueCount(option, args)]
		args = args[len(values):]
		switch {
		case option == "-f":
			c.Configs = append(c.Configs, values...)
		case option == "-S" && len(values) == 1:
			c.Masters = append(c.Masters, values[0])
			c.MasterSocket = cmp.Or(c.MasterSocket, socketPath(values[0]))
		case decidesValidity(option):
			c.options = append(append(c.options, option), values...)
		}
	}
	return c
}

// Check is the command line, beginning with "haproxy", with which HAProxy validates the given
// configurations, or its own when none are given. It keeps the options that decide whether a
// configuration is valid (the folder, the peer name, limits, name resolution, fatal warnings) and
// none that would start, stop or silence anything.
func (c Command) Check(configs ...string) []string {
	if len(configs) == 0 {
		configs = c.Configs
	}
	argv := append([]string{"haproxy", "-c"}, c.options...)
	for _, config := range configs {
		argv = append(argv, "-f", config)
	}
	return argv
}

// withoutProgram drops what stands before HAProxy's own arguments.
func withoutProgram(args []string) []string {
	for i, arg := range args {
		if path.Base(arg) == "haproxy" {
			return args[i+1:]
		}
		if strings.HasPrefix(arg, "-") && arg != "--" {
			return args[i:]
		}
	}
	return nil
}

// valueCount tells how many of the arguments after an option are its values (usage text of 3.2.26
// and 3.4.7).
func valueCount(option string, rest []string) int {
	operands := len(rest)
	if i := slices.IndexFunc(rest, isOption); i >= 0 {
		operands = i
	}
	switch option {
	case "-sf", "-st": // a list of PIDs
		return operands
	case "-S": // its value may be left out
		return min(operands, 1)
	case "-f", "-C", "-L", "-m", "-n", "-N", "-p", "-x", "-cc":
		return min(len(rest), 1)
	}
	return 0
}

func isOption(arg string) bool { return strings.HasPrefix(arg, "-") }

// decidesValidity tells whether -c can come to another result without the option.
func decidesValidity(option string) bool {
	switch option {
	case "-C", "-L", "-m", "-n", "-N", // folder, peer name, limits
		"-4", "-dG", "-dr", // name resolution
		"-dI", "-dV", "-dW": // insecure forks, TLS verification, fatal warnings
		return true
	}
	return false
}

// socketPath takes the path out of a bind address such as "unix@/run/m.sock,mode,600".
func socketPath(address string) string {
	address, _, _ = strings.Cut(address, ",")
	for _, family := range []string{"unix@", "uxst@"} {
		address = strings.TrimPrefix(address, family)
	}
	if !strings.Contains(address, "/") {
		return ""
	}
	return address
}
