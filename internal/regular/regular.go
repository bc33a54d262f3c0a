// Package regular reads the files that people name: regular ones of a size that
// fits, and nothing else. A FIFO would be waited for without end, a device read
// without end.
package regular

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// MaxSize is the most that is read of one file: much more than the maps and
// certificates of a large HAProxy have.
const MaxSize = 128 << 20

// Error is a file that is not read, for what it is.
type Error struct {
	Name string
	Why  string // "is a FIFO: only regular files are read"
}

func (e *Error) Error() string { return e.Name + " " + e.Why }

// Read is os.ReadFile for a file that a person chose. One that is not
// regular or too large is an *Error; a folder is what it is to os.ReadFile.
func Read(name string) ([]byte, error) {
	// Not to block: a FIFO is opened at once then, and told from a file.
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if irregular := Check(name); irregular != nil { // a socket cannot be opened at all
			return nil, irregular
		}
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it is only read
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := judge(name, info); err != nil {
		return nil, err
	}
	return ReadAll(name, file)
}

// ReadAll reads a stream to its end, as long as that is no further than MaxSize.
func ReadAll(name string, from io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(from, MaxSize+1))
	if err == nil && len(content) > MaxSize {
		return nil, tooLarge(name)
	}
	return content, err
}

// Check tells, without opening a file, why Read would not read it. A file that is
// not there is none of its business.
func Check(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return nil //nolint:nilerr // whoever opens it says so better
	}
	return judge(name, info)
}

func judge(name string, info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return nil
	case !mode.IsRegular():
		return &Error{Name: name, Why: fmt.Sprintf("is %s: only regular files are read", kind(mode))}
	case info.Size() > MaxSize:
		return tooLarge(name)
	}
	return nil
}

func tooLarge(name string) error {
	return &Error{Name: name, Why: fmt.Sprintf("is larger than %d MB: no such file is read", MaxSize>>20)}
}

func kind(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "no regular file"
}
