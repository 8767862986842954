package app

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ownID is the name of the bot that owns a state folder, made up once: by it the
// next process recognises what a killed one left at work on the hosts. It is no
// secret. The caller holds the folder's lock.
func ownID(stateDir string) (string, error) {
	file := filepath.Join(stateDir, "id")
	text, err := os.ReadFile(file)
	switch id := strings.TrimSpace(string(text)); {
	case err == nil && id != "":
		return id, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("who this bot is: %w", err)
	}
	id := rand.Text()
	if err := os.WriteFile(file, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("who this bot is: %w", err)
	}
	return id, nil
}

// owner names this bot to one host of one cluster, in letters and digits. A program
// without a state folder has no id and is no bot: it is nobody's next process, and ends
// nothing that another one left.
func owner(id, cluster, host string) string {
	if id == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(id + "\x00" + cluster + "\x00" + host))
	return hex.EncodeToString(sum[:12])
}
