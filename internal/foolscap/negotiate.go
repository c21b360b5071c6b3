package foolscap

import (
	"bufio"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	requestPrefix = "GET /id/"
	upgradeLine   = "Upgrade: TLS/1.0"
	switching     = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.0, PB/1.0\r\nConnection: Upgrade\r\n\r\n"
	readBuffer    = 16 * kib
)

// A replay is a connection that gives bytes that were read before once more.
type replay struct {
	net.Conn
	r *bufio.Reader
}

func (c replay) Read(b []byte) (int, error) {
	if c.r.Buffered() > 0 {
		return c.r.Read(b[:min(len(b), c.r.Buffered())])
	}
	return c.Conn.Read(b)
}

// accept negotiates a connection that somebody made to this Tub. The link that it returns is not running.
func (t *Tub) accept(ctx context.Context, conn net.Conn) (*link, error) {
	r := bufio.NewReaderSize(conn, maxBlock)
	lines, err := readBlock(r)
	if err == nil {
		err = t.checkRequest(lines)
	}
	if err != nil {
		t.refusePlain(conn, err)
		return nil, err
	}
	if _, err := io.WriteString(conn, switching); err != nil {
		return nil, err
	}
	return t.upgrade(ctx, tls.Server(replay{conn, r}, t.serverTLS()), nil)
}

func (t *Tub) checkRequest(lines []string) error {
	id, ok := strings.CutPrefix(lines[0], requestPrefix)
	id, _, isHTTP := strings.Cut(id, " HTTP/")
	if !ok || !isHTTP {
		return disagree("this is a port of Foolscap, which begins with another request")
	}
	if id != t.id.String() {
		return disagree("unknown TubID %.40q", id)
	}
	return nil
}

// refusePlain says why there will be no TLS, unless it was the connection that broke.
func (t *Tub) refusePlain(conn net.Conn, err error) {
	if errors.Is(err, ErrNegotiation) {
		_, _ = io.WriteString(conn, "HTTP/1.1 500 Internal Server Error: "+oneLine(err)+"\r\n\r\n")
	}
}

func oneLine(err error) string {
	return cut(strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, err.Error()), 500)
}

// dial negotiates a connection that this Tub made, to one of this id. The link that it returns is not running.
func (t *Tub) dial(ctx context.Context, conn net.Conn, host string, target TubID) (*link, error) {
	request := requestPrefix + target.String() + " HTTP/1.1\r\nHost: " + host + "\r\n" + upgradeLine + "\r\nConnection: Upgrade\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(conn, maxBlock)
	lines, err := readBlock(r)
	if err != nil {
		return nil, err
	}
	if fields := strings.Fields(lines[0]); len(fields) < 2 || fields[1] != "101" {
		return nil, disagree("the answer to the request for the Tub is %.200q", lines[0])
	}
	return t.upgrade(ctx, tls.Client(replay{conn, r}, t.clientTLS()), &target)
}

// Certificates are trusted for their hash alone, which upgrade compares. There is no resumption, in which none are shown.
func (t *Tub) serverTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{t.cert}, ClientAuth: tls.RequireAnyClientCert,
		SessionTicketsDisabled: true,
	}
}

func (t *Tub) clientTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, InsecureSkipVerify: true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &t.cert, nil },
	}
}

// upgrade goes on within TLS: both ends say who they are, and the master of the two decides. target is whom this end wants; nil
// if the other end made the connection.
func (t *Tub) upgrade(ctx context.Context, conn *tls.Conn, target *TubID) (*link, error) {
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	var last *connection
	if target != nil {
		last = t.lastConnection(*target)
	}
	l := newLink(t, t.tap(conn), target != nil)
	theirs, err := exchange(l.conn, l.r, t.offer(last))
	if err != nil {
		return nil, err
	}
	l.peer, err = t.identify(conn, theirs, target)
	if err == nil {
		err = checkOffer(theirs)
	}
	if err != nil {
		sayNo(l.conn, err)
		return nil, err
	}
	if t.id.String() > l.peer.String() {
		return l, t.decide(l, theirs)
	}
	return l, t.obey(l)
}

// exchange sends our offer while it reads theirs: the other end may do either first.
func exchange(conn net.Conn, r *bufio.Reader, ours block) (theirs block, err error) {
	var group sync.WaitGroup
	var writeErr error
	group.Go(func() { _, writeErr = conn.Write(ours.encode()) })
	lines, err := readBlock(r)
	if err != nil {
		_ = conn.SetWriteDeadline(longAgo)
	}
	group.Wait()
	if err = errors.Join(err, writeErr); err != nil {
		return nil, err
	}
	return parseBlock(lines)
}

// sayNo tells the other end why there will be no connection.
func sayNo(conn net.Conn, err error) {
	_ = conn.SetWriteDeadline(time.Now().Add(lastWords))
	text := strings.TrimPrefix(oneLine(err), ErrNegotiation.Error()+": ")
	_, _ = conn.Write(block{"banana-decision-version": "1", "error": text}.encode())
}

// identify returns who the other end is, which its certificate proves.
func (t *Tub) identify(conn *tls.Conn, offer block, target *TubID) (TubID, error) {
	certs := conn.ConnectionState().PeerCertificates
	if len(certs) == 0 {
		return TubID{}, disagree("the other end shows no certificate")
	}
	peer := TubID(sha1.Sum(certs[0].Raw))
	switch {
	case offer["error"] != "":
		return TubID{}, disagree("the other end says: %.200q", offer["error"])
	case offer["my-tub-id"] != peer.String():
		return TubID{}, disagree("TubID mismatch: the other end claims to be another Tub than its certificate proves")
	case target != nil && peer != *target:
		return TubID{}, disagree("connected to the wrong Tub: %s, not %s", peer, target)
	case peer == t.id:
		return TubID{}, disagree("the other end has the same certificate as this one")
	}
	return peer, nil
}

// decide is the master's part: it keeps one connection with each Tub.
func (t *Tub) decide(l *link, offer block) error {
	l.life = offer["my-incarnation"]
	if !t.take(l, func(old *link) bool { return prefers(offer, old, t.life) }) {
		err := disagree("%s", duplicate)
		sayNo(l.conn, err)
		return err
	}
	if _, err := l.conn.Write(decision(connection{t.life, l.number}).encode()); err != nil {
		t.forget(l)
		l.end(err)
		return err
	}
	return nil
}

const duplicate = "Duplicate connection"

// obey is the other one's part.
func (t *Tub) obey(l *link) error {
	lines, err := readBlock(l.r)
	if err != nil {
		return err
	}
	b, err := parseBlock(lines)
	if err != nil {
		return err
	}
	c, err := parseDecision(b)
	if err != nil {
		return err
	}
	t.remember(l.peer, c)
	t.take(l, func(*link) bool { return true })
	return nil
}
