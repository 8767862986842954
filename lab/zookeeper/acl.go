package zookeeper

import (
	"crypto/sha1" // the digest scheme is SHA-1 by definition
	"encoding/base64"
	"net/netip"
	"slices"
	"strings"
)

// Permissions of an ACL entry.
const (
	permRead   = 1
	permWrite  = 2
	permCreate = 4
	permDelete = 8
	permAdmin  = 16
	permAll    = 31
)

// An acl is one entry of an access list.
type acl struct {
	perms  int32
	scheme string
	id     string
}

// An identity is what a connection has proved: its address, and a digest for
// each user and password that it has sent.
type identity struct{ scheme, id string }

var openToAll = []acl{{permAll, "world", "anyone"}}

// digestOf returns the identity of "user:password".
func digestOf(credentials string) identity {
	user, _, _ := strings.Cut(credentials, ":")
	sum := sha1.Sum([]byte(credentials)) // the digest scheme is SHA-1 by definition
	return identity{"digest", user + ":" + base64.StdEncoding.EncodeToString(sum[:])}
}

// fixACL returns the list as the server keeps it: "auth" stands for what the
// caller has proved. A list that nobody could ever match is errInvalidACL.
func fixACL(asked []acl, who []identity) ([]acl, error) {
	var kept []acl
	for _, a := range asked {
		switch a.scheme {
		case "world":
			if a.id != "anyone" {
				return nil, errInvalidACL
			}
			kept = append(kept, a)
		case "auth":
			before := len(kept)
			for _, w := range who {
				if w.scheme == "digest" {
					kept = append(kept, acl{a.perms, w.scheme, w.id})
				}
			}
			if len(kept) == before {
				return nil, errInvalidACL
			}
		case "digest":
			if strings.Count(a.id, ":") != 1 {
				return nil, errInvalidACL
			}
			kept = append(kept, a)
		case "ip":
			if _, ok := network(a.id); !ok {
				return nil, errInvalidACL
			}
			kept = append(kept, a)
		default:
			return nil, errInvalidACL
		}
	}
	if len(kept) == 0 {
		return nil, errInvalidACL
	}
	return kept, nil
}

// allowed reports whether one of who may do any of perms under list. An empty
// list denies nothing, as in ZooKeeper.
func allowed(list []acl, perms int32, who []identity) bool {
	if len(list) == 0 {
		return true
	}
	for _, a := range list {
		if a.perms&perms == 0 {
			continue
		}
		if a.scheme == "world" {
			return true
		}
		if slices.ContainsFunc(who, func(w identity) bool { return matches(a, w) }) {
			return true
		}
	}
	return false
}

func matches(a acl, w identity) bool {
	if a.scheme != w.scheme {
		return false
	}
	if a.scheme != "ip" {
		return a.id == w.id
	}
	net, ok := network(a.id)
	addr, err := netip.ParseAddr(w.id)
	return ok && err == nil && net.Contains(addr)
}

// network reads "127.0.0.1" and "127.0.0.0/8" alike.
func network(id string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(id); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	prefix, err := netip.ParsePrefix(id)
	return prefix, err == nil
}

// withoutDigests hides password digests from those who may not administer.
func withoutDigests(list []acl) []acl {
	shown := slices.Clone(list)
	for i, a := range shown {
		if user, _, ok := strings.Cut(a.id, ":"); ok && a.scheme == "digest" {
			shown[i].id = user + ":x"
		}
	}
	return shown
}
