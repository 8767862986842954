package slack

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

const maxFile = 64 << 20 // Bytes of one file. Slack takes a gigabyte; this one lives in memory.

// A File is an uploaded file.
type File struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Title      string `json:"title"`
	Mimetype   string `json:"mimetype"`
	Filetype   string `json:"filetype"`
	Size       int    `json:"size"`
	User       string `json:"user"`
	Created    int64  `json:"created"`
	Timestamp  int64  `json:"timestamp"`
	URLPrivate string `json:"url_private"`
	Permalink  string `json:"permalink"`
	Preview    string `json:"preview,omitempty"` // The first lines of a text.
	Alt        string `json:"alt_txt,omitempty"`

	Channels []string `json:"channels"`

	content []byte
	length  int  // What the app said it would send.
	done    bool // completeUploadExternal was called.
}

// Content gives the bytes of a file that was uploaded.
func (s *Server) Content(file string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[file]
	if f == nil || f.content == nil {
		return nil, false
	}
	return slices.Clone(f.content), true
}

func (s *Server) uploadURL(a args) (reply, error) {
	name, length := path.Base("/"+a.str("filename")), a.number("length", 0)
	if a.str("filename") == "" || length <= 0 {
		return nil, badArgument("filename and length (more than 0) are required")
	}
	if length > maxFile {
		return nil, refuse("file_upload_size_restricted")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &File{ID: s.id("F"), Name: name, Title: name, User: BotUser, length: length, Alt: a.str("alt_txt"),
		Created: s.now().Unix(), Timestamp: s.now().Unix(), Channels: []string{}}
	f.Filetype = strings.TrimPrefix(path.Ext(name), ".")
	if t := a.str("snippet_type"); t != "" {
		f.Filetype = t
	}
	f.URLPrivate = s.base + "/files/" + f.ID + "/" + url.PathEscape(name)
	f.Permalink = f.URLPrivate
	s.files[f.ID] = f
	return reply{"upload_url": s.base + "/upload/v1/" + f.ID, "file_id": f.ID}, nil
}

// serveUpload takes the bytes, as a form or as they are.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFile+1<<20)
	var src io.Reader = r.Body
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		parts, err := r.MultipartReader()
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for {
			p, err := parts.NextPart()
			if err != nil {
				http.Error(w, "no file in the form", http.StatusBadRequest)
				return
			}
			if p.FileName() != "" {
				src = p
				break
			}
		}
	}
	b, err := io.ReadAll(src)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[r.PathValue("id")]
	switch {
	case f == nil || f.content != nil:
		http.Error(w, "no such upload", http.StatusNotFound)
		return
	case len(b) != f.length:
		http.Error(w, fmt.Sprintf("%d bytes announced, %d came", f.length, len(b)), http.StatusBadRequest)
		return
	}
	f.content, f.Size = b, len(b)
	f.Mimetype = http.DetectContentType(b)
	if strings.HasPrefix(f.Mimetype, "text/") {
		f.Mimetype = "text/plain" // Never a page of its own, whatever it looks like.
		f.Preview = preview(b)
	}
	fmt.Fprintf(w, "OK - %d", len(b))
}

// preview gives the beginning of a text.
func preview(b []byte) string {
	const most = 2000 // Bytes.
	if len(b) > most {
		cut := most
		for cut > most-utf8.UTFMax && !utf8.RuneStart(b[cut]) {
			cut-- // Do not cut a character in two.
		}
		b = b[:cut]
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

func (s *Server) uploadComplete(a args) (reply, error) {
	var wanted []struct{ ID, Title string }
	if err := json.Unmarshal(a.json("files"), &wanted); err != nil || len(wanted) == 0 {
		return nil, badArgument("must be an array of files [json-pointer:/files]")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var files []File
	for _, want := range wanted {
		f := s.files[want.ID]
		if f == nil || f.content == nil || f.done {
			return nil, refuse("file_not_found")
		}
		if want.Title != "" {
			f.Title = want.Title
		}
		files = append(files, *f)
	}
	var places []*Channel
	for _, id := range strings.Split(a.str("channel_id")+","+a.str("channels"), ",") {
		if id == "" {
			continue
		}
		c, err := s.writable(id)
		if err != nil {
			return nil, err
		}
		places = append(places, c)
	}
	blocks := a.json("blocks")
	if blocks != nil {
		if strings.Contains(string(blocks), `"markdown"`) {
			return nil, refuse("internal_error") // As Slack: python-slack-sdk issue 1756.
		}
		if err := s.invalid(args{"blocks": a["blocks"]}); err != nil {
			return nil, err
		}
	}
	if ts := a.str("thread_ts"); ts != "" && (len(places) != 1 || s.find(places[0].ID, ts, "") == nil) {
		return nil, refuse("invalid_thread_ts")
	}
	wire := []any{}
	for i := range files {
		f := s.files[files[i].ID]
		f.done = true
		for _, c := range places {
			f.Channels = append(slices.Clone(f.Channels), c.ID)
		}
		files[i] = *f
		wire = append(wire, *f)
	}
	for _, c := range places {
		s.add(&Message{Channel: c.ID, TS: s.stamp(s.now()), ThreadTS: a.str("thread_ts"), User: BotUser,
			Text: a.str("initial_comment"), Blocks: s.normal(blocks), Files: files})
	}
	s.changed()
	return reply{"files": wire}, nil
}

func (s *Server) fileInfo(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[a.str("file")]
	if f == nil || !f.done {
		return nil, refuse("file_not_found")
	}
	return reply{"file": *f, "comments": []any{}, "response_metadata": map[string]any{"next_cursor": ""}}, nil
}

// serveFile gives a file to the page: pictures as they are, all else as plain
// text or to be saved, so that no upload runs as a page.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	var f File
	if p := s.files[r.PathValue("id")]; p != nil {
		f = *p
	}
	s.mu.Unlock()
	if f.content == nil {
		http.NotFound(w, r)
		return
	}
	kind := "application/octet-stream"
	switch {
	case slices.Contains([]string{"image/png", "image/jpeg", "image/gif", "image/webp"}, f.Mimetype):
		kind = f.Mimetype
	case f.Mimetype == "text/plain":
		kind = "text/plain; charset=utf-8"
	default:
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "sandbox")
	w.Write(f.content)
}
