package clients_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tahoe/frontends/doortest"
)

// A knife stands between programs and a door, and cuts all connections once so many bytes have passed through them.
type knife struct {
	door string
	down atomic.Int64 // how many bytes may yet come from the door
	up   atomic.Int64 // and go to it

	mu   sync.Mutex
	open map[net.Conn]bool
}

// newKnife makes one for a door of the node, which cuts nothing yet.
func newKnife(t *testing.T, door string) (*knife, string) {
	t.Helper()
	k := &knife{door: door, open: make(map[net.Conn]bool)}
	k.rest()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { k.join(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		k.closeAll()
		all.Wait()
	})
	return k, l.Addr().String()
}

func (k *knife) rest() {
	k.down.Store(1 << 60)
	k.up.Store(1 << 60)
}

func (k *knife) closeAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.open {
		_ = c.Close()
	}
}

// join connects a program with the door, until one of them goes, or the knife cuts.
func (k *knife) join(program net.Conn) {
	door, err := net.Dial("tcp", k.door)
	if err != nil {
		_ = program.Close()
		return
	}
	k.mu.Lock()
	k.open[program], k.open[door] = true, true
	k.mu.Unlock()
	var both sync.WaitGroup
	pass := func(to, from net.Conn, left *atomic.Int64) {
		defer to.Close()
		defer from.Close()
		buf := make([]byte, 16<<10)
		for {
			n, err := from.Read(buf)
			if left.Add(-int64(n)) < 0 {
				return
			}
			if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
				return
			}
		}
	}
	both.Go(func() { pass(program, door, &k.down) })
	both.Go(func() { pass(door, program, &k.up) })
	both.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.open, program)
	delete(k.open, door)
}

// behind is the house as a program sees it that reaches one of its doors through a knife.
func (h *house) behind(t *testing.T, door string) (*house, *knife) {
	t.Helper()
	k, addr := newKnife(t, h.tcp[door])
	w := *h.world
	w.dir = t.TempDir()
	far := &house{world: &w, grid: h.grid, tcp: map[string]string{"SFTP": h.tcp["SFTP"], "FTP": h.tcp["FTP"], "FTPS": h.tcp["FTPS"], "WebDAV": h.tcp["WebDAV"]}}
	far.tcp[door] = addr
	far.save(filepath.Join(far.dir, "key"), []byte(h.read("key")))
	far.configure()
	return far, k
}

// cutSize is that of the file whose transfers are cut: in their midst, whatever lies in buffers then.
const cutSize = 4_000_001

// A broken is a program whose transfer ends in its midst, and the same program as it resumes.
type broken struct {
	program
	again program
	begin func(after string) // the next transfer breaks off: after names the file that grows with it
	end   func()             // transfers come to their end again
}

// cut breaks off transfers, and resumes them: a connection is cut, or, with FTP, whose bytes go ways of their own, a program killed.
func (h *house) cut(t *testing.T) {
	h.admit(h.programs(), nil)
	e := h.newEye(t, user)
	b := &table{h: h, eye: e, load: load{size: cutSize}}
	b.sum = b.makeBig("cut.bin", cutSize)
	e.put(filepath.Join(h.dir, "cut.bin"), "/cut.bin")
	if err := e.Mkdir("/cut"); err != nil {
		t.Fatal(err)
	}
	severed := func(door string, of func(far *house) program) func(t *testing.T) broken {
		return func(t *testing.T) broken {
			far, k := h.behind(t, door)
			p := of(far)
			return broken{p, p, func(string) { k.down.Store(cutSize / 2); k.up.Store(cutSize / 3) }, k.rest}
		}
	}
	killed := func(of func(h *house, slow bool) program) func(t *testing.T) broken {
		return func(t *testing.T) broken {
			w := *h.world
			dying := &house{world: &w, grid: h.grid, tcp: h.tcp}
			begin := func(after string) { w.dies = func() bool { return b.grown(after) } }
			return broken{of(dying, true), of(h, false), begin, func() {}}
		}
	}
	for _, c := range []struct {
		name  string
		needs []string
		make  func(t *testing.T) broken
	}{
		{"sftp", []string{"sftp"}, severed("SFTP", (*house).sftpProgram)},
		{"psftp", []string{"psftp"}, severed("SFTP", (*house).psftpProgram)},
		{"lftp", []string{"lftp", "ssh"}, severed("SFTP", func(h *house) program {
			return h.lftpProgram("lftp", h.tcp["SFTP"], "sftp", "set net:reconnect-interval-base 1;")
		})},
		{"curl", []string{"curl"}, severed("SFTP", func(h *house) program { return h.curlProgram("curl", "sftp://"+h.tcp["SFTP"]) })},
		{"curl-dav", []string{"curl"}, severed("WebDAV", func(h *house) program { return h.curlProgram("curl-dav", "https://"+h.tcp["WebDAV"]) })},
		{"paramiko", []string{"python3:paramiko"}, severed("SFTP", func(h *house) program { return h.pythonProgram("paramiko") })},
		{"curl-ftp", []string{"curl"}, killed(func(h *house, slow bool) program {
			return h.curlProgram("curl-ftp", "ftp://"+h.tcp["FTP"], when(slow, "--limit-rate", "1M")...)
		})},
		{"lftp-ftps", []string{"lftp"}, killed(func(h *house, slow bool) program {
			return h.lftpProgram("lftp-ftps", h.tcp["FTPS"], "ftps", when(slow, "set net:limit-rate 1000000;")...)
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			doortest.Need(t, c.needs...)
			p := c.make(t)
			b.cutGet(t, p)
			if p.resumePut != nil {
				b.cutPut(t, p)
			}
		})
	}
}

func when(is bool, args ...string) []string {
	if is {
		return args
	}
	return nil
}

// grown says whether a file, of this machine or of the node, is well on its way.
func (b *table) grown(name string) bool {
	if i, err := os.Stat(name); err == nil {
		return i.Size() > cutSize/5
	}
	i, err := b.eye.Stat(name)
	return err == nil && i.Size() > cutSize/2
}

func (b *table) cutGet(t *testing.T, p broken) {
	to := filepath.Join(b.h.dir, p.name+".cut")
	p.begin(to)
	if out, err := p.get("/cut.bin", to); err == nil {
		t.Fatalf("the get was not cut: %s", out)
	}
	p.end()
	if i, err := os.Stat(to); err != nil || i.Size() == 0 || i.Size() >= cutSize {
		t.Fatalf("of the get is left: %v, %v", i, err)
	}
	must(t, "resume the get")(p.again.resumeGet("/cut.bin", to))
	f, err := os.Open(to)
	if sum, err := sumOf(f, err); err != nil || sum != b.sum {
		t.Errorf("what came is not what is there: %v", err)
	}
}

// cutPut breaks off a put that resumes one. What the first part had published is there, and nothing of what was not closed; then it is resumed again.
func (b *table) cutPut(t *testing.T, p broken) {
	big, part, to := filepath.Join(b.h.dir, "cut.bin"), filepath.Join(b.h.dir, "part.bin"), "/cut/"+p.name
	must(t, "put a part")(p.again.put(part, to))
	p.begin(to)
	if out, err := p.resumePut(big, to); err == nil {
		t.Fatalf("the put was not cut: %s", out)
	}
	p.end()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // until the node has noticed
		i, err := b.eye.Stat(to)
		if err == nil && i.Size() == cutSize/3 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("after the cut: %v, %v", i, err)
		}
	}
	if sum, err := b.eye.sum(to); err != nil || sum != b.partSum() {
		t.Errorf("the part that was there has changed: %v", err)
	}
	must(t, "resume the put")(p.again.resumePut(big, to))
	if sum, err := b.eye.sum(to); err != nil || sum != b.sum {
		t.Errorf("what is there is not what went: %v", err)
	}
}

func (b *table) partSum() string {
	s := sha256.New()
	_, _ = io.WriteString(s, b.h.read("part.bin"))
	return fmt.Sprintf("%x", s.Sum(nil))
}
