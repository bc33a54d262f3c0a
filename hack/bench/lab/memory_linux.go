package lab

import (
	"os"
	"syscall"
)

// peak is the greatest resident set of a process that has ended, and of those
// that it waited for. A process begins with that of the one that started it.
func peak(ended *os.ProcessState) int64 {
	usage, ok := ended.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	const kB = 1024
	return usage.Maxrss * kB
}
