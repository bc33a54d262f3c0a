package compose

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"testing"

	"gotest.tools/v3/assert"

	"github.com/docker-haproxy/docker-haproxy/internal/testkit"
)

func TestAddressesOfTheKernelsTablesAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"00000000:0050":                         "0.0.0.0:80",
		"3500007F:0035":                         "127.0.0.53:53",
		"0B00007F:C3A9":                         "127.0.0.11:50089",
		"00000000000000000000000000000000:01BB": "[::]:443",
		"00000000000000000000000001000000:20D4": "[::1]:8404",
		"0000000000000000FFFF00000100007F:1F90": "127.0.0.1:8080",
		"B80D0120000000000000000007000000:FFFF": "[2001:db8::7]:65535",
	} {
		got, err := parseProcAddr(text)
		assert.NilError(t, err)
		assert.Equal(t, got, netip.MustParseAddrPort(want), text)
	}
	for _, text := range []string{"", "local_address", "0100007F", "0100007F:", "0100007F:1FFFF", "01007F:1F90", "0G00007F:1F90", "0100007F0100007F:1F90"} {
		_, err := parseProcAddr(text)
		assert.Assert(t, err != nil, "%q", text)
	}
}

// Lines as Linux 6.1 writes them: listeners first, then connections.
const procTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 28113 1 0000000000000000 100 0 0 10 0
   1: 00000000:20D4 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 28115 1 0000000000000000 100 0 0 10 0
   2: 0100007F:0050 0100007F:A2B4 01 00000000:00000000 02:00000A5B 00000000  1000        0 28114 2 0000000000000000 20 4 30 10 -1
   3: broken
`

func TestOnlyListenersOfTheTableTakeAPort(t *testing.T) {
	t.Parallel()
	table := testkit.Put(t, t.TempDir(), "tcp", procTable)
	for want, inode := range map[string]string{
		"127.0.0.1:8080": "28113",
		"0.0.0.0:8080":   "28113",
		"127.0.0.2:8080": "",
		"0.0.0.0:80":     "", // a connection is no listener
		"127.0.0.1:8404": "28115",
		"0.0.0.0:8405":   "",
	} {
		wanted := netip.MustParseAddrPort(want)
		got, found := listening(table, HostPort{Addr: wanted.Addr(), Port: wanted.Port()})
		assert.Equal(t, found, inode != "", want)
		assert.Equal(t, got, inode, want)
	}
	_, found := listening(table+"6", HostPort{Port: 8080})
	assert.Assert(t, !found, "a table that is missing holds nothing")
}

func TestAListenerOfThisMachineIsNamedWithItsProcess(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "::1"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
			if err != nil {
				t.Skipf("a machine without such addresses: %v", err)
			}
			defer listener.Close()
			number := port(t, listener)
			engine, _ := (&fakeEngine{}).start(t)
			p := publishing(t, fmt.Sprintf("['%s:80']", net.JoinHostPort(host, strconv.Itoa(number))))
			err = engine.PortsFree(t.Context(), p)
			testkit.Contains(t, fmt.Sprint(err), fmt.Sprintf("port %d is taken by process ", number), fmt.Sprintf("(PID %d)", os.Getpid()))
		})
	}
}

func TestASocketOfNoProcessIsAnotherProcesss(t *testing.T) {
	t.Parallel()
	assert.Equal(t, processOf("no inode").String(), "another process")
}
