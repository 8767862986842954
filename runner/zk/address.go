package zk

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

const (
	scheme      = "zk://"
	defaultPort = "2181"
)

// An Address is where an ensemble is and how to be let in.
type Address struct {
	Servers  []string // Each host:port; never empty.
	User     string   // Of the digest scheme. Empty: no credentials.
	Password string
	Path     string // Whole path that a zk:// address ends in; "/" where it names none.
}

// String returns the address as zk:// URL, without the password.
func (a Address) String() string {
	path := a.Path
	if path == "/" {
		path = ""
	}
	user := ""
	if a.User != "" {
		user = a.User + ":***@"
	}
	return scheme + user + strings.Join(a.Servers, ",") + path
}

// GoString keeps the password out of %#v.
func (a Address) GoString() string { return a.String() }

// ParseURL reads zk://user:password@host:port,host:port/path, the form of
// -mesos_master_address, the way Mesos does: the path begins at the first
// slash, the servers after the last @ before it. A port that is missing is
// 2181. Errors hold no credentials.
func ParseURL(url string) (Address, error) {
	a, err := parseURL(strings.TrimSpace(url))
	if err != nil {
		return Address{}, fmt.Errorf("zookeeper address %q: %w", redactWord(url), err)
	}
	return a, nil
}

func parseURL(url string) (Address, error) {
	rest, ok := strings.CutPrefix(url, scheme)
	if !ok {
		return Address{}, errors.New("does not begin with zk://")
	}
	a := Address{Path: "/"}
	if at := strings.IndexByte(rest, '/'); at >= 0 {
		rest, a.Path = rest[:at], rest[at:]
	}
	if a.Path != "/" {
		a.Path = strings.TrimSuffix(a.Path, "/")
	}
	if strings.Contains(a.Path, "//") {
		return Address{}, errors.New("empty element in the path")
	}
	if strings.Contains(a.Path, "@") {
		// A password with a slash in it ends up here, where it would be shown.
		return Address{}, errors.New("@ after the first slash; credentials cannot hold a slash")
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		var found bool
		credentials := strings.TrimPrefix(rest[:at], "digest!")
		a.User, a.Password, found = strings.Cut(credentials, ":")
		if !found || a.User == "" {
			return Address{}, errors.New("credentials are not user:password")
		}
		rest = rest[at+1:]
	}
	var err error
	a.Servers, err = parseServers(rest)
	return a, err
}

// ParseEndpoints reads the comma list of -zk_endpoints into host:port each. A
// port that is missing is 2181.
func ParseEndpoints(list string) ([]string, error) {
	servers, err := parseServers(list)
	if err != nil {
		return nil, fmt.Errorf("zookeeper endpoints %q: %w", redactWord(list), err)
	}
	return servers, nil
}

func parseServers(list string) ([]string, error) {
	if strings.Contains(list, "@") {
		return nil, errors.New("credentials where only servers belong") // not shown
	}
	var servers []string
	for _, server := range strings.Split(list, ",") {
		host, port, err := splitServer(strings.TrimSpace(server))
		if err != nil {
			return nil, err
		}
		servers = append(servers, net.JoinHostPort(host, port))
	}
	return servers, nil
}

func splitServer(server string) (host, port string, err error) {
	if server == "" {
		return "", "", errors.New("empty server")
	}
	host, port = server, defaultPort
	if strings.HasPrefix(server, "[") && strings.HasSuffix(server, "]") {
		host = server[1 : len(server)-1]
	} else if strings.Contains(server, ":") {
		if host, port, err = net.SplitHostPort(server); err != nil {
			return "", "", fmt.Errorf("server %q is not host:port", server)
		}
	}
	if !isHost(host) {
		return "", "", fmt.Errorf("server %q: not a host name or address", server)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("server %q: port is not 1-65535", server)
	}
	return host, port, nil
}

// isHost reports whether s could be a host name or an address. It is there to
// keep nonsense out, not to judge names.
func isHost(s string) bool {
	if net.ParseIP(s) != nil {
		return true
	}
	if s == "" || len(s) > 253 || s[0] == '-' {
		return false
	}
	for _, r := range s {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '-', r == '_':
		default:
			return false
		}
	}
	return true
}

// redactWord takes all of text for one address, spaces too.
func redactWord(text string) string {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return text
	}
	start := 0
	if s := strings.Index(text, scheme); s >= 0 && s < at {
		start = s + len(scheme)
	}
	return text[:start] + "***" + text[at:]
}
