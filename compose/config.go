package compose

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config is the load balancer's configuration as it stands on disk at one
// moment: the files named on HAProxy's command line and all that lies beside
// them in the mounted folders (certificates, maps, error pages).
type Config struct {
	Hash    string    // of the names and contents of all files
	Changed time.Time // when the newest of them was last written
}

// ReadConfig reads the configuration from this machine's disk. Its errors name
// what HAProxy or Docker would stumble over in words of their own: a file that
// is missing, that is a folder (which Docker makes of a missing one), or that
// the user inside the container may not read. A configuration that is not on
// this machine, being part of the image, say, reads as the zero Config.
func (p *Project) ReadConfig() (Config, error) {
	var roots []string
	for _, name := range p.command.Configs {
		file, ok := p.hostPath(name)
		if !ok {
			continue
		}
		if err := p.readable(file); err != nil {
			return Config{}, err
		}
		roots = append(roots, p.mountedRoots(name, file)...)
	}
	slices.Sort(roots)
	roots = slices.Compact(roots)
	if len(roots) == 0 {
		return Config{}, nil
	}
	return snapshot(roots)
}

// mountedRoots are the folder on this machine's disk that holds a configuration
// file and is mounted as a whole, and the file itself where it is mounted alone.
func (p *Project) mountedRoots(inContainer, file string) []string {
	folder, ok := p.hostPath(path.Dir(inContainer))
	switch {
	case !ok:
		return []string{file}
	case filepath.Dir(file) != filepath.Clean(folder): // mounted over the one in the folder
		return []string{folder, file}
	default:
		return []string{folder}
	}
}

// readable tells what keeps HAProxy from reading a configuration file.
func (p *Project) readable(file string) error {
	shown := shorten(file)
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Problem{
			Summary: fmt.Sprintf("the configuration %s does not exist", shown),
			Advice:  `Bring it back, or write a new one with "docker haproxy init --force".`,
			Cause:   err,
		}
	case err != nil:
		return &Problem{
			Summary: fmt.Sprintf("the configuration %s cannot be read: %v", shown, err),
			Advice:  "Check its permissions and those of the folders above it.",
			Cause:   err,
		}
	case info.IsDir() && !holdsConfigs(file):
		return &Problem{
			Summary: fmt.Sprintf("the configuration %s is a folder without a .cfg file in it", shown),
			Advice:  "Docker makes an empty folder where a file to be mounted is missing: remove it and put the file there.",
		}
	}
	if uid, ok := p.runsAs(); ok && info.Mode().Perm()&0o004 == 0 && !isOwner(info, uid) {
		return &Problem{
			Summary: fmt.Sprintf("HAProxy runs as user %d in its container and may not read %s (mode %04o)", uid, shown, info.Mode().Perm()),
			Advice:  fmt.Sprintf("Let it: chmod o+r %s, or chown it to %d.", shown, uid),
		}
	}
	opened, err := os.Open(file)
	if err != nil {
		return &Problem{
			Summary: fmt.Sprintf("the configuration %s cannot be read: %v", shown, err),
			Advice:  "Check its permissions.",
			Cause:   err,
		}
	}
	return opened.Close()
}

// runsAs is the numeric user of the load balancer's process; false where it is
// root, a name that only the image knows, or where file modes do not say who
// may read what: in the virtual machine of Docker Desktop.
func (p *Project) runsAs() (int, bool) {
	if runtime.GOOS != "linux" {
		return 0, false
	}
	user, _, _ := strings.Cut(p.balancer.User, ":")
	uid, err := strconv.Atoi(user)
	return uid, err == nil && uid != 0
}

func holdsConfigs(folder string) bool {
	found, err := filepath.Glob(filepath.Join(folder, "*.cfg"))
	return err == nil && len(found) > 0
}

// isScratch tells an editor's own files from configuration.
func isScratch(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#")
}

// snapshot hashes the files below the roots, in the order of their names.
func snapshot(roots []string) (Config, error) {
	var config Config
	hash := sha256.New()
	for _, root := range roots {
		err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if isScratch(entry.Name()) && file != root {
				if entry.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			info, err := os.Stat(file) // follows links, as HAProxy does
			if err != nil || !info.Mode().IsRegular() {
				return nil // a socket, a dangling link, an editor's file that is gone again
			}
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(content)
			fmt.Fprintf(hash, "%q %x\n", file, sum)
			if info.ModTime().After(config.Changed) {
				config.Changed = info.ModTime()
			}
			return nil
		})
		if err != nil {
			return Config{}, fmt.Errorf("reading the configuration: %w", err)
		}
	}
	config.Hash = hex.EncodeToString(hash.Sum(nil))
	return config, nil
}
