package rihelper

import (
	"context"
	"errors"

	"tahoe/internal/foolscap"
	"tahoe/lafs/helper"
	"tahoe/lafs/immutable"
	"tahoe/storage"
)

// A Server offers a helper at a Tub, as the object that a helper FURL names.
type Server struct {
	h           *helper.Helper
	application string
}

var _ foolscap.Interface = (*Server)(nil)

// NewServer makes the object. It is for Tub.Register. The application is what it calls itself.
func NewServer(h *helper.Helper, application string) *Server { return &Server{h, application} }

// RemoteInterface is the interface's name on the wire.
func (s *Server) RemoteInterface() string { return helperInterface }

// Call answers a client.
func (s *Server) Call(_ context.Context, method string, args foolscap.Args) (foolscap.Value, error) {
	switch method {
	case methodVersion:
		_, err := args.Bind(nil)
		return version(helperVersion, s.application), err
	case methodUploadCHK:
		values, err := args.Bind([]string{"si"})
		if err != nil {
			return nil, err
		}
		index, err := indexOf(values[0])
		if err != nil {
			return nil, err
		}
		return foolscap.Later(func(ctx context.Context) (foolscap.Value, error) { return s.find(ctx, index) }), nil
	}
	return nil, noMethod(helperInterface)
}

func version(protocol, application string) foolscap.Value {
	return foolscap.Dict{
		{Key: []byte(protocol), Value: foolscap.Dict{}},
		{Key: []byte(keyApplication), Value: []byte(application)},
	}
}

func noMethod(name string) error {
	return &foolscap.CallError{Type: violation, Message: name + " has no such method"}
}

func indexOf(v foolscap.Value) (storage.Index, error) {
	b, ok := v.([]byte)
	if !ok || len(b) != storage.IndexSize {
		return storage.Index{}, &foolscap.CallError{Type: violation, Message: "the storage index is not 16 bytes"}
	}
	return storage.Index(b), nil
}

// find answers whether a file is on the grid: with what is known of it, or with an object that takes it.
func (s *Server) find(ctx context.Context, i storage.Index) (foolscap.Value, error) {
	found, err := s.h.Find(ctx, i)
	switch {
	case err != nil:
		return nil, failed(err)
	case found != nil:
		return foolscap.Tuple{foundResults(found), nil}, nil
	}
	return foolscap.Tuple{nil, &uploadHelper{s, i}}, nil
}

// An uploadHelper takes one file.
type uploadHelper struct {
	s     *Server
	index storage.Index
}

func (u *uploadHelper) RemoteInterface() string { return uploadInterface }

func (u *uploadHelper) Call(_ context.Context, method string, args foolscap.Args) (foolscap.Value, error) {
	switch method {
	case methodVersion:
		_, err := args.Bind(nil)
		return version(uploadVersion, u.s.application), err
	case methodUpload:
		values, err := args.Bind([]string{"reader"})
		if err != nil {
			return nil, err
		}
		reader, ok := values[0].(*foolscap.Remote)
		if !ok {
			return nil, &foolscap.CallError{Type: violation, Message: "the reader is not an object"}
		}
		return foolscap.Later(func(ctx context.Context) (foolscap.Value, error) { return u.upload(ctx, reader) }), nil
	}
	return nil, noMethod(uploadInterface)
}

func (u *uploadHelper) upload(ctx context.Context, reader *foolscap.Remote) (foolscap.Value, error) {
	defer reader.Release()
	r, err := u.s.h.Feed(ctx, u.index, &source{reader})
	if err != nil {
		return nil, failed(err)
	}
	return placedResults(r), nil
}

// failed is the failure that a client is told of. Of errors that may tell of the helper's disk it learns no more than that there was
// one.
func failed(err error) error {
	if e, ok := errors.AsType[*immutable.UnhappyError](err); ok {
		return &foolscap.CallError{Type: unhappy, Message: e.Error()}
	}
	for _, known := range []error{helper.ErrBusy, helper.ErrNoRoom, helper.ErrBadFile} {
		if errors.Is(err, known) {
			return &foolscap.CallError{Type: failure, Message: err.Error()}
		}
	}
	return &foolscap.CallError{Type: failure, Message: "the helper could not store the file"}
}
