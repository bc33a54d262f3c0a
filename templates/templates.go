// Package templates holds the text of the files that docker haproxy writes
// into a user's folder. It embeds them and does nothing else.
package templates

import _ "embed" // for the go:embed directives below

// ComposeFile is the text/template of the compose.yaml that init writes.
//
//go:embed compose.yaml.tmpl
var ComposeFile string

// BaseConfig is the text/template of the haproxy/haproxy.cfg that init writes.
//
//go:embed haproxy.cfg.tmpl
var BaseConfig string
