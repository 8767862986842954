package story

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var updatePictures = flag.Bool("update-pictures", false, "write the pictures of docs/pictures anew")

// The window that people have at the least.
const (
	width  = 1280
	height = 800
)

// chromium is the browser's program, or why there is none.
func chromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no chromium is installed: apt-get install chromium")
}

// browser starts a headless Chromium. Without one the test is skipped, but
// where AURORABOT_REAL says that nothing may be skipped. The line that it
// prints is for whoever reads a whole test run.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := chromium()
	if err != nil {
		if os.Getenv("AURORABOT_REAL") != "" {
			t.Fatal(err)
		}
		fmt.Printf("BROWSER: SKIPPED (%v)\n", err)
		t.Skip(err)
	}
	fmt.Println("BROWSER: RUN")
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WindowSize(width, height), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true))
	alloc, endAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, endTab := chromedp.NewContext(alloc)
	ctx, endTime := context.WithTimeout(ctx, 8*time.Minute)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil && ctx.Err() == nil {
			t.Logf("closing the browser: %v", err)
		}
		endTime()
		endTab()
		endAlloc()
	})
	return ctx
}

// A tab is the page with somebody in front of it.
type tab struct {
	*testing.T
	ctx context.Context
}

func (b tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

// holds reports whether an expression of the page is true.
func (b tab) holds(js string) bool {
	b.Helper()
	ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+js+")"))
	if err != nil {
		b.Fatalf("%s: %v", js, err)
	}
	return ok
}

// read is the string that an expression of the page gives.
func (b tab) read(js string) string {
	b.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+js+")"))
	if err != nil {
		b.Fatalf("%s: %v", js, err)
	}
	return s
}

// until waits for an expression of the page to be true.
func (b tab) until(what, js string) {
	b.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if b.holds(js) {
			return
		}
	}
	b.Fatalf("waited for %s; the page says:\n%s", what, b.read("document.body.innerText"))
}

// narrow is the width of a phone; onPhones are the pictures that are taken of one, too.
const narrow = 400

var onPhones = []string{"commit-gate", "done", "report"}

// picture keeps what the window shows now as docs/pictures/NAME.png, and what people
// decide by as NAME-400.png, in a window as wide as a phone.
func (b tab) picture(name string) {
	b.Helper()
	if !*updatePictures {
		return
	}
	b.shoot(name)
	if slices.Contains(onPhones, name) {
		b.do(chromedp.EmulateViewport(narrow, height))
		b.holds("document.querySelector('#messages li.message:last-child').scrollIntoView({block: 'start'}) || true")
		b.shoot(name + "-400")
		b.do(chromedp.EmulateViewport(width, height))
	}
}

func (b tab) shoot(name string) {
	b.Helper()
	b.do(chromedp.Sleep(300 * time.Millisecond))
	shot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatal(err)
	}
	small, err := shrink(shot)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("..", "..", "docs", "pictures", name+".png"), small, 0o644); err != nil {
		b.Fatal(err)
	}
}

// shrink writes a picture with the 256 colours that it has most of: text on a
// page needs no more, and the repository keeps every picture that ever was.
func shrink(shot []byte) ([]byte, error) {
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		return nil, err
	}
	out := image.NewPaletted(img.Bounds(), palette(img))
	draw.Draw(out, out.Bounds(), img, img.Bounds().Min, draw.Src)
	var b bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, out)
	return b.Bytes(), err
}

func palette(img image.Image) color.Palette {
	count := map[color.RGBA]int{}
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			// Four bits less would show; two bits less do not.
			count[color.RGBA{uint8(r>>8) &^ 3, uint8(g>>8) &^ 3, uint8(b>>8) &^ 3, 255}]++
		}
	}
	var p color.Palette
	for len(p) < 256 && len(count) > 0 {
		var most color.RGBA
		for c, n := range count {
			if n > count[most] || n == count[most] && less(c, most) {
				most = c
			}
		}
		delete(count, most)
		p = append(p, brighten(most))
	}
	return p
}

// brighten undoes the rounding where white is meant.
func brighten(c color.RGBA) color.RGBA {
	for _, v := range []*uint8{&c.R, &c.G, &c.B} {
		*v |= *v >> 6
	}
	return c
}

func less(a, b color.RGBA) bool {
	return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) < 0
}
