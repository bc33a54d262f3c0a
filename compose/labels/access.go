package labels

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// setAuth reads the file. Nothing of its content is in an error.
func setAuth(d *draft, a argument) error {
	if looksSecret(a.value) {
		return wrong("is not the path of a file: it looks like a user and a password", "put it into a file, and the file's path here")
	}
	if err := printable(a.value); err != nil {
		return err
	}
	content, err := a.read(a.value)
	if err != nil {
		return unreadable(err)
	}
	users, err := htpasswd(string(content))
	if err != nil {
		return err
	}
	d.Auth = &routing.Auth{Users: users}
	return nil
}

// looksSecret tells users and hashes from a path.
func looksSecret(value string) bool {
	return strings.ContainsAny(value, "$\n{") || strings.Contains(value, ":") && !strings.ContainsAny(value, `/\`)
}

// unreadable says why a file cannot be read, without the words of the operating
// system that name the path again.
func unreadable(err error) error {
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		err = pathError.Err
	}
	return wrong("cannot be read: "+plain(err.Error()), "the path is relative to the project's folder")
}

// htpasswd reads lines user:hash.
func htpasswd(content string) ([]routing.User, error) {
	var users []routing.User
	number := 0
	for line := range strings.Lines(content) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, hash, _ := strings.Cut(line, ":")
		if err := validUser(name, hash); err != nil {
			return nil, atLine(number, err)
		}
		if slices.ContainsFunc(users, func(u routing.User) bool { return u.Name == name }) {
			return nil, atLine(number, wrong("has a user that an earlier line has"))
		}
		users = append(users, routing.User{Name: name, Hash: hash})
	}
	if len(users) == 0 {
		return nil, wrong("is a file without users", howToHash)
	}
	return users, nil
}

func atLine(number int, err error) error {
	hint := howToHash
	if c := (*complaint)(nil); errors.As(err, &c) && c.hint != "" {
		hint = c.hint
	}
	return wrong(fmt.Sprintf("line %d of the file %s", number, err), hint)
}

const howToHash = "a line is a user, a colon, and what `openssl passwd -6` prints"

// cryptHash is SHA-256 or SHA-512 as crypt(3) writes it. What else the library
// in an image knows differs from image to image; these two all of them know.
var cryptHash = regexp.MustCompile(`^\$(5\$(rounds=[0-9]{4,9}\$)?[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{43}|6\$(rounds=[0-9]{4,9}\$)?[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{86})$`)

func validUser(name, hash string) error {
	switch {
	case name == "" || !only(name, lowerCase+upperCase+digits+"-_.@+") || len(name) > maxName:
		return wrong("has a user whose name is empty or has other characters than letters, digits, -_.@+")
	case hash == "":
		return wrong("has no colon, or nothing behind it")
	case cryptHash.MatchString(hash):
		return nil
	case strings.HasPrefix(hash, "$5$"), strings.HasPrefix(hash, "$6$"):
		return wrong("has a hash that is not complete")
	case strings.HasPrefix(hash, "$"), strings.HasPrefix(hash, "{"):
		return wrong("has a hash of a kind that not every HAProxy knows")
	}
	return wrong("has a password that is not hashed")
}

// setRealm checks a text that stands between quotes in a header.
func setRealm(d *draft, a argument) error {
	if err := printable(a.value); err != nil {
		return err
	}
	if strings.ContainsAny(a.value, `"\`) || len(a.value) > maxHost {
		return wrong(`has a " or a \, or is too long`)
	}
	d.realm = a.value
	return nil
}

func fitsAuth(d *draft) error {
	if d.Auth == nil {
		return wrong("nobody is asked for a password", "add "+prefix+"auth")
	}
	return nil
}

type prefixes = []netip.Prefix

func setPrefixes(set func(*draft, prefixes)) func(*draft, argument) error {
	return func(d *draft, a argument) error {
		found, err := items(a.value)
		if err != nil {
			return err
		}
		var all prefixes
		for _, item := range found {
			p, err := addresses(item)
			if err != nil {
				return err
			}
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
		set(d, all)
		return nil
	}
}

// addresses reads an address, or a network of which no bit is set beyond its
// mask: 10.0.0.1/8 may mean one address or sixteen million.
func addresses(item string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(item); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	p, err := netip.ParsePrefix(item)
	switch {
	case err != nil || p.Addr().Is4In6():
		return netip.Prefix{}, wrong(quote(item) + " is neither an IP address nor a network")
	case p != p.Masked():
		return netip.Prefix{}, wrong(quote(item)+" is an address within a network",
			fmt.Sprintf("did you mean %s or %s?", p.Masked(), p.Addr()))
	}
	return p, nil
}

// setRateLimit reads REQUESTS/TIME.
func setRateLimit(d *draft, a argument) error {
	number, per, has := strings.Cut(strings.ReplaceAll(a.value, " ", ""), "/")
	if !has {
		return wrong("does not say in which time", didYouMeanRate(number))
	}
	requests, err := whole(number, 1, 1000000)
	if err != nil {
		return wrong(fmt.Sprintf("has a number of requests that %s", err))
	}
	if per != "" && !strings.ContainsAny(per[:1], digits) {
		per = "1" + per // 20/s
	}
	time, err := duration(per)
	if err != nil || time < second || time > day {
		return wrong(quote(per)+" is not a time from 1s to 1d", "requests/time, such as 100/10s, 20/s or 600/m")
	}
	d.RateLimit = &routing.RateLimit{Requests: requests, Per: time}
	return nil
}

const (
	second = time.Second
	day    = 24 * time.Hour
)

func didYouMeanRate(number string) string {
	if _, err := whole(number, 1, 1000000); err != nil {
		return ""
	}
	return didYouMean(number + "/s")
}
