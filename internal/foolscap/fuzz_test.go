package foolscap_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"sync"
	"testing"
	"time"

	"tahoe/internal/foolscap"
)

// What was decoded is the same when it is encoded and decoded again; nothing makes more memory than its quota.
func FuzzBanana(f *testing.F) {
	lines, _, _ := recorded(f)
	var all []byte
	for _, l := range lines {
		if !l.ours {
			f.Add(l.b)
			all = append(all, l.b...)
		}
	}
	f.Add(all)
	f.Add(callWith(open(2, "copyable") + "\x01\x82c\x01\x82a\x01\x81" + closing(2)))
	f.Fuzz(func(t *testing.T, b []byte) {
		values, _, err := foolscap.DecodeAll(bytes.NewReader(b), 1<<16)
		if err != nil && !errors.Is(err, foolscap.ErrProtocol) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("got %v, want ErrProtocol or an unexpected end", err)
		}
		for _, v := range values {
			var a foolscap.Appender
			var again []byte
			switch v := v.(type) {
			case foolscap.Args:
				again = a.Call(1, 1, "m", v)
			case foolscap.RemoteError:
				continue
			default:
				again = a.Answer(1, v)
			}
			got, refused, err := foolscap.DecodeAll(bytes.NewReader(again), 1<<20)
			if holdsObject(v) {
				continue
			}
			if err != nil || len(refused) > 0 || len(got) != 1 || !same(got[0], v) {
				t.Fatalf("got %#v, refused %v, error %v; want %#v", got, refused, err, v)
			}
		}
	})
}

// same compares without regard to NaN.
func same(a, b any) bool {
	var x, y foolscap.Appender
	if v, ok := a.(foolscap.Args); ok {
		w, ok := b.(foolscap.Args)
		return ok && bytes.Equal(x.Call(1, 1, "m", v), y.Call(1, 1, "m", w))
	}
	return reflect.TypeOf(a) == reflect.TypeOf(b) && bytes.Equal(x.Answer(1, a), y.Answer(1, b))
}

// holdsObject says whether there is a reference in v: those change sides when they are sent.
func holdsObject(v any) bool {
	var a foolscap.Appender
	var b []byte
	if args, ok := v.(foolscap.Args); ok {
		b = a.Call(1, 1, "m", args)
	} else {
		b = a.Answer(1, v)
	}
	return bytes.Contains(b, []byte("\x0f\x87")) || bytes.Contains(b, []byte("\x10\x87"))
}

// Whatever somebody says to a Tub before TLS, it ends by itself.
func FuzzPlaintext(f *testing.F) {
	tub := foolscap.NewTub(certificate(f, 1), foolscap.Config{Negotiation: time.Second})
	id := foolscap.TubID(tub.ID()).String()
	f.Add([]byte("GET /id/" + id + " HTTP/1.1\r\nHost: x\r\nUpgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n"))
	f.Add([]byte("GET /id/" + id + " HTTP/1.1\r\n\r\n\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		here, there := net.Pipe()
		var group sync.WaitGroup
		group.Go(func() { _, _ = io.Copy(io.Discard, there) })
		group.Go(func() {
			_, _ = there.Write(b)
			_ = there.Close()
		})
		if err := tub.Serve(context.Background(), here); err == nil {
			t.Error("got no error, want one")
		}
		group.Wait()
	})
}

// The blocks within TLS are parsed without trust in them.
func FuzzBlocks(f *testing.F) {
	_, ours, theirs := recorded(f)
	f.Add(ours)
	f.Add(theirs)
	f.Add([]byte("banana-decision-version: 3\r\ncurrent-connection: abc 17\r\ninitial-vocab-table-index: 1 bb33\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := foolscap.ParseOffer(b); err != nil && !errors.Is(err, foolscap.ErrNegotiation) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("offer: got %v, want ErrNegotiation", err)
		}
		if _, _, err := foolscap.ParseDecision(b); err != nil && !errors.Is(err, foolscap.ErrNegotiation) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("decision: got %v, want ErrNegotiation", err)
		}
	})
}

// Whatever an authenticated peer says, the connection ends with it, and nothing is left.
func FuzzSession(f *testing.F) {
	lines, _, _ := recorded(f)
	for _, l := range lines {
		f.Add(l.b)
	}
	f.Add(callWith("\x04\x82good"))
	f.Add(bytes.Repeat([]byte("\x8e"), 100))
	cert := certificate(f, 1)
	f.Fuzz(func(t *testing.T, b []byte) {
		here, there := net.Pipe()
		s := foolscap.NewSession(foolscap.NewTub(cert, foolscap.Config{Limits: foolscap.Limits{Pending: 2, References: 3}}), here)
		s.Export(echo())
		var group sync.WaitGroup
		group.Go(func() { _, _ = io.Copy(io.Discard, there) })
		group.Go(func() {
			_, _ = there.Write(b)
			_ = there.Close()
		})
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Run(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the connection", err)
		}
		group.Wait()
	})
}
