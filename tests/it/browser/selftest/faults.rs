//! A clean page, and the same page with one fault each.

/// A page without fault, in the product's manner.
pub const CLEAN: &str = r##"<!doctype html>
<html lang="en">
<head><title>Failed (47), Jobs</title><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/dot.svg"><link rel="stylesheet" href="/page.css"><script src="/page.js"></script></head>
<body>
<a class="skip" href="#main">Skip to content</a>
<nav aria-label="Main"><ul><li><a href="/1">One</a></li><li><a href="/2">Two</a></li><li><a href="/3">Three</a></li>
<li><a href="/4">Four</a></li><li><a href="/5">Five</a></li><li><a href="/6">Six</a></li></ul></nav>
<main id="main" tabindex="-1">
<h1>Failed jobs</h1>
<p class="said">Nothing is wrong here.</p>
<img src="/dot.svg" alt="A dot" width="24" height="24">
<svg role="img" aria-labelledby="finding" width="24" height="24"><title id="finding">Failures fell by half</title><circle r="9"/></svg>
<button class="act">Retry</button> <button class="act">Mute</button>
<div class="box">wide</div>
</main>
</body></html>"##;

/// The style of [`CLEAN`], with transitions of no length as reduced motion leaves them.
pub const STYLE: &str = "*{transition-duration:.01ms}
:root{color-scheme:light dark;font:16px sans-serif}
body{margin:8px;background:light-dark(#fff,#111);color:light-dark(#111,#eee)} a{color:light-dark(#0000aa,#aaccff)}
li{margin:8px} button{min-height:28px} .skip{position:absolute;top:-60px} .skip:focus{top:4px}
.faint{color:light-dark(#ddd,#333)} .faint-in-dark{color:light-dark(#111,#333)}
.tiny button{min-height:0;width:10px;height:10px;padding:0;margin:0;border:0;font-size:4px;background:#666;color:#fff}
.lost:focus{top:-60px} .w800{width:800px} .w2000{width:2000px}";

/// The script of [`CLEAN`].
pub const SCRIPT: &str = "document.documentElement.dataset.script = 'ran';";

const DOT: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><circle cx='4' cy='4' r='4'/></svg>";

/// One change of [`CLEAN`], and what must be said about it.
pub struct Fault {
    pub from: &'static str,
    pub to: &'static str,
    /// Part of the sentence that names the problem.
    pub said: &'static str,
}

/// Faults that show in every look.
#[rustfmt::skip] // a table
pub const FAULTS: &[Fault] = &[
    Fault { from: "</main>", to: "<script>alert(1)</script></main>", said: "Executing inline script violates" },
    Fault { from: "<p class", to: "<p style='color:red' class", said: "Applying inline style violates" },
    Fault { from: "<button class", to: "<button onclick='alert(1)' class", said: "Executing inline event handler violates" },
    Fault { from: "src=\"/page.js\"", to: "src=\"/broken.js\"", said: "broken.js 0:6 Uncaught Error" },
    Fault { from: "src=\"/page.js\"", to: "src=\"/rejects.js\"", said: "rejects.js 0:15 Uncaught Error" },
    Fault { from: "src=\"/page.js\"", to: "src=\"/complains.js\"", said: "browser log, console-api: " },
    Fault { from: "src=\"/dot.svg\"", to: "src=\"/missing.svg\"", said: "missing.svg - Failed to load" },
    Fault { from: "src=\"/dot.svg\"", to: "src=\"http://example.org/dot.svg\"", said: "'http://example.org/dot.svg' violates" },
    Fault { from: "class=\"said\"", to: "class=\"faint\"", said: "axe, serious color-contrast" },
    Fault { from: ">Retry<", to: "><", said: "axe, critical button-name" },
    Fault { from: "<p class=\"said\">", to: "<p><input>", said: "axe, critical label" },
    Fault { from: "<main ", to: "<main class=\"tiny\" ", said: "axe, serious target-size" },
    Fault { from: " lang=\"en\"", to: "", said: "axe, serious html-has-lang" },
    Fault { from: "class=\"box\"", to: "class=\"w2000\"", said: "the page is wider (2008 px) than its window" },
    Fault { from: "<h1>Failed jobs</h1>", to: "<h2>Failed jobs</h2>", said: "the page has 0 h1" },
    Fault { from: "<p class", to: "<h1>More</h1><p class", said: "the page has 2 h1" },
    Fault { from: "Failed (47), Jobs", to: " ", said: "the page has no title" },
    Fault { from: " alt=\"A dot\"", to: "", said: "a picture has no text: <img" },
    Fault { from: "Failures fell by half", to: " ", said: "a picture has no text: <svg" },
    Fault { from: "href=\"#main\"", to: "href=\"#mian\"", said: "neither the main part nor a link to it in 5 steps" },
    Fault { from: "<a class=\"skip\" href=\"#main\">Skip to content</a>", to: "", said: "neither the main part" },
    Fault { from: "class=\"skip\"", to: "class=\"skip lost\"", said: "which cannot be seen" },
];

/// Faults that show in one look only.
pub const FAULT_IN_DARK: Fault =
    Fault { from: "class=\"said\"", to: "class=\"faint-in-dark\"", said: "dark-1440: axe, serious color-contrast" };
pub const FAULT_IN_NARROW: Fault =
    Fault { from: "class=\"box\"", to: "class=\"w800\"", said: "light-390: the page is wider (808 px)" };

impl Fault {
    /// The page with this fault.
    pub fn page(&self) -> String {
        assert!(CLEAN.contains(self.from), "{} is not on the page", self.from);
        CLEAN.replacen(self.from, self.to, 1)
    }
}

/// What the pages load.
pub fn resource(request: &str) -> Option<String> {
    let text = match request {
        "GET /page.css" => STYLE,
        "GET /page.js" => SCRIPT,
        "GET /broken.js" => "throw new Error('boom');",
        "GET /rejects.js" => "Promise.reject(new Error('boom'));",
        "GET /complains.js" => "console.error('boom');",
        "GET /dot.svg" => DOT,
        _ => return None,
    };
    Some(text.to_owned())
}
