package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"aurorabot/runner/rooted"
)

// The commands here are the only ones of the helper that change a host, and the
// only ones that it runs as root. All that they do stands in their words, which
// the sudoers file bounds: none of them reads standard input.

// hostRename renames an entry of a folder of root's: FROM TO.
func hostRename(_ context.Context, c *call) (int, error) {
	if err := rooted.Rename(c.operands[0], c.operands[1]); err != nil {
		return exitError, fmt.Errorf("host rename: %w", err)
	}
	return exitDone, nil
}

// hostFolder makes a folder in one of root's: MODE UID:GID PATH.
func hostFolder(_ context.Context, c *call) (int, error) {
	mode, err := strconv.ParseUint(c.operands[0], 8, 9)
	owner, wrong := ownerOf(c.operands[1])
	if err = errors.Join(err, wrong); err == nil {
		err = rooted.MakeFolder(c.operands[2], uint32(mode), owner)
	}
	if err != nil {
		return exitError, fmt.Errorf("host folder: %w", err)
	}
	return exitDone, nil
}

// hostRunFolder makes a folder LEAF of a run's, which the account owns, and what is above
// it, which is root's: LEAF, of DIR/runs/RUN/LEAF, and UID:GID.
func hostRunFolder(_ context.Context, c *call) (int, error) {
	leaf := c.operands[0]
	run := path.Dir(leaf)
	owner, err := ownerOf(c.operands[1])
	for _, dir := range []string{path.Dir(run), run} {
		if err == nil {
			err = rooted.MakeFolder(dir, 0o755, rooted.Root())
		}
	}
	if err == nil {
		err = rooted.MakeFolder(leaf, 0o750, owner)
	}
	if err != nil {
		return exitError, fmt.Errorf("host run-folder: %w", err)
	}
	return exitDone, nil
}

// ownerOf reads UID:GID.
func ownerOf(s string) (rooted.Owner, error) {
	user, group, _ := strings.Cut(s, ":")
	uid, err := strconv.ParseUint(user, 10, 31)
	gid, wrong := strconv.ParseUint(group, 10, 31)
	if err := errors.Join(err, wrong); err != nil {
		return rooted.Owner{}, fmt.Errorf("no owner: %w", err)
	}
	return rooted.Owner{UID: int(uid), GID: int(gid)}, nil
}

// hostLeft lists what runs left behind: LOG RUN-DIR [RUN].
func hostLeft(_ context.Context, c *call) (int, error) {
	run := ""
	if len(c.operands) > 2 {
		run = c.operands[2]
	}
	left, err := rooted.ListLeft(c.operands[0], c.operands[1], run)
	if err == nil {
		err = json.NewEncoder(c.out).Encode(left)
	}
	if err != nil {
		return exitError, fmt.Errorf("host left: %w", err)
	}
	return exitDone, nil
}

// hostClean removes what a run left below RUN-DIR: RUN-DIR RUN.
func hostClean(_ context.Context, c *call) (int, error) {
	if err := rooted.Clean(c.operands[0], "", c.operands[1]); err != nil {
		return exitError, fmt.Errorf("host clean: %w", err)
	}
	return exitDone, nil
}

// hostCleanAside removes what a run moved aside: PATH RUN.
func hostCleanAside(_ context.Context, c *call) (int, error) {
	if err := rooted.Clean("", c.operands[0], c.operands[1]); err != nil {
		return exitError, fmt.Errorf("host clean-aside: %w", err)
	}
	return exitDone, nil
}
