package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"aurorabot/lab/host"
)

// Whom schedulers let in that want to know who asks.
const (
	APIUser     = "operator"
	APIPassword = "not a secret: rehearsal"
)

const (
	shiroFile = "/etc/aurora/shiro.ini"
	tlsPort   = 8443
)

// authentication are the flags of a scheduler that wants a user.
func (c *Cluster) authentication(h host.Machine) string {
	if !c.opt.Secure {
		return ""
	}
	return " -http_authentication_mechanism=BASIC -shiro_ini_path=" + h.Prefix() + shiroFile
}

// Front is where TLS is spoken in front of a host's scheduler; "" if nowhere.
func (c *Cluster) Front(h host.Machine) string {
	if !c.opt.Secure {
		return ""
	}
	return net.JoinHostPort(c.ground.ip(h), strconv.Itoa(tlsPort))
}

// CAFile has the certificate to trust there.
func (c *Cluster) CAFile() string { return filepath.Join(c.dir, "ca.pem") }

// secure writes the users of a host's scheduler, and speaks TLS in front of it.
func (c *Cluster) secure(ctx context.Context, h host.Machine) error {
	if !c.opt.Secure {
		return nil
	}
	file := h.Path(shiroFile)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte("[users]\n"+APIUser+" = "+APIPassword+", admin\n\n[roles]\nadmin = *\n"), 0o644); err != nil {
		return err
	}
	certificate, err := c.certificate()
	if err != nil {
		return err
	}
	l, err := tls.Listen("tcp", c.Front(h), &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}})
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: c.HTTP(h)}),
		ReadHeaderTimeout: time.Minute,
	}
	c.serving.Go(func() { _ = server.Serve(l) }) // Ends when it is closed.
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return nil
}

// certificate makes the one certificate of all fronts, and writes it for those who are
// to trust it.
func (c *Cluster) certificate() (tls.Certificate, error) {
	if c.tls.PrivateKey != nil {
		return c.tls, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"schedulers.lab"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	c.tls = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return c.tls, os.WriteFile(c.CAFile(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}
