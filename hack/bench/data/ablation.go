package data

import (
	"fmt"
	"regexp"
	"strings"
)

// ablation is the generated configuration without one of its parts.
type ablation struct {
	Name string
	// lines are regular expressions of what goes, each of which must match.
	lines []string
}

// ablations are the parts of the generated configuration that a request can feel.
func ablations() []ablation {
	return []ablation{
		{"without its log", []string{`    option httplog\n`, `    option dontlog-normal\n`, `    log global\n`}},
		{"without health checks", []string{`    option httpchk\n`, `    http-check .*\n`, `    default-server check .*\n`, `(?m) check$`}},
		{"without X-Forwarded headers", []string{`    http-request set-header .*\n`}},
		{"without repeating what failed", []string{`    retry-on .*\n`, `    http-request disable-l7-retry .*\n`}},
		{"without idle-close-on-response", []string{`    option idle-close-on-response\n`}},
	}
}

// of takes the part out of a configuration.
func (a ablation) of(config string) (string, error) {
	for _, line := range a.lines {
		expression, err := regexp.Compile(line)
		if err != nil {
			return "", err
		}
		without := expression.ReplaceAllString(config, "")
		if without == config {
			return "", fmt.Errorf("%s: the generated configuration has no %s any more", a.Name, strings.TrimSpace(line))
		}
		config = without
	}
	return config, nil
}
