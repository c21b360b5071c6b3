package clients_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	pkgsftp "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// address is one of this machine's: each has its own share of a door's connections, and its own count of wrong passwords.
func address(k int) string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	return fmt.Sprintf("127.0.1.%d", k%200+1)
}

func (h *house) dial(door, from string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: time.Minute}
	return d.Dial("tcp", h.tcp[door])
}

// session signs in by SFTP, with the key or with a password.
func (h *house) session(from, name, pw string) (*pkgsftp.Client, func(), error) {
	proof := ssh.Password(pw)
	if pw == "" {
		key, err := ssh.ParsePrivateKey([]byte(h.read("key")))
		if err != nil {
			return nil, nil, err
		}
		proof = ssh.PublicKeys(key)
	}
	conn, err := h.dial("SFTP", from)
	if err != nil {
		return nil, nil, err
	}
	c, chans, reqs, err := ssh.NewClientConn(conn, "", &ssh.ClientConfig{User: name, Auth: []ssh.AuthMethod{proof}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	s, err := pkgsftp.NewClient(ssh.NewClient(c, chans, reqs))
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return s, func() { _ = s.Close(); _ = conn.Close() }, nil
}

// crowd: many sessions with many transfers each, among others who do what they should not. Everybody has his files, the node's
// memory is bounded, and nothing is left open.
func (h *house) crowd(t *testing.T, sessions, transfers, handles int) {
	first, leave, err := h.session(address(0), user, "")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	if err := first.Mkdir("/crowd"); err != nil {
		t.Fatal(err)
	}
	var rude, all sync.WaitGroup
	stop := make(chan struct{})
	for k, f := range []func(k int, stop <-chan struct{}) error{h.hoard(handles), h.babble, h.deaf, h.vanish} {
		rude.Go(func() {
			if err := f(100+k, stop); err != nil {
				t.Error(err)
			}
		})
	}
	for k := range sessions {
		all.Go(func() {
			if err := h.guest(k, transfers); err != nil {
				t.Errorf("guest %d: %v", k, err)
			}
		})
	}
	all.Wait()
	close(stop)
	rude.Wait()
	h.arrived()
	if peak := h.grid.Client.PeakMemory(); peak > 1<<30 {
		t.Errorf("the node has used %d MiB", peak>>20)
	}
	for end := time.Now().Add(time.Minute); h.connections() > 1; time.Sleep(100 * time.Millisecond) { // that of first
		if time.Now().After(end) {
			t.Fatalf("%d connections are open still", h.connections())
		}
	}
	if left, _ := filepath.Glob(filepath.Join(h.grid.ClientDir(), "private", "staging", "*")); len(left) > 0 {
		t.Errorf("%d staged files are left", len(left))
	}
}

// connections is how many clients are connected to the doors; 0 where the system does not tell.
func (h *house) connections() int {
	const established = "01"
	table, _ := os.ReadFile("/proc/self/net/tcp")
	n := 0
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line) // number, local address, remote address, state
		for _, door := range h.tcp {
			_, text, _ := net.SplitHostPort(door)
			port, _ := strconv.Atoi(text)
			if len(f) > 3 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) && f[3] == established {
				n++
			}
		}
	}
	return n
}

// guest puts and gets files, several at once.
func (h *house) guest(k, transfers int) error {
	s, leave, err := h.session(address(k), user, "")
	if err != nil {
		return err
	}
	defer leave()
	errs := make([]error, transfers)
	var all sync.WaitGroup
	for n := range transfers {
		all.Go(func() { errs[n] = transfer(s, fmt.Sprintf("/crowd/%d-%d", k, n), []byte(noise(10_000+100*k+n))) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func transfer(s *pkgsftp.Client, name string, data []byte) error {
	f, err := s.Create(name)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if f, err = s.Open(name); err != nil {
		return err
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err == nil && !bytes.Equal(got, data) {
		err = errors.New("what came back is not what went")
	}
	return err
}

// hoard opens files and never closes one, until it is refused and beyond.
func (h *house) hoard(handles int) func(k int, stop <-chan struct{}) error {
	return func(k int, stop <-chan struct{}) error {
		s, leave, err := h.session(address(k), user, "")
		if err != nil {
			return err
		}
		defer leave()
		refused := 0
		for n := range handles {
			if _, err := s.Open("/crowd"); err != nil { // a directory: refused, and must cost nothing
				refused++
			}
			if _, err := s.OpenFile(fmt.Sprintf("/crowd/hoard%d", n%10), os.O_RDWR|os.O_CREATE); err != nil {
				refused++
			}
		}
		if refused < handles {
			return fmt.Errorf("of %d handles only %d were refused", 2*handles, refused)
		}
		<-stop
		return nil
	}
}

// babble sends noise to every door, before and after signing in.
func (h *house) babble(k int, stop <-chan struct{}) error {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		for _, door := range []string{"SFTP", "FTP", "FTPS", "WebDAV"} {
			conn, err := h.dial(door, address(k+n))
			if err != nil {
				return err
			}
			_, _ = io.WriteString(conn, noise(1000+n%50_000)) // it may have been cut off
			_ = conn.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// deaf asks for a large file again and again, and reads nothing of it.
func (h *house) deaf(k int, stop <-chan struct{}) error {
	key, err := ssh.ParsePrivateKey([]byte(h.read("key")))
	if err != nil {
		return err
	}
	conn, err := h.dial("SFTP", address(k))
	if err != nil {
		return err
	}
	defer conn.Close()
	c, chans, reqs, err := ssh.NewClientConn(conn, "", &ssh.ClientConfig{User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		return err
	}
	client := ssh.NewClient(c, chans, reqs)
	defer client.Close()
	ch, in, err := client.OpenChannel("session", nil)
	if err != nil {
		return err
	}
	go ssh.DiscardRequests(in)
	if _, err = ch.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"})); err != nil {
		return err
	}
	asked := make(chan struct{})
	go func() { // until the node takes no more, and at last until the connection ends
		defer close(asked)
		stat := append([]byte{0, 0, 0, 0, 17, 0, 0, 0, 1}, 0, 0, 0, 1, '/')
		binary.BigEndian.PutUint32(stat, uint32(len(stat)-4))
		if _, err := ch.Write([]byte{0, 0, 0, 5, 1, 0, 0, 0, 3}); err != nil {
			return
		}
		for {
			if _, err := ch.Write(stat); err != nil {
				return
			}
		}
	}()
	<-stop
	_ = conn.Close()
	<-asked
	return nil
}

// vanish begins uploads everywhere, and goes in the middle: nothing of that is ever there.
func (h *house) vanish(k int, stop <-chan struct{}) error {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		s, leave, err := h.session(address(k+n), user, "")
		if err != nil {
			return err
		}
		f, err := s.Create(fmt.Sprintf("/crowd/vanished%d", n))
		if err == nil {
			_, _ = f.Write([]byte(noise(50_000)))
		}
		leave()
		time.Sleep(50 * time.Millisecond)
	}
}

// vanished says what is there of those who went.
func (h *house) vanished(t *testing.T) {
	s, leave, err := h.session(address(0), user, "")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	entries, err := s.ReadDir("/crowd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), "vanished") || strings.Contains(e.Name(), "hoard") {
			t.Errorf("%s is there", e.Name())
		}
	}
}
