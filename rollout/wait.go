package rollout

import (
	"fmt"
	"time"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

// wait is how long new containers are waited for: as long as a person has chosen,
// or else at least as long as the service's own health check allows them. A note
// says what a person should know of it; a time that can never be enough is an error.
func wait(service string, health compose.HealthTime, given time.Duration, chosen bool) (time.Duration, string, error) {
	needs := max(health.Earliest, health.Allowed)
	switch {
	case !chosen && needs > given:
		return needs, fmt.Sprintf("The health check of service %s allows %s until a container is healthy: that long is waited, and not the usual %s (--wait-timeout).", service, needs, given), nil
	case chosen && given > 0 && health.Earliest >= given:
		return 0, "", &compose.Problem{
			Summary: fmt.Sprintf("--wait-timeout %s is too short for service %s: the first probe of its health check comes after %s", given, service, health.Earliest),
			Advice:  fmt.Sprintf("Its settings allow %s until a container is healthy: give --wait-timeout that much, or shorten the interval of the health check.", needs),
		}
	case chosen && given > 0 && needs > given:
		return given, fmt.Sprintf("--wait-timeout %s is less than the %s that the health check of service %s allows until a container is healthy: one that needs longer is taken back.", given, needs, service), nil
	}
	return given, "", nil
}
