package plugin

import (
	"bytes"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/compose"
)

func TestDiffOfAFile(t *testing.T) {
	t.Parallel()
	file := compose.FileDiff{Name: "haproxy.cfg", Change: "changed", Unified: "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n same\n"}
	var out bytes.Buffer
	printFileDiff(&out, file, false)
	assert.Equal(t, out.String(), file.Unified)
	out.Reset()
	printFileDiff(&out, file, true)
	for _, line := range []string{"\x1b[31m-old", "\x1b[32m+new", "\x1b[36m@@"} {
		assert.Assert(t, strings.Contains(out.String(), line), "%q is missing in %q", line, out.String())
	}
	assert.Assert(t, strings.Contains(out.String(), "\n same\n"))
	out.Reset()
	printFileDiff(&out, compose.FileDiff{Name: "site.pem", Change: "added", Hidden: "it holds a private key"}, true)
	assert.Equal(t, out.String(), "site.pem added: not shown, for it holds a private key\n")
}
