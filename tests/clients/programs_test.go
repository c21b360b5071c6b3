package clients_test

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"tahoe/frontends/doortest"
)

// A program is one that people use. What it cannot do is nil. Its paths are absolute; local ones are of this machine. Each has an
// account of its own, by its name, in the same tree.
type program struct {
	name  string
	needs []string
	// A transfer has the name of what it goes from first. Resuming goes on behind what is there.
	put, get, resumePut, resumeGet, rename func(from, to string) (string, error)
	mkdir, remove                          func(p string) (string, error)
	list                                   func(dir string) (string, error)
	// tree brings a folder with all that is in it.
	tree  func(from, to string) (string, error)
	wrong func() (string, error) // with a wrong password
	times bool                   // tree keeps times
	work  string                 // where it is mounted; "": it is not
}

// programs are all of them.
func (h *house) programs() []program {
	all := []program{h.sftpProgram(), h.scpProgram("scp", "-s"), h.scpProgram("scp-O", "-O"), h.psftpProgram(), h.ncftpProgram(), h.tnftpProgram(), h.cadaverProgram()}
	all = append(all, h.rclonePrograms()...)
	all = append(all, h.lftpProgram("lftp", h.tcp["SFTP"], "sftp"), h.lftpProgram("lftp-ftp", h.tcp["FTP"], "ftp"), h.lftpProgram("lftp-ftps", h.tcp["FTPS"], "ftps"))
	all = append(all, h.curlProgram("curl", "sftp://"+h.tcp["SFTP"]), h.curlProgram("curl-ftp", "ftp://"+h.tcp["FTP"]), h.curlProgram("curl-ftps", "ftps://"+h.tcp["FTPS"]),
		h.curlProgram("curl-dav", "https://"+h.tcp["WebDAV"]))
	return append(all, h.pythonProgram("ftplib"), h.pythonProgram("paramiko"))
}

// scripted makes a program of what its lines are for each thing.
type scripted struct {
	put, get, reput, reget, rename, mkdir, remove, list, tree string
	quote                                                     func(string) string
	run                                                       func(password, script string) (string, error)
}

func (s scripted) program(p program) program {
	two := func(line string) func(a, b string) (string, error) {
		if line == "" {
			return nil
		}
		return func(a, b string) (string, error) {
			return s.run(password, strings.NewReplacer("$1", s.quote(a), "$2", s.quote(b)).Replace(line)+"\n")
		}
	}
	one := func(line string) func(a string) (string, error) {
		if line == "" {
			return nil
		}
		return func(a string) (string, error) { return two(line)(a, "") }
	}
	p.put, p.get, p.resumePut, p.resumeGet, p.rename, p.tree = two(s.put), two(s.get), two(s.reput), two(s.reget), two(s.rename), two(s.tree)
	p.mkdir, p.remove, p.list = one(s.mkdir), one(s.remove), one(s.list)
	p.wrong = func() (string, error) { return s.run("wrong", strings.Replace(s.list, "$1", "/", 1)+"\n") }
	return p
}

func doubleQuoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }
func singleQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (h *house) sftpProgram() program {
	const name = "sftp"
	return scripted{
		put: "put -p $1 $2", get: "get -p $1 $2", reput: "reput $1 $2", reget: "reget $1 $2", rename: "rename $1 $2", mkdir: "mkdir $1", remove: "rm $1", list: "ls -1 $1",
		tree: "put -p -R $1 $2", quote: doubleQuoted,
		run: func(pw, script string) (string, error) {
			if pw == password { // with the key
				return h.run(script, "sftp", "-F", "config", "-o", "User="+name, "-b", "-", "grid")
			}
			return h.run("", "sshpass", "-p", pw, "sftp", "-F", "config", "-o", "User="+name, "bypassword:/none", "none")
		},
	}.program(program{name: name, needs: []string{"sftp", "sshpass"}, times: true})
}

func (h *house) scpProgram(name, mode string) program {
	remote := func(p string) string {
		if mode == "-O" {
			p = strings.ReplaceAll(p, " ", `\ `) // it is split as by a shell
		}
		return "bypassword:" + p
	}
	scp := func(pw string, args ...string) (string, error) {
		return h.run("", "sshpass", append([]string{"-p", pw, "scp", mode, "-p", "-F", "config", "-o", "User=" + name}, args...)...)
	}
	return program{
		name: name, needs: []string{"scp", "sshpass"}, times: true,
		put:   func(from, to string) (string, error) { return scp(password, from, remote(to)) },
		get:   func(from, to string) (string, error) { return scp(password, remote(from), to) },
		tree:  func(from, to string) (string, error) { return scp(password, "-r", from, remote(to)) },
		wrong: func() (string, error) { return scp("wrong", remote("/none"), "none") },
	}
}

func (h *house) psftpProgram() program {
	const name = "psftp"
	host, port, _ := net.SplitHostPort(h.tcp["SFTP"])
	key := strings.Fields(h.must("", "ssh-keygen", "-l", "-f", filepath.Join(h.grid.ClientDir(), "private", "ssh_host_ed25519_key.pub")))[1]
	return scripted{
		put: "put $1 $2", get: "get $1 $2", reput: "reput $1 $2", reget: "reget $1 $2", rename: "mv $1 $2", mkdir: "mkdir $1", remove: "del $1", list: "ls $1",
		tree: "put -r $1 $2", quote: func(s string) string { return `"` + s + `"` },
		run: func(pw, script string) (string, error) {
			return h.run(script+"quit\n", "psftp", "-batch", "-hostkey", key, "-P", port, "-l", name, "-pw", pw, host)
		},
	}.program(program{name: name, needs: []string{"psftp"}})
}

func (h *house) ncftpProgram() program {
	const name = "ncftp"
	_, port, _ := net.SplitHostPort(h.tcp["FTP"])
	do := func(program, pw string, args ...string) (string, error) {
		return h.run("", program, append([]string{"-u", name, "-p", pw, "-P", port}, args...)...)
	}
	return program{
		name: name, needs: []string{"ncftpput", "ncftpget", "ncftpls"}, times: true, // 3.2.6 sends a file from its beginning when it resumes
		put: func(from, to string) (string, error) { return do("ncftpput", password, "-C", "127.0.0.1", from, to) },
		get: func(from, to string) (string, error) { return do("ncftpget", password, "-C", "127.0.0.1", from, to) },
		resumeGet: func(from, to string) (string, error) {
			return do("ncftpget", password, "-z", "-C", "127.0.0.1", from, to)
		},
		list: func(dir string) (string, error) { return do("ncftpls", password, "ftp://127.0.0.1"+dir+"/") },
		tree: func(from, to string) (string, error) {
			return do("ncftpput", password, "-R", "-m", "127.0.0.1", path.Dir(to), from) // under the name that it has here
		},
		wrong: func() (string, error) { return do("ncftpls", "wrong", "ftp://127.0.0.1/") },
	}
}

func (h *house) tnftpProgram() program {
	const name = "tnftp"
	host, port, _ := net.SplitHostPort(h.tcp["FTP"])
	return scripted{
		put: "put $1 $2", get: "get $1 $2", reget: "reget $1 $2", rename: "rename $1 $2", mkdir: "mkdir $1", remove: "delete $1", list: "nlist $1", quote: doubleQuoted,
		run: func(pw, script string) (string, error) {
			out, err := h.run(fmt.Sprintf("open %s %s\nuser %s \"%s\"\nbinary\n%squit\n", host, port, name, pw, script), "tnftp", "-n", "-v")
			if err == nil && (strings.Contains(out, "\n5") || strings.Contains(out, "Login failed")) {
				err = fmt.Errorf("tnftp was refused something")
			}
			return out, err
		},
	}.program(program{name: name, needs: []string{"tnftp"}})
}

// cadaver reads its password from .netrc, which is one for all in this folder.
func (h *house) cadaverProgram() program {
	const name = "cadaver"
	host, _, _ := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(h.grid.URL(), "http://"), "/"))
	return scripted{
		put: "put $1 $2", get: "get $1 $2", rename: "move $1 $2", mkdir: "mkcol $1", remove: "delete $1", list: "ls $1", quote: doubleQuoted,
		run: func(pw, script string) (string, error) {
			h.save(filepath.Join(h.dir, "cadaver", ".netrc"), fmt.Appendf(nil, "machine %s login %s password %q\n", host, name, pw))
			script = strings.NewReplacer(`"/`+name, `"/dav/`+name, `"/big.bin"`, `"/dav/big.bin"`).Replace(script)
			out, err := h.run(script+"quit\n", "env", "HOME="+filepath.Join(h.dir, "cadaver"), "cadaver", h.grid.URL()+"dav/")
			if err == nil && (strings.Contains(out, "failed") || strings.Contains(out, "Could not")) {
				err = fmt.Errorf("cadaver was refused something")
			}
			return out, err
		},
	}.program(program{name: name, needs: []string{"cadaver"}})
}

// remotes are those of rclone, for an account and a password.
func (h *house) remote(kind, name, pw string) string {
	secret := strings.TrimSpace(h.must("", "rclone", "obscure", pw))
	of := func(door, more string) string {
		host, port, _ := net.SplitHostPort(h.tcp[door])
		return fmt.Sprintf("%s,host=%s,port=%s,user=%s,pass=%s:", more, host, port, name, secret)
	}
	switch kind {
	case "sftp":
		return of("SFTP", ":sftp,shell_type=none,known_hosts_file="+filepath.Join(h.dir, "known"))
	case "ftp":
		return of("FTP", ":ftp,explicit_tls=true,no_check_certificate=true")
	}
	return fmt.Sprintf(":webdav,vendor=owncloud,url='%s',user=%s,pass=%s:", "https://"+h.tcp["WebDAV"], name, secret)
}

func (h *house) rclonePrograms() []program {
	var all []program
	for _, kind := range []string{"sftp", "ftp", "dav"} {
		name := "rclone-" + kind
		do := func(args ...string) (string, error) {
			args = append([]string{"--retries", "1", "--low-level-retries", "2", "--ca-cert", h.cert}, args...)
			if kind == "ftp" {
				args = append(args, "--multi-thread-streams", "0") // docs/doors.md says why
			}
			return h.run("", "rclone", args...)
		}
		at := func(p string) string { return h.remote(kind, name, password) + p }
		all = append(all, program{
			name: name, needs: []string{"rclone"}, times: true,
			put:    func(from, to string) (string, error) { return do("copyto", from, at(to)) },
			get:    func(from, to string) (string, error) { return do("copyto", at(from), to) },
			rename: func(from, to string) (string, error) { return do("moveto", at(from), at(to)) },
			mkdir:  func(p string) (string, error) { return do("mkdir", at(p)) },
			remove: func(p string) (string, error) { return do("deletefile", at(p)) },
			list:   func(dir string) (string, error) { return do("lsf", at(dir)) },
			tree: func(from, to string) (string, error) {
				if out, err := do("sync", from, at(to)); err != nil {
					return out, err
				}
				return do("check", "--download", from, at(to))
			},
			wrong: func() (string, error) { return do("lsf", h.remote(kind, name, "wrong")) },
		})
	}
	return all
}

func (h *house) lftpProgram(name, addr, scheme string, settings ...string) program {
	return scripted{
		put: "put $1 -o $2", get: "get $1 -o $2", reput: "put -c $1 -o $2", reget: "get -c $1 -o $2", rename: "mv $1 $2", mkdir: "mkdir $1", remove: "rm $1", list: "cls -1 $1",
		tree: "mirror -R --parallel=4 $1 $2", quote: doubleQuoted,
		run: func(pw, script string) (string, error) {
			host, port, _ := net.SplitHostPort(addr)
			open := fmt.Sprintf("set cmd:fail-exit yes; set net:max-retries 1; set net:timeout 30; set ssl:ca-file %s; set ssl:check-hostname no; set ftp:ssl-force yes; "+
				"set sftp:auto-confirm yes; set sftp:connect-program 'ssh -a -x -F %s -o UserKnownHostsFile=%s'; %s open -u %s,%s -p %s %s://%s; ", h.cert, "/dev/null",
				filepath.Join(h.dir, "known"), strings.Join(settings, " "), name, singleQuoted(pw), port, scheme, host)
			return h.run("", "lftp", "-c", open+script)
		},
	}.program(program{name: name, needs: []string{"lftp", "ssh"}, times: true})
}

func (h *house) curlProgram(name, base string, options ...string) program {
	at := func(p string) string { return base + (&url.URL{Path: p}).EscapedPath() }
	do := func(pw string, args ...string) (string, error) {
		return h.run("", "curl", slices.Concat([]string{"-sS", "-f", "-R", "--ssl-reqd", "--insecure", "-u", name + ":" + pw}, options, args)...)
	}
	scheme, _, _ := strings.Cut(base, "://")
	p := program{
		name: name, needs: []string{"curl"},
		put:       func(from, to string) (string, error) { return do(password, "-T", from, at(to)) },
		get:       func(from, to string) (string, error) { return do(password, "-o", to, at(from)) },
		resumeGet: func(from, to string) (string, error) { return do(password, "-C", "-", "-o", to, at(from)) },
		resumePut: func(from, to string) (string, error) { return do(password, "-C", "-", "-T", from, at(to)) },
		list:      func(dir string) (string, error) { return do(password, "-l", at(dir)+"/") },
		wrong:     func() (string, error) { return do("wrong", at("/")) },
	}
	quote := func(command string) (string, error) { return do(password, "-Q", command, at("/")) }
	switch scheme {
	case "sftp":
		p.rename = func(from, to string) (string, error) {
			return quote("rename " + doubleQuoted(from) + " " + doubleQuoted(to))
		}
		p.remove = func(f string) (string, error) { return quote("rm " + doubleQuoted(f)) }
		p.mkdir = func(d string) (string, error) { return quote("mkdir " + doubleQuoted(d)) }
	case "https":
		p.resumePut = nil
		p.list = func(dir string) (string, error) { return do(password, "-X", "PROPFIND", "-H", "Depth: 1", at(dir)) }
		p.rename = func(from, to string) (string, error) {
			return do(password, "-X", "MOVE", "-H", "Destination: "+at(to), at(from))
		}
		p.remove = func(f string) (string, error) { return do(password, "-X", "DELETE", at(f)) }
		p.mkdir = func(d string) (string, error) { return do(password, "-X", "MKCOL", at(d)) }
	default:
		p.rename = func(from, to string) (string, error) {
			return do(password, "-Q", "RNFR "+from, "-Q", "RNTO "+to, at("/"))
		}
		p.remove = func(f string) (string, error) { return quote("DELE " + f) }
		p.mkdir = func(d string) (string, error) { return quote("MKD " + d) }
	}
	return p
}

// pythonScript is the same for both libraries: what to do, and with which names.
const pythonScript = `
import sys, os, io
library, host, port, user, pw, what, a, b = sys.argv[1:9]
if library == "ftplib":
    import ftplib, ssl
    f = ftplib.FTP_TLS(context=ssl._create_unverified_context(), encoding="utf-8")
    f.connect(host, int(port), timeout=60)
    f.login(user, pw)
    f.prot_p()
    size = lambda p: f.size(p)
    do = {
        "put": lambda: f.storbinary("STOR " + b, open(a, "rb"), 1 << 18),
        "get": lambda: f.retrbinary("RETR " + a, open(b, "wb").write, 1 << 18),
        "rename": lambda: f.rename(a, b), "mkdir": lambda: f.mkd(a), "remove": lambda: f.delete(a),
        "list": lambda: print("\n".join(n for n, _ in f.mlsd(a))),
    }
    def reput():
        f.voidcmd("TYPE I")
        src = open(a, "rb"); src.seek(f.size(b))
        f.storbinary("STOR " + b, src, rest=f.size(b))
    def reget():
        with open(b, "ab") as to: f.retrbinary("RETR " + a, to.write, rest=os.path.getsize(b))
else:
    import paramiko
    t = paramiko.Transport((host, int(port)))
    t.connect(username=user, password=pw)
    f = paramiko.SFTPClient.from_transport(t)
    do = {
        "put": lambda: f.put(a, b), "get": lambda: f.get(a, b), "rename": lambda: f.posix_rename(a, b), "mkdir": lambda: f.mkdir(a),
        "remove": lambda: f.remove(a), "list": lambda: print("\n".join(f.listdir(a))),
    }
    def reput():
        with f.open(b, "r+b") as to, open(a, "rb") as src:
            n = f.stat(b).st_size
            src.seek(n); to.seek(n); to.set_pipelined(True)
            while d := src.read(1 << 18): to.write(d)
    def reget():
        with f.open(a, "rb") as src, open(b, "ab") as to:
            src.seek(os.path.getsize(b)); to.write(src.read())
def tree():
    for root, _, names in os.walk(a):
        at = b + root[len(a):]
        f.mkd(at) if library == "ftplib" else f.mkdir(at)
        for n in names:
            if library == "ftplib": f.storbinary("STOR " + at + "/" + n, open(os.path.join(root, n), "rb"))
            else: f.put(os.path.join(root, n), at + "/" + n)
do.update(reput=reput, reget=reget, tree=tree)
do[what]()
f.close()
if library == "paramiko": t.close()
`

// pythonProgram is a library of Python's.
func (h *house) pythonProgram(name string) program {
	addr := map[string]string{"ftplib": h.tcp["FTP"], "paramiko": h.tcp["SFTP"]}[name]
	host, port, _ := net.SplitHostPort(addr)
	script, python := h.file("with_"+name+".py", pythonScript), doortest.Python(name)
	do := func(pw, what, a, b string) (string, error) {
		return h.run("", python, script, name, host, port, name, pw, what, a, b)
	}
	two := func(what string) func(a, b string) (string, error) {
		return func(a, b string) (string, error) { return do(password, what, a, b) }
	}
	one := func(what string) func(a string) (string, error) {
		return func(a string) (string, error) { return do(password, what, a, "") }
	}
	return program{
		name: name, needs: []string{"python3:" + name}, put: two("put"), get: two("get"), resumePut: two("reput"), resumeGet: two("reget"), rename: two("rename"), mkdir: one("mkdir"), remove: one("remove"),
		list: one("list"), tree: two("tree"), wrong: func() (string, error) { return do("wrong", "list", "/", "") },
	}
}
