package scheduler

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// readShiro reads the users of a shiro.ini, "name = password, role".
func readShiro(file string) (map[string]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("-shiro_ini_path: %w", err)
	}
	defer f.Close()
	users, section := map[string]string{}, ""
	in := bufio.NewScanner(f)
	for in.Scan() {
		line := strings.TrimSpace(in.Text())
		if strings.HasPrefix(line, "[") {
			section = line
		}
		name, rest, ok := strings.Cut(line, "=")
		if section != "[users]" || !ok || strings.HasPrefix(line, "#") {
			continue
		}
		password, _, _ := strings.Cut(rest, ",")
		users[strings.TrimSpace(name)] = strings.TrimSpace(password)
	}
	return users, in.Err()
}

// letsIn: with BASIC whoever only reads is let in; what changes something, and what
// admins may ask only, wants a user (Aurora's HttpSecurityModule, read 2026-12-01: the
// filter is permissive, and the interceptor stands before those methods).
func (s *settings) letsIn(r *http.Request, method string) bool {
	if s.users == nil || strings.HasPrefix(method, "get") {
		return true
	}
	name, password, ok := r.BasicAuth()
	return ok && s.users[name] != "" && s.users[name] == password
}
