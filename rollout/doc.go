// Package rollout replaces the containers of an app service without losing a
// request, and starts and stops some of them alike.
//
// It is driven from HAProxy: new containers are started beside the old ones,
// receive traffic once Docker's health check and HAProxy's own check have passed,
// and only then the old ones are taken out: no new sessions, the running ones
// are waited for, then they are stopped. What is to be done is decided first
// (Observation → Plan, both values), then executed.
//
// HAProxy finds containers in one of two ways. The slots of a server-template
// line take the addresses that Docker's DNS knows by themselves. A server line
// has one address: another server stands in for it, added at run time, until the
// DNS has moved it to the new container. The two never meet in one backend.
//
// What a crash leaves is read off the engine and HAProxy again: no file is needed
// for it. Kept in files is what the engine forgets: how many containers were asked
// for, and what those were made from that a rollout has replaced.
package rollout
