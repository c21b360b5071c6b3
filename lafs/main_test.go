package lafs_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain: whatever a client begins has ended when it returns.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
