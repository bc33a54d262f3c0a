package attach

import (
	"regexp"
	"strings"
)

// traefikWhere is what a rule of Traefik's leaves of the requests: those of a host,
// below a path; "" is any.
type traefikWhere struct{ host, path string }

// traefikToken is one of: a name, an argument in quotes, an operator.
var traefikToken = regexp.MustCompile("^\\s*(?:([A-Za-z]+)|`([^`]*)`|\"([^\"]*)\"|'([^']*)'|(\\|\\||&&|[!(),]))")

// mostTraefikWheres bounds what one rule may come to.
const mostTraefikWheres = 64

// parseTraefikRule reads a rule of Host and PathPrefix with && and || between them.
// Alternatives that ask for anything else are left out; a rule that is no rule is
// none at all.
func parseTraefikRule(rule string) []traefikWhere {
	p := traefikParser{rest: rule}
	p.next()
	found, ok := p.either()
	if !ok || p.token != "" || strings.TrimSpace(p.rest) != "" || len(found) > mostTraefikWheres {
		return nil
	}
	return found
}

// traefikParser reads a rule from left to right.
type traefikParser struct {
	rest   string
	token  string // a name or an operator; "" at the end
	quoted bool   // the token is an argument
	depth  int
}

func (p *traefikParser) next() {
	match := traefikToken.FindStringSubmatch(p.rest)
	if match == nil {
		p.token, p.quoted = "", false
		return
	}
	p.rest = p.rest[len(match[0]):]
	p.token, p.quoted = match[1]+match[2]+match[3]+match[4]+match[5], match[1] == "" && match[5] == ""
}

func (p *traefikParser) is(operator string) bool { return !p.quoted && p.token == operator }

// either reads alternatives: A || B.
func (p *traefikParser) either() (found []traefikWhere, ok bool) {
	for {
		more, ok := p.both()
		if !ok {
			return nil, false
		}
		found = append(found, more...)
		if !p.is("||") {
			return found, true
		}
		p.next()
	}
}

// both reads what must hold together: A && B.
func (p *traefikParser) both() (found []traefikWhere, ok bool) {
	found, ok = p.one()
	for ok && p.is("&&") {
		p.next()
		var more []traefikWhere
		more, ok = p.one()
		var together []traefikWhere
		for _, a := range found {
			for _, b := range more {
				if (a.host == "" || b.host == "") && (a.path == "" || b.path == "") && len(together) <= mostTraefikWheres {
					together = append(together, traefikWhere{a.host + b.host, a.path + b.path})
				}
			}
		}
		found = together
	}
	return found, ok
}

// one reads a matcher, or alternatives in parentheses. A matcher that is not
// understood, or the opposite of one, is no place at all.
func (p *traefikParser) one() (found []traefikWhere, ok bool) {
	if p.depth++; p.depth > mostTraefikWheres {
		return nil, false
	}
	defer func() { p.depth-- }()
	switch {
	case p.is("!"):
		p.next()
		_, ok = p.one()
		return nil, ok
	case p.is("("):
		p.next()
		found, ok = p.either()
		ok = ok && p.is(")")
		p.next()
		return found, ok
	}
	return p.matcher()
}

// matcher reads NAME(`a`, `b`).
func (p *traefikParser) matcher() (found []traefikWhere, ok bool) {
	name := strings.ToLower(p.token)
	if p.quoted || name == "" {
		return nil, false
	}
	if p.next(); !p.is("(") {
		return nil, false
	}
	for p.next(); !p.is(")"); p.next() {
		switch {
		case p.quoted && p.token == "": // a variable that is not set; not any host
		case p.quoted && name == "host":
			found = append(found, traefikWhere{host: p.token})
		case p.quoted && name == "pathprefix":
			found = append(found, traefikWhere{path: p.token})
		case !p.quoted && !p.is(","):
			return nil, false
		}
	}
	p.next()
	return found, true
}
