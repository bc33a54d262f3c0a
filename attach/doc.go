// Package attach puts HAProxy in front of a Compose project that has none, and
// takes it away again.
//
// The user's own files stay as they are: the load balancer, and the labels that say
// which requests go to which service, stand in a Compose file beside them, and the
// base config in a folder of its own. A Survey of the project tells which services
// requests may go to, and proposes routes. What is to be done is decided first
// (Plan, Removal, Switch: values, which can be shown), then done, and proven by
// loading the project as Compose is going to. What cannot be proven is taken back.
package attach
