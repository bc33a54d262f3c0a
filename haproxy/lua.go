package haproxy

import "slices"

// DecidesOnLua tells whether a configuration loads Lua of its own, or says how Lua
// and HAProxy exchange booleans. What comes after it cannot say so again.
func DecidesOnLua(files []ConfigFile) bool {
	words := []string{"lua-load", "lua-load-per-thread", "tune.lua.bool-sample-conversion"}
	return slices.ContainsFunc(files, func(f ConfigFile) bool {
		for _, statement := range statements(f.Content) {
			if slices.Contains(words, statement[0]) {
				return true
			}
		}
		return false
	})
}
