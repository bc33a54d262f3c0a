//go:build !linux

package lab

import "os"

func peak(*os.ProcessState) int64 { return 0 }
