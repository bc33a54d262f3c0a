package compose

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/compose/labels"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
)

// declaration is what one file says of a label.
type declaration struct {
	file    string
	service string
	label   string
	value   string
}

// overruled are the labels of which one file says something else than another one
// that wins: Compose merges files without a word.
func overruled(ctx context.Context, project *types.Project) []haproxy.Diagnostic {
	said := declarations{ctx: ctx, project: project, models: map[string]map[string]any{}}
	said.readAll()
	services := servicesByName(project)
	var remarks []haproxy.Diagnostic
	for i, loses := range said.all {
		service, known := services[loses.service]
		final, there := service.Labels[loses.label]
		if !known || there && final == loses.value || slices.Contains(said.all[:i], loses) {
			continue
		}
		if !there {
			remarks = append(remarks, loses.takenAway())
			continue
		}
		wins := func(d declaration) bool {
			return d.service == loses.service && d.label == loses.label && d.value == final && d.file != loses.file
		}
		if winners := slices.DeleteFunc(slices.Clone(said.all), func(d declaration) bool { return !wins(d) }); len(winners) > 0 {
			remarks = append(remarks, loses.overruledBy(winners[len(winners)-1]))
		}
	}
	return remarks
}

func (d declaration) overruledBy(wins declaration) haproxy.Diagnostic {
	return haproxy.Diagnostic{
		Severity: haproxy.Warning, File: ShortPath(d.file),
		Message: fmt.Sprintf("service %s: label %s: %q is overruled by %q in %s", d.service, d.label, d.value, wins.value, ShortPath(wins.file)),
		Hint:    fmt.Sprintf("%s wins: take the label out of it if %q is meant, else out of %s", ShortPath(wins.file), d.value, ShortPath(d.file)),
	}
}

func (d declaration) takenAway() haproxy.Diagnostic {
	return haproxy.Diagnostic{
		Severity: haproxy.Warning, File: ShortPath(d.file),
		Message: fmt.Sprintf("service %s: label %s: %q is taken away by another Compose file", d.service, d.label, d.value),
		Hint:    "look there for !reset or !override",
	}
}

// declarations are those of our labels in all files of a project, in the order in
// which Compose merges them: what comes later wins.
type declarations struct {
	ctx     context.Context //nolint:containedctx // of the one call that it lives in
	project *types.Project
	models  map[string]map[string]any // by file
	all     []declaration
}

func (d *declarations) readAll() {
	for _, service := range allServices(d.project) {
		for _, file := range service.LabelFiles {
			d.addLabelFile(service.Name, file)
		}
	}
	for _, file := range d.project.ComposeFiles {
		d.addFile(file)
	}
}

// addLabelFile reads a file of label_file, over which labels of all others win.
func (d *declarations) addLabelFile(service, file string) {
	if found, err := dotenv.Read(file); err == nil {
		for _, label := range slices.Sorted(maps.Keys(found)) {
			d.add(declaration{file, service, label, found[label]})
		}
	}
}

// addFile reads a Compose file, behind those that it includes. One that cannot be
// read again, such as standard input, says nothing.
func (d *declarations) addFile(file string) {
	model := d.model(file)
	for _, included := range includedBy(model) {
		d.addFile(resolved(file, included))
	}
	services, _ := model["services"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		d.addService(name, file, name, 0)
	}
}

// maxExtends bounds services that extend each other in a circle.
const maxExtends = 20

// addService reads the labels of a service of a file, behind those of the service
// that it extends; they are those of the service name.
func (d *declarations) addService(name, file, inFile string, depth int) {
	services, _ := d.model(file)["services"].(map[string]any)
	service, _ := services[inFile].(map[string]any)
	if service == nil || depth > maxExtends {
		return
	}
	if base, from := extendedBy(service); base != "" {
		d.addService(name, resolved(file, from), base, depth+1)
	}
	switch given := service["labels"].(type) {
	case map[string]any:
		for _, label := range slices.Sorted(maps.Keys(given)) {
			d.add(declaration{file, name, label, d.interpolated(textOf(given[label]))})
		}
	case []any:
		for _, item := range given {
			label, value, _ := strings.Cut(d.interpolated(textOf(item)), "=")
			d.add(declaration{file, name, label, value})
		}
	}
}

func (d *declarations) add(one declaration) {
	if labels.Uses(map[string]string{one.label: one.value}) {
		d.all = append(d.all, one)
	}
}

// model is a Compose file as it is written, but for anchors and tags.
func (d *declarations) model(file string) map[string]any {
	if model, done := d.models[file]; done {
		return model
	}
	d.models[file] = nil // a file that includes itself
	content, err := regular.Read(file)
	if err != nil {
		return nil
	}
	details := types.ConfigDetails{
		WorkingDir: filepath.Dir(file), Environment: d.project.Environment,
		ConfigFiles: []types.ConfigFile{{Filename: file, Content: content}},
	}
	model, err := loader.LoadModelWithContext(d.ctx, details, func(o *loader.Options) {
		o.SkipValidation, o.SkipInterpolation, o.SkipNormalization, o.SkipConsistencyCheck = true, true, true, true
		o.SkipExtends, o.SkipInclude, o.SkipResolveEnvironment, o.SkipDefaultValues = true, true, true, true
		o.SkipResolveLabels = true
		o.SetProjectName(d.project.Name, true)
	})
	if err == nil {
		d.models[file] = model
	}
	return d.models[file]
}

func (d *declarations) interpolated(text string) string {
	done, err := template.SubstituteWithOptions(text, d.project.Environment.Resolve, template.WithoutLogging)
	if err != nil {
		return text
	}
	return done
}

func textOf(value any) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// extendedBy is the service that a service extends, and its file; "" where that
// is the same file.
func extendedBy(service map[string]any) (base, file string) {
	switch extends := service["extends"].(type) {
	case string:
		return extends, ""
	case map[string]any:
		return textOf(extends["service"]), textOf(extends["file"])
	}
	return "", ""
}

// includedBy are the files that a Compose file includes.
func includedBy(model map[string]any) []string {
	var files []string
	entries, _ := model["include"].([]any)
	for _, entry := range entries {
		if long, isLong := entry.(map[string]any); isLong {
			entry = long["path"]
		}
		switch paths := entry.(type) {
		case string:
			files = append(files, paths)
		case []any:
			for _, path := range paths {
				files = append(files, textOf(path))
			}
		}
	}
	return files
}

// resolved is a path as a Compose file says it: relative to its folder, or the
// file itself.
func resolved(file, path string) string {
	switch {
	case path == "":
		return file
	case filepath.IsAbs(path):
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}
