package routing

import (
	"slices"
	"strings"
	"testing"
)

// rendered are the files of some wishes.
func rendered(specs ...Spec) []File {
	r, _ := Assemble("shop", Frontend{Port: 80}, specs)
	return r.Render("/g").Files
}

func with(spec Spec, change func(*Spec)) Spec {
	change(&spec)
	return spec
}

func TestCompareTellsWhatCanBeDoneAtRunTime(t *testing.T) {
	t.Parallel()
	base := web("a.example.com")
	base.Slots = 2
	regex := func(expressions ...string) Spec {
		return with(base, func(s *Spec) {
			s.Paths = nil
			for _, e := range expressions {
				s.Paths = append(s.Paths, Path{Match: Regex, Value: e})
			}
		})
	}
	for name, c := range map[string]struct {
		old, now []Spec
		causes   []string
		commands []string // none: a reload
	}{
		"nothing": {[]Spec{base}, []Spec{base}, nil, nil},
		"a host more": {
			[]Spec{base},
			[]Spec{with(base, func(s *Spec) { s.Hosts = append(slices.Clone(s.Hosts), "b.example.com") })},
			[]string{"route b.example.com/ to shop.web is new"},
			[]string{"add map /g/prefix.map b.example.com/ shop.web"},
		},
		"another host": {
			[]Spec{base},
			[]Spec{web2("b.example.com")},
			[]string{"route b.example.com/ to shop.web is new", "route a.example.com/ to shop.web is gone"},
			[]string{"add map /g/prefix.map b.example.com/ shop.web", "del map /g/prefix.map a.example.com/"},
		},
		"a route to another service": {
			[]Spec{base, {Service: "api", Hosts: []string{"b.example.com"}, Port: 1, Address: "x"}},
			[]Spec{with(base, func(s *Spec) { s.Hosts = []string{"b.example.com"} }), {Service: "api", Hosts: []string{"a.example.com"}, Port: 1, Address: "x"}},
			[]string{"a.example.com/ to shop.api instead of shop.web", "b.example.com/ to shop.web instead of shop.api"},
			[]string{"set map /g/prefix.map a.example.com/ shop.api", "set map /g/prefix.map b.example.com/ shop.web"},
		},
		"a weight": {
			[]Spec{base},
			[]Spec{with(base, func(s *Spec) { s.Weight = 20 })},
			[]string{"servers web: weight 20 instead of 1"},
			[]string{"set server shop.web/web1 weight 20", "set server shop.web/web2 weight 20"},
		},
		"a limit that is taken away": {
			[]Spec{with(base, func(s *Spec) { s.MaxConn = 5 })},
			[]Spec{base},
			[]string{"servers web: maxconn 0 instead of 5"},
			[]string{"set maxconn server shop.web/web1 0", "set maxconn server shop.web/web2 0"},
		},
		"a regular expression at the end": {
			[]Spec{regex("^/aaaa")},
			[]Spec{regex("^/aaaa", "^/b;c")},
			[]string{"is new"},
			[]string{`add map /g/regex.map (?=[^?]*\\?a\\.example\\.com$)(?:^/b\;c)(?=[^?]*\\?) shop.web`},
		},
		"a regular expression before others": {[]Spec{regex("^/b")}, []Spec{regex("^/b", "^/aaaa")}, []string{"another order"}, nil},
		"more slots":                         {[]Spec{base}, []Spec{with(base, func(s *Spec) { s.Slots = 3 })}, []string{"now: server-template web 3"}, nil},
		"another check":                      {[]Spec{base}, []Spec{with(base, func(s *Spec) { s.Check.Path = "/x" })}, []string{"now: http-check send meth GET uri /x"}, nil},
		"a new service":                      {[]Spec{base}, []Spec{base, {Service: "api", Port: 1, Address: "x"}}, []string{"it is new"}, nil},
		"a service less":                     {[]Spec{base, {Service: "api", Port: 1, Address: "x"}}, []Spec{base}, []string{"it is needed no more"}, nil},
		"a password": {
			[]Spec{with(base, func(s *Spec) { s.Auth = &Auth{Users: []User{{"a", "x"}}} })},
			[]Spec{with(base, func(s *Spec) { s.Auth = &Auth{Users: []User{{"a", "y"}}} })},
			[]string{"users or passwords changed"},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changes := Compare(rendered(c.old...), rendered(c.now...), "/g")
			var causes, commands []string
			atRunTime := len(changes) > 0
			for _, change := range changes {
				causes = append(causes, change.Cause)
				commands = append(commands, change.Commands...)
				atRunTime = atRunTime && change.Runtime()
			}
			for _, cause := range c.causes {
				if !strings.Contains(strings.Join(causes, "\n"), cause) {
					t.Errorf("%q is missing in %q", cause, causes)
				}
			}
			if len(c.causes) == 0 && len(causes) > 0 || atRunTime != (len(c.commands) > 0) {
				t.Errorf("at run time %t: %q", atRunTime, causes)
			}
			if atRunTime && !slices.Equal(commands, c.commands) {
				t.Errorf("got %q\nwant %q", commands, c.commands)
			}
		})
	}
}

func web2(host string) Spec { return with(web(host), func(s *Spec) { s.Slots = 2 }) }

func TestRegularExpressionsEndWhereThePathEnds(t *testing.T) {
	t.Parallel()
	for regex, want := range map[string]string{
		"^/a$":       `^/a(?=\?)`,
		`^/a\$b`:     `^/a\$b`,
		"[$]$":       `[$](?=\?)`,
		"(^/a$|^/b)": `(^/a(?=\?)|^/b)`,
		"[]$]x$":     `[]$]x(?=\?)`,
		"[^]$]$":     `[^]$](?=\?)`,
		`[\]$]$`:     `[\]$](?=\?)`,
	} {
		if got := endAtQuestionMark(regex); got != want {
			t.Errorf("%s: got %s, want %s", regex, got, want)
		}
	}
}

// FuzzRender holds that no value gets out of its line or its word: HAProxy's own
// rules for words (configuration manual, 2.2) give every value back as it was.
func FuzzRender(f *testing.F) {
	for _, text := range []string{"x", "it's", `a "b" c`, `\`, "50% off", "$HOME", "# no comment", "a\tb", "%[src]", "'\\''"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }) {
			t.Skip("labels are refused with control characters")
		}
		spec := web("a.example.com")
		spec.Headers = []Header{{Name: "X-A", Value: text}}
		spec.Auth = &Auth{Realm: text, Users: []User{{Name: text, Hash: "x"}}}
		spec.Rewrite = &Rewrite{Regex: text, Replacement: text}
		spec.Page503 = text
		plain := web("a.example.com")
		plain.Headers = []Header{{Name: "X-A", Value: "x"}}
		plain.Auth = &Auth{Realm: "x", Users: []User{{Name: "x", Hash: "x"}}}
		plain.Rewrite = &Rewrite{Regex: "x", Replacement: "x"}
		plain.Page503 = "x"
		if text == "" {
			return // takes the header away
		}
		for _, name := range []string{RoutesName, UsersName} {
			got, like := strings.Split(contentOf(rendered(spec), name), "\n"), strings.Split(contentOf(rendered(plain), name), "\n")
			if len(got) != len(like) {
				t.Fatalf("%q makes other lines:\n%s", text, strings.Join(got, "\n"))
			}
			for i := range got {
				if words, want := split(t, got[i]), split(t, like[i]); len(words) != len(want) {
					t.Errorf("%q makes other words: %q", text, got[i])
				}
			}
		}
		if words := split(t, "x "+quote(text)); words[1] != text {
			t.Errorf("%q reads as %q", text, words[1])
		}
		if words := split(t, "x "+quoteFormat(text)); words[1] != strings.ReplaceAll(text, "%", "%%") {
			t.Errorf("%q reads as the format %q", text, words[1])
		}
	})
}

func contentOf(files []File, name string) string {
	for _, file := range files {
		if file.Name == name {
			return string(file.Content)
		}
	}
	return ""
}

// split reads a line as HAProxy does: words, quotes, backslashes, comments.
func split(t *testing.T, line string) []string {
	t.Helper()
	var words []string
	var word strings.Builder
	inWord := false
	var mark rune
	escaped := false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && mark != '\'':
			escaped, inWord = true, true
		case mark != 0 && r == mark:
			mark = 0
		case mark != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			mark, inWord = r, true
		case r == '#':
			if inWord {
				words = append(words, word.String())
			}
			return words
		case r == ' ' || r == '\t':
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if mark != 0 || escaped {
		t.Errorf("%q ends in a quote", line)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}

func TestAGuardedPathHasOneSpelling(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"/admin":         "/admin",
		"/caf%C3%A9":     "/café",
		"/café":          "/café",
		"/a%20b/c+d":     "/a%20b/c+d",
		"/a;x=1/b":       "/a/b",
		"/%61dmin/":      "/admin/",
		"/%2561dmin":     "/admin",
		"//admin/.//./x": "/admin/x",
		"/admin/.":       "/admin/",
		`/a\b%5cc`:       "/a/b/c",
		"/a%2Fb%3fc":     "/a/b%3Fc",
		"/.well-known/x": "/.well-known/x",
		"/a~b-c_d.e/@f":  "/a~b-c_d.e/@f",
		"/100%25":        "/100%",
		"/a/..%2fb":      "!/a/../b",
		"/a%zz":          "!/a%zz",
		"/a%00":          "!/a\x00",
		"/%c0%afb":       "!/\xc0\xafb",
		"/a%252561":      "!/a%61",
		"/a/..;x/b":      "!/a/../b",
	} {
		got, ok := Canonical(value)
		if !ok {
			got = "!" + got // refused
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", value, got, want)
		}
	}
}
