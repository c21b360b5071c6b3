package node

import (
	"encoding/json"
	"fmt"
	"os"

	"tahoe/internal/gridmanager"
)

// readCertificates reads the certificates that the node's storage announces. Whether anybody trusts who signed them is up to the
// clients.
func readCertificates(files []string) ([]any, error) {
	var out []any
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("[grid_manager_certificates]: %w", err)
		}
		signed, err := gridmanager.ParseSigned(b)
		if err != nil {
			return nil, fmt.Errorf("[grid_manager_certificates]: %s: %w", name, err)
		}
		var table map[string]any
		if b, err = json.Marshal(signed); err == nil {
			err = json.Unmarshal(b, &table)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, table)
	}
	return out, nil
}
