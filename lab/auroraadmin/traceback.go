package auroraadmin

import (
	"fmt"
	"strings"
)

// frame is one level of a Python traceback.
type frame struct {
	file     string
	line     int
	function string
	source   string
}

// The files of the recorded installation.
const (
	sitePackages    = "/opt/aurora/py27/lib/python2.7/site-packages/"
	sourceRoot      = "/opt/aurora/src/src/main/python/apache/aurora/"
	applicationFile = sitePackages + "twitter/common/app/application.py"
	baseFile        = sourceRoot + "client/base.py"
	adminFile       = sourceRoot + "admin/admin.py"
	apiFile         = sourceRoot + "client/api/__init__.py"
	schedulerFile   = sourceRoot + "client/api/scheduler_client.py"
	clustersFile    = sourceRoot + "common/clusters.py"
)

// outer are the frames above every command.
var outer = []frame{
	{applicationFile, 758, "_wrap_method", "return_code = method()"},
	{applicationFile, 780, "<lambda>", "main = lambda: main_method(*args, **kwargs)"},
	{baseFile, 62, "wrapped_function", "return fn(*args)"},
}

// importing are the frames above the reading of clusters.json.
var importing = []frame{
	{"/opt/aurora/bin/aurora_admin.py", 2, "<module>", "from apache.aurora.admin.aurora_admin import proxy_main"},
	{sourceRoot + "admin/aurora_admin.py", 18, "<module>", "from apache.aurora.admin import admin, help as help_commands, maintenance"},
	{adminFile, 25, "<module>", "from apache.aurora.admin.admin_util import make_admin_client"},
	{sourceRoot + "admin/admin_util.py", 28, "<module>", "from apache.aurora.common.clusters import CLUSTERS"},
	{clustersFile, 129, "<module>", "load()"},
	{clustersFile, 126, "load", "CLUSTERS.update(Clusters.from_file(filename).values())"},
	{clustersFile, 46, "from_file", "return cls(list(cls.iter_clusters(filename)))"},
	{clustersFile, 54, "iter_clusters", "raise cls.ParseError('Unable to parse %s: %s' % (filename, e))"},
}

// traceback is what Python prints of an error that nobody handles.
func traceback(frames []frame, last string) string {
	var b strings.Builder
	b.WriteString("Traceback (most recent call last):\n")
	for _, f := range frames {
		fmt.Fprintf(&b, "  File %q, line %d, in %s\n    %s\n", f.file, f.line, f.function, f.source)
	}
	return b.String() + last + "\n"
}
