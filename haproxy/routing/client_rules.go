package routing

// ClientRules are the lines that begin each HTTP frontend of ours, that of a
// generated configuration and that of the demo: what a request may not be, and
// what the app may believe of it. Comments begin with #.
//
// docs/security.md says what each of them promises.
func ClientRules() []string {
	return []string{
		"# A tunnel carries what its client likes past all rules: nothing becomes one but a websocket. HAProxy shows",
		"# that of HTTP/2 (RFC 8441) as a GET with an Upgrade as well.",
		"http-request deny deny_status 405 if METH_CONNECT",
		"http-request del-header Upgrade unless METH_GET { req.fhdr_cnt(upgrade) eq 1 } { req.fhdr(upgrade) -i -m str websocket }",
		"# The client's own Connection would name headers that the next hop is to drop, ours too.",
		"http-request del-header Connection unless { req.fhdr(upgrade) -m found }",
		"http-request set-header Connection Upgrade if { req.fhdr(upgrade) -m found }",
		"# What the app may believe about the client comes from here, not from the client. The dots are any character:",
		"# many apps take X_Real_IP for X-Real-IP.",
		"http-request del-header " + quote(clientHeaders) + " -m reg",
		"http-request set-header X-Forwarded-For %[src]",
		"http-request set-header X-Real-IP %[src]",
		"http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]",
		"http-request set-header X-Forwarded-Host %[req.fhdr(host)]",
	}
}

// clientHeaders are the headers by which proxies tell an app who its client is
// and what it asked for, as nginx, Apache, Traefik, Envoy, IIS and the big CDNs
// name them, and Proxy, which CGI programs take for the variable HTTP_PROXY
// (httpoxy, CVE-2016-5385). HAProxy has header names in lower case.
const clientHeaders = `^(?:x.forward(?:ed)?(?:$|.)|forwarded(?:$|.)|x.real.ip|(?:x.|x.cluster.|true.|cf.connecting.|fastly.|fly.|)client.ip|cf.connecting.ip` +
	`|x.(?:original|rewrite).(?:url|uri|host|path|method|forwarded|remote|for|proto|scheme|port)|x.(?:host|http.host.override|scheme|url.scheme|envoy.external.address)$` +
	`|x.client.(?:cert|verify|dn)|(?:x.)?ssl.client|x.arr.|front.end.https|(?:x.)?remote.(?:addr|ip|user|name|email|groups?)|proxy$)`
