package haproxy

import (
	"context"
	"strconv"
	"strings"
)

// ResolversDead asks the worker in charge which resolvers sections have asked their nameservers and
// got no answer since it was started.
func (s *Session) ResolversDead(ctx context.Context) (map[string]bool, error) {
	answer, err := s.Worker(ctx, "show resolvers")
	if err != nil {
		return nil, err
	}
	return parseResolversDead(answer), nil
}

// askedOften is how many questions without an answer show that a nameserver is dead: the first may
// be on its way.
const askedOften = 2

func parseResolversDead(answer string) map[string]bool {
	asked, answered := map[string]int{}, map[string]int{}
	section := ""
	for line := range strings.Lines(answer) {
		line = strings.TrimSpace(line)
		if name, found := strings.CutPrefix(line, "Resolvers section "); found {
			section = name
			continue
		}
		counter, digits, _ := strings.Cut(line, ":")
		n, err := strconv.Atoi(strings.TrimSpace(digits))
		if err != nil {
			continue
		}
		switch counter {
		case "sent", "snd_error":
			asked[section] += n
		case "valid", "update", "cname", "nx":
			answered[section] += n
		}
	}
	dead := map[string]bool{}
	for name, n := range asked {
		if n >= askedOften && answered[name] == 0 {
			dead[name] = true
		}
	}
	return dead
}
