package compose

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/distribution/reference"
)

// Image is a HAProxy image and the user that HAProxy runs as in it.
type Image struct {
	Ref string // as Docker pulls it
	UID int    // numeric, because a tmpfs owner must be a number
}

// Flavors are the bases that haproxytech builds its images on, the default first.
func Flavors() []string { return []string{"alpine", "debian", "ubuntu"} }

// DefaultHAProxyVersion is the branch of HAProxy that init chooses: long-term
// supported until about Q2 2030. Not 3.4, the newer one: its master process
// crashes after some refused reloads (seen on 3.4.0 and 3.4.7, never on 3.2.26).
const DefaultHAProxyVersion = "3.2"

// DefaultAppImage is the web app of the demo; it answers with the details of
// the request it received.
const (
	DefaultAppImage = "jmalloc/echo-server:latest"
	DefaultAppPort  = 8080
)

// version is a branch (3.2) or a release of it (3.2.26), as the images are tagged.
var version = regexp.MustCompile(`^[0-9]+\.[0-9]+(\.[0-9]+)?$`)

// FlavorImage is the haproxytech image of a flavor and a HAProxy version.
func FlavorImage(flavor, haproxyVersion string) (Image, error) {
	known := false
	for _, f := range Flavors() {
		known = known || f == flavor
	}
	if !known {
		return Image{}, fmt.Errorf("--flavor %q is unknown: choose %s, or name a whole image with --image", flavor, strings.Join(Flavors(), ", "))
	}
	if !version.MatchString(haproxyVersion) {
		return Image{}, fmt.Errorf("--haproxy-version %q is no version: use a branch such as 3.2 or a release such as 3.2.26", haproxyVersion)
	}
	return ImageOf("haproxytech/haproxy-" + flavor + ":" + haproxyVersion), nil
}

// ImageOf finds the user for any image. HAProxy needs no account of its own,
// so a number that the image does not know works too; but where the image has
// a user for HAProxy, that is the one: 99 in the official image, 1001 in
// haproxytech's Ubuntu one, 1000 in its others (read off the images).
func ImageOf(ref string) Image {
	image := Image{Ref: ref, UID: 1000}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return image // Demo.Validate refuses it with the reason
	}
	switch reference.Path(named) {
	case "library/haproxy":
		image.UID = 99
	case "haproxytech/haproxy-ubuntu":
		image.UID = 1001
	}
	return image
}
