package ssh_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"

	xssh "golang.org/x/crypto/ssh"

	"aurorabot/runner"
	"aurorabot/runner/ssh"
)

func signerOf(t *testing.T, key any) xssh.Signer {
	t.Helper()
	s, err := xssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ed25519Signer(t *testing.T) xssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signerOf(t, private)
}

func ecdsaSigner(t *testing.T) xssh.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signerOf(t, private)
}

// Only a key that the files have for this host is accepted, and every refusal
// says what the files have, what was shown, and what to type.
func TestHostKeys(t *testing.T) {
	lab, cfg := startHost(t)
	line := func(s xssh.Signer) string {
		return "[127.0.0.1]:" + port(cfg.Address) + " " + string(xssh.MarshalAuthorizedKey(s.PublicKey()))
	}
	mine, other, ecdsa := ed25519Signer(t), ed25519Signer(t), ecdsaSigner(t)
	lab.SetHostKey(mine)
	for _, tt := range []struct {
		name, known string
		want        []string // Empty: accepted.
	}{
		{"the key", line(mine), nil},
		{"nothing known", "", []string{"not known", "no entry", xssh.FingerprintSHA256(mine.PublicKey()), "ssh-keyscan"}},
		{"another host's key", strings.Replace(line(mine), "127.0.0.1", "127.0.0.9", 1), []string{"not known", "no entry"}},
		{"another port's key", strings.Replace(line(mine), port(cfg.Address), "22", 1), []string{"not known"}},
		{"another key", line(other), []string{
			"another key than the known one", xssh.FingerprintSHA256(other.PublicKey()), xssh.FingerprintSHA256(mine.PublicKey()), "ssh-keygen -f", "-R '[127.0.0.1]:",
		}},
		{"another kind of key", line(ecdsa), []string{"another kind of key", "ecdsa-sha2-nistp256 SHA256:", "ssh-ed25519"}},
		// Without the algorithms from the file, the wrong one of two keys is asked for.
		{"two kinds, one of them right", line(ecdsa) + line(mine), nil},
		{"revoked", "@revoked " + line(mine), []string{"revoked"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := cfg
			cfg.KnownHosts = []string{write(t, tt.known)}
			_, err := open(t, cfg).Run(t.Context(), runner.Command{Argv: []string{"true"}})
			if tt.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var refusal *ssh.HostKeyError
			if !errors.As(err, &refusal) || !errors.Is(err, runner.ErrNotStarted) {
				t.Fatalf("got %v, want a HostKeyError that wraps ErrNotStarted", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}

// Host certificates are accepted from the file's authority only, for the host's
// name only, whatever the kinds of the two keys.
func TestHostCertificates(t *testing.T) {
	lab, cfg := startHost(t)
	authority, stranger, key := ecdsaSigner(t), ed25519Signer(t), ed25519Signer(t)
	certify := func(by xssh.Signer, name string) {
		cert := &xssh.Certificate{
			Key: key.PublicKey(), CertType: xssh.HostCert, ValidPrincipals: []string{name}, ValidBefore: xssh.CertTimeInfinity,
		}
		if err := cert.SignCert(rand.Reader, by); err != nil {
			t.Fatal(err)
		}
		s, err := xssh.NewCertSigner(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		lab.SetHostKey(s)
	}
	cfg.KnownHosts = []string{write(t, fmt.Sprintf("@cert-authority [127.0.0.1]:%s %s", port(cfg.Address), xssh.MarshalAuthorizedKey(authority.PublicKey())))}
	for _, tt := range []struct {
		name      string
		by        xssh.Signer
		principal string
		ok        bool
	}{
		{"the authority's", authority, "127.0.0.1", true},
		{"of another host", authority, "127.0.0.2", false},
		{"of a stranger", stranger, "127.0.0.1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			certify(tt.by, tt.principal)
			_, err := open(t, cfg).Run(t.Context(), runner.Command{Argv: []string{"true"}})
			if tt.ok != (err == nil) {
				t.Errorf("error %v, want accepted %v", err, tt.ok)
			}
			if err != nil && !strings.Contains(err.Error(), "@cert-authority ecdsa-sha2-nistp256") {
				t.Errorf("the error does not say what is known: %v", err)
			}
		})
	}
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
