package host

import (
	"fmt"

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
	h.Down()
	if h.super != nil {
		h.super.Halt()
	}
	killMarked(h.token)
	if h.super != nil {
		if err := h.super.Reset(); err != nil {
			return fmt.Errorf("host %s: reboot: %w", h.opt.Name, err)
		}
	}
	if err := h.Up(); err != nil {
		return err
	}
	if h.super == nil {
		return nil
	}
	return h.super.Boot()
}
