package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"aurorabot/runner/bound"
	"aurorabot/runner/zk"
)

// Bounds of the answer of a Mesos master, in bytes: of a page, of which a task takes
// about 1 KB, of one task or framework in it, and of the answer's header.
const (
	maxMesosPage  = 512 << 20
	maxMesosPiece = 1 << 20
	maxHeader     = 64 << 10
)

// MesosPage reads a page of a Mesos master.
func MesosPage(r io.Reader) *bound.Decoder {
	return bound.NewDecoder(r, maxMesosPage, maxMesosPiece)
}

// MesosList reads {"NAME":[…]} and calls each for every element, which it must
// read. What stands beside the list is passed over; that there is none is an error.
func MesosList(page *bound.Decoder, name string, each func() error) error {
	if err := delim(page, '{'); err != nil {
		return err
	}
	for page.More() {
		tok, err := page.Token()
		if err != nil {
			return err
		}
		if tok != name {
			if err := page.Skip(); err != nil {
				return err
			}
			continue
		}
		if err := delim(page, '['); err != nil {
			return err
		}
		for page.More() {
			if err := each(); err != nil {
				return err
			}
		}
		return delim(page, ']')
	}
	return fmt.Errorf("it has no %q", name)
}

func delim(page *bound.Decoder, want json.Delim) error {
	tok, err := page.Token()
	if err == nil && tok != want {
		err = fmt.Errorf("found %v, want %v", tok, want)
	}
	return err
}

// Mesos asks the leading Mesos master, which is found through the real
// -mesos_master_address, for a page, as the host sees it, and returns its address.
func (n *Node) Mesos(ctx context.Context, masters, page string, read func(*bound.Decoder) error) (at string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	address, err := zk.ParseURL(masters)
	if err != nil {
		return "", fmt.Errorf("-mesos_master_address: %w", err)
	}
	z, err := n.OpenZooKeeper(strings.Join(address.Servers, ","))
	if err != nil {
		return "", err
	}
	list, err := z.MesosMaster(ctx, address.Path)
	switch {
	case err != nil:
		return "", err
	case len(list) == 0:
		return "", errors.New("no Mesos master is in ZooKeeper")
	case list[0].Unsupported != "":
		return "", fmt.Errorf("leading Mesos master: %s", list[0].Unsupported)
	}
	at = list[0].Address.String()
	tr := &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return n.Host.Dial(ctx, at) },
		DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader,
	}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+page, http.NoBody)
	if err != nil {
		return "", fmt.Errorf("%s of %s: %w", page, at, err)
	}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return "", fmt.Errorf("%s of %s: %w", page, at, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s of %s: HTTP status %d", page, at, resp.StatusCode)
	}
	return at, read(MesosPage(resp.Body))
}
