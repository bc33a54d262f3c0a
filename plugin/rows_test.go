package plugin

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/docker/cli/cli/command/formatter"
	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/history"
)

func TestServersAreListedAsTableJSONAndTemplate(t *testing.T) {
	t.Parallel()
	servers := busyStatus().Servers()
	list := func(format string, quiet bool) string {
		var out bytes.Buffer
		assert.NilError(t, writeServers(formatter.Context{Output: &out, Format: serverFormat(format, quiet)}, servers))
		return out.String()
	}
	assert.Equal(t, list("table", false), `SERVER    STATUS               SINCE     CONTAINER     CHECK     WEIGHT    SESSIONS   TOTAL
web/s1    UP                   1h        shop-web1-1   L7OK      0         4          100
web/s2    DOWN                 1m        10.0.0.2:80   L4CON     0         0          0
web/s3    MAINT (resolution)   5s        -                       0         0          0
`)
	assert.Equal(t, list("table", true), "web/s1\nweb/s2\nweb/s3\n")
	assert.Equal(t, list("{{.Name}}={{.Errors}}", false), "web/s1=0\nweb/s2=5\nweb/s3=0\n")
	var row map[string]string
	assert.NilError(t, json.NewDecoder(bytes.NewReader([]byte(list("json", false)))).Decode(&row))
	assert.Equal(t, row["Name"]+" "+row["Container"], "web/s1 shop-web1-1")
}

func TestConfigurationsAreListed(t *testing.T) {
	t.Parallel()
	entry := history.Entry{ID: "2", At: time.Now().Add(-3 * time.Hour), Hash: "0123456789abcdef", Accepted: true, How: "reload", Files: make([]history.File, 2)}
	rows := []configurationRow{{kept: compose.Kept{Entry: entry, OnDisk: true, Loaded: true}}, {kept: compose.Kept{Entry: entry}}}
	var out bytes.Buffer
	assert.NilError(t, writeConfigurations(formatter.Context{Output: &out, Format: configurationFormat("table")}, rows))
	assert.Equal(t, out.String(), `CONFIGURATION   APPLIED       BY        STATE      FILES
2               3 hours ago   reload    loaded     2
2               3 hours ago   reload    accepted   2
`)
	out.Reset()
	assert.NilError(t, writeConfigurations(formatter.Context{Output: &out, Format: "{{.ID}} {{.Hash}}"}, rows[:1]))
	assert.Equal(t, out.String(), "2 0123456789ab\n")
}
