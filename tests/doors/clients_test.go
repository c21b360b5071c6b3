package doors_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	pkgsftp "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// A door is how a test comes in. Its methods fail when the door refuses.
type door interface {
	login(name, password string) error
	put(path, data string) error
	get(path string) (string, error)
	mkdir(path string) error
	remove(path string) error
	rename(from, to string) error
	room() (free int64, err error)
}

// doors are all of them; nobody has signed in.
func (w *world) doors() map[string]door {
	return map[string]door{"SFTP": &sftpDoor{w: w}, "FTP": &ftpDoor{w: w}, "WebDAV": &davDoor{w: w}, "pages": &pagesDoor{w: w}}
}

type sftpDoor struct {
	w *world
	c *pkgsftp.Client
}

func (d *sftpDoor) login(name, password string) error {
	conn, err := ssh.Dial("tcp", d.w.sftp, &ssh.ClientConfig{User: name, Auth: []ssh.AuthMethod{ssh.Password(password)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		return err
	}
	d.w.t.Cleanup(func() { _ = conn.Close() })
	d.c, err = pkgsftp.NewClient(conn)
	return err
}

func (d *sftpDoor) put(path, data string) error {
	f, err := d.c.Create(path)
	if err != nil {
		return err
	}
	if _, err := f.Write([]byte(data)); err != nil {
		_ = f.Close()
		return fmt.Errorf("%w; %w", err, d.c.Remove(path)) // clients take what they could not finish away
	}
	return f.Close()
}

func (d *sftpDoor) get(path string) (string, error) {
	f, err := d.c.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

func (d *sftpDoor) mkdir(path string) error      { return d.c.Mkdir(path) }
func (d *sftpDoor) remove(path string) error     { return d.c.Remove(path) }
func (d *sftpDoor) rename(from, to string) error { return d.c.Rename(from, to) }

func (d *sftpDoor) room() (int64, error) {
	s, err := d.c.StatVFS("/")
	if err != nil {
		return 0, err
	}
	return int64(s.Bavail * s.Frsize), nil
}

type ftpDoor struct {
	w *world
	c *textproto.Conn
}

func (d *ftpDoor) login(name, password string) (err error) {
	if d.c, err = textproto.Dial("tcp", d.w.ftp); err != nil {
		return err
	}
	d.w.t.Cleanup(func() { _ = d.c.Close() })
	if _, _, err = d.c.ReadResponse(220); err != nil {
		return err
	}
	if _, err = d.do(3, "USER "+name); err != nil {
		return err
	}
	_, err = d.do(2, "PASS "+password)
	return err
}

func (d *ftpDoor) do(want int, line string) (string, error) {
	if _, err := d.c.Cmd("%s", line); err != nil {
		return "", err
	}
	_, text, err := d.c.ReadResponse(want)
	return text, err
}

// transfer opens a data connection for a command.
func (d *ftpDoor) transfer(line string, use func(net.Conn) error) error {
	text, err := d.do(2, "EPSV")
	if err != nil {
		return err
	}
	port := regexp.MustCompile(`\d+`).FindString(text)
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := d.do(1, line); err != nil {
		return err
	}
	_ = use(conn) // what went wrong is in the answer
	_ = conn.Close()
	_, _, err = d.c.ReadResponse(2)
	return err
}

func (d *ftpDoor) put(path, data string) error {
	return d.transfer("STOR "+path, func(c net.Conn) error {
		_, err := io.WriteString(c, data)
		return err
	})
}

func (d *ftpDoor) get(path string) (data string, err error) {
	err = d.transfer("RETR "+path, func(c net.Conn) error {
		b, err := io.ReadAll(c)
		data = string(b)
		return err
	})
	return data, err
}

func (d *ftpDoor) simple(lines ...string) error {
	for k, line := range lines {
		want := 2
		if k < len(lines)-1 {
			want = 3
		}
		if _, err := d.do(want, line); err != nil {
			return err
		}
	}
	return nil
}

func (d *ftpDoor) mkdir(path string) error      { return d.simple("MKD " + path) }
func (d *ftpDoor) remove(path string) error     { return d.simple("DELE " + path) }
func (d *ftpDoor) rename(from, to string) error { return d.simple("RNFR "+from, "RNTO "+to) }

func (d *ftpDoor) room() (int64, error) {
	text, err := d.do(2, "AVBL")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// ask makes a request, and fails when it is refused.
func ask(r *http.Request, err error) (string, *http.Response, error) {
	if err != nil {
		return "", nil, err
	}
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 400 {
		err = fmt.Errorf("%s %s", resp.Status, b)
	}
	http.DefaultClient.CloseIdleConnections()
	return string(b), resp, err
}

type davDoor struct {
	w              *world
	name, password string
}

func (d *davDoor) do(method, path, body string, headers ...string) (string, error) {
	r, err := http.NewRequestWithContext(d.w.t.Context(), method, d.w.web.URL+"/dav"+path, strings.NewReader(body))
	if err == nil {
		r.SetBasicAuth(d.name, d.password)
		for k := 0; k < len(headers); k += 2 {
			r.Header.Set(headers[k], headers[k+1])
		}
	}
	text, _, err := ask(r, err)
	return text, err
}

func (d *davDoor) login(name, password string) error {
	d.name, d.password = name, password
	_, err := d.do("PROPFIND", "/", "", "Depth", "0")
	return err
}

func (d *davDoor) put(path, data string) error {
	_, err := d.do(http.MethodPut, path, data)
	return err
}

func (d *davDoor) get(path string) (string, error) { return d.do(http.MethodGet, path, "") }

func (d *davDoor) mkdir(path string) error {
	_, err := d.do("MKCOL", path, "")
	return err
}

func (d *davDoor) remove(path string) error {
	_, err := d.do(http.MethodDelete, path, "")
	return err
}

func (d *davDoor) rename(from, to string) error {
	_, err := d.do("MOVE", from, "", "Destination", d.w.web.URL+"/dav"+to, "Overwrite", "F")
	return err
}

func (d *davDoor) room() (int64, error) {
	text, err := d.do("PROPFIND", "/", `<propfind xmlns="DAV:"><prop><quota-available-bytes/></prop></propfind>`, "Depth", "0")
	if err != nil {
		return 0, err
	}
	return number(text, `quota-available-bytes[^>]*>(\d+)<`)
}

func number(text, pattern string) (int64, error) {
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("there is no %s in %s", pattern, text)
	}
	return strconv.ParseInt(m[1], 10, 64)
}

type pagesDoor struct {
	w      *world
	cookie *http.Cookie
}

func (d *pagesDoor) do(method, path string, body io.Reader, kind string) (string, *http.Response, error) {
	r, err := http.NewRequestWithContext(d.w.t.Context(), method, d.w.web.URL+path, body)
	if err == nil {
		r.Header.Set("Content-Type", kind)
		if d.cookie != nil {
			r.AddCookie(d.cookie)
		}
	}
	return ask(r, err)
}

func (d *pagesDoor) form(path string, fields ...string) (*http.Response, error) {
	form := url.Values{}
	for k := 0; k < len(fields); k += 2 {
		form.Set(fields[k], fields[k+1])
	}
	_, resp, err := d.do(http.MethodPost, path, strings.NewReader(form.Encode()), "application/x-www-form-urlencoded")
	return resp, err
}

func (d *pagesDoor) login(name, password string) error {
	resp, err := d.form("/login", "name", name, "password", password)
	if err != nil {
		return err
	}
	d.cookie = resp.Cookies()[0]
	return nil
}

func (d *pagesDoor) put(path, data string) error {
	_, _, err := d.do(http.MethodPut, "/home"+path, strings.NewReader(data), "application/octet-stream")
	return err
}

func (d *pagesDoor) get(path string) (string, error) {
	text, _, err := d.do(http.MethodGet, "/home"+path, nil, "")
	return text, err
}

func (d *pagesDoor) mkdir(path string) error {
	_, err := d.form("/home/", "t", "mkdir", "name", strings.Trim(path, "/"))
	return err
}

func (d *pagesDoor) remove(path string) error {
	_, err := d.form("/home/", "t", "unlink", "name", strings.Trim(path, "/"))
	return err
}

func (d *pagesDoor) rename(from, to string) error {
	_, err := d.form("/home/", "t", "rename", "from_name", strings.Trim(from, "/"), "to_name", strings.Trim(to, "/"), "replace", "false")
	return err
}

// room is what the page of the account says: sizes below 1000 bytes are told to the byte.
func (d *pagesDoor) room() (int64, error) {
	text, _, err := d.do(http.MethodGet, "/account", nil, "")
	if err != nil {
		return 0, err
	}
	most, err := number(text, `max="(\d+)"`)
	if err != nil {
		return 0, err
	}
	used, err := number(text, `value="(\d+)"`)
	return most - used, err
}
