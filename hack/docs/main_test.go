package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReference_is_what_commands_and_labels_say(t *testing.T) {
	fresh := t.TempDir()
	if err := generate(fresh); err != nil {
		t.Fatal(err)
	}
	committed := filepath.Join("..", "..", "docs", "reference")
	want := pages(t, fresh)
	if len(want) == 0 {
		t.Fatal("no page was generated")
	}
	have := pages(t, committed)
	for name, text := range want {
		if have[name] != text {
			t.Errorf("docs/reference/%s is not what the code says now: run \"make docs\"", name)
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			t.Errorf("docs/reference/%s is of something that is gone: run \"make docs\"", name)
		}
	}
}

func pages(t *testing.T, folder string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages[filepath.Base(file)] = string(text)
	}
	return pages
}
