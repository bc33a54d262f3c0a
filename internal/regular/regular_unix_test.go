//go:build unix

package regular

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestNeitherAFIFONorADeviceNorASocketIsRead(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	fifo, socket := filepath.Join(folder, "fifo"), filepath.Join(folder, "socket")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for name, kind := range map[string]string{fifo: "a FIFO", socket: "a socket", "/dev/zero": "a device", "/dev/null": "a device"} {
		began := time.Now()
		for _, err := range []error{Check(name), second(Read(name))} {
			if err == nil || !strings.HasPrefix(err.Error(), name+" is "+kind+": only regular files are read") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if time.Since(began) > 5*time.Second {
			t.Errorf("%s: it was waited for", name)
		}
	}
}
