package gbs_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"io"
	"net"
	"testing"
	"time"

	"tahoe/storage"
	"tahoe/storage/gbs"
	"tahoe/storage/storagetest"
)

const benchSize = 64 << 20

// discarding is a server that takes shares and keeps none.
type discarding struct{ storage.Server }

func (d discarding) Allocate(_ context.Context, _ storage.Index, a storage.Allocation) (storage.Allocated, error) {
	return storage.Allocated{Writers: map[storage.ShareNum]storage.Writer{a.Shares[0]: discardingWriter{}}}, nil
}

type discardingWriter struct{}

func (discardingWriter) Write(_ context.Context, _ storage.Span, r io.Reader) ([]storage.Span, error) {
	_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, make([]byte, 256<<10))
	return nil, err
}
func (discardingWriter) Close(context.Context) error { return nil }
func (discardingWriter) Abort(context.Context) error { return nil }

// sealAndOpen is the time that encryption and decryption of size bytes in TLS records take.
func sealAndOpen(b *testing.B, size int) time.Duration {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		b.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	plain, nonce := make([]byte, 16<<10), make([]byte, gcm.NonceSize())
	sealed := make([]byte, 0, len(plain)+gcm.Overhead())
	begin := time.Now()
	for range size / len(plain) {
		sealed = gcm.Seal(sealed[:0], nonce, plain, nil)
		if _, err := gcm.Open(plain[:0], nonce, sealed, nil); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(begin)
}

// overLoopback is the time that size bytes take through a TCP connection on loopback, in writes of 256 KiB.
func overLoopback(b *testing.B, size int64) time.Duration {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	received := make(chan error, 1)
	go func() {
		c, err := ln.Accept()
		if err == nil {
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 256<<10))
			_ = c.Close()
		}
		received <- err
	}()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	buf := make([]byte, 256<<10)
	for range size / int64(len(buf)) {
		if _, err := c.Write(buf); err != nil {
			b.Fatal(err)
		}
	}
	_ = c.Close()
	if err := <-received; err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}

// report says how a transfer compares with what the same run's encryption and loopback would take, one after the other.
func report(b *testing.B, perOp time.Duration) {
	tls, tcp := sealAndOpen(b, benchSize), overLoopback(b, benchSize)
	b.ReportMetric(tls.Seconds()*1000, "AES-GCM-ms")
	b.ReportMetric(tcp.Seconds()*1000, "TCP-ms")
	b.ReportMetric(perOp.Seconds()/(tls+tcp).Seconds(), "ratio")
}

func BenchmarkUpload(b *testing.B) {
	c := overTLS(b, discarding{}, gbs.HandlerConfig{})
	data := make([]byte, benchSize)
	b.SetBytes(benchSize)
	b.ReportAllocs()
	begin := time.Now()
	for b.Loop() {
		got, err := c.Allocate(b.Context(), storage.Index{}, storage.Allocation{Shares: []storage.ShareNum{0}, Size: benchSize})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := got.Writers[0].Write(b.Context(), storage.Span{Size: benchSize}, bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
	perOp := time.Since(begin) / time.Duration(b.N)
	b.StopTimer()
	report(b, perOp)
}

func BenchmarkDownload(b *testing.B) {
	mem := storagetest.NewMem(storagetest.Config{})
	mem.Put(storage.Index{}, 0, make([]byte, benchSize))
	c := overTLS(b, mem, gbs.HandlerConfig{})
	shares, err := c.Buckets(b.Context(), storage.Index{})
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 256<<10)
	b.SetBytes(benchSize)
	b.ReportAllocs()
	begin := time.Now()
	for b.Loop() {
		stream, err := shares[0].Read(b.Context(), storage.Span{Size: benchSize})
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, stream, buf); err != nil || n != benchSize {
			b.Fatalf("got %d bytes, %v", n, err)
		}
		_ = stream.Close()
	}
	perOp := time.Since(begin) / time.Duration(b.N)
	b.StopTimer()
	report(b, perOp)
}

// BenchmarkSmall is the cost of a request that carries nothing.
func BenchmarkSmall(b *testing.B) {
	c := overTLS(b, storagetest.NewMem(storagetest.Config{}), gbs.HandlerConfig{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Version(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
