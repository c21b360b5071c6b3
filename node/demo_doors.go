package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"tahoe/frontends/auth"
	"tahoe/lafs"
	"tahoe/node/basedir"
	"tahoe/node/config"
)

// demoAccount is the name by which people come into a demonstration grid.
const demoAccount = "demo"

// DemoAccess is how people come into a demonstration grid without a capability.
type DemoAccess struct {
	Name     string
	Password string // "" when the account was there already: nobody knows it but who was told then
	SFTP     string // address; "" when it is switched off
	DAV      string // URL; "" likewise
	Login    string // URL of the page to sign in on; "" likewise
	Err      error  // why there is no account
}

// openDemoDoors switches SFTP, WebDAV and the page to sign in on, on, for this machine alone, in a grid that says nothing of them.
func openDemoDoors(path string, ports *portSet) error {
	return lockedDir(path, func(dir basedir.Dir) error {
		f, s, err := config.Load(string(dir))
		if err != nil {
			return err
		}
		before := f.Bytes()
		if len(f.Keys("sftpd")) == 0 {
			err = errors.Join(f.Set("sftpd", "enabled", "true"), moveSFTP(f, ports))
		} else if s.Doors.SFTP.Enabled && !ports.claim(s.Doors.SFTP.Port) {
			err = moveSFTP(f, ports)
		}
		if len(f.Keys("webdav")) == 0 {
			err = errors.Join(err, f.Set("webdav", "enabled", "true"))
		}
		if len(f.Keys("login")) == 0 {
			err = errors.Join(err, f.Set("login", "enabled", "true"))
		}
		if err != nil || bytes.Equal(before, f.Bytes()) {
			return err
		}
		return basedir.WriteFile(dir.Path("tahoe.cfg"), f.Bytes(), 0o600)
	})
}

func moveSFTP(f *config.File, ports *portSet) error {
	port, err := ports.take(true)
	if err != nil {
		return err
	}
	return f.Set("sftpd", "port", loopbackEndpoint(port))
}

// Access says how people come in. It is known once the grid is ready.
func (d *Demo) Access() DemoAccess { return d.access }

// account is ready when there is an account demo, or cannot be one. The grid serves without it too.
func (d *Demo) account(ctx context.Context, ready func()) error {
	d.access = d.client.demoAccess(ctx)
	ready()
	<-ctx.Done()
	return nil
}

func (n *Node) demoAccess(ctx context.Context) DemoAccess {
	a := DemoAccess{Name: demoAccount}
	if n.sftp != nil {
		a.SFTP = n.sftp.Addr().String()
	}
	if n.settings.Doors.WebDAV.Enabled {
		a.DAV = strings.TrimSuffix(n.WebURL(), "/") + davPath + "/"
	}
	if n.settings.Doors.Login.Enabled {
		a.Login = strings.TrimSuffix(n.WebURL(), "/") + "/login"
	}
	accounts := n.settings.Doors.SFTP.Accounts
	if a.SFTP == "" && a.DAV == "" && a.Login == "" || !accounts.Own {
		a.Name = ""
		return a
	}
	a.Password, a.Err = n.addDemoAccount(ctx, accounts.File)
	return a
}

// addDemoAccount makes the account with a new directory and a password, which it returns, unless there is one.
func (n *Node) addDemoAccount(ctx context.Context, path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	book, err := auth.ReadBook(bytes.NewReader(text))
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	all, err := book.List()
	if err != nil || slices.ContainsFunc(all, func(s auth.Summary) bool { return s.Name == demoAccount }) {
		return "", err
	}
	dir, err := n.files.Mkdir(ctx, nil, lafs.MkdirOptions{})
	if err != nil {
		return "", err
	}
	root, err := auth.ParseRoot(dir.Cap().Encode())
	if err != nil {
		return "", err
	}
	password := strings.ToLower(rand.Text()[:16])
	hash, err := auth.HashPassword(auth.NewPassword(password))
	if err != nil {
		return "", err
	}
	if err := book.Add(auth.Account{Name: demoAccount, Root: root}, hash); err != nil {
		return "", err
	}
	return password, basedir.WriteFile(path, book.Bytes(), 0o600)
}
