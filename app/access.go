package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"aurorabot/runner/aurora"
)

// maxSecret bounds a file with a password, in bytes.
const maxSecret = 4096

// openAccess reads what the configuration names of how schedulers let the bot in.
func openAccess(a *aurora.Access) error {
	if a.PasswordFile != "" {
		info, err := os.Stat(a.PasswordFile)
		switch {
		case err != nil:
			return fmt.Errorf("api.password_file: %w", err)
		case !info.Mode().IsRegular() || info.Size() > maxSecret:
			return fmt.Errorf("api.password_file: %s is no file with a password", a.PasswordFile)
		case info.Mode().Perm()&0o077 != 0:
			return fmt.Errorf("api.password_file: %s can be read by others than its owner (mode %04o): chmod 0600 %[1]s", a.PasswordFile, info.Mode().Perm())
		}
		text, err := os.ReadFile(a.PasswordFile)
		if err != nil {
			return fmt.Errorf("api.password_file: %w", err)
		}
		if a.Password = strings.TrimRight(string(text), "\r\n"); a.Password == "" {
			return fmt.Errorf("api.password_file: %s is empty", a.PasswordFile)
		}
	}
	a.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: a.ServerName}
	if a.CAFile == "" {
		return nil
	}
	text, err := os.ReadFile(a.CAFile)
	if err != nil {
		return fmt.Errorf("api.ca_file: %w", err)
	}
	if a.TLS.RootCAs = x509.NewCertPool(); !a.TLS.RootCAs.AppendCertsFromPEM(text) {
		return fmt.Errorf("api.ca_file: %s has no certificate in PEM", a.CAFile)
	}
	return nil
}
