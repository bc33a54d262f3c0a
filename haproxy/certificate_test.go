package haproxy

import (
	"errors"
	"strings"
	"testing"
)

const (
	certBlock = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	keyBlock  = "-----BEGIN EC PRIVATE KEY-----\nBBBB\n-----END EC PRIVATE KEY-----\n"
)

func TestIsCertificate(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]bool{
		certBlock + "\n" + keyBlock:    true,
		keyBlock + certBlock:           true,
		"# a note\n" + certBlock:       false, // of an authority, perhaps
		keyBlock:                       false,
		"frontend web\n    bind :80\n": false,
		"":                             false,
	} {
		if got := IsCertificate([]byte(content)); got != want {
			t.Errorf("IsCertificate(%q) = %v", content, got)
		}
	}
}

func TestSetCertificate(t *testing.T) {
	t.Parallel()
	const payload = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\nBBBB\n-----END EC PRIVATE KEY-----\n"
	list := step{expect: "@!9 show ssl cert", chunks: []string{"# filename\n/certs//a.pem\n/certs/b.pem\n", prompt}}
	set := func(answer string) step {
		return step{expect: "@!9 set ssl cert /certs//a.pem <<\n" + payload, chunks: []string{"+ + + ", "+ + + + " + answer + "\n", prompt}}
	}
	commit := func(answer string) step {
		return step{expect: "@!9 commit ssl cert /certs//a.pem", chunks: []string{answer + "\n", prompt}}
	}
	abort := step{expect: "@!9 abort ssl cert /certs//a.pem", chunks: []string{"Transaction aborted for certificate '/certs//a.pem'!\n", prompt}}
	const created = "Transaction created for certificate /certs//a.pem!\n"
	for name, test := range map[string]struct {
		script  []step
		file    string
		content string
		refused string // the answer, "" where it is taken
	}{
		"taken":         {[]step{askProc, list, set(created), commit("Committing /certs//a.pem.\nSuccess!")}, "/certs/a.pem", certBlock + "\n\r\n" + keyBlock, ""},
		"not loaded":    {[]step{askProc, list}, "/certs/c.pem", certBlock + keyBlock, "no certificate of that name"},
		"too large":     {[]step{askProc, list}, "/certs/a.pem", strings.Repeat(certBlock, 400) + keyBlock, "too many"},
		"not a pair":    {[]step{askProc, list, set("inconsistencies between private key and certificate loaded '/certs//a.pem'.\nCan't update /certs//a.pem!\n")}, "/certs/a.pem", certBlock + keyBlock, "inconsistencies"},
		"not committed": {[]step{askProc, list, set(created), commit("Committing /certs//a.pem.\nunable to load"), abort}, "/certs/a.pem", certBlock + keyBlock, "unable to load"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := open(t, test.script...).SetCertificate(t.Context(), test.file, []byte(test.content))
			if test.refused == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refusal, ok := errors.AsType[*Refusal](err)
			if !ok || !strings.Contains(refusal.Answer, test.refused) || strings.HasPrefix(refusal.Answer, "+") {
				t.Errorf("it must be a refusal with %q: %v", test.refused, err)
			}
			if strings.Contains(err.Error(), "BBBB") {
				t.Errorf("the key is in the error: %v", err)
			}
		})
	}
}

func TestABrokenSessionDoesNotNameTheKey(t *testing.T) {
	t.Parallel()
	s := open(t, askProc,
		step{expect: "@!9 show ssl cert", chunks: []string{"# filename\n/a.pem\n", prompt}},
		step{expect: "@!9 set ssl cert /a.pem <<\n" + certBlock + keyBlock, chunks: []string{"+ + Tran"}, hangUp: true})
	err := s.SetCertificate(t.Context(), "/a.pem", []byte(certBlock+keyBlock))
	if !errors.Is(err, ErrTruncated) || strings.Contains(err.Error(), "BBBB") || !strings.Contains(err.Error(), "/a.pem") {
		t.Errorf("it must be truncated, name the file and not the key: %v", err)
	}
}
