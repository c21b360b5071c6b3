package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// Private is what only the user of the node's own machine may see, who can read the token in its directory.
type Private struct {
	Token func() string // that a request has to show, behind a function, which nothing prints
	// Listen begins to listen to the node's log. The records are objects in JSON; they end when the listener is too slow.
	Listen func() (records <-chan []byte, leave func())
}

// servePrivate answers requests below /private. All of them need the token, whether there is something or not.
func (s *Server) servePrivate(w *recorder, r *http.Request, rt route) error {
	if !s.authorized(r) {
		return unauthorized(w)
	}
	if rt.rest != "logs/v1" {
		return problem{status: http.StatusNotFound, text: "there is no such page on this node"}
	}
	if err := allow(r, http.MethodGet); err != nil {
		return err
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Upgrade", "websocket")
		return problem{status: http.StatusUpgradeRequired, text: "the log is a WebSocket: ask for it with a client of those"}
	}
	return s.streamLog(w, r)
}

func unauthorized(w *recorder) error {
	w.Header().Set("WWW-Authenticate", `tahoe-lafs realm="tahoe-lafs"`)
	return problem{status: http.StatusUnauthorized, text: "this is for who shows the token in the node's private/api_auth_token, in a header Authorization: tahoe-lafs TOKEN"}
}

// authorized says whether a request shows the token. How long that takes says nothing of the token.
func (s *Server) authorized(r *http.Request) bool {
	scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if s.c.Private == nil || !strings.EqualFold(scheme, "tahoe-lafs") {
		return false
	}
	got, want := sha256.Sum256([]byte(strings.TrimSpace(shown))), sha256.Sum256([]byte(s.c.Private.Token()))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// logWriteTime is how long a reader of the log may take to accept a record.
const logWriteTime = 10 * time.Second

// streamLog sends the log until the reader goes, is too slow, or the node stops. A WebSocket cannot be opened by a page of another
// site: it could not show the token, and its Origin is refused.
func (s *Server) streamLog(w *recorder, r *http.Request) error {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return nil // it has answered
	}
	defer conn.CloseNow()
	records, leave := s.c.Private.Listen()
	defer leave()
	ctx := conn.CloseRead(r.Context()) // what the reader says is of no interest
	for {
		select {
		case record, ok := <-records:
			if !ok {
				return s.endLog(conn, websocket.StatusPolicyViolation, "too slow for the log")
			}
			if err := writeRecord(ctx, conn, record); err != nil {
				return nil // there is nobody to tell
			}
		case <-s.streams.Done(): // not by way of ctx: whose end in the middle of a record is that of the connection
			return s.endLog(conn, websocket.StatusGoingAway, "the node stops")
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Server) endLog(conn *websocket.Conn, code websocket.StatusCode, why string) error {
	_ = conn.Close(code, why) // who has gone needs no goodbye
	return nil
}

func writeRecord(ctx context.Context, conn *websocket.Conn, record []byte) error {
	ctx, cancel := context.WithTimeout(ctx, logWriteTime)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, record)
}
