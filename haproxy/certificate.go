package haproxy

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"path"
	"strings"
)

// IsCertificate tells whether a file holds what a TLS listener serves: a certificate and its
// private key in one, as "crt" takes it. What holds only one of the two may be used in many ways.
func IsCertificate(content []byte) bool {
	var certificate, key bool
	for {
		block, rest := pem.Decode(content)
		if block == nil {
			return certificate && key
		}
		certificate = certificate || block.Type == "CERTIFICATE"
		key = key || strings.HasSuffix(block.Type, "PRIVATE KEY")
		content = rest
	}
}

// payloadMax bounds a payload: HAProxy takes it in one buffer (tune.bufsize, 16384 bytes where
// nothing else is set), with the command.
const payloadMax = 15000

// SetCertificate has the listeners that serve the certificate of a file go over to another one, for
// the connections that begin from now on. name is the path of the file in the container; the file
// itself is not read. A *Refusal means that HAProxy has no such certificate, or does not take the
// new one (a key that does not match, for example); it serves the old one then.
func (s *Session) SetCertificate(ctx context.Context, name string, content []byte) error {
	set := "set ssl cert " + Quote(name)
	known, err := s.certificateName(ctx, name)
	switch {
	case err != nil:
		return err
	case known == "":
		return &Refusal{Command: set, Answer: "HAProxy serves no certificate of that name"}
	}
	lines := bytes.FieldsFunc(content, func(r rune) bool { return r == '\n' || r == '\r' }) // an empty one would end the payload
	payload := string(bytes.Join(lines, []byte("\n")))
	if len(payload) > payloadMax {
		return &Refusal{Command: set, Answer: fmt.Sprintf("its %d bytes are too many for the Runtime API", len(payload))}
	}
	if err := s.transact(ctx, "set ssl cert "+Quote(known)+" <<\n"+payload+"\n", "Transaction created", "Transaction updated"); err != nil {
		return err
	}
	err = s.transact(ctx, "commit ssl cert "+Quote(known), "Success!")
	if _, refused := refusal(err); refused {
		_ = s.transact(ctx, "abort ssl cert "+Quote(known), "aborted")
	}
	return err
}

// certificateName is the name by which HAProxy knows the certificate of a file: the path as the
// configuration writes it. It is "" where HAProxy has not loaded the file.
func (s *Session) certificateName(ctx context.Context, name string) (string, error) {
	list, err := s.Worker(ctx, "show ssl cert")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(list) {
		if known := strings.TrimSuffix(line, "\n"); path.Clean(known) == path.Clean(name) {
			return known, nil
		}
	}
	return "", nil
}

// transact sends a command whose answer is a text in any case, and holds one of some words where
// it succeeded. The command may bring a payload, which stays out of errors: it may be a key.
func (s *Session) transact(ctx context.Context, command string, successes ...string) error {
	pid, err := s.inCharge(ctx)
	if err != nil {
		return err
	}
	answer, err := s.exchange(ctx, fmt.Sprintf("@!%d %s", pid, command))
	if err != nil {
		return err
	}
	for strings.HasPrefix(answer, payloadPrompt) {
		answer = strings.TrimPrefix(answer, payloadPrompt)
	}
	for _, success := range successes {
		if strings.Contains(answer, success) {
			return nil
		}
	}
	command, _, _ = strings.Cut(command, "\n")
	return &Refusal{Command: command, Answer: answer}
}

// payloadPrompt asks for each line of a payload in an interactive session. Measured on 3.2.26.
const payloadPrompt = "+ "
