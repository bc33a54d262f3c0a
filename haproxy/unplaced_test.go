package haproxy

import "testing"

func TestPlace(t *testing.T) {
	t.Parallel()
	files := []ConfigFile{
		{"/a.cfg", []byte("global\n    chroot /nowhere\n# default_backend nobody\n")},
		{"/b.cfg", []byte("frontend f\n    use_backend nobody if { path /x }\n    default_backend nobody\nbackend b\n    server s1 web1:80 check resolvers dns\n")},
	}
	for message, want := range map[string]struct {
		file string
		line int
	}{
		"Proxy 'f': unable to find required default_backend: 'nobody'.":     {"/b.cfg", 3},
		"Proxy 'f': unable to find required use_backend: 'nobody'.":         {"/b.cfg", 2},
		"backend 'b', server 's1': unable to find required resolvers 'dns'": {"/b.cfg", 5},
		"Cannot chroot(/nowhere).":                                          {"/a.cfg", 2},
		"Proxy 'f': unable to find required default_backend: 'other'.":      {"", 0},
		"something else": {"", 0},
	} {
		d := Report{Diagnostics: []Diagnostic{{Message: message}}}.Place(files).Diagnostics[0]
		if d.File != want.file || d.Line != want.line {
			t.Errorf("%s: %s:%d", message, d.File, d.Line)
		}
	}
	kept := Report{Diagnostics: []Diagnostic{{Message: "Cannot chroot(/nowhere).", File: "/c.cfg", Line: 7}}}.Place(files).Diagnostics[0]
	if kept.File != "/c.cfg" || kept.Line != 7 {
		t.Errorf("HAProxy's own position counts: %+v", kept)
	}
}
