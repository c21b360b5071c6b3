package mutable_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain: whatever an operation begins has ended when it returns.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
