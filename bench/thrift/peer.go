//go:build ignore

// Command peer decodes a backup with the code that Apache Thrift generates of
// aurora.thrift, and prints how many tasks are in it. The generated package is
// not in the tree: bench/run.sh makes it and builds this with an overlay.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/apache/thrift/lib/go/thrift"

	"aurorabot/bench/thrift/aurora"
)

func main() {
	sum := flag.Bool("sha256", false, "hash the file, too, as our command does")
	stream := flag.Bool("stream", false, "read through a buffer of 256 KiB instead of a TMemoryBuffer that holds the file")
	flag.Parse()
	if err := decode(flag.Arg(0), *sum, *stream); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func decode(path string, sum, stream bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var in io.Reader = bufio.NewReaderSize(f, 256<<10)
	hash := sha256.New()
	if sum {
		in = io.TeeReader(in, hash)
	}
	var transport thrift.TTransport = thrift.NewStreamTransportR(in)
	if !stream {
		whole := thrift.NewTMemoryBuffer()
		if _, err := io.Copy(whole, in); err != nil {
			return err
		}
		transport = whole
	}
	// Its own bounds are lower than a backup is large.
	conf := &thrift.TConfiguration{MaxMessageSize: 1 << 30, MaxFrameSize: 1 << 30}
	var s aurora.Snapshot
	if err := s.Read(context.Background(), thrift.NewTBinaryProtocolConf(transport, conf)); err != nil {
		return fmt.Errorf("decode %s: %w", path, err)
	}
	fmt.Println(len(s.Tasks), "tasks")
	if sum {
		fmt.Printf("%x\n", hash.Sum(nil))
	}
	return nil
}
