package gbs

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"tahoe/internal/nurl"
	"tahoe/storage"
)

// HandlerConfig adjusts a Handler. Its zero value works.
type HandlerConfig struct {
	SpoolDir   string           // where large read-test-write requests wait, while they are read; "" is os.TempDir; see RemoveSpools
	SpoolAbove int64            // how much of one stays in memory; 0 is 1 MiB
	SpoolRoom  func() uint64    // how many bytes are free in SpoolDir; nil: that is not known
	MaxUploads int              // shares being uploaded at once; 0 is 65536, which bounds memory: the storage server bounds what else a writer takes
	UploadIdle time.Duration    // after which an upload that nobody touches is aborted; 0 is 35 minutes
	Silence    time.Duration    // how long a client may keep a request waiting for bytes; 0 is 2 minutes
	Now        func() time.Time // nil is time.Now
	Log        *slog.Logger     // nil discards
}

// A Handler serves a storage.Server over HTTP, to clients that know the swissnum. It expects to be behind TLS, as Server
// puts it.
type Handler struct {
	storage storage.Server
	auth    [sha256.Size]byte
	cfg     HandlerConfig
	uploads *uploads
	mux     *http.ServeMux
}

// NewHandler makes a handler that serves s.
func NewHandler(s storage.Server, swissnum nurl.Swissnum, c HandlerConfig) *Handler {
	c.SpoolAbove = cmp.Or(c.SpoolAbove, 1<<20)
	c.MaxUploads = cmp.Or(c.MaxUploads, 1<<16)
	c.UploadIdle = cmp.Or(c.UploadIdle, 35*time.Minute)
	c.Silence = cmp.Or(c.Silence, 2*time.Minute)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{
		storage: s,
		auth:    sha256.Sum256([]byte(authorization(swissnum))),
		cfg:     c,
		uploads: newUploads(c.MaxUploads, c.UploadIdle, c.Now),
		mux:     http.NewServeMux(),
	}
	h.routes()
	return h
}

// routes lists all requests of the protocol, with the secrets that each takes.
func (h *Handler) routes() {
	h.route("GET "+pathVersion, h.version)
	h.route("PUT "+pathLease+"{index}", h.addLease, kindRenew, kindCancel)

	h.route("POST "+pathImmutable+"{index}", h.allocate, kindRenew, kindCancel, kindUpload)
	h.route("GET "+pathImmutable+"{index}/shares", h.listBucket)
	h.route("GET "+pathImmutable+"{index}/{share}", h.readImmutable)
	h.route("PATCH "+pathImmutable+"{index}/{share}", h.writeShare, kindUpload)
	h.route("PUT "+pathImmutable+"{index}/{share}/abort", h.abortShare, kindUpload)
	h.route("POST "+pathImmutable+"{index}/{share}/corrupt", h.corrupt(storage.KindImmutable))

	h.route("POST "+pathMutable+"{index}/read-test-write", h.testAndWrite, kindRenew, kindCancel, kindEnabler)
	h.route("GET "+pathMutable+"{index}/shares", h.listSlot)
	h.route("GET "+pathMutable+"{index}/{share}", h.readMutable)
	h.route("POST "+pathMutable+"{index}/{share}/corrupt", h.corrupt(storage.KindMutable))
}

// A request is one authorised request, with what its path and its secrets say.
type request struct {
	*http.Request
	w     http.ResponseWriter
	index storage.Index
	share storage.ShareNum
	secrets
}

// An endpoint answers a request, or returns an error before it has answered anything.
type endpoint func(ctx context.Context, r *request) error

func (h *Handler) route(pattern string, serve endpoint, kinds ...string) {
	hasIndex, hasShare := strings.Contains(pattern, "{index}"), strings.Contains(pattern, "{share}")
	h.mux.HandleFunc(pattern, func(w http.ResponseWriter, hr *http.Request) {
		r := &request{Request: hr, w: w}
		var err error
		if hasIndex {
			r.index, err = parsePathIndex(hr.PathValue("index"))
		}
		if hasShare && err == nil {
			r.share, err = parsePathShare(hr.PathValue("share"))
		}
		if err == nil {
			r.secrets, err = parseSecrets(hr.Header, kinds...)
		}
		if err == nil {
			err = serve(hr.Context(), r)
		}
		if err != nil {
			h.refuse(w, hr, err)
		}
	})
}

func parsePathIndex(s string) (storage.Index, error) {
	i, err := storage.ParseIndex(s)
	if err != nil {
		return i, fmt.Errorf("no such path, the storage index is not 26 characters of base32: %w", storage.ErrNotFound)
	}
	return i, nil
}

func parsePathShare(s string) (storage.ShareNum, error) {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("no such path, the share number is not one from 0 to %d: %w", storage.MaxShares-1, storage.ErrNotFound)
	}
	return storage.ShareNum(n), nil
}

// strangerSilence is how long somebody who does not know the swissnum may take for a body that nobody reads.
const strangerSilence = 5 * time.Second

// ServeHTTP answers one request. Whoever does not know the swissnum learns nothing but that.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := checkAuthorization(r.Header, h.auth); err != nil {
		boundBody(w, r, min(h.cfg.Silence, strangerSilence))
		w.Header().Set("Connection", "close")
		h.refuse(w, r, err)
		return
	}
	boundBody(w, r, h.cfg.Silence)
	h.mux.ServeHTTP(w, r)
}

// refuse answers with an error: its status, its word, and a sentence.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, word := statusOf(err)
	text, private := err.Error(), word == "" || namesFile(err)
	if private && r.Context().Err() == nil {
		h.cfg.Log.ErrorContext(r.Context(), "storage request", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	switch {
	case word == "":
		text = "the server had an error, which is in its log"
	case private:
		text = errorOf(status, word).Error()
	}
	if word != "" {
		w.Header().Set(headerError, word)
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET")
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	text = text[:min(len(text), maxErrorAnswer-1)] + "\n"
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// namesFile says whether err holds the name of a file, which is the operator's business and not the client's.
func namesFile(err error) bool {
	_, path := errors.AsType[*fs.PathError](err)
	_, link := errors.AsType[*os.LinkError](err)
	return path || link
}

// readBody reads a CBOR body of at most limit bytes.
func (h *Handler) readBody(r *request, limit int64) ([]byte, error) {
	if err := r.checkMediaType(); err != nil {
		return nil, err
	}
	if r.ContentLength > limit {
		return nil, fmt.Errorf("body of %d bytes, more than %d: %w", r.ContentLength, limit, storage.ErrTooLarge)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(h.newBody(r), limit+1)); err != nil {
		return nil, bodyError(err)
	}
	if int64(b.Len()) > limit {
		return nil, fmt.Errorf("body of more than %d bytes: %w", limit, storage.ErrTooLarge)
	}
	return b.Bytes(), nil
}

// bodyError says that a body ended early or came too slowly, which is its sender's fault.
func bodyError(err error) error {
	return fmt.Errorf("reading the body (%w): %w", err, storage.ErrMalformed)
}

func (r *request) checkMediaType() error {
	h := r.Header.Get("Content-Type")
	if h == "" {
		return nil
	}
	if t, _, err := mime.ParseMediaType(h); err != nil || t != mimeCBOR {
		return fmt.Errorf("Content-Type is not %s: %w", mimeCBOR, errMediaType)
	}
	return nil
}

// checkAccept wants the client to take CBOR. It comes before a request has any effect.
func (r *request) checkAccept() error {
	values := r.Header.Values("Accept")
	if len(values) == 0 {
		return nil
	}
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		t, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		if q, err := strconv.ParseFloat(cmp.Or(params["q"], "1"), 64); err != nil || q <= 0 {
			continue
		}
		if t == mimeCBOR || t == "application/*" || t == "*/*" {
			return nil
		}
	}
	return fmt.Errorf("Accept does not name %s: %w", mimeCBOR, errNotAcceptable)
}

// answer sends a CBOR message.
func (r *request) answer(status int, message []byte) error {
	r.w.Header().Set("Content-Type", mimeCBOR)
	r.w.Header().Set("Content-Length", strconv.Itoa(len(message)))
	r.w.WriteHeader(status)
	_, _ = r.w.Write(message) // nobody is left to hear that the client is gone
	return nil
}

func (h *Handler) version(ctx context.Context, r *request) error {
	if err := r.checkAccept(); err != nil {
		return err
	}
	v, err := h.storage.Version(ctx)
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, encodeVersion(v))
}

func (h *Handler) addLease(ctx context.Context, r *request) error {
	if err := h.storage.AddLease(ctx, r.index, r.lease); err != nil {
		return err
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Handler) corrupt(kind storage.Kind) endpoint {
	return func(ctx context.Context, r *request) error {
		body, err := h.readBody(r, maxCorruptBody)
		if err != nil {
			return err
		}
		reason, err := parseReason(body)
		if err != nil {
			return err
		}
		c := storage.Corruption{Kind: kind, Index: r.index, Share: r.share, Reason: reason}
		if err := h.storage.AdviseCorrupt(ctx, c); err != nil {
			return err
		}
		r.w.WriteHeader(http.StatusOK)
		return nil
	}
}
