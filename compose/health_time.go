package compose

import (
	"cmp"
	"context"
	"time"

	"github.com/moby/moby/client/pkg/versions"
)

// HealthTime is how long a service's health check takes by its own settings. The
// zero value is a service without one.
type HealthTime struct {
	Earliest time.Duration // until its first probe: no container is healthy before
	Allowed  time.Duration // until a container that does not become healthy is unhealthy
}

// What Docker takes where a health check does not say it.
const (
	defaultProbe      = 30 * time.Second // interval and timeout
	defaultStartProbe = 5 * time.Second  // interval during the start period, since Docker 25.0
	defaultRetries    = 3

	// startProbeAPIVersion is the first with an interval of its own for the start period.
	startProbeAPIVersion = "1.44"
)

// HealthTime reads the health check of the definition, and of its image.
func (e *Engine) HealthTime(ctx context.Context, d Definition) HealthTime {
	var check healthCheck
	if d.ImageID != "" {
		if image, err := e.api().ImageInspect(ctx, d.ImageID); err == nil && image.Config != nil && image.Config.Healthcheck != nil {
			own := image.Config.Healthcheck
			check = healthCheck{own.Test, own.Interval, own.Timeout, own.StartPeriod, own.StartInterval, own.Retries}
		}
	}
	return check.under(d).time(!versions.LessThan(e.api().ClientVersion(), startProbeAPIVersion))
}

// healthCheck is a health check's settings; what is 0 is left to Docker.
type healthCheck struct {
	test                                          []string
	interval, timeout, startPeriod, startInterval time.Duration
	retries                                       int
}

// under is the image's health check with what the definition says over it.
func (c healthCheck) under(d Definition) healthCheck {
	own := d.Service.HealthCheck
	if own == nil {
		return c
	}
	if own.Disable {
		return healthCheck{}
	}
	if len(own.Test) > 0 {
		c.test = own.Test
	}
	for field, value := range map[*time.Duration]*time.Duration{
		&c.interval: (*time.Duration)(own.Interval), &c.timeout: (*time.Duration)(own.Timeout),
		&c.startPeriod: (*time.Duration)(own.StartPeriod), &c.startInterval: (*time.Duration)(own.StartInterval),
	} {
		if value != nil && *value != 0 {
			*field = *value
		}
	}
	if own.Retries != nil && *own.Retries != 0 {
		c.retries = int(*own.Retries) //nolint:gosec // a number of probes
	}
	return c
}

// time adds the settings up. startProbes tells whether the engine probes more often
// during the start period.
func (c healthCheck) time(startProbes bool) HealthTime {
	if len(c.test) == 0 || c.test[0] == "NONE" {
		return HealthTime{}
	}
	interval := cmp.Or(c.interval, defaultProbe)
	first := interval
	if startProbes && c.startPeriod > 0 {
		first = cmp.Or(c.startInterval, defaultStartProbe)
	}
	retries := time.Duration(cmp.Or(c.retries, defaultRetries))
	return HealthTime{Earliest: first, Allowed: c.startPeriod + retries*interval + cmp.Or(c.timeout, defaultProbe)}
}
