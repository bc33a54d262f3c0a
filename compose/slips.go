package compose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/compose/labels"
)

// Slips are the labels of a project that were probably meant for us and are not
// read: nearly ours, or in a place where no labels of services are.
func Slips(project *types.Project) []labels.Slip {
	used := usedLabels(project)
	var found []labels.Slip
	for _, service := range allServices(project) {
		if isDisabled(service) {
			continue
		}
		found = append(found, labels.Slips(service.Name, service.Labels)...)
		found = append(found, misplaced(service, used)...)
	}
	for _, place := range sharedPlaces(project) {
		found = append(found, labels.Misplaced("", place.name, place.without(used))...)
	}
	return found
}

// misplaced are the labels of a service that stand elsewhere than in its labels.
func misplaced(service types.ServiceConfig, used map[string]bool) []labels.Slip {
	var found []labels.Slip
	for _, place := range placesOf(service) {
		found = append(found, labels.Misplaced(service.Name, place.name, place.without(used))...)
	}
	return found
}

// allServices are those of profiles that are not enabled too, in the order of their names.
func allServices(project *types.Project) []types.ServiceConfig {
	all := servicesByName(project)
	var services []types.ServiceConfig
	for _, name := range slices.Sorted(maps.Keys(all)) {
		services = append(services, all[name])
	}
	return services
}

func servicesByName(project *types.Project) types.Services {
	all := types.Services{}
	maps.Copy(all, project.DisabledServices)
	maps.Copy(all, project.Services)
	return all
}

// isDisabled tells whether a service is not to be served, by its own label.
func isDisabled(service types.ServiceConfig) bool {
	return labels.Parse(service.Name, map[string]string{"haproxy.enable": service.Labels["haproxy.enable"]}, nil).Disabled
}

// labelPlace is where labels stand that we do not read.
type labelPlace struct {
	name   string
	labels map[string]string
	shared bool // by services, through anchors
}

// without leaves out what the labels of a service say as well: for a stack of
// Swarm, which reads deploy.labels, or by an anchor in an extension, the value of
// which a second file may have changed.
func (p labelPlace) without(used map[string]bool) map[string]string {
	rest := map[string]string{}
	for label, value := range p.labels {
		if used[label+"="+value] || p.shared && used[label] {
			continue
		}
		rest[label] = value
	}
	return rest
}

func usedLabels(project *types.Project) map[string]bool {
	used := map[string]bool{}
	for _, service := range allServices(project) {
		for label, value := range service.Labels {
			used[label], used[label+"="+value] = true, true
		}
	}
	return used
}

// placesOf are the other places for labels that a service has.
func placesOf(service types.ServiceConfig) []labelPlace {
	places := []labelPlace{
		{name: "annotations", labels: service.Annotations},
		{name: "environment", labels: prefixed(service.Environment)},
	}
	if service.Deploy != nil {
		places = append(places, labelPlace{name: "deploy.labels", labels: service.Deploy.Labels})
		places = append(places, extensions("deploy.", service.Deploy.Extensions)...)
	}
	if service.Build != nil {
		places = append(places, labelPlace{name: "build.labels", labels: service.Build.Labels})
		places = append(places, extensions("build.", service.Build.Extensions)...)
	}
	for _, volume := range service.Volumes {
		if volume.Volume != nil {
			places = append(places, labelPlace{name: "volumes", labels: volume.Volume.Labels})
		}
	}
	return append(places, extensions("", service.Extensions)...)
}

// sharedPlaces are the places for labels that belong to no service.
func sharedPlaces(project *types.Project) []labelPlace {
	var places []labelPlace
	for _, name := range slices.Sorted(maps.Keys(project.Networks)) {
		places = append(places, labelPlace{name: "network " + name, labels: project.Networks[name].Labels})
	}
	for _, name := range slices.Sorted(maps.Keys(project.Volumes)) {
		places = append(places, labelPlace{name: "volume " + name, labels: project.Volumes[name].Labels})
	}
	for _, name := range slices.Sorted(maps.Keys(project.Configs)) {
		places = append(places, labelPlace{name: "config " + name, labels: project.Configs[name].Labels})
	}
	for _, name := range slices.Sorted(maps.Keys(project.Secrets)) {
		places = append(places, labelPlace{name: "secret " + name, labels: project.Secrets[name].Labels})
	}
	for _, extension := range extensions("", project.Extensions) {
		extension.shared = true
		places = append(places, extension)
	}
	return places
}

// prefixed are the variables that begin as our labels do: a dot is not usual there.
func prefixed(environment types.MappingWithEquals) map[string]string {
	found := map[string]string{}
	for name, value := range environment {
		if labels.Uses(map[string]string{name: ""}) && value != nil {
			found[name] = *value
		}
	}
	return found
}

// extensions are what x- keys hold, as far as it looks like labels.
func extensions(above string, all types.Extensions) []labelPlace {
	var places []labelPlace
	for _, name := range slices.Sorted(maps.Keys(all)) {
		found := map[string]string{}
		collect(strings.TrimPrefix(name, "x-"), all[name], found)
		places = append(places, labelPlace{name: above + name, labels: found})
	}
	return places
}

// collect finds labels in a tree of YAML: keys with a text, items KEY=TEXT, and
// what is below a key "haproxy".
func collect(key string, value any, found map[string]string) {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			if strings.EqualFold(key, LoadBalancer) {
				name = LoadBalancer + "." + name
			}
			collect(name, inner, found)
		}
	case []any:
		for _, item := range value {
			text, isText := item.(string)
			if label, rest, ok := strings.Cut(text, "="); isText && ok {
				found[label] = rest
				continue
			}
			collect("", item, found)
		}
	case nil:
	default:
		found[key] = fmt.Sprint(value)
	}
}
