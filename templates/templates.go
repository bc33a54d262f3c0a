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

// ForwarderConfig is the haproxy/dns.cfg that init writes for HAProxy on the
// host's network.
//
//go:embed dns.cfg.tmpl
var ForwarderConfig string

// Parts are templates that the others call.
//
//go:embed parts.tmpl
var Parts string

// AttachedFile is the text/template of the Compose file that init writes beside
// a project of the user's own.
//
//go:embed attached.yaml.tmpl
var AttachedFile string

// AttachedConfig is the haproxy/haproxy.cfg that goes with it.
//
//go:embed attached.cfg.tmpl
var AttachedConfig string
