package mesoslog

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// libprocess does what the start of the real one's actor library can fail in:
// it finds the address to bind to and binds it. It returns the exit status of
// the failed process, else 0. The socket never listens.
func (t *tool) libprocess() int {
	ip, port := netip.IPv4Unspecified(), 0
	if v, ok := t.getenv("LIBPROCESS_IP"); ok {
		addr, err := netip.ParseAddr(v)
		if err != nil {
			return t.exit("Failed to load flag 'ip': Failed to load value '" + v + "': Failed to parse IP as either IPv4 or IPv6:" +
				strings.TrimSuffix(usage("libprocess", ""), "\n"))
		}
		ip = addr
	} else if status := t.resolve(); status != 0 {
		return status
	}
	if v, ok := t.getenv("LIBPROCESS_PORT"); ok {
		port, _ = strconv.Atoi(v)
	}
	if err := tryBind(ip, port); err != nil {
		t.log.raw(early)
		t.log.line(levelFatal, "process.cpp:1124", "Failed to initialize: Failed to bind on %s:%d: %s", ip, port, strerror(err))
		t.log.raw("*** Check failure stack trace: ***\n")
		return 134
	}
	return 0
}

// exit reports a failed start that ends the process with status 1.
func (t *tool) exit(text string) int {
	t.log.raw(early)
	t.log.line(levelError, "process.cpp:1079", "EXIT with status 1: %s", text)
	return 1
}

// resolve fails, as the real one does, on a host whose own name has no address.
func (t *tool) resolve() int {
	name, err := os.Hostname()
	if err == nil {
		_, err = net.LookupHost(name)
	}
	if err == nil {
		return 0
	}
	t.log.raw(early)
	t.log.line(levelError, "process.cpp:1153", "EXIT with status 1: Failed to obtain the IP address for '%s'; "+
		"the DNS service may not be able to resolve it: Name or service not known", name)
	return 1
}

func tryBind(ip netip.Addr, port int) error {
	family, addr := syscall.AF_INET, syscall.Sockaddr(nil)
	if ip.Is4() {
		addr = &syscall.SockaddrInet4{Port: port, Addr: ip.As4()}
	} else {
		family, addr = syscall.AF_INET6, &syscall.SockaddrInet6{Port: port, Addr: ip.As16()}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	reuse := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	return errors.Join(reuse, syscall.Bind(fd, addr), syscall.Close(fd))
}
