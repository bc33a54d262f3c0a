package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// busyStatus has something of everything. Its verdict is without a time, which
// the page shows as an age.
func busyStatus() compose.Status {
	return compose.Status{
		Project: "shop", Container: "shop-haproxy-1", State: "running", Version: "3.2.26",
		Uptime: 75 * time.Minute, Connections: 12, ConnectionsLimit: 9982, RequestRate: 340,
		Workers: []compose.Worker{
			{PID: 30, Current: true},
			{PID: 22, Uptime: 26 * time.Hour, Draining: 75 * time.Minute, Sessions: 3},
			{PID: 9, Uptime: 99 * time.Hour, Draining: 26 * time.Hour, Sessions: -1},
		},
		Frontends: []compose.Frontend{
			{Name: "myfrontend", Mode: "http", Status: "OPEN", Address: "http://localhost", Sessions: 12, RequestRate: 340, Total: 12345678, Responses4xx: 7, Responses5xx: 1, Errors: 2, Denied: 3},
			{Name: "mqtt", Mode: "tcp", Status: "STOP", Rate: 4, Total: 99},
		},
		Backends: []compose.Backend{{
			Name: "web", Status: "UP", Since: time.Hour, Sessions: 4, Queue: 1, Rate: 2, Total: 100, Servers: []compose.Server{
				{Backend: "web", Name: "s1", Container: "shop-web1-1", Address: "10.0.0.1:80", Status: "UP", Since: time.Hour, Check: "200 OK (L7OK), after 1 ms", Sessions: 4, Total: 100},
				{Backend: "web", Name: "s2", Address: "10.0.0.2:80", Status: "DOWN", Since: time.Minute, Check: "connection refused (L4CON), after 0 ms", Errors: 5},
				{Backend: "web", Name: "s3", Status: "MAINT (resolution)", Since: 5 * time.Second},
			},
		}},
		Config:   compose.ConfigStatus{Name: "haproxy/haproxy.cfg", State: compose.ConfigEdited},
		Warnings: []string{"backend web: server s2 is DOWN"},
	}
}

func TestStatusPage(t *testing.T) {
	t.Parallel()
	for name, paint := range map[string]painter{"status.golden": false, "status-colour.golden": true} {
		var page bytes.Buffer
		assert.NilError(t, printStatus(&page, busyStatus(), paint))
		golden.Assert(t, page.String(), name)
	}
}

func TestStatusPageOfWhatDoesNotRun(t *testing.T) {
	t.Parallel()
	for want, status := range map[string]compose.Status{
		"shop  not running\n":             {Project: "shop"},
		"shop  shop-haproxy-1 (exited)\n": {Project: "shop", Container: "shop-haproxy-1", State: "exited"},
	} {
		status.Config.Name = "haproxy.cfg"
		var page bytes.Buffer
		assert.NilError(t, printStatus(&page, status, false))
		assert.Equal(t, page.String(), want+"\nConfiguration: haproxy.cfg; whether it is what HAProxy runs is not known\n")
	}
}

func TestStatusPageTellsTheVerdictWithHAProxysWords(t *testing.T) {
	t.Parallel()
	status := compose.Status{Project: "shop", Verdict: &compose.LastVerdict{
		At: time.Now().Add(-2 * time.Hour), What: "reload", Summary: "HAProxy refused haproxy.cfg",
		Diagnostics: []haproxy.Diagnostic{{Severity: haproxy.Error, File: "haproxy.cfg", Line: 7, Message: "unknown keyword 'x'"}},
	}}
	var page bytes.Buffer
	assert.NilError(t, printStatus(&page, status, false))
	assert.Assert(t, strings.HasSuffix(page.String(), "Last verdict: HAProxy refused haproxy.cfg (reload, 2 hours ago)\n  haproxy.cfg:7: error: unknown keyword 'x'\n"), "%s", page.String())
}

func TestStatusFormats(t *testing.T) {
	t.Parallel()
	render := func(format string) (string, error) {
		write, err := statusOptions{format: format}.renderer(false)
		if err != nil {
			return "", err
		}
		var page bytes.Buffer
		err = write(&page, busyStatus())
		return page.String(), err
	}
	text, err := render("json")
	assert.NilError(t, err)
	var back compose.Status
	assert.NilError(t, json.Unmarshal([]byte(text), &back))
	assert.DeepEqual(t, back, busyStatus())

	text, err = render("{{.Project}} {{len .Workers}}")
	assert.NilError(t, err)
	assert.Equal(t, text, "shop 3\n")
	for _, wrong := range []string{"{{", "{{.Nothing}}"} {
		_, err = render(wrong)
		assert.ErrorContains(t, err, "--format")
	}
}

func TestOnlyAPersonIsToldAmongThePagesWhyThereIsNone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		format   string
		terminal bool
		inPage   bool
	}{
		"table on a terminal": {"table", true, true},
		"table in a pipe":     {"table", false, false},
		"JSON in a pipe":      {"json", false, false},
		"JSON on a terminal":  {"json", true, false},
		"template":            {"{{.Project}}", false, false},
	} {
		opts := statusOptions{format: test.format}
		render, err := opts.renderer(false)
		assert.NilError(t, err)
		var out, complaints bytes.Buffer
		pages := statusPages{out: &out, err: &complaints, render: render, inPlace: test.terminal, table: opts.isTable()}
		pages.write(compose.Status{}, errors.New("the load balancer is not running"))
		assert.Equal(t, strings.Contains(out.String(), "not running"), test.inPage, name)
		assert.Equal(t, strings.Contains(complaints.String(), "not running"), !test.inPage, name)
		pages.write(compose.Status{Project: "shop"}, nil)
		assert.Assert(t, strings.Contains(out.String(), "shop"), name)
	}
}

func TestShortForms(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 99_999: "99999", 100_000: "100k", 12_345_678: "12.3M", 9_876_543_210: "9.88G"} {
		assert.Equal(t, count64(n), want)
	}
	assert.Equal(t, known(-1), "?")
	assert.Equal(t, known(3), "3")
	for words, want := range map[string]string{"200 OK (L7OK), after 1 ms": "L7OK", "no check": "no check", "": "", "odd (words), after": "odd (words), after"} {
		assert.Equal(t, checkCode(words), want)
	}
}
