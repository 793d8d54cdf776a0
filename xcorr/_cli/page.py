"""The texts of the page that the demonstration writes: its frame, its style and its script.

The content policy forbids every request: scripts, styles and pictures are those in the page.
"""

from string import Template

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; \
style-src 'unsafe-inline'; img-src data: blob:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>xcorr demo</title>
<link rel="icon" href="data:,">
<style>
$style</style>
</head>
<body>
<header>
<h1>xcorr demo</h1>
$verdict
<nav aria-label="Contents"><ul>
$contents
</ul></nav>
<noscript><p class="bad">The figures need JavaScript; the photograph and the table do not.</p></noscript>
</header>
<main>
$sections
</main>
<footer><p>Written by <code>xcorr demo</code>. This page loads nothing from elsewhere.</p></footer>
<script type="application/json" id="figures">$figures</script>
<script>$plotly</script>
<script>
$script</script>
</body>
</html>
""")

SECTION = Template("""\
<section aria-labelledby="$name">
<h2 id="$name">$title</h2>
$parts
</section>""")

FIGURE = Template("""\
<figure>
<figcaption id="caption-$caption"><strong>$title.</strong> $text</figcaption>
<div class="frame" tabindex="0" role="img" aria-labelledby="caption-$caption">
<div class="plot" data-figure="$index"></div>
</div>
</figure>""")

PHOTOGRAPHS = Template("""\
<figure>
<figcaption id="caption-$caption"><strong>$title.</strong> $text</figcaption>
<ul class="photographs $size">
$pictures
</ul>
</figure>""")

PHOTOGRAPH = Template("""<li><img src="$source" alt="$words"><span>$words</span></li>""")

TABLE = Template("""\
<p class="hint" id="hint">The table goes on to the right: scroll it sideways &rarr;</p>
<div class="frame wide" tabindex="0" role="region" aria-label="Table of all steps"><table>
<thead><tr>$head</tr></thead>
<tbody>
$rows
</tbody>
</table></div>""")

FACTS = Template("""\
<dl>
$facts
</dl>""")

STYLE = """\
:root { color-scheme: light dark; --ink: #1f2328; --soft: #57606a; --line: #d0d7de; --page: #f6f8fa; --card: #fff;
  --link: #0b5cad; --good: #0f6b34; --bad: #b42318; --shadow: #0006 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ec; --soft: #a4adb6; --line: #3a424a; --page: #14181c; --card: #1c2126; --link: #79b8ff;
    --good: #58c88a; --bad: #ff8f80; --shadow: #fff4 }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1164px; padding: 16px; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
h1 { margin: 8px 0; font-size: 1.75rem; line-height: 1.2 }
h2 { margin: 40px 0 12px; font-size: 1.25rem; line-height: 1.3 }
a { color: var(--link) }
.verdict { font-size: 1.375rem; font-weight: 600; line-height: 1.3 }
.good p { margin: 4px 0; color: var(--ink) }
.good .verdict { color: var(--good) }
.good, .bad { border-left: 4px solid; padding: 8px 12px; background: var(--card) }
.good { color: var(--good); border-color: var(--good) }
.bad { color: var(--bad); border-color: var(--bad) }
tr.bad { border-left-width: 0 }
dl { display: flex; flex-wrap: wrap; gap: 8px 28px; margin: 16px 0 }
dt { color: var(--soft); font-size: .8125rem }
dd { margin: 0; font-weight: 600 }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 16px 0; padding: 0; list-style: none }
figure { margin: 0 0 24px }
figcaption { margin-bottom: 8px; max-width: 46rem }
.frame { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; background: var(--card) }
figure .frame { width: fit-content; max-width: 100%; background: #fff }
.photographs { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 240px), 1fr)); gap: 16px;
  margin: 0; padding: 0; list-style: none }
.small { grid-template-columns: repeat(auto-fit, minmax(min(100%, 150px), 1fr)); gap: 12px }
.photographs img { display: block; width: 100%; border-radius: 6px }
.photographs span { display: block; margin-top: 4px; color: var(--soft); font-size: .875rem }
.wide { background: linear-gradient(to right, var(--card) 30%, transparent) local,
  linear-gradient(to left, var(--card) 30%, transparent) right local,
  radial-gradient(farthest-side at 0 50%, var(--shadow), transparent),
  radial-gradient(farthest-side at 100% 50%, var(--shadow), transparent) right, var(--card);
  background-repeat: no-repeat; background-size: 48px 100%, 48px 100%, 16px 100%, 16px 100%, auto }
.hint { margin: 0 0 6px; color: var(--soft); font-size: .875rem }
.all-seen { display: none }
.frame:focus-visible { outline: 2px solid var(--link); outline-offset: 2px }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums }
th, td { padding: 6px 10px; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap }
thead th { color: var(--soft); vertical-align: bottom; white-space: normal }
tbody th { font-weight: 600 }
tbody th, thead th:first-child { position: sticky; left: 0; background: var(--card) }
tbody tr:last-child > * { border-bottom: 0 }
th.number, td.number { text-align: right }
footer { margin-top: 40px; color: var(--soft); font-size: .875rem }
@media (max-width: 520px) {
  body { padding: 16px 12px }
  tbody th { min-width: 104px; white-space: normal }
}
"""

SCRIPT = """\
"use strict";
const figures = JSON.parse(document.getElementById("figures").textContent);
function draw(place) {
  const {data, layouts} = figures[place.dataset.figure];
  const room = place.closest("figure").clientWidth - 2;
  const layout = layouts.findLast((one) => one.width <= room) ?? layouts[0];
  if (place.dataset.width === String(layout.width)) return;
  place.dataset.width = layout.width;
  Plotly.react(place, data, structuredClone(layout), {displayModeBar: false});
}
function drawAll() {
  document.querySelectorAll(".plot").forEach(draw);
  const table = document.querySelector(".wide");
  document.getElementById("hint").classList.toggle("all-seen", table.scrollWidth <= table.clientWidth);
}
drawAll();
addEventListener("resize", () => requestAnimationFrame(drawAll));
"""
