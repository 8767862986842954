package host

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"aurorabot/lab/tools"
)

func (h *Host) startSupervisor() error {
	if h.opt.Bin == "" {
		return nil
	}
	super, err := tools.StartSupervisor(tools.SupervisorOptions{Root: h.opt.Root, Name: h.opt.Name, Env: h.env})
	if err != nil {
		return err
	}
	h.super = super
	return nil
}

func (h *Host) stopSupervisor() {
	if h.super != nil {
		h.super.Close()
	}
}

// Boot starts the enabled units, as the end of a boot does.
func (h *Host) Boot() error {
	if h.super == nil {
		return fmt.Errorf("host %s: boot: it has no supervisor", h.opt.Name)
	}
	return h.super.Boot()
}

// Reboot pulls the plug: all processes of the host end at once, connections
// break, /run is empty. Then the host boots.
func (h *Host) Reboot() error {
	h.PowerOff()
	return h.PowerOn()
}

// PowerOff pulls the plug: all processes of the host end at once, connections
// break, and nobody answers.
func (h *Host) PowerOff() {
	h.Down()
	if h.super != nil {
		h.super.Halt()
	}
	killMarked(h.token)
}

// Silence takes the plug of a host that is off out of the network: nobody
// refuses a connection to its SSH server or to those ports any more, and nobody
// answers, as where packets are dropped. It ends with PowerOn.
func (h *Host) Silence(ports ...int) error {
	h.mu.Lock()
	address := h.address
	h.mu.Unlock()
	if err := h.swallow(address); err != nil {
		return err
	}
	for _, port := range ports {
		if err := h.swallow(net.JoinHostPort(h.opt.IP, strconv.Itoa(port))); err != nil {
			return err
		}
	}
	return nil
}

// speak ends [Host.Silence].
func (h *Host) speak() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, end := range h.silent {
		end()
	}
	h.silent = nil
}

// swallow makes connections to an address hang: a socket whose queue of
// connections that nobody accepts is full.
func (h *Host) swallow(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("host %s: %w", h.opt.Name, err)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("host %s: socket: %w", h.opt.Name, err)
	}
	h.mu.Lock()
	h.silent = append(h.silent, func() { _ = syscall.Close(fd) })
	h.mu.Unlock()
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		return fmt.Errorf("host %s: bind %s: %w", h.opt.Name, address, err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		return fmt.Errorf("host %s: listen %s: %w", h.opt.Name, address, err)
	}
	for range 4 { // One or two fill the queue.
		conn, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return nil //nolint:nilerr // It hangs: that is what is wanted.
		}
		h.mu.Lock()
		h.silent = append(h.silent, func() { conn.Close() })
		h.mu.Unlock()
	}
	return fmt.Errorf("host %s: %s still takes connections", h.opt.Name, address)
}

// PowerOn boots a host that is off: what is enabled starts, /run is empty.
func (h *Host) PowerOn() error {
	h.speak()
	if h.super != nil {
		if err := h.super.Reset(); err != nil {
			return fmt.Errorf("host %s: reboot: %w", h.opt.Name, err)
		}
	}
	err := h.Up()
	for range 30 { // Its port can be a client's for a moment: it was taken from those for clients.
		if err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
		err = h.Up()
	}
	if err != nil || h.super == nil {
		return err
	}
	return h.super.Boot()
}
