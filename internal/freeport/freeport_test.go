package freeport_test

import (
	"net"
	"strconv"
	"testing"

	"tahoe/internal/freeport"
)

func TestFind(t *testing.T) {
	port, err := freeport.Find("tcp4", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if port < 20000 || port > 32767 {
		t.Errorf("got %d, which an outgoing connection may have", port)
	}
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestNoSuchHost(t *testing.T) {
	if _, err := freeport.Find("tcp4", "192.0.2.1"); err == nil {
		t.Error("found a port of a host that is not this one")
	}
}
