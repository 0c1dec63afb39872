"""Our evaluator and Terraform's say the same about the same expressions, templates, heredocs and conversions."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from opsctl.hcl.reading import read_folder

EXPRESSIONS = r"""
1 + 2 * 3
(1 + 2) * 3
10 / 4
10 / 5
-7 % 3
7 % -3
1 + 2 == 3 && !false
1 < 2 || 1 / 1 > 2
!true == false
-local.three + 1
- 2 - 3 - 4
2 - 3 * 4 - 5
1 == "1"
"1" == 1
true == "true"
null == null
[1, 2] == [1, 2]
{ a = 1 } == { a = 1 }
true ? "a" : "b"
false ? 1 : 2
1.50
1e3
0.1 + 0.2
1.0
123456789012345678
"a${1}b${true}c"
"${local.list[0]}"
"${1 + 1}"
"$${literal} %%{literal}"
"tab\tnewline\nquote\"back\\slash\u00e9\U0001F600"
"%{ if true }yes%{ else }no%{ endif }"
"%{ if false }yes%{ else }no%{ endif }"
"%{ if false }yes%{ endif }"
"%{ for x in ["a", "b"] }<${x}>%{ endfor }"
"%{ for k, v in { a = 1, b = 2 } }${k}=${v};%{ endfor }"
"a ${~ "b" ~} c"
"%{ for x in ["a", "b"] ~} ${x} %{ endfor ~} "
[for x in [1, 2, 3] : x * 2]
[for i, x in ["a", "b"] : "${i}${x}"]
[for x in [1, 2, 3] : x if x > 1]
{ for x in ["a", "b"] : x => upper(x) }
{ for k, v in { b = 2, a = 1 } : k => v }
[for k, v in { b = 2, a = 1 } : "${k}${v}"]
{ for x in ["ab", "ac", "b"] : substr(x, 0, 1) => x... }
[for x in toset(["b", "a", "b"]) : x]
[for a in [1, 2] : [for b in [10, 20] : a * b]]
local.objects[*].name
local.objects.*.name
local.objects[*].inner[0]
local.objects[*].inner[*].a
local.object["b"]
local.object.b
local.list[length(local.list) - 1]
local.list.1
local.nothing[*]
local.object[*].a
{ (local.three) = 1, "q k" = 2, plain = 3 }
{ a : 1, b : 2 }
try(local.object.missing, "fallback")
try(tonumber("x"), 7)
can(local.object.missing)
can(tonumber("12"))
abs(-5)
ceil(1.2)
floor(-1.2)
log(16, 2)
max(1, 5, 3)
min([3, 1, 2]...)
parseint("ff", 16)
pow(2, 10)
signum(-3)
chomp("a\n\n")
endswith("hello", "lo")
startswith("hello", "he")
strcontains("hello", "ell")
format("%s-%d-%05.2f-%q-%t-%v", "a", 3, 3.14159, "q", true, [1])
format("%5s|%-5s|%05d|%x|%X|%o|%b|%e", "a", "b", 42, 255, 255, 8, 5, 12345.678)
format("%%|%+d|% d|%g|%g", 5, 5, 1.5, 100000000)
format("%[2]s %[1]s", "a", "b")
format("%v %v %v", [null], { a = 1 }, 1.5)
format("%#v", { a = "x" })
format("%.3s", "abcdef")
formatlist("%s=%s", ["a", "b"], ["1", "2"])
formatlist("%s-x", ["a", "b"])
indent(2, "a\nb")
join(",", ["a", "b"], ["c"])
lower("ABC")
upper("abc")
title("hello world-wide web_x")
regex("[a-z]+", "123abc456")
regex("(\\d+)-(\\d+)", "10-20")
regex("(?P<year>\\d+)-(?P<month>\\d+)", "2024-05")
regex("^[[:alpha:]]+$", "abc")
regexall("[a-z]", "a1b2")
can(regex("^x$", "x\n"))
can(regex("(?i)HELLO", "hello"))
can(regex("^\\p{L}+$", "abc"))
replace("a.b.c", ".", "-")
replace("hello", "/l+/", "L")
replace("hello world", "/(\\w+) (\\w+)/", "$2 $1")
replace("abc", "/(?P<x>b)/", "[$${x}]")
split(",", "a,b,,c")
split("", "abc")
strrev("abc")
substr("hello", 1, 3)
substr("hello", -3, -1)
substr("hello", 3, 10)
trim("??a?", "?")
trimprefix("helloworld", "hello")
trimsuffix("helloworld", "world")
trimspace("  a \n")
alltrue([true, "true"])
alltrue([])
anytrue([false, "true"])
anytrue([])
chunklist([1, 2, 3, 4, 5], 2)
coalesce(null, "", "a")
coalesce(null, 1)
coalescelist([], ["a"])
compact(["a", "", null, "b"])
concat([1], [2, 3], [])
contains(["a", "b"], "b")
contains([1, 2], 3)
distinct(["a", "b", "a"])
element(["a", "b", "c"], 4)
flatten([[1, [2]], [], [3]])
index(["a", "b"], "b")
keys({ b = 1, a = 2 })
length("héllo")
length([1, 2])
length({ a = 1 })
lookup({ a = 1 }, "a", 9)
lookup({ a = 1 }, "b", 9)
matchkeys(["i1", "i2"], ["a", "b"], ["b"])
merge({ a = 1, b = 1 }, { b = 2 }, null)
one([])
one(["a"])
range(3)
range(1, 4)
range(0, 10, 3)
range(4, 1)
reverse([1, 2, 3])
setintersection(["a", "b"], ["b", "c"])
setproduct(["a", "b"], [1, 2])
setsubtract(["a", "b"], ["b"])
setunion(["b"], ["a"])
slice(["a", "b", "c"], 1, 2)
sort(["b", "a", "C"])
sum([1, 2.5])
transpose({ a = ["1", "2"], b = ["2"] })
values({ b = 1, a = 2 })
zipmap(["a", "b"], [1, 2])
tobool("true")
tonumber("1.5")
tostring(1.5)
tostring(true)
tolist(["a", 1])
tomap({ a = 1, b = "x" })
toset(["b", "a", "b"])
jsonencode({ b = [1, 2.5, null, true], a = "<&>\"" })
jsondecode("{\"a\": [1, 1.0, 2.5, null]}")
jsonencode("x")
yamlencode({ a = 1, b = ["x", { c = true }], d = { e = "f" }, g = [], h = {}, i = null })
yamlencode([1, [2, 3], { a = [1] }])
yamlencode({ "quoted key" = "multi\nline\n" })
yamldecode("a: 1\nb: [x, z]\nc: {d: true}\n")
csvdecode("a,b\n1,2\n3,\"x,y\"\n")
base64encode("hello")
base64decode("aGVsbG8=")
textencodebase64("hi", "UTF-16LE")
textdecodebase64("aABpAA==", "UTF-16LE")
urlencode("a b&c=d/e~f")
md5("a")
sha1("a")
sha256("a")
sha512("a")
base64sha256("a")
base64sha512("a")
uuidv5("dns", "example.com")
cidrhost("10.0.0.0/8", 5)
cidrhost("10.0.0.0/8", -2)
cidrnetmask("10.0.0.0/12")
cidrsubnet("10.0.0.0/16", 8, 3)
cidrsubnet("fd00::/48", 16, 10)
cidrsubnets("10.0.0.0/16", 4, 4, 8)
formatdate("DD MMM YYYY hh:mm:ss ZZZ", "2024-01-02T03:04:05Z")
formatdate("EEEE, D-M-YY HH:mm AA 'o''clock' Z", "2024-01-02T15:04:05+02:00")
timeadd("2024-01-01T00:00:00Z", "1h30m")
timecmp("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z")
basename("/a/b.txt")
dirname("/a/b.txt")
file("${path.module}/data/hello.txt")
filebase64("data/hello.txt")
fileexists("data/hello.txt")
fileexists("data/none.txt")
fileset("data", "*.txt")
fileset(path.module, "**/*.txt")
fileset("data", "{hello,none}.t?t")
filesha256("data/hello.txt")
filemd5("data/hello.txt")
filebase64sha256("data/hello.txt")
templatefile("data/page.tftpl", { names = ["x", "y"], on = true })
templatefile("data/only.tftpl", { value = [1, 2] })
nonsensitive(sensitive("x")) == "x"
nonsensitive(sensitive("x"))
terraform.workspace
path.module
path.root
var.typed
var.plain_number
var.set
var.tuple
local.heredoc
local.flush
local.flush_with_loop
local.flush_blank
local.json_in_heredoc
local.stripped_directives
merge([for x in ["a", "b"] : { (x) = upper(x) }]...)
tolist(local.list) == tolist(["p", "q"])
"${"nested ${"deep ${local.three}"}"}"
[for o in local.objects : o.name if contains(["one"], o.name)]
{ for o in local.objects : o.name => o.inner... if length(o.inner) > 0 }
lookup(local.object, "zzz", null) == null
length(regexall("a", "banana")) > 2 ? "many" : "few"
local.object != null ? keys(local.object) : []
(true ? local.objects : [])[0].name
[[1, 2], [3]][0][1]
{ a = { b = [1, 2] } }.a.b[1]
false ? "a" : true ? "b" : "c"
can(cidrsubnet("10.0.0.0/30", 4, 1))
can(element([], 0))
can([1][1])
can(regex("a", "b"))
can({ a = 1 }.b)
can(lookup({}, "a"))
can(one([1, 2]))
can(setproduct(["a"], []))
can(jsondecode("nope"))
can(base64decode("%%%"))
can(file("data/none.txt"))
can(tonumber("1x"))
can(toset([1])[0])
can("x" + 1)
can(merge({}, "x"))
"1" + 1
local.objects[*].inner[0].a
local.objects.*.inner[0]
local.objects[*].inner.*.a
local.trimmed
local.trimmed_flush
"x ${~ "a" ~} \n y"
templatefile("data/trim.tftpl", { a = ["q"], b = "" })
format("%g %g %g %v", 123456, 1234567, 0.00001, 1234567)
0.1 * 3
1 / 3
100000 * 100000
"5" * "2"
"a" == "a" ? 1 : "x"
max("3", 2)
upper(12)
join("-", [1, true, "x"])
"""

SUPPORT = r"""
locals {
  three   = 3
  list    = ["p", "q"]
  nothing = null
  object  = { a = 1, b = "two" }
  objects = [{ name = "one", inner = [{ a = 1 }, { a = 2 }] }, { name = "two", inner = [{ a = 3 }] }]
  heredoc = <<EOT
  first ${local.three}
    second $${x} "quoted" \n
EOT
  flush = <<-EOT
    a
      b ${local.three}
    c
  EOT
  flush_with_loop = <<-EOT
    begin
    %{ for x in ["a", "b"] ~}
    item ${x}
    %{ endfor ~}
    %{ if true ~}
    shown
    %{ else ~}
    hidden
    %{ endif ~}
    end
  EOT
  flush_blank = <<-EOT
      two

        four
    ${local.three} zero
  EOT
  json_in_heredoc = jsondecode(<<-JSON
    {"a": ["${local.list[0]}", {"b": null}]}
  JSON
  )
  trimmed = <<EOT
  a
    ${~ "b" ~}
    c ${~ "d" ~} e

  ${"f" ~}
EOT
  trimmed_flush = <<-EOT
    %{ if true ~}
      one
        %{~ for x in [1, 2] }
      n${x}
        %{~ endfor ~}

    %{ endif }
    ${"z"}
      end
    EOT
  stripped_directives = <<EOT
%{ if local.three == 3 ~}
  yes
%{ endif ~}
tail
EOT
}

variable "typed" {
  type = object({
    name    = string
    count   = optional(number, 5)
    tags    = optional(map(string))
    nested  = optional(object({ on = optional(bool, true) }), {})
    numbers = list(string)
  })
  default = { name = 12, numbers = [1, "b"], extra = "gone" }
}

variable "plain_number" {
  type    = number
  default = "42"
}

variable "set" {
  type    = set(string)
  default = ["b", "a", "b"]
}

variable "tuple" {
  type    = tuple([string, number])
  default = [1, "2"]
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("console")
    (folder / "data").mkdir()
    (folder / "data" / "hello.txt").write_text("hello ${not filled}\n")
    (folder / "data" / "page.tftpl").write_text(
        "%{ for n in names ~}\n  - ${n}\n%{ endfor ~}\n%{ if on }on%{ endif }\n"
    )
    (folder / "data" / "trim.tftpl").write_text("A\n%{~ for x in a ~}\n  [${x}]\n%{~ endfor }\nB${b ~}\n\n C")
    (folder / "data" / "only.tftpl").write_text("${jsonencode(value)}")
    outputs = "".join(
        f'output "c{number}" {{\n  value = {expression}\n}}\n' for number, expression in enumerate(expressions())
    )
    (folder / "main.tf").write_text(
        SUPPORT + "locals {\n" + "".join(f"  c{n} = {e}\n" for n, e in enumerate(expressions())) + "}\n" + outputs
    )
    return folder


def expressions() -> list[str]:
    return [line for line in EXPRESSIONS.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def said_by_terraform(folder: Path) -> list[object]:
    terraform = shutil.which("terraform")
    assert terraform, "terraform is not on PATH"
    wanted = "jsonencode([" + ", ".join(f"local.c{number}" for number in range(len(expressions()))) + "])\n"
    done = subprocess.run(
        [terraform, "console", "-no-color"], input=wanted, cwd=folder, capture_output=True, text=True, timeout=120,
        env={"PATH": str(Path(terraform).parent), "CHECKPOINT_DISABLE": "1", "HOME": str(folder)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # The console quotes a string as HCL does, which for JSON inside is JSON's way but for the two escapes of templates.
    text: list[object] = json.loads(json.loads(done.stdout.replace("$${", "${").replace("%%{", "%{")))
    return text


def test_more_than_two_hundred_expressions_have_the_value_that_terraform_gives_them(
    folder: Path, said_by_terraform: list[object]
) -> None:
    configuration = read_folder(folder)

    assert not configuration.problems
    differ = [
        f"{expression}\n  terraform: {json.dumps(theirs, ensure_ascii=False)}\n  we:        {ours!r}"
        for number, (expression, theirs) in enumerate(zip(expressions(), said_by_terraform, strict=True))
        if (ours := configuration.outputs[f"c{number}"]) != theirs or isinstance(ours, bool) != isinstance(theirs, bool)
    ]
    assert len(expressions()) >= 200
    assert not differ, "\n".join(differ)
