// Command docs writes the reference, docs/reference: of the commands from the
// commands themselves (cli-docs-tool, as for Docker's own plugins, makes the
// tables; description and examples are those of --help), and of the labels from
// the table that reads them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	clidocstool "github.com/docker/cli-docs-tool"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-haproxy/docker-haproxy/compose/labels"
	"github.com/docker-haproxy/docker-haproxy/plugin"
)

func main() {
	target := flag.String("to", filepath.FromSlash("docs/reference"), "folder to write to; what is in it is replaced")
	flag.Parse()
	log.SetOutput(io.Discard) // the tool's chatter
	if err := generate(*target); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// generate writes a page a command, and one of all labels, into a folder that it empties before.
func generate(target string) error {
	for _, name := range []string{"COMPOSE_PROGRESS", "COMPOSE_ANSI", "COMPOSE_ENV_FILES"} {
		if err := os.Unsetenv(name); err != nil { // they would become defaults in the tables
			return err
		}
	}
	dockerCLI, err := command.NewDockerCli()
	if err != nil {
		return err
	}
	root := &cobra.Command{Use: "docker"}
	root.AddCommand(plugin.NewRootCommand(context.Background(), dockerCLI))

	old, err := filepath.Glob(filepath.Join(target, "*.md"))
	if err != nil {
		return err
	}
	for _, page := range old {
		if err := os.Remove(page); err != nil {
			return err
		}
	}
	tool, err := clidocstool.New(clidocstool.Options{Root: root, SourceDir: target, Plugin: true})
	if err != nil {
		return err
	}
	return errors.Join(
		writeText(root, target), tool.GenMarkdownTree(root),
		os.WriteFile(filepath.Join(target, "labels.md"), []byte(labels.Markdown()), 0o644),
	)
}

// writeText writes what the tool leaves to people, the examples, with the
// markers between which it puts the description and its tables.
func writeText(cmd *cobra.Command, target string) error {
	for _, child := range cmd.Commands() {
		if err := writeText(child, target); err != nil {
			return err
		}
	}
	if !cmd.HasParent() || cmd.Hidden { // the tool leaves out what is hidden, too
		return nil
	}
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	page := filepath.Join(target, strings.ReplaceAll(path, " ", "_")+".md")
	text := fmt.Sprintf(`# %s

<!---MARKER_GEN_START-->
<!---MARKER_GEN_END-->

## Examples

`+"```console\n%s\n```\n", cmd.CommandPath(), unindent(cmd.Example))
	return os.WriteFile(page, []byte(text), 0o644)
}

func unindent(example string) string {
	lines := strings.Split(example, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "  ")
	}
	return strings.Join(lines, "\n")
}
