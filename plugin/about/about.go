// Package about is what the plugin says of itself. It depends on no library that
// takes time to set itself up, so that it can answer before they do.
package about

import "github.com/docker/cli/cli-plugins/metadata"

// Name is how the plugin is called: docker haproxy.
const Name = "haproxy"

// ShortDescription is its line in the list of the Docker CLI's commands.
const ShortDescription = "HAProxy in front of your containers"

// Set by the linker in a release build.
var (
	Version = "dev"
	Commit  = ""
)

// Metadata is what the Docker CLI asks a plugin for.
func Metadata() metadata.Metadata {
	return metadata.Metadata{
		SchemaVersion:    "0.1.0",
		Vendor:           "docker-haproxy",
		Version:          Version,
		ShortDescription: ShortDescription,
		URL:              "https://github.com/docker-haproxy/docker-haproxy",
	}
}

// Asked tells whether the arguments of the process are the Docker CLI's question
// for Metadata, which comes before each command.
func Asked(args []string) bool {
	return len(args) == 2 && args[1] == metadata.MetadataSubcommandName
}
