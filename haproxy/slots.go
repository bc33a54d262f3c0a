package haproxy

import "slices"

// A server-template line makes slots: servers that share a host name and take the addresses that
// the DNS has for it as they come. A slot without an address waits for a container; that is no
// fault of anybody.

// serverIndex finds servers without looking at all of them: there may be thousands.
type serverIndex struct {
	byName    map[[2]string]*ServerState // by backend and server
	byAddress map[serverPlace]*ServerState
	sharing   map[[2]string]int // how many have a host name, by backend and name
}

type serverPlace struct {
	backend, addr string
	port          int
}

func indexServers(servers []ServerState) serverIndex {
	i := serverIndex{map[[2]string]*ServerState{}, map[serverPlace]*ServerState{}, map[[2]string]int{}}
	for n := range servers {
		s := &servers[n]
		i.byName[[2]string{s.Backend, s.Server}] = s
		if s.Addr != "" {
			i.byAddress[serverPlace{s.Backend, s.Addr, s.Port}] = s
		}
		if s.FQDN != "" {
			i.sharing[[2]string{s.Backend, s.FQDN}]++
		}
	}
	return i
}

// named is the server of the same name; nil where there is none.
func (i serverIndex) named(s ServerState) *ServerState {
	return i.byName[[2]string{s.Backend, s.Server}]
}

// isSlot tells whether a server shares its host name with another one of its backend.
func (i serverIndex) isSlot(s ServerState) bool {
	return i.sharing[[2]string{s.Backend, s.FQDN}] > 1
}

// Occupied leaves out of the statistics the slots that wait for a container. Where all slots of a
// host name do, one stands for them, unless the host is idle: nobody expects containers there.
//
// The states are of another moment than the statistics, and tell the servers' host names only: a slot
// that got its address in between waits still, as far as the statistics go.
func Occupied(stats []Stat, states []ServerState, idle func(fqdn string) bool) []Stat {
	type host struct{ backend, fqdn string }
	slots, occupied := map[host]int{}, map[host]int{}
	of := map[[2]string]host{}
	for _, s := range states {
		if s.FQDN == "" {
			continue
		}
		at := host{s.Backend, s.FQDN}
		of[[2]string{s.Backend, s.Server}] = at
		slots[at]++
	}
	for _, stat := range stats {
		if at, known := of[[2]string{stat.Proxy, stat.Server}]; known && stat.Addr != "" && stat.Status != statusNoAddress && !stat.IsStranger() {
			occupied[at]++
		}
	}
	shown := map[host]bool{}
	return slices.DeleteFunc(slices.Clone(stats), func(stat Stat) bool {
		at, known := of[[2]string{stat.Proxy, stat.Server}]
		if stat.Type != StatServer || !known || slots[at] < 2 {
			return false
		}
		if stat.Addr != "" && stat.Status != statusNoAddress {
			return stat.IsStranger() && idle(at.fqdn)
		}
		if stat.Status != statusNoAddress && occupied[at] > 0 {
			return false // drained or in maintenance by somebody, say
		}
		if occupied[at] > 0 || shown[at] || idle(at.fqdn) {
			return true
		}
		shown[at] = true
		return false
	})
}

// statusNoAddress is the status of a server whose name is not in the DNS. Measured on 3.2.26 and
// 3.4.7.
const statusNoAddress = "MAINT (resolution)"
