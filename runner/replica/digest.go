package replica

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
)

// chunkSize is how many positions one digest covers; chunks are aligned to it,
// so that replicas with other beginnings can be compared.
const chunkSize = 256

// detailed is how many chunks at each end of the log are listed position by
// position. Divergence after a wrong initialize begins at the beginning of
// the newer log and may end soon, where the older log has whole chunks.
const detailed = 16

// Digest is what a replica has learned in one chunk of positions, short enough
// to be sent from host to host.
type Digest struct {
	First uint64 `json:"first"` // The chunk's first position, a multiple of 256.
	Count int    `json:"count"` // Learned positions at or above begin in it.
	Sum   string `json:"sum"`   // Hex: over all of them, in order.
	// Each holds per learned position its offset in the chunk and three bytes
	// of its digest, base64. It is left out of whole chunks in the middle.
	Each string `json:"each,omitempty"`
}

// digests gathers the digests of a log while its positions go by in order.
type digests struct {
	hash  hash.Hash // Of one position.
	chunk hash.Hash
	head  [18]byte
	sum   [sha256.Size]byte
	out   []Digest
	first uint64
	count int
	each  []byte
}

func newDigests() *digests { return &digests{hash: sha256.New(), chunk: sha256.New()} }

// add takes a learned action. What counts is what was decided: who promised
// or performed it differs between replicas that agree.
func (d *digests) add(a *Action) {
	first := a.Position - a.Position%chunkSize
	if first != d.first {
		d.flush()
		d.first = first
	}
	binary.BigEndian.PutUint64(d.head[:], a.Position)
	d.head[8] = byte(a.Type)
	d.head[9] = 0
	if a.Tombstone {
		d.head[9] = 1
	}
	binary.BigEndian.PutUint64(d.head[10:], a.To)
	d.hash.Reset()
	d.hash.Write(d.head[:])
	d.hash.Write(a.Bytes)
	sum := d.hash.Sum(d.sum[:0])
	d.chunk.Write(sum)
	d.each = append(d.each, byte(a.Position-first), sum[0], sum[1], sum[2])
	d.count++
}

func (d *digests) flush() {
	if d.count > 0 {
		sum := d.chunk.Sum(d.sum[:0])
		d.out = append(d.out, Digest{
			First: d.first, Count: d.count, Sum: fmt.Sprintf("%x", sum[:8]),
			Each: base64.StdEncoding.EncodeToString(d.each),
		})
		if n := len(d.out) - 1 - detailed; n >= detailed && d.out[n].Count == chunkSize {
			d.out[n].Each = ""
		}
	}
	d.chunk.Reset()
	d.count, d.each = 0, d.each[:0]
}

// positions decodes Each: offset in the chunk to digest.
func (d *Digest) positions() (map[uint64][3]byte, error) {
	p, err := base64.StdEncoding.DecodeString(d.Each)
	if err != nil || len(p) != 4*d.Count {
		return nil, fmt.Errorf("digest of chunk %d cannot be read", d.First)
	}
	out := make(map[uint64][3]byte, d.Count)
	for ; len(p) > 0; p = p[4:] {
		out[d.First+uint64(p[0])] = [3]byte(p[1:4])
	}
	return out, nil
}
