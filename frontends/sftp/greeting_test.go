package sftp_test

import (
	"strings"
	"testing"

	"tahoe/frontends/sftp"
	"tahoe/frontends/vfs"
)

// OpenSSH takes AES-GCM although it would rather have others, and whoever cannot has something else.
func TestCiphers(t *testing.T) {
	needs(t, "ssh")
	o := newOpenSSH(t, vfs.Config{})
	for _, tc := range []struct{ list, want string }{
		{"chacha20-poly1305@openssh.com,aes128-ctr,aes256-gcm@openssh.com", "aes256-gcm@openssh.com"},
		{"chacha20-poly1305@openssh.com,aes256-ctr", "aes256-ctr"},
	} {
		out := o.run(true, "", "ssh", "-v", "-F", o.dir+"/config", "-c", tc.list, "grid", "df -P -k /")
		if !strings.Contains(out, "server->client cipher: "+tc.want) {
			t.Errorf("%s: got %s", tc.list, out)
		}
	}
}

func FuzzOffer(f *testing.F) {
	head := "\x05\x14" + strings.Repeat("c", 16)
	gcm := "\x00\x00\x00\x16aes256-gcm@openssh.com"
	f.Add([]byte(head + "\x00\x00\x00\x00\x00\x00\x00\x00" + gcm + gcm))
	f.Add([]byte(head + "\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, offer []byte) {
		if sftp.TakesGCM(offer) && strings.Count(string(offer), "-gcm@openssh.com") < 2 {
			t.Errorf("%q has no AES-GCM for both ways", offer)
		}
	})
}
