package ftp

import (
	"fmt"
	"strings"

	"tahoe/frontends/auth"
)

// A need is what has to be so before a command is done.
type need uint8

const (
	signedIn need = 1 << iota
	argument
)

type verb struct {
	do    func(in *session, arg string)
	needs need
}

// verbs are all commands. The table is not changed.
var verbs = map[string]verb{
	"USER": {(*session).user, argument}, "PASS": {(*session).pass, 0}, "AUTH": {(*session).auth, argument}, "PBSZ": {(*session).pbsz, argument},
	"PROT": {(*session).prot, argument}, "CCC": {(*session).ccc, 0}, "QUIT": {(*session).quit, 0}, "REIN": {(*session).rein, 0},
	"FEAT": {(*session).feat, 0}, "SYST": {say(215, "UNIX Type: L8"), 0}, "NOOP": {say(200, "Here I am."), 0}, "HELP": {(*session).help, 0},
	"CLNT": {say(200, "Noted."), 0}, "OPTS": {(*session).opts, argument}, "TYPE": {(*session).kind, argument}, "MODE": {(*session).mode, argument},
	"STRU": {(*session).structure, argument}, "ACCT": {say(202, "Not needed here."), 0}, "ABOR": {say(226, "There is nothing to abort."), 0},
	"ALLO": {say(202, "Not needed here."), signedIn},

	"PASV": {(*session).pasv, signedIn}, "EPSV": {(*session).epsv, signedIn}, "PORT": {(*session).port, signedIn | argument}, "EPRT": {(*session).eprt, signedIn | argument},
	"REST": {(*session).restart, signedIn | argument}, "RETR": {(*session).retr, signedIn | argument}, "STOR": {(*session).stor, signedIn | argument},
	"APPE": {(*session).appe, signedIn | argument}, "LIST": {(*session).list, signedIn}, "NLST": {(*session).nlst, signedIn}, "MLSD": {(*session).mlsd, signedIn},

	"MLST": {(*session).mlst, signedIn}, "STAT": {(*session).stat, 0}, "SIZE": {(*session).size, signedIn | argument}, "MDTM": {(*session).mdtm, signedIn | argument},
	"MFMT": {(*session).mfmt, signedIn | argument}, "AVBL": {(*session).avbl, signedIn}, "PWD": {(*session).pwd, signedIn}, "XPWD": {(*session).pwd, signedIn},
	"CWD": {(*session).chdir, signedIn}, "XCWD": {(*session).chdir, signedIn}, "CDUP": {(*session).cdup, signedIn}, "XCUP": {(*session).cdup, signedIn},
	"MKD": {(*session).mkd, signedIn | argument}, "XMKD": {(*session).mkd, signedIn | argument}, "RMD": {(*session).rmd, signedIn | argument}, "XRMD": {(*session).rmd, signedIn | argument},
	"DELE": {(*session).dele, signedIn | argument}, "RNFR": {(*session).rnfr, signedIn | argument}, "RNTO": {(*session).rnto, signedIn | argument},
	"SITE": {(*session).site, signedIn | argument},
}

func say(code int, text string) func(*session, string) {
	return func(in *session, _ string) { in.reply(code, text) }
}

// mayPlain says whether this client may do without TLS.
func (in *session) mayPlain() bool {
	switch in.s.c.Plain {
	case PlainAlways:
		return true
	case PlainLoopback:
		return in.from.IsLoopback()
	default:
		return false
	}
}

func (in *session) user(name string) {
	if !in.secure && !in.mayPlain() {
		in.reply(530, "A password is taken over TLS only: AUTH TLS first.")
		return
	}
	in.leaveAccount()
	in.name = name
	in.reply(331, "And the password?")
}

func (in *session) leaveAccount() {
	if in.logout != nil {
		in.logout()
	}
	in.view, in.logout, in.cwd, in.rest, in.renaming = nil, nil, "/", 0, ""
}

const maxWrong = 3

func (in *session) pass(password string) {
	switch {
	case in.name == "":
		in.reply(503, "USER comes first.")
		return
	case in.view != nil:
		in.reply(503, "You have signed in.")
		return
	}
	l := auth.Login{Name: in.name, Proof: auth.NewPassword(password), From: in.from, Door: "ftp"}
	in.name = ""
	view, logout, err := in.s.portal.Login(in.ctx, l)
	if err != nil {
		if in.wrong++; in.wrong >= maxWrong {
			in.reply(421, "Sign-in refused. Goodbye.")
			in.over = true
			return
		}
		in.reply(530, "Sign-in refused.")
		return
	}
	in.view, in.logout = view, logout
	in.reply(230, "Welcome.")
}

func (in *session) auth(kind string) {
	switch kind = strings.ToUpper(kind); {
	case in.s.c.TLS == nil:
		in.reply(431, "There is no TLS here.")
	case in.secure:
		in.reply(503, "The connection is protected.")
	case kind != "TLS" && kind != "TLS-C" && kind != "SSL" && kind != "TLS-P":
		in.reply(504, "This server speaks AUTH TLS only.")
	default:
		in.leaveAccount()
		in.name = ""
		in.reply(234, "Let us begin.")
		in.upgrade()
		in.protected = in.secure && (kind == "SSL" || kind == "TLS-P")
	}
}

func (in *session) pbsz(string) {
	if !in.secure {
		in.reply(503, "AUTH TLS comes first.")
		return
	}
	in.reply(200, "PBSZ=0")
}

func (in *session) prot(level string) {
	switch level = strings.ToUpper(level); {
	case !in.secure:
		in.reply(503, "AUTH TLS comes first.")
	case level == "P":
		in.protected = true
		in.reply(200, "Data connections are protected.")
	case level == "C" && in.mayPlain():
		in.protected = false
		in.reply(200, "Data connections are open to all.")
	case level == "C":
		in.reply(534, "Data connections have to be protected here: PROT P.")
	default:
		in.reply(536, "This server knows PROT P.")
	}
}

func (in *session) ccc(string) { in.reply(534, "The connection stays protected.") }

func (in *session) quit(string) {
	in.reply(221, "Goodbye.")
	in.over = true
}

func (in *session) rein(string) {
	in.leaveAccount()
	in.name = ""
	in.reply(220, "Welcome again.")
}

func (in *session) feat(string) {
	all := []string{"UTF8", "TVFS", "SIZE", "MDTM", "MFMT", "REST STREAM", "MLST " + facts, "EPSV", "EPRT", "PASV", "AVBL", "CLNT"}
	if in.s.c.TLS != nil {
		all = append(all, "AUTH TLS", "PBSZ", "PROT")
	}
	in.replyLines(211, "It can do:", all, "That is all.")
}

func (in *session) help(string) {
	in.replyLines(214, "This is an FTP server.", []string{"FEAT lists what it can do beyond the usual."}, "Any client will do.")
}

func (in *session) opts(arg string) {
	what, value, _ := strings.Cut(strings.ToUpper(arg), " ")
	switch {
	case what == "UTF8" && value != "OFF", what == "UTF":
		in.reply(200, "Names are UTF-8.")
	case what == "MLST":
		in.reply(200, "MLST OPTS "+strings.ReplaceAll(facts, "*", ""))
	default:
		in.reply(501, "There is no such option.")
	}
}

// kind takes every type, and changes no byte for any: what comes back is what was sent.
func (in *session) kind(arg string) {
	switch strings.ToUpper(arg) {
	case "I", "A", "A N", "L 8", "L8":
		in.reply(200, "Files are moved as they are.")
	default:
		in.reply(504, "This server knows the types I and A.")
	}
}

func (in *session) mode(arg string) { in.only(arg, "S") }

func (in *session) structure(arg string) { in.only(arg, "F") }

func (in *session) only(arg, want string) {
	if strings.EqualFold(arg, want) {
		in.reply(200, "As always.")
		return
	}
	in.reply(504, fmt.Sprintf("This server knows %s only.", want))
}
