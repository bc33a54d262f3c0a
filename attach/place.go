package attach

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
)

// Names of what init writes beside a project of the user's own.
const (
	// OverrideName is read by Compose by itself, whatever the base file is called.
	OverrideName = "compose.override.yaml"
	// FileName is for where there is an override file already.
	FileName = "compose.haproxy.yaml"

	envName = ".env"
)

// foundBy is how Compose comes to the files of a project.
type foundBy string

const (
	byName        foundBy = "its name"
	byEnvFile     foundBy = "COMPOSE_FILE in .env"
	byEnvironment foundBy = "COMPOSE_FILE in the environment"
	byFlag        foundBy = "-f"
)

// Place is where the files of a project lie and how Compose comes to read them.
type Place struct {
	Folder  string   // where Compose is run; .env is here
	Project string   // the project's folder, which paths in its files begin at
	Files   []string // the user's own files, in Compose's order
	Ours    []string // those among Compose's files that an earlier init wrote

	by        foundBy
	separator string // between the files of COMPOSE_FILE
	readsEnv  bool   // whether Compose reads .env in the folder
	envUser   string // what of the project would change with COMPOSE_FILE in .env; "" is nothing
}

// FindPlace looks for a project in a folder, and not above it, as Compose
// would if it were run there. found is false where there is none.
func FindPlace(folder string, opts compose.LoadOptions) (place Place, found bool, err error) {
	environment, readsEnv, err := composeEnvironment(folder, opts)
	if err != nil {
		return Place{}, false, err
	}
	place = Place{Folder: folder, Project: folder, readsEnv: readsEnv, separator: cmp.Or(environment[consts.ComposePathSeparator], string(os.PathListSeparator))}
	switch {
	case len(opts.ConfigPaths) > 0:
		place.by = byFlag
		if err := place.add("", opts.ConfigPaths); err != nil {
			return Place{}, false, err
		}
	case environment[consts.ComposeFilePath] != "":
		place.by = byEnvironment
		if _, outside := os.LookupEnv("COMPOSE_FILE"); !outside && readsEnv {
			place.by = byEnvFile
		}
		files := strings.Split(environment[consts.ComposeFilePath], place.separator)
		if _, err := os.Stat(pathIn(folder, files[0])); err != nil {
			return Place{}, false, nil // meant for another folder
		}
		if err := place.add(folder, files); err != nil {
			return Place{}, false, err
		}
	default:
		place.by = byName
		base := firstOf(folder, cli.DefaultFileNames)
		if base == "" {
			return Place{}, false, nil
		}
		names := []string{base}
		if override := firstOf(folder, cli.DefaultOverrideFileNames); override != "" {
			names = append(names, override)
		}
		if err := place.add(folder, names); err != nil {
			return Place{}, false, err
		}
	}
	if len(place.Files) == 0 {
		return Place{}, false, nil
	}
	place.Project = filepath.Dir(place.Files[0])
	if opts.ProjectDir != "" {
		place.Project = folder
	}
	return place, true, nil
}

// composeEnvironment is what Compose reads COMPOSE_FILE from: the environment
// of the process, then environment files. readsEnv tells whether .env in the
// folder is among these.
func composeEnvironment(folder string, opts compose.LoadOptions) (environment types.Mapping, readsEnv bool, err error) {
	options, err := cli.NewProjectOptions(nil, cli.WithOsEnv)
	if err != nil {
		return nil, false, err
	}
	environment = options.Environment
	files := opts.EnvFiles
	if len(files) == 0 {
		off, _ := strconv.ParseBool(environment[consts.ComposeDisableDefaultEnvFile])
		readsEnv = !off
		file := filepath.Join(folder, envName)
		if info, err := os.Stat(file); readsEnv && err == nil && !info.IsDir() {
			files = []string{file}
		}
	}
	fromFiles, err := dotenv.GetEnvFromFile(environment, files)
	if err != nil {
		return nil, false, &compose.Problem{
			Summary: "an environment file cannot be read: " + err.Error(),
			Advice:  "Mend it, or check --env-file; nothing was changed.",
			Cause:   err,
		}
	}
	return environment.Merge(fromFiles), readsEnv, nil
}

// add sorts files into the user's own and ours.
func (p *Place) add(folder string, names []string) error {
	for _, name := range names {
		file, err := filepath.Abs(pathIn(folder, name))
		if err != nil {
			return err
		}
		content, err := regular.Read(file)
		if err == nil && isAttached(content) {
			p.Ours = append(p.Ours, file)
			continue
		}
		p.Files = append(p.Files, file) // one that is missing is for Compose to name
	}
	return nil
}

func pathIn(folder, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(folder, name)
}

// firstOf is the first of some names that a folder has a file of.
func firstOf(folder string, names []string) string {
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			return name
		}
	}
	return ""
}

// IsDemo tells whether the project is one that init wrote as a whole.
func (p Place) IsDemo() bool {
	content, err := regular.Read(p.Files[0])
	return err == nil && filepath.Base(p.Files[0]) == compose.ComposeFileName && compose.WrittenByInit(content)
}

// Name is what the user knows the project by: its first file.
func (p Place) Name() string { return compose.ShortPath(p.Files[0]) }

// isAttached recognizes, by its first line, a Compose file that init wrote
// beside a project of the user's own.
func isAttached(composeFile []byte) bool {
	first, _, _ := bytes.Cut(composeFile, []byte("\n"))
	return bytes.HasPrefix(first, []byte(`# Attached by "docker haproxy init"`))
}

// isAttachedBase recognizes a base config that init wrote there.
func isAttachedBase(config []byte) bool {
	first, _, _ := bytes.Cut(config, []byte("\n"))
	return bytes.HasPrefix(first, []byte(`# The base config, written once by "docker haproxy init"`))
}

// loadOptions are those that load some of the project's files as Compose loads
// all of them.
func (p Place) loadOptions(opts compose.LoadOptions, files []string) compose.LoadOptions {
	opts.ConfigPaths = files
	opts.ProjectDir = ""
	if p.Project != filepath.Dir(p.Files[0]) {
		opts.ProjectDir = p.Project
	}
	if len(opts.EnvFiles) == 0 && p.readsEnv && p.Folder != p.Project {
		for _, folder := range []string{p.Folder, p.Project} { // Compose reads both
			file := filepath.Join(folder, envName)
			if info, err := os.Stat(file); err == nil && !info.IsDir() {
				opts.EnvFiles = append(opts.EnvFiles, file)
			}
		}
	}
	return opts
}

// way is how Compose is made to read a file more.
type way string

const (
	wayOverride way = "override" // it looks for a file of that name
	wayEnvFile  way = "env"      // COMPOSE_FILE in .env names it
	wayByHand   way = "by hand"  // the user names it, where the others are named
)

// way chooses the least intrusive way that Compose understands by itself.
func (p Place) way() way {
	switch {
	case p.by == byName && len(p.Files) == 1 && p.free(cli.DefaultOverrideFileNames):
		return wayOverride
	case p.mayExtendEnv() && p.envUser == "":
		return wayEnvFile
	default:
		return wayByHand
	}
}

// mayExtendEnv tells whether COMPOSE_FILE in .env is what Compose goes by.
func (p Place) mayExtendEnv() bool { return (p.by == byName || p.by == byEnvFile) && p.readsEnv }

// free tells whether no file of the user's has one of the names.
func (p Place) free(names []string) bool {
	for _, name := range names {
		content, err := regular.Read(filepath.Join(p.Folder, name))
		if !errors.Is(err, fs.ErrNotExist) && !isAttached(content) {
			return false
		}
	}
	return true
}

// target is the file that init writes the load balancer's service to.
func (p Place) target() string {
	if p.way() == wayOverride {
		return filepath.Join(p.Folder, OverrideName)
	}
	return filepath.Join(p.Project, FileName)
}

// entry is a file as COMPOSE_FILE names it: relative to the folder that Compose
// is run in.
func (p Place) entry(file string) string {
	rel, err := filepath.Rel(p.Folder, file)
	if err != nil || runtime.GOOS == "windows" && filepath.IsAbs(rel) {
		return file
	}
	return filepath.ToSlash(rel)
}

// entries are the user's files, and then one of ours, as COMPOSE_FILE names them.
func (p Place) entries(more string) string {
	var names []string
	for _, file := range append(slices.Clone(p.Files), more) {
		names = append(names, p.entry(file))
	}
	return strings.Join(names, p.separator)
}

// byHand is what the user has to add, and where, so that Compose reads a file.
func (p Place) byHand(file string) (line, where string) {
	if p.by == byFlag {
		return "-f " + compose.ShortPath(file), `behind the other -f of each "docker compose" and "docker haproxy"`
	}
	line = consts.ComposeFilePath + "=" + p.entries(file)
	if p.envUser != "" {
		return "export " + line, "in the shell in which Docker is used; not in .env, for " + p.envUser
	}
	return line, "where COMPOSE_FILE is set now"
}
