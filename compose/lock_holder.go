package compose

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// lockHolder is what a process that holds the lock writes into its file, so that
// one that waits can say for whom. It is for people only: the kernel's lock counts.
type lockHolder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"` // such as "rollout"; without flags and arguments, which may be secret
	Since   time.Time `json:"since"`
}

// thisProcess is the holder that this process is.
func thisProcess() lockHolder {
	holder := lockHolder{PID: os.Getpid(), Since: time.Now()}
	for _, word := range os.Args[1:] {
		if word != "haproxy" { // by which the docker CLI calls its plugin
			holder.Command = strings.TrimLeft(word, "-")
			break
		}
	}
	return holder
}

// note writes the holder into the lock's file. It is best effort.
func (h lockHolder) note(path string) {
	if text, err := json.Marshal(h); err == nil {
		_ = os.WriteFile(path, append(text, '\n'), lockMode)
	}
}

// holderOf reads who holds the lock; nothing where that is not known.
func holderOf(path string) lockHolder {
	var holder lockHolder
	if text, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(text, &holder)
	}
	return holder
}

// String is what stands behind "another docker haproxy"; "" where nothing is known.
func (h lockHolder) String() string {
	if h.PID == 0 {
		return ""
	}
	words := []string{fmt.Sprintf("process %d", h.PID), "since " + h.Since.Local().Format("15:04:05")}
	if h.Command != "" {
		words = append([]string{h.Command}, words...)
	}
	return " (" + strings.Join(words, ", ") + ")"
}
