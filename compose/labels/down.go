package labels

import (
	"fmt"
	"path"
	"strings"
	"time"
)

const (
	// configFolder is what HAProxy sees of the project, and where it sees it.
	configFolder   = "haproxy/"
	mountedFolder  = "/usr/local/etc/haproxy/"
	pageCharacters = lowerCase + upperCase + digits + "-_./@+~"
	// maxPage: HAProxy sends its own answers from one buffer of 16 KiB, of which
	// 1 KiB is kept for rewriting (tune.bufsize, tune.maxrewrite), headers included.
	maxPage = 14 << 10
)

// setPage503 takes a file that HAProxy can see.
func setPage503(d *draft, a argument) error {
	name := path.Clean(a.value)
	rest, below := strings.CutPrefix(name, configFolder)
	switch {
	case !below:
		hint := "put it below haproxy/, the folder that HAProxy sees"
		if fixed := path.Join(configFolder, name); only(name, pageCharacters) && isReadable(a, fixed) {
			hint = didYouMean(fixed)
		}
		return wrong("is not below haproxy/", hint)
	case !only(rest, pageCharacters) || len(rest) > maxHost:
		return wrong("has characters that the name of a page must not have", "letters, digits and -_./@+~")
	}
	content, err := a.read(name)
	switch {
	case err != nil:
		return unreadable(err)
	case len(content) == 0:
		return wrong("is an empty file")
	case len(content) > maxPage:
		return wrong(fmt.Sprintf("is a file of %d bytes", len(content)), fmt.Sprintf("HAProxy sends at most %d; leave pictures and styles to other files", maxPage))
	}
	d.Page503 = mountedFolder + rest
	return nil
}

func isReadable(a argument, name string) bool {
	_, err := a.read(name)
	return err == nil
}

// setRetryIn wants whole seconds, for that is what Retry-After has.
func setRetryIn(d *draft, a argument) error {
	t, err := duration(a.value)
	if err != nil {
		return err
	}
	if t%second != 0 {
		return wrong("is not a number of whole seconds")
	}
	d.RetryIn = t
	return nil
}

// The bounds of hold: less is no wait, and of clients few wait for longer.
const (
	minHold = 100 * time.Millisecond
	maxHold = 60 * time.Second
)

func setHold(d *draft, a argument) error {
	t, err := duration(a.value)
	switch {
	case err != nil:
		return err
	case t < minHold || t > maxHold:
		return wrong("is not between 100ms and 60s")
	}
	d.Hold = t
	return nil
}
