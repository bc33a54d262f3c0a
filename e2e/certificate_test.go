package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"strconv"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// TestARenewedCertificateIsServedWithoutAReload: the process stays the same,
// connections that are open stay open, new ones see the new certificate.
func TestARenewedCertificateIsServedWithoutAReload(t *testing.T) {
	t.Parallel()
	const file = "haproxy/certs/site.pem"
	p := newProject(t)
	p.init("--servers", "1")
	first, second := newCertificate(t, "first.example.com"), newCertificate(t, "second.example.com")
	p.write(file, first)
	p.editConfig(replacing("    bind :80\n", "    bind :80 ssl crt /usr/local/etc/haproxy/certs/\n"))
	p.up()
	open := p.handshake()
	defer func() { _ = open.Close() }()
	assert.Equal(t, servedName(open), "first.example.com")
	worker := p.worker()

	p.write(file, second)
	r := p.mustSucceed(p.haproxy("plan"))
	p.mustSay(r, r.stdout, "at run time", "site.pem")
	r = p.mustSucceed(p.haproxy("reload"))
	p.mustSay(r, r.stdout, "at run time")
	assert.Equal(t, p.worker(), worker, "no reload may have happened")
	renewed := p.handshake()
	assert.Equal(t, servedName(renewed), "second.example.com")
	assert.NilError(t, renewed.Close())
	_, err := open.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	assert.NilError(t, err)
	answer := make([]byte, 12)
	_, err = open.Read(answer)
	assert.NilError(t, err)
	assert.Equal(t, string(answer), "HTTP/1.1 200", "a connection from before goes on")
	r = p.mustSucceed(p.haproxy("plan"))
	p.mustSay(r, r.output(), "Nothing to do")

	// What does not fit is refused, and the good one served on.
	certificate, _, _ := bytes.Cut([]byte(first), []byte("-----BEGIN PRIVATE"))
	_, key, _ := bytes.Cut([]byte(second), []byte("-----BEGIN PRIVATE"))
	p.write(file, string(certificate)+"-----BEGIN PRIVATE"+string(key))
	r = p.mustFail(p.haproxy("reload"), 1, "site.pem")
	assert.Assert(t, !bytes.Contains([]byte(r.output()), key[:40]), "a key may not be printed")
	refused := p.handshake()
	assert.Equal(t, servedName(refused), "second.example.com")
	assert.NilError(t, refused.Close())
	assert.Equal(t, p.worker(), worker)
}

// handshake connects to the frontend with TLS.
func (p *project) handshake() *tls.Conn {
	p.t.Helper()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}
	conn, err := dialer.DialContext(p.t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.http)))
	assert.NilError(p.t, err)
	return conn.(*tls.Conn)
}

func servedName(conn *tls.Conn) string {
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// newCertificate is a self-signed certificate with its key, in one file.
func newCertificate(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NilError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	assert.NilError(t, err)
	template := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	assert.NilError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	assert.NilError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}
