package haproxy

import (
	"fmt"
)

// Forgotten compares the servers before and after a reload: a new worker knows only what is in the
// configuration, and forgets what was set through the Runtime API.
type Forgotten struct {
	Kept    []Setting     // was set at run time, and still is: a state file told the new worker
	Restore []Setting     // was set at run time, and can be set again
	Dropped []Setting     // was set at run time, and cannot or must not be set again
	Gone    []ServerState // no longer there
	New     []ServerState
}

// Setting is what was set for a server at run time.
type Setting struct {
	Backend, Server string
	Mode            Mode   // "" when it was not set
	Weight          int64  // -1 when it was not set
	Why             string // of one that is dropped
}

// String says the setting in words, such as "webservers/s2 drain, weight 10".
func (s Setting) String() string {
	words := s.Backend + "/" + s.Server
	if s.Mode != "" {
		words += " " + string(s.Mode)
	}
	if s.Weight >= 0 {
		if s.Mode != "" {
			words += ","
		}
		words += fmt.Sprintf(" weight %d", s.Weight)
	}
	return words
}

// Forget compares two answers of "show servers state".
func Forget(before, after []ServerState) Forgotten {
	var f Forgotten
	old, now := indexServers(before), indexServers(after)
	for _, was := range before {
		next := old.successor(was, now)
		set := settingOf(was)
		switch {
		case next == nil && now.named(was) == nil && !old.isSlot(was):
			f.Gone = append(f.Gone, was)
		case set == nil:
		case next == nil:
			set.Why = "its slot is another container's now"
			f.Dropped = append(f.Dropped, *set)
		default:
			f.settle(*set, was, *next)
		}
	}
	for _, s := range after {
		if old.named(s) == nil && !now.isSlot(s) {
			f.New = append(f.New, s)
		}
	}
	return f
}

// settle decides what of a setting still has to be set.
func (f *Forgotten) settle(set Setting, was, now ServerState) {
	set.Server = now.Server
	asked := set
	if set.Weight == now.Weight {
		set.Weight = -1
	}
	if set.Weight >= 0 && now.InitialWeight != was.InitialWeight {
		f.Dropped = append(f.Dropped, Setting{
			Backend: set.Backend, Server: set.Server, Weight: set.Weight,
			Why: fmt.Sprintf("the configuration now says weight %d", now.InitialWeight),
		})
		set.Weight = -1
	}
	if set.Mode == modeOf(now) {
		set.Mode = ""
	}
	switch {
	case set.Mode != "" || set.Weight >= 0:
		f.Restore = append(f.Restore, set)
	case now.InitialWeight == was.InitialWeight || asked.Mode != "":
		f.Kept = append(f.Kept, asked)
	}
}

// settingOf is what was set for a server at run time; nil when nothing was.
func settingOf(s ServerState) *Setting {
	set := Setting{Backend: s.Backend, Server: s.Server, Mode: modeOf(s), Weight: -1}
	if s.Weight != s.InitialWeight {
		set.Weight = s.Weight
	}
	if set.Mode == "" && set.Weight < 0 {
		return nil
	}
	return &set
}

// modeOf is the mode that was set through the Runtime API.
func modeOf(s ServerState) Mode {
	switch {
	case s.AdminState&ForcedMaintenance != 0 && s.AdminState&NoAddress != 0 && s.Addr == "":
		return "" // a slot that waits to be given free: the reload does that
	case s.AdminState&ForcedMaintenance != 0:
		return ModeMaintenance
	case s.AdminState&ForcedDrain != 0:
		return ModeDrain
	}
	return ""
}

// successor is the server that stands for another one after a reload. It has the same name; where
// several share a host name (server-template) they are slots that containers take as they come, and
// it is the one with the same address.
func (i serverIndex) successor(was ServerState, after serverIndex) *ServerState {
	if !i.isSlot(was) {
		return after.named(was)
	}
	return after.byAddress[serverPlace{was.Backend, was.Addr, was.Port}]
}
