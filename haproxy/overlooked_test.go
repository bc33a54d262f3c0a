package haproxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestOverlooked(t *testing.T) {
	t.Parallel()
	const web = "frontend web\n    bind :80\n"
	for name, test := range map[string]struct {
		files []string
		want  []string // LINE: the beginning of the message
	}{
		"nothing":                        {[]string{web}, nil},
		"bind in another file":           {[]string{"global\n", web}, nil},
		"a listen section":               {[]string{"listen web\n  bind :80\n"}, nil},
		"syslog only":                    {[]string{"log-forward all\n  dgram-bind :514\n"}, nil},
		"no bind at all":                 {[]string{"global\n  stats socket /var/run/haproxy/api.sock\n"}, []string{"0: the configuration has no listener"}},
		"a bind that is a comment":       {[]string{"frontend web\n  # bind :80\n"}, []string{"0: the configuration has no listener"}},
		"peers only":                     {[]string{"peers all\n  bind :10000\n"}, []string{"0: the configuration has no listener"}},
		"a pidfile that can be written":  {[]string{"global\n  pidfile /var/run/haproxy/h.pid\n" + web}, nil},
		"in quotes":                      {[]string{"global\n  pidfile \"/var/run/haproxy/h.pid\"\n" + web}, nil},
		"a pidfile that cannot":          {[]string{"# ours\nglobal\n  pidfile /nowhere/h.pid\n" + web}, []string{"3: pidfile /nowhere/h.pid cannot be written"}},
		"a pidfile that nobody can tell": {[]string{"global\n  pidfile \"$DIR/h.pid\"\n" + web}, []string{"2: whether pidfile $DIR/h.pid can be written cannot be told"}},
		"pidfile elsewhere":              {[]string{web + "  pidfile /nowhere/h.pid\n"}, nil}, // an error that HAProxy sees
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var files []ConfigFile
			for i, content := range test.files {
				files = append(files, ConfigFile{Name: fmt.Sprint(i), Content: []byte(content)})
			}
			found := Overlooked(files, Container{Writable: func(folder string) bool { return folder == "/var/run/haproxy" }})
			matches := slices.EqualFunc(found, test.want, func(d Diagnostic, want string) bool {
				return strings.HasPrefix(fmt.Sprintf("%d: %s", d.Line, d.Message), want) && d.Severity == Error && d.Hint != ""
			})
			report := Report{Valid: true}.Add(found)
			if !matches || report.Valid != (len(test.want) == 0) {
				t.Errorf("got %+v", report)
			}
		})
	}
}
