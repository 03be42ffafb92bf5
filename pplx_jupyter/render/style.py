"""The stylesheet, and the one root element that every output of ours has.

Without it the HTML still reads well: elements carry the structure, colours are inherited, and what
must not be lost (alignment, small print, scrolling of wide tables) is said inline as well.
"""

from __future__ import annotations

import re

__all__ = ["MUTED", "NOTE", "SMALL", "stylesheet", "wrap"]

SMALL = 'style="font-size:12px;margin:0"'
MUTED = f'class="pplx-m" {SMALL}'
NOTE = "padding:10px 16px 4px;background-color:rgba(128,128,128,.08);margin:6px 0 12px"

# JupyterLab's own rules have the weight of two classes and two elements: hence the thrice named class.
_CSS = """\
.pplx{--pl:var(--jp-border-color1,rgba(128,128,128,.4));--pf:rgba(128,128,128,.13);--pb:var(--jp-brand-color1,#1976d2);\
--po:var(--jp-success-color1,#388e3c);--pw:var(--jp-warn-color0,#d9730d);--pe:var(--jp-error-color1,#d32f2f);\
--pm:var(--jp-code-font-family,ui-monospace,monospace);max-width:50em;\
font-family:var(--jp-content-font-family,system-ui,sans-serif);font-size:var(--jp-content-font-size1,14px);\
line-height:1.6;overflow-wrap:break-word;font-variant-numeric:tabular-nums}
.pplx.pplx.pplx :is(p,div.pplx-t){margin:0 0 .8em;text-align:start}
.pplx.pplx.pplx :is(.pplx-s,.pplx-m,summary){font-size:12px;line-height:1.5}
.pplx.pplx.pplx :is(.pplx-m,summary){color:color-mix(in srgb,currentColor 72%,transparent)}
.pplx.pplx.pplx summary .pplx-m{color:inherit}
.pplx.pplx.pplx :is(.pplx-s,p.pplx-m){margin:0}
.pplx.pplx.pplx :is(h3,h4,h5,h6){font-weight:600;line-height:1.35;margin:1.5em 0 .5em}
.pplx.pplx.pplx h3{font-size:1.25em;margin:.45em 0 .8em}
.pplx.pplx.pplx h4{font-size:1.1em}
.pplx.pplx.pplx :is(h5,h6){font-size:1em}
.pplx.pplx.pplx :is(p,td,li li,ul>li) a:not(sup a){text-decoration:underline;text-underline-offset:2px}
.pplx :any-link:not(.jp-RenderedHTMLCommon *){color:var(--jp-content-link-color,var(--vscode-textLink-foreground,revert))}
.pplx :is(a,summary):focus-visible{outline:2px solid var(--pb);outline-offset:2px;border-radius:2px}
.pplx sup.pplx-c{line-height:0;font-size:11px;vertical-align:.42em;white-space:nowrap}
.pplx sup.pplx-c::before{content:"\\2060"}
.pplx sup.pplx-c a{padding:1px 4px;margin-inline-start:2px;border-radius:3px;background:var(--pf);text-decoration:none}
.pplx sup.pplx-c a:hover{background:rgba(128,128,128,.28)}
.pplx sup.pplx-c a span{font-size:0}
.pplx mark.pplx-u{color:inherit;background:rgba(255,160,0,.22);border-bottom:1px dashed var(--pw);padding:0 2px;margin-inline-start:2px}
.pplx.pplx.pplx .pplx-x{overflow-x:auto;margin:0 0 1em}
.pplx.pplx.pplx table{table-layout:auto;margin:0;font-size:13px;border-collapse:collapse}
.pplx.pplx.pplx :is(td,th){padding:5px 14px 5px 0;vertical-align:baseline;line-height:1.45}
.pplx.pplx.pplx tr{background:none}
.pplx.pplx.pplx thead tr{border-bottom:1px solid var(--pl)}
.pplx.pplx.pplx tbody tr+tr{border-top:1px solid rgba(128,128,128,.2)}
.pplx footer pre{-webkit-user-select:all;user-select:all}
.pplx.pplx.pplx pre{margin:0 0 1em;padding:8px 12px;background:var(--pf);border-radius:4px;overflow-x:auto;\
white-space:pre;word-break:normal;font:13px/1.45 var(--pm)}
.pplx.pplx.pplx :not(pre)>code{font:.92em var(--pm);background:var(--pf);border-radius:3px;padding:1px 4px}
.pplx.pplx.pplx pre code{background:none;font:inherit;white-space:inherit}
.pplx.pplx.pplx pre b{font-weight:600}
.pplx.pplx.pplx pre i{color:color-mix(in srgb,currentColor 72%,transparent)}
.pplx pre .pplx-q{color:color-mix(in srgb,var(--jp-mirror-editor-string-color,currentColor) 72%,currentColor)}
.pplx pre .pplx-d{color:color-mix(in srgb,var(--jp-mirror-editor-number-color,currentColor) 72%,currentColor)}
.pplx.pplx.pplx :is(ul,ol){margin:0 0 .9em;padding-inline-start:1.6em}
.pplx.pplx.pplx li{margin:0 0 .25em}
.pplx.pplx.pplx ol.pplx-src{padding-inline-start:2.2em;margin:0 0 .5em}
.pplx.pplx.pplx ol.pplx-src>li{margin:0 0 .55em;padding-inline-start:.3em}
.pplx ol.pplx-src>li::marker{font-size:12px}
.pplx.pplx.pplx details{margin:0 0 .3em}
.pplx.pplx.pplx summary{cursor:pointer;width:fit-content}
.pplx.pplx.pplx blockquote{margin:.3em 0 .6em;padding:0;padding-inline-start:.8em;border:0 solid var(--pl);border-inline-start-width:2px;font-size:13px}
.pplx.pplx.pplx footer{margin-top:1.4em;padding-top:.8em;border-top:1px solid var(--pl)}
.pplx.pplx.pplx .pplx-n{border:0 solid;border-inline-start:4px solid var(--pl)!important;border-radius:0 4px 4px 0}
.pplx.pplx.pplx .pplx-n p{margin:0 0 .5em}
.pplx.pplx.pplx .pplx-bad{border-inline-start-color:var(--pe)!important}
.pplx.pplx.pplx .pplx-warn{border-inline-start-color:var(--pw)!important}
.pplx.pplx.pplx .pplx-info{border-inline-start-color:var(--pb)!important}
.pplx .pplx-w{white-space:nowrap}
.pplx .pplx-g{display:inline-block;width:.95em;font-weight:700;color:color-mix(in srgb,var(--pg,currentColor) 72%,currentColor)}
:is(.pplx,.pplx *).run{--pg:var(--pb)}:is(.pplx,.pplx *).ok{--pg:var(--po)}:is(.pplx,.pplx *).warn{--pg:var(--pw)}\
:is(.pplx,.pplx *).bad{--pg:var(--pe)}
.jupyter-button.pplx-wrap{white-space:normal;height:auto;min-height:28px;line-height:1.4;padding:3px 10px}
.pplx .pplx-bar{height:3px;border-radius:2px;background:var(--pf);overflow:hidden}
.pplx .pplx-bar i{display:block;width:30%;height:100%;border-radius:2px;background:var(--pb);\
animation:pplx-b 2.4s ease-in-out infinite alternate}
@keyframes pplx-b{from{margin-inline-start:0}to{margin-inline-start:70%}}
@media (prefers-reduced-motion:reduce){.pplx .pplx-bar i{animation:none;width:100%;opacity:.35}}
@media print{.pplx{max-width:none}.pplx details::details-content{content-visibility:visible;display:block}\
.pplx sup.pplx-c a{background:none}.pplx sup.pplx-c a span{font-size:inherit}.pplx.pplx.pplx pre{white-space:pre-wrap}}
"""
_STYLE = f"<style>{_CSS}</style>"
_BLANK_LINE = re.compile(r"\n(?=[ \t]*\n)")


def stylesheet() -> str:
    """Give the ``<style>`` element that all our outputs share, under 5 KB; its rules are all below ``.pplx``."""
    return _STYLE


def wrap(html: str) -> str:
    """Put safe HTML into our root element, with the stylesheet.

    ``nbconvert --to markdown`` pastes this into Markdown, where a blank line ends a block of HTML and
    GitHub shows a stylesheet as text: so there is no blank line, and the stylesheet comes last.
    """
    return f'<div class="pplx" style="max-width:50em">{_BLANK_LINE.sub("&#10;", html)}{_STYLE}</div>'
