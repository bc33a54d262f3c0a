package compose

import (
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
)

func TestHealthTime(t *testing.T) {
	t.Parallel()
	const s = time.Second
	test := []string{"CMD", "/check"}
	for name, c := range map[string]struct {
		check  healthCheck
		probes bool
		want   HealthTime
	}{
		"none":                      {healthCheck{}, true, HealthTime{}},
		"switched off":              {healthCheck{test: []string{"NONE"}, interval: s}, true, HealthTime{}},
		"Docker's defaults":         {healthCheck{test: test}, true, HealthTime{Earliest: 30 * s, Allowed: 120 * s}},
		"all said, old engine":      {healthCheck{test, 5 * s, 2 * s, 90 * s, s, 4}, false, HealthTime{Earliest: 5 * s, Allowed: 112 * s}},
		"all said, engine 25":       {healthCheck{test, 5 * s, 2 * s, 90 * s, s, 4}, true, HealthTime{Earliest: s, Allowed: 112 * s}},
		"start interval by default": {healthCheck{test: test, startPeriod: 90 * s}, true, HealthTime{Earliest: 5 * s, Allowed: 210 * s}},
	} {
		assert.Equal(t, c.check.time(c.probes), c.want, name)
	}
	interval, retries := types.Duration(3*s), uint64(7)
	var own Definition
	own.Service.HealthCheck = &types.HealthCheckConfig{Interval: &interval, Retries: &retries}
	assert.DeepEqual(t, healthCheck{test: test, interval: s, timeout: s}.under(own).time(false), HealthTime{Earliest: 3 * s, Allowed: 22 * s})
	own.Service.HealthCheck.Disable = true
	assert.DeepEqual(t, healthCheck{test: test}.under(own).time(false), HealthTime{})
}
