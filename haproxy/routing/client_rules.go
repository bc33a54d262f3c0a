package routing

// ClientRules are the lines that begin each HTTP frontend of ours, that of a
// generated configuration and that of the demo: what a request may not be, and
// what the app may believe of it. Comments begin with #.
//
// The headers that are taken away are those by which nginx, Apache, Traefik,
// Envoy, IIS and the big CDNs tell an app who its client is and what it asked
// for, and Proxy, which CGI programs take for the variable HTTP_PROXY
// (CVE-2016-5385). HAProxy has header names in lower case. docs/security.md says
// what each line promises.
func ClientRules() []string {
	return []string{
		"# A tunnel carries what its client likes past all rules: nothing becomes one but a websocket. HAProxy shows",
		"# that of HTTP/2 (RFC 8441) as a GET with an Upgrade as well.",
		"http-request deny deny_status 405 if METH_CONNECT",
		"http-request del-header Upgrade unless METH_GET { req.fhdr_cnt(upgrade) eq 1 } { req.fhdr(upgrade) -i -m str websocket }",
		"# The client's own Connection would name headers that the next hop is to drop, ours too.",
		"http-request del-header Connection unless { req.fhdr(upgrade) -m found }",
		"http-request set-header Connection Upgrade if { req.fhdr(upgrade) -m found }",
		"# The first line may name the host too, and an app may look there: HAProxy compares it with Host where there is one.",
		"http-request deny deny_status 400 if !{ req.fhdr(host) -m found } { url -m reg ^[A-Za-z] }",
		"http-request set-path / if { path -m len 0 }",
		"# What the app may believe about the client comes from here, not from the client. A dot is any character: many",
		"# apps take X_Real_IP for X-Real-IP.",
		"http-request del-header '^(?:x.)?forward' -m reg",
		"http-request del-header '^(?:x.|x.cluster.|true.|cf.connecting.|fastly.|fly.)?client.ip|^x.real.ip|^cf.connecting.ip' -m reg",
		"http-request del-header '^x.(?:original|rewrite).(?:url|uri|host|path|method|for|remote|proto|scheme|port)' -m reg",
		"http-request del-header '^x.(?:host|http.host.override|scheme|url.scheme|envoy.external.address)$|^front.end.https$|^proxy$' -m reg",
		"http-request del-header '^(?:x.)?(?:remote.(?:addr|ip|user|name|email|groups?)|ssl.client|client.(?:cert|verify|dn))|^x.arr.' -m reg",
		"http-request set-header X-Forwarded-For %[src]",
		"http-request set-header X-Real-IP %[src]",
		"http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]",
		"http-request set-header X-Forwarded-Host %[req.fhdr(host)]",
	}
}
