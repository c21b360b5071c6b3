package foolscap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
)

// SetTap puts something between TLS and the protocol.
func (t *Tub) SetTap(tap func(net.Conn) net.Conn) { t.tap = tap }

// Held is how many objects of ours are held over all connections, and how many of others we hold.
func (t *Tub) Held() (ours, theirs int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.links {
		l.mu.Lock()
		ours += len(l.exports.byNumber)
		theirs += len(l.imports)
		l.mu.Unlock()
	}
	return ours, theirs
}

// Links is how many connections there are.
func (t *Tub) Links() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.links)
}

// A Session is a connection that needs no negotiation.
type Session struct{ l *link }

func NewSession(t *Tub, conn net.Conn) Session { return Session{newLink(t, conn, true)} }

func (s Session) Run(ctx context.Context) error { return s.l.run(ctx) }

// Root is the connection itself at the other end.
func (s Session) Root() *Remote { return &Remote{link: s.l, release: func() {}} }

// Export gives the other end one of our objects, whose number is returned.
func (s Session) Export(o Object) int64 {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	clid, _ := s.l.export(o)
	return clid
}

// Appender writes messages as they are on the wire.
type Appender struct {
	e     encoder
	opens int64
}

func (a *Appender) opened() int64 { a.opens++; return a.opens - 1 }

func (a *Appender) export(Object) (int64, bool) { return 1, true }

func (a *Appender) Call(request, target int64, method string, args Args) []byte {
	a.e = encoder{out: a}
	a.e.call(request, target, method, args)
	return a.e.b
}

func (a *Appender) Answer(request int64, v Value) []byte {
	a.e = encoder{out: a}
	a.e.answer(request, v)
	return a.e.b
}

// shelf is a book for decoding alone.
type shelf struct{ quotaBytes int }

func (s shelf) ours(clid int64) (Object, bool) { return nil, clid == 1 }
func (s shelf) theirs(clid int64, iface string) (*Remote, error) {
	return &Remote{clid: clid, iface: iface, release: func() {}}, nil
}
func (s shelf) asked(int64) bool { return true }
func (s shelf) quota() int       { return s.quotaBytes }

// DecodeAll reads messages until there are no more, and returns the values in calls and answers.
func DecodeAll(r io.Reader, quota int) (values []Value, refused []error, err error) {
	l := Limits{Message: quota}.withDefaults()
	d := newDecoder(bufio.NewReader(r), shelf{quota}, l, func(int64) {})
	for {
		m, err := d.message()
		if errors.Is(err, io.EOF) {
			return values, refused, nil
		}
		if err != nil {
			return values, refused, err
		}
		switch {
		case m.refused != nil:
			refused = append(refused, m.refused)
		case m.kind == msgCall:
			values = append(values, m.args)
		case m.kind == msgAnswer:
			values = append(values, m.value)
		case m.kind == msgError:
			values = append(values, *m.failure)
		}
	}
}

// ParseOffer reads a block as both ends send it, and says whether this end agrees.
func ParseOffer(b []byte) error {
	lines, err := readBlock(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		return err
	}
	parsed, err := parseBlock(lines)
	if err != nil {
		return err
	}
	return checkOffer(parsed)
}

// ParseDecision reads the block of a master.
func ParseDecision(b []byte) (life string, number int64, err error) {
	lines, err := readBlock(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		return "", 0, err
	}
	parsed, err := parseBlock(lines)
	if err != nil {
		return "", 0, err
	}
	c, err := parseDecision(parsed)
	return c.life, c.number, err
}

// Prefers is the master's rule for a second connection with the same Tub.
func Prefers(offer map[string]string, oldLife string, oldNumber int64, ourLife string) bool {
	return prefers(offer, &link{life: oldLife, number: oldNumber}, ourLife)
}
