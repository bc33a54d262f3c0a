package plot

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// sharpness is how many pixels of a PNG stand for one of the figure.
const sharpness = 2

// PNG writes the figure as a picture for where SVG is not taken.
func (f Figure) PNG(to io.Writer) error {
	picture := image.NewRGBA(image.Rect(0, 0, int(f.width*sharpness), int(f.height*sharpness)))
	draw.Draw(picture, picture.Bounds(), image.White, image.Point{}, draw.Src)
	for _, l := range f.lines {
		l.paint(picture)
	}
	letters, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return err
	}
	for _, w := range f.words {
		if err := w.paint(picture, letters); err != nil {
			return err
		}
	}
	return png.Encode(to, picture)
}

// paint fills the rectangles that the pieces of a line are.
func (l line) paint(picture *image.RGBA) {
	bounds := picture.Bounds()
	pen := vector.NewRasterizer(bounds.Dx(), bounds.Dy())
	for n := range len(l.points) - 1 {
		a, b := l.points[n], l.points[n+1]
		length := math.Hypot(b.x-a.x, b.y-a.y)
		if length == 0 {
			continue
		}
		half := l.width / 2
		aside := point{-(b.y - a.y) / length * half, (b.x - a.x) / length * half}
		along := point{(b.x - a.x) / length * half / 2, (b.y - a.y) / length * half / 2} // closes the gaps of bends
		move(pen.MoveTo, a.x+aside.x-along.x, a.y+aside.y-along.y)
		move(pen.LineTo, b.x+aside.x+along.x, b.y+aside.y+along.y)
		move(pen.LineTo, b.x-aside.x+along.x, b.y-aside.y+along.y)
		move(pen.LineTo, a.x-aside.x-along.x, a.y-aside.y-along.y)
		pen.ClosePath()
	}
	pen.Draw(picture, bounds, l.color.uniform(), image.Point{})
}

func move(to func(x, y float32), x, y float64) {
	to(float32(x*sharpness), float32(y*sharpness))
}

func (w words) paint(picture *image.RGBA, letters *opentype.Font) error {
	face, err := opentype.NewFace(letters, &opentype.FaceOptions{Size: w.size * sharpness, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return err
	}
	defer func() { _ = face.Close() }() // frees memory, and nothing else
	pen := font.Drawer{Dst: picture, Src: black.uniform(), Face: face}
	x := w.at.x * sharpness
	switch length := float64(pen.MeasureString(w.text)) / fixedOne; w.anchor {
	case start:
	case middle:
		x -= length / 2
	case end:
		x -= length
	}
	pen.Dot = fixed.Point26_6{X: fixed.Int26_6(x * fixedOne), Y: fixed.Int26_6(w.at.y * sharpness * fixedOne)}
	pen.DrawString(w.text)
	return nil
}

// fixedOne is 1 in the fonts' numbers.
const fixedOne = 64

// uniform is the colour as a picture that has no other.
func (i ink) uniform() *image.Uniform {
	return image.NewUniform(color.RGBA{R: uint8(i >> 16 & 0xff), G: uint8(i >> 8 & 0xff), B: uint8(i & 0xff), A: 0xff})
}
