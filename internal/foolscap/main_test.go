package foolscap_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tahoe/internal/foolscap"
	"tahoe/internal/selfsigned"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var makeKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// certificate makes one such as the original's Tubs have. All have the same key, which is slow to make; the number tells them
// apart.
func certificate(t testing.TB, number int64) tls.Certificate {
	t.Helper()
	name := pkix.Name{CommonName: foolscap.CertificateName}
	c, err := selfsigned.Sign(x509.Certificate{
		SerialNumber: big.NewInt(number), Subject: name, Issuer: name, SignatureAlgorithm: x509.SHA256WithRSA,
		NotBefore: time.Unix(1e9, 0), NotAfter: time.Unix(4e9, 0),
	}, makeKey())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A node is a Tub that runs and listens on loopback, until the test ends.
type node struct {
	*foolscap.Tub
	hints []string
}

func (n *node) furl(swissnum string) string { return n.FURL(n.hints, swissnum) }

func startTub(t testing.TB, tub *foolscap.Tub) *node {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	ready := make(chan struct{})
	group.Go(func() {
		if err := tub.Run(ctx, func() { close(ready) }); err != nil {
			t.Errorf("run: got %v, want no error", err)
		}
	})
	group.Go(func() {
		for {
			conn, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			group.Go(func() {
				if err := tub.Serve(ctx, conn); err != nil {
					t.Logf("serve: %v", err)
				}
			})
		}
	})
	<-ready
	t.Cleanup(func() {
		cancel()
		_ = ln.Close()
		group.Wait()
	})
	return &node{tub, []string{"tcp:" + ln.Addr().String()}}
}

func newNode(t testing.TB, number int64, c foolscap.Config) *node {
	t.Helper()
	return startTub(t, foolscap.NewTub(certificate(t, number), c))
}

// soon is a context for what must not take long.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// An object answers calls by a function.
type object struct {
	call func(ctx context.Context, method string, args foolscap.Args) (foolscap.Value, error)
}

func (o *object) Call(ctx context.Context, method string, args foolscap.Args) (foolscap.Value, error) {
	return o.call(ctx, method, args)
}

func newObject(call func(ctx context.Context, method string, args foolscap.Args) (foolscap.Value, error)) *object {
	return &object{call}
}
