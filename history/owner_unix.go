//go:build unix

package history

import (
	"io/fs"
	"os"
	"syscall"
)

// OwnerOf is whom a file belongs to; nil where that is not known.
func OwnerOf(info fs.FileInfo) *Owner {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return &Owner{UID: int(stat.Uid), GID: int(stat.Gid)}
}

// ownership is who owns a file; nil where there is none.
type ownership struct{ of *Owner }

func ownedBy(owner *Owner) ownership { return ownership{of: owner} }

func ownerOf(name string) ownership {
	info, err := os.Stat(name)
	if err != nil {
		return ownership{}
	}
	return ownership{of: OwnerOf(info)}
}

// give makes a file belong to the owner. Who may not give files away keeps them:
// whether HAProxy can read them then is checked before it is asked to.
func (o ownership) give(name string) {
	if o.of != nil && (o.of.UID != os.Geteuid() || o.of.GID != os.Getegid()) {
		_ = os.Chown(name, o.of.UID, o.of.GID)
	}
}
