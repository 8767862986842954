// Package story plays a recovery as people do it: in a browser, on the
// sandbox's page, with the whole lab behind it. It holds tests alone; the
// pictures that they take are in docs/pictures.
package story
