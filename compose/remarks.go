package compose

import (
	"context"
	"slices"

	"github.com/docker-haproxy/docker-haproxy/compose/labels"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// Remarks are what the labels of a project say otherwise than they were probably
// meant: those that are not read, and those that another file overrules. A label that closes its service is
// not among them where the service is quarantined for it.
func (p *Project) Remarks(ctx context.Context) []haproxy.Diagnostic {
	_, _, loads := p.generatedFolder()
	closes := func(slip labels.Slip) bool { return loads && slip.Guards && slip.Service != "" }
	return append(slipRemarks(slices.DeleteFunc(Slips(p.Project), closes)), overruled(ctx, p.Project)...)
}

func slipRemarks(slips []labels.Slip) []haproxy.Diagnostic {
	var remarks []haproxy.Diagnostic
	for _, slip := range slips {
		bare := slip.Problem
		bare.Hint = ""
		remarks = append(remarks, haproxy.Diagnostic{Severity: haproxy.Warning, Message: bare.Error(), Hint: slip.Hint})
	}
	return remarks
}

// slipWarnings name the slips of services that are not quarantined: for these the
// quarantine says why.
func (p *Project) slipWarnings(quarantines []Quarantine) []string {
	var warnings []string
	for _, slip := range Slips(p.Project) {
		told := func(q Quarantine) bool { return slip.Guards && q.Service == slip.Service }
		if !slices.ContainsFunc(quarantines, told) {
			warnings = append(warnings, slip.Error())
		}
	}
	return warnings
}
