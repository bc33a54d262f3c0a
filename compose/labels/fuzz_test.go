package labels

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode"
)

// Whatever labels say, nothing breaks out of its line, and every problem says
// whose it is.
func FuzzParse(f *testing.F) {
	for _, r := range rightValues() {
		f.Add(r.key, r.value, "host", "a.example")
	}
	for _, r := range wrongValues() {
		f.Add(r.key, r.value, "x."+r.key, r.value)
	}
	f.Add("ho\xc0st", ",", "\x7f.gost", "\x01")
	f.Add("auth", "users", "auth-realm", "a\nb")
	f.Fuzz(func(t *testing.T, key, value, otherKey, otherValue string) {
		read := func(string) ([]byte, error) { return []byte(otherValue + "\njane:" + sha512), nil }
		given := map[string]string{prefix + key: value, prefix + otherKey: otherValue}
		said := Parse("web", given, read)
		for _, spec := range append(said.Specs, said.Quarantined...) {
			inOneLine(t, reflect.ValueOf(spec), "Spec")
		}
		if len(said.Problems) > 0 && len(said.Specs) > 0 {
			t.Error("a service with a problem has routes")
		}
		problemsAreNamed(t, said.Problems, given)
		if strings.ContainsFunc(said.Network, unicode.IsControl) {
			t.Errorf("network %q", said.Network)
		}

		front := ParseFrontend("haproxy", given)
		problemsAreNamed(t, front.Problems, given)
		inOneLine(t, reflect.ValueOf(front.Snippet), "Snippet")
		if front.Port < 1 || front.Port > 65535 {
			t.Errorf("port %d", front.Port)
		}
	})
}

// inOneLine looks at every string of a value.
func inOneLine(t *testing.T, v reflect.Value, where string) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		if strings.ContainsFunc(v.String(), unicode.IsControl) {
			t.Errorf("%s: %q", where, v.String())
		}
	case reflect.Struct:
		if strings.HasPrefix(v.Type().String(), "netip.") {
			return
		}
		for i := range v.NumField() {
			inOneLine(t, v.Field(i), where+"."+v.Type().Field(i).Name)
		}
	case reflect.Slice:
		for i := range v.Len() {
			inOneLine(t, v.Index(i), fmt.Sprintf("%s[%d]", where, i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			inOneLine(t, v.Elem(), where)
		}
	default: // numbers and booleans
	}
}

func problemsAreNamed(t *testing.T, problems []Problem, given map[string]string) {
	t.Helper()
	for _, p := range problems {
		if _, known := given[p.Label]; !known || p.Service == "" || p.Message == "" || p.Hint == "" {
			t.Errorf("%+v", p)
		}
		text := p.Error()
		if strings.Count(text, "\n") > 1 || strings.ContainsFunc(strings.Replace(text, "\n", "", 1), unicode.IsControl) {
			t.Errorf("%q", text)
		}
	}
}

// The cost of labels is linear in their number: see the results for 1 and 100 routes.
func BenchmarkParse(b *testing.B) {
	for _, routes := range []int{1, 10, 100} {
		given := map[string]string{prefix + "check": "/healthz", prefix + "timeout-server": "5m"}
		for i := range routes {
			route := fmt.Sprintf("%sr%d.", prefix, i)
			given[route+"host"] = fmt.Sprintf("r%d.example.com", i)
			given[route+"path"] = "/api /v1"
			given[route+"balance"] = "leastconn"
		}
		b.Run(fmt.Sprintf("routes=%d", routes), func(b *testing.B) {
			for b.Loop() {
				if said := Parse("web", given, files); len(said.Specs) != routes {
					b.Fatal(said.Problems)
				}
			}
		})
	}
}
