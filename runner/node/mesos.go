package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"aurorabot/runner/zk"
)

// maxMesosPage bounds the answer of a Mesos master, in bytes: a task takes about
// 1 KB of it.
const maxMesosPage = 512 << 20

// Mesos asks the leading Mesos master, which is found through the real
// -mesos_master_address, for a page, as the host sees it, and returns its address.
func (n *Node) Mesos(ctx context.Context, masters, page string, read func(io.Reader) error) (at string, err error) {
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
		DisableKeepAlives: true,
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
	return at, read(io.LimitReader(resp.Body, maxMesosPage))
}
