package attach

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestRoutesAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Route{
		"*=web":                         {Service: "web"},
		"=web":                          {Service: "web"},
		"/=web":                         {Service: "web"},
		"*/=web":                        {Service: "web"},
		"*=web:8080":                    {Service: "web", Port: 8080},
		"/api=api:3000":                 {Path: "/api", Service: "api", Port: 3000},
		"*/api=api":                     {Path: "/api", Service: "api"},
		"shop.example.com=web":          {Host: "shop.example.com", Service: "web"},
		"Shop.Example.COM.=web":         {Host: "shop.example.com", Service: "web"},
		"*.example.com=web":             {Host: "*.example.com", Service: "web"},
		"shop.example.com/a/b%20c=my.w": {Host: "shop.example.com", Path: "/a/b%20c", Service: "my.w"},
		"a.b/x=y=web":                   {Host: "a.b", Path: "/x=y", Service: "web"},
		"localhost=web_1":               {Host: "localhost", Service: "web_1"},
		"192.0.2.1=web":                 {Host: "192.0.2.1", Service: "web"},
		"tcp:5432=db":                   {Listen: 5432, Service: "db"},
		"tcp:15432=db:5432":             {Listen: 15432, Service: "db", Port: 5432},
	} {
		got, err := ParseRoute(text)
		assert.NilError(t, err, text)
		assert.DeepEqual(t, got, want)
		again, err := ParseRoute(got.String())
		assert.NilError(t, err, "%s is written as %s", text, got)
		assert.DeepEqual(t, again, got)
	}
}

func TestRoutesThatCannotBeMeantAreRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                  `there is no "="`,
		"web":                               `there is no "="`,
		"shop.example.com":                  `there is no "="`,
		"*=":                                `"" is no name of a service`,
		"*=web/x":                           `"web/x" is no name of a service`,
		"*=web:":                            "port",
		"*=web:0":                           "port",
		"*=web:65536":                       "port",
		"*=web:http":                        "port",
		"*=web:080":                         "port",
		"tcp:=db":                           "port to listen on",
		"tcp:x=db":                          "port to listen on",
		"https://a.b=web":                   "neither a scheme nor a port",
		"a.b:8080=web":                      "neither a scheme nor a port",
		"a b=web":                           "is no host",
		"-a.b=web":                          "is no host",
		"a..b=web":                          "is no host",
		"*.=web":                            "is no host",
		"*.*.b=web":                         "is no host",
		"a.*.b=web":                         "is no host",
		"bücher.example=web":                "xn--",
		"a,b=web":                           "is no host",
		"a.b/x y=web":                       "the path",
		"a.b/x,y=web":                       "the path",
		"a.b/x?y=web":                       "the path",
		"a.b/x#y=web":                       "the path",
		"a.b/%zz=web":                       "the path",
		"/x\ny=web":                         "the path",
		"/\"=web":                           "the path",
		"a.b\n=web":                         "is no host",
		"${HOME}=web":                       "is no host",
		strings.Repeat("a.", 200) + "b=web": "is no host",
	} {
		_, err := ParseRoute(text)
		assert.ErrorContains(t, err, want, "%q", text)
		assert.ErrorContains(t, err, "--route")
	}
}

func TestFlagsCanBeTypedIntoAShell(t *testing.T) {
	t.Parallel()
	for want, route := range map[string]Route{
		"--route '*=web'":             {Service: "web"},
		"--route shop.example=web:80": {Host: "shop.example", Service: "web", Port: 80},
		"--route '/it'\\''s=web'":     {Path: "/it's", Service: "web"},
		"--route tcp:1=db":            {Listen: 1, Service: "db"},
	} {
		assert.Equal(t, route.Flag(), want)
	}
}

// hostile values would say something else in YAML, in Compose's interpolation
// or in HAProxy's language than in Go.
var hostile = []string{
	"a\nprivileged: true", "a\n", "\na", "a\r", "a\x00b", "a: b", "a #b", "#a", `a"b`, "a'b", "${HOME}", "$a", "{{.}}",
	"&a", "*a", "!a", "|", ">", "%a", "@a", "`a`", "[a]", "{a}", "a,b", "- a", "a\u2028b", "ä",
}

func FuzzWhateverIsReadAsARouteIsWrittenAndReadTheSame(f *testing.F) {
	for _, text := range append(hostile, "*=web", "a.b/c=web:1", "tcp:1=db:2", "*.a/%20$x=b", "/=a", "=a") {
		f.Add(text)
		f.Add(text + "=web")
	}
	f.Fuzz(func(t *testing.T, text string) {
		route, err := ParseRoute(text)
		if err != nil {
			return
		}
		again, err := ParseRoute(route.String())
		if err != nil || again != route {
			t.Fatalf("%q is %+v, written %q, and that is %+v: %v", text, route, route, again, err)
		}
		if strings.ContainsAny(route.String(), "\n\r\t \"\\#,{}[]|<>`") {
			t.Fatalf("%q lets %q through", text, route)
		}
	})
}
