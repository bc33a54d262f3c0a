package labels

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/docker-haproxy/docker-haproxy/haproxy/routing"
)

// draft is a route while its labels are read.
type draft struct {
	routing.Spec
	pairs    []pair // what host says
	grpc     bool
	code     int // of the redirect
	realm    string
	network  string
	disabled bool

	noCase      bool // upper and lower case of paths count for nothing
	authForward bool
}

// pair is a host, with the path that it may carry.
type pair struct{ host, path string }

// routes makes of the wishes of a service one Spec a route. The wishes that
// name no route are the route without a name, if there is one, and defaults for
// the others.
func routes(service string, wishes []wish, read func(string) ([]byte, error)) ([]routing.Spec, []Problem) {
	var specs []routing.Spec
	used := map[string]bool{}   // labels that fit a route
	unfit := map[string]error{} // why others do not
	var problems []Problem
	for _, route := range routeNames(wishes) {
		own := ofRoute(wishes, route)
		if route != "" && !slices.ContainsFunc(own, wish.choosesRequests) {
			first := slices.IndexFunc(own, func(w wish) bool { return w.route == route })
			problems = append(problems, own[first].problem(wrong(
				fmt.Sprintf("nothing says which requests the route %s takes", route),
				fmt.Sprintf("add %s%s.host or .path; %s%s.host: \"*\" takes all", prefix, route, prefix, route))))
			continue
		}
		d, fitting, misfits := build(service, own, read)
		for _, w := range fitting {
			used[w.label] = true
		}
		maps.Copy(unfit, misfits)
		d.Name = route
		specs = append(specs, d.specs()...)
	}
	for _, w := range wishes {
		if w.rule.scope == ofWholeService || used[w.label] {
			continue
		}
		if err, why := unfit[w.label]; why {
			problems = append(problems, w.problem(err))
		} else if w.rule.scope == ofOneRoute && w.route == "" {
			problems = append(problems, w.problem(homeless(w, wishes)))
		}
	}
	return specs, problems
}

// homeless is a label of the route without a name, where every route has one.
func homeless(w wish, wishes []wish) error {
	names := routeNames(wishes)
	if len(names) == 0 {
		return wrong("belongs to a route, and there is none")
	}
	return wrong("belongs to one route, and all routes here have names",
		fmt.Sprintf("did you mean %s%s.%s?", prefix, names[0], w.rule.Key))
}

// routeNames begins with "", the route without a name, if there is one: where
// labels without a name choose requests, or no label names a route.
func routeNames(wishes []wish) []string {
	names := map[string]bool{}
	speaks := false
	for _, w := range wishes {
		switch {
		case w.route != "" || w.choosesRequests():
			names[w.route] = true
		case w.rule.scope != ofWholeService:
			speaks = true
		}
	}
	if len(names) == 0 && speaks {
		return []string{""}
	}
	return slices.Sorted(maps.Keys(names))
}

// choosesRequests tells the labels that make a route by themselves.
func (w wish) choosesRequests() bool { return w.rule.chooses }

// isOfOneRoute tells whether a label is a default of no route.
func (w wish) isOfOneRoute() bool { return w.route != "" || w.rule.scope == ofOneRoute }

// ofRoute gives the wishes that count for a route, its defaults first.
func ofRoute(wishes []wish, route string) []wish {
	var defaults, own []wish
	for _, w := range wishes {
		switch {
		case w.rule.scope == ofWholeService:
		case w.route == route:
			own = append(own, w)
		case w.route == "" && w.rule.scope == ofAnyRoute:
			defaults = append(defaults, w)
		}
	}
	return append(defaults, own...)
}

// build applies wishes, less those that do not fit the route that comes of
// them: a default such as sticky says nothing to a route of plain TCP. Without
// one another may not fit any more, hence the loop, which ends because the
// wishes become fewer.
func build(service string, wishes []wish, read func(string) ([]byte, error)) (d *draft, fitting []wish, misfits map[string]error) {
	misfits = map[string]error{}
	for {
		d = &draft{Spec: routing.Spec{Service: service}}
		for _, w := range wishes {
			if err := w.apply(d, read); err != nil {
				misfits[w.label] = err // cannot be: each value was tried before
			}
		}
		d.settle()
		fitting = nil
		final, mistaken := true, false // from a mistake no others must follow
		for _, w := range wishes {
			if err := w.rule.misfit(d); err != nil {
				misfits[w.label] = err
				final, mistaken = false, mistaken || w.isOfOneRoute()
			} else {
				fitting = append(fitting, w)
			}
		}
		if final || mistaken {
			return d, fitting, misfits
		}
		wishes = fitting
	}
}

// misfit tells why a label has no meaning in a route.
func (r rule) misfit(d *draft) error {
	if r.web && d.Listen != 0 {
		return wrong("is for HTTP, and this route is plain TCP", "take it away, or give it to another route: "+prefix+"ROUTE."+r.Key)
	}
	if r.fits == nil {
		return nil
	}
	return r.fits(d)
}

// settle decides what follows from several labels together.
func (d *draft) settle() {
	if d.Passthrough && d.Listen == 0 {
		d.Listen = 443
	}
	if d.grpc && d.Check == (routing.Check{Interval: d.Check.Interval}) {
		d.Check.TCP = true // a gRPC server answers a plain GET with an error
	}
	if d.code != 0 && d.redirects() {
		if d.Redirect == nil {
			d.Redirect = &routing.Redirect{} // to nowhere: the code counts for https and www
		}
		d.Redirect.Code = d.code
	}
	if d.Auth != nil {
		d.Auth.Realm, d.Auth.Forward = cmp.Or(d.realm, d.Service), d.authForward
	}
}

// specs gives a Spec for each path that hosts carry: "a.com/x b.com/y" must not
// take b.com/x.
func (d *draft) specs() []routing.Spec {
	var specs []routing.Spec
	at := map[string]int{}
	for _, p := range d.pairs {
		i, seen := at[p.path]
		if !seen {
			i = len(specs)
			at[p.path] = i
			specs = append(specs, d.withPath(p.path, i))
		}
		if !slices.Contains(specs[i].Hosts, p.host) {
			specs[i].Hosts = append(specs[i].Hosts, p.host)
		}
	}
	if len(specs) == 0 {
		specs = []routing.Spec{d.Spec}
	}
	if d.noCase {
		for i := range specs {
			specs[i].Paths = ignoringCase(specs[i].Paths)
		}
	}
	return specs
}

func ignoringCase(paths []routing.Path) []routing.Path {
	all := slices.Clone(paths)
	for i := range all {
		all[i].NoCase = true
	}
	return all
}

func (d *draft) withPath(path string, i int) routing.Spec {
	spec := d.Spec
	if path != "" {
		spec.Paths = []routing.Path{{Match: routing.Prefix, Value: path}}
	}
	if i > 0 {
		spec.Name += "_" + strconv.Itoa(i+1) // no name of a route has a _
	}
	return spec
}

// hostHasPath tells whether a host carries a path.
func (d *draft) hostHasPath() bool {
	return slices.ContainsFunc(d.pairs, func(p pair) bool { return p.path != "" })
}

// hasPrefix tells whether there is a path that can be taken off.
func (d *draft) hasPrefix() bool {
	return d.hostHasPath() || slices.ContainsFunc(d.Paths, func(p routing.Path) bool {
		return p.Match == routing.Prefix && p.Value != "/"
	})
}

func (d *draft) addPath(match routing.Match, value string) {
	if path := (routing.Path{Match: match, Value: value}); !slices.Contains(d.Paths, path) {
		d.Paths = append(d.Paths, path)
	}
}
