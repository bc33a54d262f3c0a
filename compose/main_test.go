package compose

import (
	"testing"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }
