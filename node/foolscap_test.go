package node_test

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"testing"

	"tahoe/internal/nurl"
	"tahoe/node"
	"tahoe/node/basedir"
	"tahoe/reactor"
)

// TestFoolscap: shares are stored by Foolscap where either end insists on it.
func TestFoolscap(t *testing.T) {
	for _, c := range []struct {
		name           string
		server, client string // force_foolscap
		own            bool   // the client is the storage server, too
	}{
		{"server insists", "true", "", false},
		{"client insists", "", "true", false},
		{"both insist", "true", "true", false},
		{"a node of its own", "true", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			storageDir, clientDir := filepath.Join(t.TempDir(), "s"), filepath.Join(t.TempDir(), "c")
			settings := storageConfig(t)
			settings.WebPort, settings.Needed, settings.Happy, settings.Total = "tcp:0:interface=127.0.0.1", 1, 1, 1
			create(t, storageDir, settings)
			create(t, clientDir, node.CreateConfig{WebPort: "tcp:0:interface=127.0.0.1", Needed: 1, Happy: 1, Total: 1})
			if c.server != "" {
				set(t, storageDir, "storage", "force_foolscap", c.server)
			}
			if c.client != "" {
				set(t, clientDir, "client", "force_foolscap", c.client)
			}
			if c.own {
				clientDir = storageDir
			}
			s := open(t, storageDir)
			entry, _ := s.Static()
			if got := len(entry.Address.NURLs); (got == 0) != (c.server == "true") {
				t.Fatalf("got %d NURLs", got)
			}
			if c.server == "" {
				entry.Address.NURLs = elsewhere(t, entry.Address.NURLs[0])
			}
			if err := basedir.Dir(clientDir).WriteStaticServers([]basedir.Static{entry}); err != nil {
				t.Fatal(err)
			}
			host := reactor.NewHost(slog.New(slog.DiscardHandler))
			if !c.own {
				host.Add("storage", s)
			} else if err := s.Close(); err != nil { // to be opened again, as its own client
				t.Fatal(err)
			}
			client := open(t, clientDir)
			host.Add("client", client)
			start(t, host)
			if err := client.WaitConnected(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			data := randomBytes(3_000_000)
			checkGet(t, client.WebURL(), put(t, client.WebURL(), data), data)
			speaksGBS(t, settings.Port, c.server != "true")
		})
	}
}

// elsewhere is a NURL at which nobody answers.
func elsewhere(t *testing.T, n nurl.NURL) []nurl.NURL {
	t.Helper()
	wrong, err := nurl.New(n.SPKI(), []string{"127.0.0.1:1"}, n.Swissnum(), false)
	if err != nil {
		t.Fatal(err)
	}
	return []nurl.NURL{wrong}
}

// speaksGBS checks whether a port answers to TLS.
func speaksGBS(t *testing.T, port string, want bool) {
	t.Helper()
	var number int
	if _, err := fmt.Sscanf(port, "tcp:%d:", &number); err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTCP("tcp4", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: number})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tlsConn := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	if err := tlsConn.HandshakeContext(t.Context()); (err == nil) != want {
		t.Errorf("TLS on the storage port: got %v, want that it works: %v", err, want)
	}
}
