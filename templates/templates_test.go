package templates

import (
	"strings"
	"testing"
	"text/template"
)

func TestTheTemplatesParseAndAreTextFilesOfOurs(t *testing.T) {
	t.Parallel()
	plain := func(s string) string { return s }
	functions := template.FuncMap{"plain": plain, "text": plain, "join": func(names []string) string { return strings.Join(names, ", ") }}
	for name, text := range map[string]string{
		"ComposeFile": ComposeFile, "BaseConfig": BaseConfig, "AttachedFile": AttachedFile, "AttachedConfig": AttachedConfig, "ForwarderConfig": ForwarderConfig,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := template.New(name).Funcs(functions).Parse(text); err != nil {
				t.Error(err)
			}
			if !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") {
				t.Error("the last line must end with one newline: HAProxy takes a file without it for truncated")
			}
			if strings.ContainsAny(text, "\t\r") {
				t.Error("YAML has no tabs, and no file of ours has carriage returns")
			}
			first, _, _ := strings.Cut(text, "\n")
			if !strings.Contains(first, `"docker haproxy init"`) {
				t.Errorf("the first line must say who wrote the file: %q", first)
			}
		})
	}
}
