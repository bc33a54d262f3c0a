package compose

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/history"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
)

// Config is the load balancer's configuration as it stands on disk at one
// moment: the files named on HAProxy's command line and all that lies beside
// them in the mounted folders (certificates, maps, error pages).
type Config struct {
	Hash    string    // of the names and contents of all files
	Changed time.Time // when the newest of them was last written
	files   []history.Source
	odd     []string // what is no regular file among them
}

// ReadConfig reads the configuration from this machine's disk. Its errors name
// what HAProxy or Docker would stumble over in words of their own: a file that
// is missing, that is a folder (which Docker makes of a missing one), or that
// the user inside the container may not read. A configuration that is not on
// this machine, being part of the image, say, reads as the zero Config.
func (p *Project) ReadConfig() (Config, error) {
	if err := p.allReadable(p.command.Configs); err != nil {
		return Config{}, err
	}
	roots := p.configRoots()
	if len(roots) == 0 {
		return Config{}, nil
	}
	config, err := snapshot(roots)
	if err != nil {
		return Config{}, notRead(err)
	}
	return config, p.mentioned(config.odd)
}

// mentioned refuses a configuration that names a FIFO or a device beside it:
// HAProxy would wait for it without end. A socket may be one to connect to.
func (p *Project) mentioned(odd []string) error {
	files, _ := p.configFiles()
	for _, name := range odd {
		info, err := os.Stat(name)
		target, _ := filepath.EvalSymlinks(name)
		if err != nil || info.Mode()&fs.ModeSocket != 0 || target == os.DevNull {
			continue
		}
		for _, file := range files {
			if bytes.Contains(file.Content, []byte("/"+filepath.Base(name))) {
				return notRead(regular.Check(name))
			}
		}
	}
	return nil
}

// baseReadable tells what keeps HAProxy from reading the files that are the
// user's own; the generated ones may not be there yet.
func (p *Project) baseReadable() error {
	generated, _, _ := p.generatedFolder()
	return p.allReadable(slices.DeleteFunc(slices.Clone(p.command.Configs), func(name string) bool { return name == generated }))
}

func (p *Project) allReadable(names []string) error {
	for _, name := range names {
		if file, ok := p.hostPath(name); ok {
			if err := p.readable(file); err != nil {
				return err
			}
		}
	}
	return nil
}

// configFiles are the configuration files that HAProxy reads, in its order.
// complete tells whether all of them are on this machine's disk and readable.
func (p *Project) configFiles() (files []haproxy.ConfigFile, complete bool) {
	complete = true
	for _, name := range p.command.Configs {
		host, onDisk := p.hostPath(name)
		names, hosts := []string{name}, []string{host}
		if info, err := os.Stat(host); onDisk && err == nil && info.IsDir() {
			hosts, _ = filepath.Glob(filepath.Join(host, "[^.]*.cfg")) // in order, as HAProxy reads them
			names = nil
			for _, host := range hosts {
				names = append(names, path.Join(name, filepath.Base(host)))
			}
		}
		for i, host := range hosts {
			content, err := regular.Read(host)
			if !onDisk || err != nil {
				complete = false
				continue
			}
			files = append(files, haproxy.ConfigFile{Name: names[i], Content: content})
		}
	}
	return files, complete
}

// configRoots are the files and folders on this machine's disk that make up the
// configuration.
func (p *Project) configRoots() []string {
	var roots []string
	for _, name := range p.command.Configs {
		if file, ok := p.hostPath(name); ok {
			roots = append(roots, p.mountedRoots(name, file)...)
		}
	}
	slices.Sort(roots)
	return slices.Compact(roots)
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
	shown := ShortPath(file)
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
	for _, name := range append(configsIn(file), file) {
		if err := regular.Check(name); err != nil {
			return notRead(err)
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

func holdsConfigs(folder string) bool { return len(configsIn(folder)) > 0 }

// configsIn are the configuration files in a folder; none where it is a file.
func configsIn(folder string) []string {
	found, _ := filepath.Glob(filepath.Join(folder, "*.cfg"))
	return found
}

// isScratch tells an editor's own files from configuration.
func isScratch(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#")
}

// snapshot reads the files below the roots, in the order of their names. Where
// there is none, it is the zero Config.
func snapshot(roots []string) (config Config, err error) {
	s := snapshots{hash: sha256.New()}
	for _, root := range roots {
		if s.real, err = filepath.EvalSymlinks(root); errors.Is(err, fs.ErrNotExist) {
			continue // whether it has to be there is another question
		}
		s.linked = map[string]bool{}
		if err == nil {
			err = s.read(root)
		}
		if err != nil {
			return Config{}, fmt.Errorf("reading the configuration: %w", err)
		}
	}
	if len(s.config.files) == 0 {
		return Config{}, nil
	}
	s.config.Hash = hex.EncodeToString(s.hash.Sum(nil))
	return s.config, nil
}

// snapshots is a snapshot on its way.
type snapshots struct {
	config Config
	hash   hash.Hash
	real   string          // where the root leads to
	linked map[string]bool // folders that links below the root lead to
}

// read takes in a file, or what is in a folder. Links are followed, as HAProxy
// does; files keep the names by which they were found.
func (s *snapshots) read(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil: // a dangling link, an editor's file that is gone again
		return nil
	case info.IsDir():
		return s.readFolder(name)
	case !info.Mode().IsRegular():
		s.config.odd = append(s.config.odd, name)
		return nil
	}
	content, err := regular.Read(name)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	fmt.Fprintf(s.hash, "%q %x\n", name, sum)
	s.config.files = append(s.config.files, history.Source{Name: name, Content: content, Mode: info.Mode(), Owner: history.OwnerOf(info)})
	if info.ModTime().After(s.config.Changed) {
		s.config.Changed = info.ModTime()
	}
	return nil
}

func (s *snapshots) readFolder(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := filepath.Join(folder, entry.Name())
		if isScratch(entry.Name()) || entry.Type()&fs.ModeSymlink != 0 && s.turnsBack(name) {
			continue
		}
		if err := s.read(name); err != nil {
			return err
		}
	}
	return nil
}

// turnsBack tells whether a link leads to a folder that holds the root, or to
// one that another link has led to: that would have no end.
func (s *snapshots) turnsBack(link string) bool {
	target, err := filepath.EvalSymlinks(link)
	if err != nil {
		return false
	}
	if info, err := os.Stat(target); err != nil || !info.IsDir() {
		return false
	}
	rest, err := filepath.Rel(target, s.real)
	holdsRoot := err == nil && filepath.IsLocal(rest)
	again := s.linked[target]
	s.linked[target] = true
	return holdsRoot || again
}

// names are the paths of the configuration's files on disk.
func (c Config) names() []string {
	var names []string
	for _, file := range c.files {
		names = append(names, file.Name)
	}
	return names
}
