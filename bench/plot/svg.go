package plot

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
)

// SVG writes the figure as a picture that scales, and that text tools can read.
func (f Figure) SVG(to io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%g" height="%g" viewBox="0 0 %g %g" font-family="sans-serif">`+"\n", f.width, f.height, f.width, f.height)
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="#ffffff"/>`+"\n", f.width, f.height)
	for _, l := range f.lines {
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="%g" points="`, l.color, l.width)
		for n, p := range l.points {
			if n > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "%.1f,%.1f", p.x, p.y)
		}
		b.WriteString("\"/>\n")
	}
	for _, w := range f.words {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" font-size="%g" text-anchor="%s" fill="%s">`, w.at.x, w.at.y, w.size, w.anchor, black)
		if err := xml.EscapeText(&b, []byte(w.text)); err != nil {
			return err
		}
		b.WriteString("</text>\n")
	}
	b.WriteString("</svg>\n")
	_, err := to.Write(b.Bytes())
	return err
}

// String is the colour as SVG writes it.
func (i ink) String() string { return fmt.Sprintf("#%06x", uint32(i)) }
