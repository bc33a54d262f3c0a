// Package haproxy is HAProxy's domain: the command line it is started with, what it says of a
// configuration, its Runtime API and the state of its servers.
//
// It knows nothing of Docker: a connection to HAProxy is whatever [Client.Dial] returns, and a
// container's command is a slice of strings. It prints nothing.
//
// Facts about HAProxy's words and formats carry their source: measured on HAProxy 3.2.26 and
// 3.4.7, or taken from the HAProxy management guide.
package haproxy
