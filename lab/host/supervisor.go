package host

import (
	"fmt"
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

// PowerOn boots a host that is off: what is enabled starts, /run is empty.
func (h *Host) PowerOn() error {
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
