package e2e

import (
	"strconv"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// newerFeature is something of the Compose file that an engine may be too old for.
type newerFeature struct {
	name    string
	minor   int // of the API 1.x that has it
	compose func(string) string
	words   []string
}

func newerFeatures() []newerFeature {
	return []newerFeature{
		{
			name: "interface_name", minor: 49,
			compose: replacing("networks: [mynetwork]\n  restart", "networks: {mynetwork: {interface_name: eth7}}\n  restart"),
			words:   []string{"interface_name", "requires", "v28"},
		},
		{
			name: "an image as a volume", minor: 48,
			compose: configured("web1", "volumes: [{type: image, source: \""+standInEcho2+"\", target: /data}]"),
			words:   []string{"type=image", "require", "v28"},
		},
		{
			name: "start_interval", minor: 44,
			compose: configured("web1", "healthcheck: {test: [CMD, /echo-server, -healthcheck], interval: 5s, start_period: 20s, start_interval: 200ms}"),
			words:   []string{"web1", "start_interval", "25"},
		},
		{
			name: "subpath", minor: 45,
			compose: func(text string) string {
				return configured("web1", "volumes: [{type: volume, source: data, target: /data, volume: {subpath: shared}}]")(text) + "\nvolumes: {data: {}}\n"
			},
			words: []string{"web1", "subpath", "26"},
		},
	}
}

// TestFeatureOfANewerEngine: what the engine has not must be named with the
// engine that has it, and nothing must be created.
func TestFeatureOfANewerEngine(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.init()
	compose := p.read(composeFile)
	api := strings.TrimSpace(p.mustSucceed(p.docker("version", "--format", "{{ .Server.APIVersion }}")).stdout)
	minor, err := strconv.Atoi(strings.TrimPrefix(api, "1."))
	assert.NilError(t, err)
	for _, feature := range newerFeatures() {
		t.Run(feature.name, func(t *testing.T) {
			if minor >= feature.minor {
				t.Skipf("this engine has it: it speaks API %s", api)
			}
			p := p.within(t)
			defer p.write(composeFile, compose)
			p.editCompose(feature.compose)
			p.refuses([]string{"up"}, feature.words...)
			p.mustLeaveNothing()
		})
	}
}
