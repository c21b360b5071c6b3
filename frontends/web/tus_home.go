package web

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"net/http"
	"strings"

	"tahoe/frontends/auth"
	"tahoe/frontends/vfs"
	"tahoe/frontends/web/uploads"
	"tahoe/internal/base32"
)

// Uploads by tus to /home belong to an account: who goes on with one has signed in to that account. What has come is put among its files
// while its owner is there, and so as that account may at that moment; nothing is done in its name later.

// maxUploadsOfAccount bounds how many an account may have under way.
const maxUploadsOfAccount = 200

// senderOf is who begins an upload to /home; nil for any other, which is nobody's. The caller calls leave at the end of the request.
func (s *Server) senderOf(w *recorder, r *http.Request, p uploadPlan) (v *visit, leave func(), err error) {
	if p.route.kind != kindHome {
		return nil, func() {}, nil
	}
	if err := s.openHome(w, r); err != nil {
		return nil, nil, err
	}
	return s.signedIn(w, r)
}

// ownerOf is who asks for an upload, if it is somebody's. To all others it is not there.
func (s *Server) ownerOf(w *recorder, r *http.Request, u *uploads.Upload) (v *visit, leave func(), err error) {
	if u.Owner() == "" {
		return nil, func() {}, nil
	}
	if err := s.openHome(w, r); err != nil {
		return nil, nil, err
	}
	v, leave, err = s.signedIn(w, r)
	if err == nil && v.name() != u.Owner() {
		leave()
		return nil, nil, uploadProblem(uploads.ErrUnknown)
	}
	return v, leave, err
}

// name is that of the account; empty: there is none.
func (v *visit) name() string {
	if v == nil {
		return ""
	}
	return v.account.Name
}

// mayStoreAtHome says why a file cannot be put among those of an account. What is on its way to the node already counts as if it were there.
func (s *Server) mayStoreAtHome(ctx context.Context, p uploadPlan, v *visit, size int64) error {
	if size < 0 {
		return badRequest("Upload-Defer-Length is not possible for an upload to /home: say its length")
	}
	flags, err := p.args.creation()
	if err != nil {
		return err
	}
	names := p.route.names
	dir, err := v.view.Stat(ctx, homePath(names[:len(names)-1]))
	switch {
	case err != nil:
		return err
	case !dir.IsDir():
		return vfs.ErrNotDirectory
	case !canWrite(dir):
		return vfs.ErrReadOnly
	}
	replaced := int64(0)
	switch i, err := v.view.Stat(ctx, homePath(names)); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case i.IsDir():
		return vfs.ErrIsDirectory
	case flags&vfs.FlagExclusive != 0:
		return fs.ErrExist
	default:
		replaced = i.Size()
	}
	return s.hasRoomAtHome(ctx, v, size-replaced)
}

// hasRoomAtHome says whether an account may send so many bytes more.
func (s *Server) hasRoomAtHome(ctx context.Context, v *visit, more int64) error {
	number := 0
	for _, u := range s.c.Uploads.All() {
		if st := u.Status(); u.Owner() == v.name() && !st.Done {
			number++
			more += st.Size
		}
	}
	if number >= maxUploadsOfAccount {
		return problem{status: http.StatusServiceUnavailable, text: "this account has too many uploads under way: try again when some of them are over"}
	}
	used, quota, err := v.view.Usage(ctx)
	if err == nil && quota > 0 && used+more > quota {
		return vfs.ErrQuota
	}
	return err
}

// carryHome puts an upload among the files of an account, as a PUT of it would. From then on it goes to the grid as all of them do.
func (s *Server) carryHome(ctx context.Context, u *uploads.Upload, a auth.Account) error {
	p, err := planOf(u.Status().Metadata)
	if err != nil {
		return err
	}
	flags, err := p.args.creation()
	if err != nil {
		return err
	}
	v := s.home.visit(a) // the session may end meanwhile
	defer v.view.Close()
	return ofHome(v.store(ctx, homePath(p.route.names), flags, u.Contents()))
}

// homePlace names a directory of an account to the browser that remembers uploads, and tells neither.
func homePlace(account string, names []string) string {
	sum := sha256.Sum256([]byte(account + "\x00" + strings.Join(names, "/")))
	return base32.Encode(sum[:16])
}
