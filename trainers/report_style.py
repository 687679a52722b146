"""The style sheet of a run's page: light and dark, phone and desktop, print."""

CSS = """
:root{color-scheme:light dark;--page:#f5f6f8;--card:#fff;--ink:#1f2933;--muted:#55616d;
--line:#dfe3e8;--accent:#0067a3}
@media (prefers-color-scheme:dark){:root{--page:#13171c;--card:#1c2229;--ink:#e6eaee;
--muted:#a3aeb9;--line:#343d47;--accent:#6cbcf0}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 16px 56px}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .4rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:0 0 .7rem}
h3{font-size:1rem;margin:1.1rem 0 .3rem}
p{margin:.3rem 0 .7rem}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;
padding:20px 22px;margin-top:18px}
.muted,small,figcaption,dt{color:var(--muted)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(215px,1fr));gap:14px 24px;margin:0}
dt{font-size:.85rem}dd{margin:0;overflow-wrap:anywhere}dd b{font-weight:600}
dd small{display:block;line-height:1.45}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:9px 14px 9px 0;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--muted);font-size:.85rem;font-weight:500;padding-top:0}
tbody th{font-weight:600;overflow-wrap:anywhere}
th small{display:block;font-weight:400;line-height:1.4}
.number{white-space:nowrap;font-variant-numeric:tabular-nums}
table.compact th,table.compact td{padding:4px 14px 4px 0;font-size:.9rem;font-weight:400;
overflow-wrap:anywhere}
table.compact th{width:38%;color:var(--muted)}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(290px,1fr));gap:14px}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:18px;
align-items:start;margin-top:18px}
.pictures section{margin:0;min-width:0}
figure{margin:0}figcaption{font-size:.9rem;margin-top:10px}
img{display:block;max-width:100%;height:auto;background:#fff;border-radius:8px}
.panels img{width:100%}
.pixels{image-rendering:pixelated;border-radius:0}
.frame{background:#fff;border-radius:8px;padding:8px}
pre{margin:0;padding:12px 14px;background:var(--page);border:1px solid var(--line);
border-radius:8px;overflow-x:auto;font:13px/1.5 ui-monospace,monospace}
summary{cursor:pointer;color:var(--accent);font-weight:600;padding:4px 0}
@media (max-width:560px){main{padding:18px 10px 40px}section{padding:16px 14px}
h1{font-size:1.4rem}dl{grid-template-columns:repeat(2,1fr)}
table.metrics thead{display:none}table.metrics tr{display:flex;flex-wrap:wrap;gap:0 10px}
table.metrics th{flex:1 0 100%;padding:9px 0 2px}
table.metrics td{border:0;padding:0 0 9px}}
@media print{section{break-inside:avoid}}
"""
