package zookeeper_test

import (
	"context"
	"fmt"
	"time"

	"aurorabot/lab/zookeeper"

	"github.com/go-zookeeper/zk"
)

// A scheduler that is killed leaves its candidate behind until its session
// expires.
func Example() {
	server, err := zookeeper.Start(context.Background(), "127.0.0.1:0", zookeeper.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	scheduler, _, err := zk.Connect([]string{server.Addr()}, 10*time.Second, zk.WithLogInfo(false))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer scheduler.Close()
	path, err := scheduler.Create("/singleton_candidate_", []byte("127.0.0.11"), zk.FlagEphemeralSequential, zk.WorldACL(zk.PermAll))
	fmt.Println(path, err)
	server.ExpireSession(scheduler.SessionID())
	fmt.Printf("%q\n", server.Dump())
	// Output:
	// /singleton_candidate_0000000000 <nil>
	// ""
}
