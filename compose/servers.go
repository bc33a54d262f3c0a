package compose

import (
	"fmt"
	"slices"
	"strings"
)

// FindServers finds the servers that a person names: BACKEND/SERVER, a server's
// name where only one backend has it, a container's name, or a service's name,
// which means all of its servers.
func (s Status) FindServers(name string) ([]Server, error) {
	servers := s.Servers()
	for _, matches := range []func(Server) bool{
		func(server Server) bool { return server.ID() == name },
		func(server Server) bool { return server.Container == name },
		func(server Server) bool { return server.Service == name },
	} {
		if found := filter(servers, matches); len(found) > 0 {
			return found, nil
		}
	}
	switch found := filter(servers, func(server Server) bool { return server.Name == name }); len(found) {
	case 1:
		return found, nil
	case 0:
		return nil, s.unknownServer(name)
	default:
		return nil, &Problem{
			Summary: fmt.Sprintf("%d backends have a server %s", len(found), name),
			Advice:  "Say which one: " + strings.Join(ids(found), ", ") + ".",
		}
	}
}

func (s Status) unknownServer(name string) error {
	problem := &Problem{Summary: fmt.Sprintf("there is no server %s", name), Advice: "HAProxy has no servers."}
	all := ids(s.Servers())
	if len(all) == 0 {
		return problem
	}
	problem.Advice = "There are: " + strings.Join(all[:min(len(all), shownServers)], ", ") + "."
	if len(all) > shownServers {
		problem.Advice = fmt.Sprintf(`"docker haproxy server ls" shows the %d there are.`, len(all))
	}
	if near := Nearest(name, s.serverNames()); near != "" {
		problem.Advice = fmt.Sprintf("Did you mean %s? %s", near, problem.Advice)
	}
	return problem
}

// shownServers is how many servers an error lists.
const shownServers = 12

// serverNames are all names that FindServers takes.
func (s Status) serverNames() []string {
	var names []string
	for _, server := range s.Servers() {
		names = append(names, server.ID(), server.Name)
		names = append(names, nonEmpty(server.Container, server.Service)...)
	}
	return names
}

func ids(servers []Server) []string {
	var names []string
	for _, server := range servers {
		names = append(names, server.ID())
	}
	return names
}

func filter(servers []Server, keep func(Server) bool) []Server {
	return slices.DeleteFunc(slices.Clone(servers), func(s Server) bool { return !keep(s) })
}

// LastUp tells whether a server is the only one of its backend that takes
// requests, or one of several given that together are.
func (s Status) LastUp(server Server, with []Server) bool {
	taking := func(s Server) bool { return s.State == ServerUp || s.State == ServerPending }
	if !taking(server) {
		return false
	}
	for _, other := range s.Servers() {
		leaves := slices.ContainsFunc(with, func(w Server) bool { return w.ID() == other.ID() })
		if other.Backend == server.Backend && taking(other) && !leaves && other.Weight > 0 {
			return false
		}
	}
	return true
}

// Nearest is the candidate that a name was probably meant to be: at most a
// third of its letters away; "" where there is none.
func Nearest(name string, candidates []string) string {
	best, distance := "", len(name)/3+1
	for _, candidate := range candidates {
		if d := editDistance(name, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// editDistance is Levenshtein's: how many letters have to be added, taken away
// or replaced.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
