package compose

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/internal/regular"
)

// The loader of Compose reads whatever it is given: a FIFO without end, a device
// until the memory ends. What it is about to read is looked at first.

// readable refuses Compose files, environment files and files of labels that are
// not regular ones of a size that fits.
func (o LoadOptions) readable(ctx context.Context) error {
	folder, files := o.files()
	for _, file := range append(append([]string{filepath.Join(folder, ".env")}, o.EnvFiles...), files...) {
		if err := regular.Check(file); err != nil {
			return notRead(err)
		}
	}
	for _, file := range files {
		if err := namedIn(ctx, file); err != nil {
			return notRead(err)
		}
	}
	return nil
}

// files are the folder of the project and its Compose files, as far as they are
// known before Compose reads them.
func (o LoadOptions) files() (folder string, files []string) {
	if len(o.ConfigPaths) > 0 {
		return cmp.Or(o.ProjectDir, filepath.Dir(o.ConfigPaths[0])), o.ConfigPaths
	}
	folder = o.folder()
	if named := os.Getenv("COMPOSE_FILE"); named != "" {
		return folder, filepath.SplitList(named)
	}
	found, _ := filepath.Glob(filepath.Join(folder, "*compose*.y*ml"))
	return folder, found
}

// folder is where Compose finds its file: here, or above.
func (o LoadOptions) folder() string {
	start, err := filepath.Abs(o.ProjectDir)
	if err != nil {
		return o.ProjectDir
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		for _, name := range FileNames() {
			if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
				return folder
			}
		}
		if folder == filepath.Dir(folder) {
			return start
		}
	}
}

// namedIn tells of a file that a Compose file names and that must not be read. A
// Compose file that does not load, the loader tells of.
func namedIn(ctx context.Context, file string) error {
	content, err := regular.Read(file)
	if text := string(content); err != nil || !strings.Contains(text, "env_file") && !strings.Contains(text, "label_file") {
		return nil //nolint:nilerr // such as standard input
	}
	details := types.ConfigDetails{WorkingDir: filepath.Dir(file), ConfigFiles: []types.ConfigFile{{Filename: file, Content: content}}}
	model, err := loader.LoadModelWithContext(ctx, details, func(o *loader.Options) {
		o.SkipValidation, o.SkipInterpolation, o.SkipNormalization, o.SkipConsistencyCheck = true, true, true, true
		o.SkipExtends, o.SkipInclude, o.SkipResolveEnvironment, o.SkipDefaultValues = true, true, true, true
		o.SkipResolveLabels = true
		o.SetProjectName("unnamed", true)
	})
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	services, _ := model["services"].(map[string]any)
	for _, service := range services {
		fields, _ := service.(map[string]any)
		for _, name := range append(namesIn(fields["env_file"]), namesIn(fields["label_file"])...) {
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(file), name)
			}
			if err := regular.Check(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// namesIn are the files that a field names: one, a list, or a list of mappings.
func namesIn(field any) (names []string) {
	switch value := field.(type) {
	case string:
		return []string{value}
	case []any:
		for _, entry := range value {
			names = append(names, namesIn(entry)...)
		}
	case map[string]any:
		return namesIn(value["path"])
	}
	return names
}

// notRead is what to do about a file that is none to be read.
func notRead(cause error) error {
	irregular, known := errors.AsType[*regular.Error](cause)
	if !known {
		return cause
	}
	return &Problem{
		Summary: ShortPath(irregular.Name) + " " + irregular.Why,
		Advice:  "Put a file in its place; nothing was touched.",
		Cause:   cause,
	}
}
