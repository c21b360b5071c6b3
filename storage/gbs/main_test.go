package gbs_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tahoe/internal/nurl"
	"tahoe/internal/selfsigned"
	"tahoe/storage"
	"tahoe/storage/gbs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const swissText = "thirtytwo-characters-of-swissnum"

func swissnum(t testing.TB) nurl.Swissnum {
	t.Helper()
	s, err := nurl.ParseSwissnum(swissText)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// certificate makes a key and a certificate as wrong as a pinned one may be: expired, and for nobody.
func certificate(t testing.TB) (tls.Certificate, nurl.SPKI) {
	t.Helper()
	c, err := selfsigned.New(x509.Certificate{Subject: pkix.Name{CommonName: "nobody"}, NotAfter: time.Unix(1e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return c, nurl.HashSPKI(c.Leaf)
}

// A node is a server that runs on loopback.
type node struct {
	addr string
	nurl nurl.NURL
	stop func() // ends Run and waits for it
}

// serve runs a server for h, until the test ends.
func serve(t testing.TB, h http.Handler, c gbs.ServerConfig) *node {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cert, spki := certificate(t)
	n, err := nurl.New(spki, []string{ln.Addr().String()}, swissnum(t), false)
	if err != nil {
		t.Fatal(err)
	}
	if c.Grace == 0 {
		c.Grace = 100 * time.Millisecond
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	ready := make(chan struct{})
	go func() { done <- gbs.NewServer(ln, cert, h, c).Run(ctx, func() { close(ready) }) }()
	<-ready
	out := &node{addr: ln.Addr().String(), nurl: n}
	out.stop = func() {
		cancel()
		if err, ok := <-done; ok {
			close(done)
			if err != nil {
				t.Errorf("server: got %v, want no error", err)
			}
		}
	}
	t.Cleanup(out.stop)
	return out
}

// connect makes a client of a node, until the test ends.
func connect(t testing.TB, n *node, c gbs.ClientConfig) *gbs.Client {
	t.Helper()
	client, err := gbs.NewClient(n.nurl, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// overTLS is s, seen through a client, TLS and a handler.
func overTLS(t testing.TB, s storage.Server, c gbs.HandlerConfig) *gbs.Client {
	t.Helper()
	return connect(t, serve(t, gbs.NewHandler(s, swissnum(t), c), gbs.ServerConfig{}), gbs.ClientConfig{})
}
