//go:build unix

package compose

import (
	"io/fs"
	"syscall"
)

// isOwner tells whether a user, given by number, owns a file that it can read.
func isOwner(info fs.FileInfo, uid int) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == uid && info.Mode().Perm()&0o400 != 0
}
