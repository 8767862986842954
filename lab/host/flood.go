package host

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// A Flood says on which channels a hostile host sends without end.
type Flood int32

// The channels of a host; they may be added up.
const (
	FloodErrors  Flood = 1 << iota // Standard error of every command, without a line break, before the bot's own line.
	FloodOutputs                   // Both outputs of every command, behind the line that the bot waits for.
	FloodFiles                     // Files over SFTP: what is said of their length stays true.
	FloodDials                     // Whatever is dialled from the host: an answer of HTTP with endless JSON.
)

type flood struct{ what atomic.Int32 }

// Flood makes the host send without end wherever what says; zero takes it back.
func (h *Host) Flood(what Flood) { h.flood.what.Store(int32(what)) }

func (h *Host) floods(what Flood) bool { return Flood(h.flood.what.Load())&what != 0 }

// pour writes again and again until nobody takes it any more.
func pour(w io.Writer, text string) {
	for len(text) < 32<<10 {
		text += text
	}
	for {
		if _, err := io.WriteString(w, text); err != nil {
			return
		}
	}
}

// began is the line that the bot's wrapper says of itself, made up.
const began = "aurorabot: 999999 (sh) S 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0\n"

// floodExec answers a command with a flood, if there is one. Where both of a
// command's floods are asked for it is a coin that decides: the commands of one call
// would take turns.
func (h *Host) floodExec(ch ssh.Channel, start *ssh.Request, reqs <-chan *ssh.Request) bool {
	early, late := h.floods(FloodErrors), h.floods(FloodOutputs)
	if !early && !late {
		return false
	}
	_ = start.Reply(true, nil)
	go ssh.DiscardRequests(reqs)
	if early && (!late || rand.IntN(2) == 0) {
		pour(ch.Stderr(), "x")
		return true
	}
	_, _ = io.WriteString(ch.Stderr(), began) // A client that left is seen by pour.
	go pour(ch.Stderr(), "an error\n")
	pour(ch, "[{},")
	return true
}

// A floodFile is a file without an end.
type floodFile struct{}

func (floodFile) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

var method = regexp.MustCompile(`\[1,"(\w+)"`)

// floodDial plays a server of HTTP whose answers have no end.
func floodDial(ch ssh.Channel) {
	req, err := http.ReadRequest(bufio.NewReader(ch))
	if err != nil {
		pour(ch, "x") // Not HTTP: a ZooKeeper was wanted.
		return
	}
	body, _ := io.ReadAll(io.LimitReader(req.Body, 4096)) // What is cut has no method in it.
	_, _ = io.WriteString(ch, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
	switch m := method.FindSubmatch(body); {
	case m != nil:
		_, _ = io.WriteString(ch, `[1,"`+string(m[1])+`",2,1,{"0":{"rec":{"1":{"i32":1},"3":{"rec":{"1":{"rec":{"1":{"set":["rec",1`)
		pour(ch, ",{}")
	case strings.Contains(req.URL.Path, "/vars"):
		pour(ch, "a_variable 1\n")
	default:
		_, _ = io.WriteString(ch, `{"tasks":[{}`)
		pour(ch, ",{}")
	}
}
