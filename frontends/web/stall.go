package web

import (
	"net/http"
	"time"

	"tahoe/frontends/serve"
)

// A body is the body of an upload.
type body struct{ *serve.Body }

func newBody(w http.ResponseWriter, r *http.Request, limit time.Duration) body {
	return body{serve.NewBody(w, r.Body, limit)}
}

// blame turns the error of an upload into the client's when reading its body is what failed.
func (b body) blame(err error, limit time.Duration) error {
	switch stalled := b.Stop(); {
	case err == nil || b.Err() == nil:
		return err
	case stalled:
		return problem{status: http.StatusRequestTimeout, text: "nothing came of the upload for " + limit.String() + ", so it was given up"}
	case b.Interrupted():
		return problem{status: http.StatusLocked, text: "another request about this upload came, so this one was given up: ask for its offset"}
	default:
		return badRequest("the upload ended before all of it had come")
	}
}
