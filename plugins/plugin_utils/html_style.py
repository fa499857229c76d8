# SPDX-License-Identifier: GPL-3.0-or-later
"""The look of index.html: one style sheet inside the page, no network, no script; colour never stands alone."""

from __future__ import annotations

STYLE = """
:root { --ink:#1d2733; --soft:#5b6876; --line:#d8dee5; --wash:#f5f7f9; --accent:#173f66; --pass:#1a7f4b; --fail:#b3261e;
  --error:#9a3412; --not_run:#8a6100; --waived:#6b3fa0; --not_applicable:#66727f; --manual:#1f5fa8; }
* { box-sizing:border-box; }
body { margin:0; color:var(--ink); background:var(--wash); font:15px/1.55 system-ui,-apple-system,"Segoe UI",
  "Noto Sans CJK SC","Source Han Sans SC","PingFang SC","Microsoft YaHei",sans-serif; }
main, header > div, footer { max-width:1200px; margin:0 auto; padding:0 24px; }
header { background:var(--accent); color:#fff; padding:24px 0 20px; }
h1 { margin:2px 0 0; font-size:26px; line-height:1.35; font-weight:650; }
h1 .en { font-size:17px; font-weight:400; }
.order { font-size:14px; color:#c9d8e7; }
.meta { margin-top:12px; display:flex; flex-wrap:wrap; gap:2px 28px; font-size:13.5px; color:#c9d8e7; }
.meta b { color:#fff; font-weight:600; }
.switch { float:right; display:flex; border:1px solid #7f9dba; border-radius:6px; overflow:hidden; font-size:13px; }
.switch label { padding:3px 12px; cursor:pointer; color:#dbe6f1; }
.switch label + label { border-left:1px solid #7f9dba; }
.language { position:absolute; opacity:0; pointer-events:none; }
.language:focus-visible ~ header .switch { outline:2px solid #fff; outline-offset:2px; }
#both:checked ~ header [for=both], #zh:checked ~ header [for=zh], #en:checked ~ header [for=en] { background:#fff;
  color:var(--accent); font-weight:600; }
span.zh, span.en { display:block; } i { font-style:normal; }
span.en { color:var(--soft); font-size:.93em; }
header span.en, th span.en, .mark .en { color:inherit; }
i.second { margin-left:.9em; color:var(--soft); }
#zh:checked ~ * .en, #en:checked ~ * .zh, #zh:checked ~ * .slash, #en:checked ~ * .slash { display:none; }
#en:checked ~ * i.second { margin-left:0; color:inherit; }
section { background:#fff; border:1px solid var(--line); border-radius:8px; margin:18px 0; padding:18px 22px; }
h2 { margin:0 0 10px; font-size:18px; line-height:1.4; }
p { margin:6px 0; } ul, ol { margin:8px 0 0; padding-left:24px; } li { margin:4px 0; overflow-wrap:anywhere; }
.verdict { border-left:8px solid var(--pass); } .verdict.bad { border-left-color:var(--fail); }
.verdict h2 { font-size:21px; } .good h2 { color:var(--pass); } .bad h2, .alarm h2 { color:var(--fail); }
.loud { border:2px solid #c79a2b; background:#fffaf0; } .loud h2 { color:var(--not_run); }
.loud a { color:var(--not_run); font-weight:650; } .loud ul { list-style:none; padding:0; }
.loud li { display:grid; grid-template-columns:190px 1fr; border-top:1px solid #ecdcb0; padding:4px 0; margin:0; }
.loud li a { grid-row:1 / span 2; } .loud li span { grid-column:2; }
.beside { border-left:8px solid var(--manual); } .beside .count { max-width:230px; }
.alarm { border:2px solid var(--fail); background:#fef6f5; }
.scroll { overflow-x:auto; }
table { width:100%; border-collapse:collapse; margin:8px 0; font-size:13.5px; background:#fff; }
th, td { padding:6px 9px; border:1px solid var(--line); vertical-align:top; text-align:left; overflow-wrap:anywhere; }
th { font-weight:600; color:var(--soft); background:var(--wash); overflow-wrap:normal; }
.counts { margin-top:12px; table-layout:fixed; } .counts td { text-align:center; font-size:22px; font-weight:650;
  font-variant-numeric:tabular-nums; } .counts tr:first-child th { text-align:center; }
td.pass { color:var(--pass); } td.fail { color:var(--fail); } td.error { color:var(--error); }
td.not_run { color:var(--not_run); } td.waived { color:var(--waived); } td.manual { color:var(--manual); }
td.not_applicable { color:var(--not_applicable); } td.zero { color:#b9c1c9; font-weight:400; }
.mark { display:inline-block; padding:1px 10px; border-radius:12px; font-size:12.5px; font-weight:600; color:#fff;
  border:1.5px solid transparent; white-space:nowrap; width:max-content; height:max-content; }
.mark.pass { background:var(--pass); } .mark.fail { background:var(--fail); } .mark.error { background:var(--error); }
.mark.not_run { background:var(--not_run); }
.mark.waived { color:var(--waived); border:1.5px dashed; }
.mark.manual { color:var(--manual); border-color:currentColor; }
.mark.not_applicable { color:var(--not_applicable); border-color:var(--line); }
code, .fact, pre { font:12.5px/1.55 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono","Noto Sans CJK SC",
  monospace; }
pre { margin:4px 0; padding:8px 12px; background:#f0f3f6; border:1px solid var(--line); border-radius:5px;
  white-space:pre-wrap; overflow-wrap:anywhere; }
.yes { color:var(--pass); } .yes i { color:var(--ink); } .yes i.second, .dim, .dim i { color:var(--soft); }
.no, .no i, .no span.en { color:var(--fail); font-weight:600; }
.dim { font-size:12.5px; margin-top:4px; }
.provision { border-top:1px solid var(--line); } .provision:last-child { border-bottom:1px solid var(--line); }
.provision > summary { display:grid; grid-template-columns:178px 178px 1fr max-content; gap:4px 14px; padding:10px 6px;
  cursor:pointer; list-style:none; align-items:start; }
.provision > summary::-webkit-details-marker { display:none; }
.provision > summary:hover { background:var(--wash); }
.id { font-weight:650; overflow-wrap:anywhere; padding-left:16px; position:relative; }
.id::before { content:"\\25B8"; position:absolute; left:0; color:var(--soft); }
.provision[open] > summary .id::before { content:"\\25BE"; }
.count { font-size:12.5px; color:var(--soft); text-align:right; }
.provision > div { padding:2px 6px 16px 22px; }
.check { border:1px solid var(--line); border-left:4px solid #b9c6d3; border-radius:6px; padding:10px 14px;
  margin:12px 0; }
.check h4 { margin:0 0 4px; font-size:14px; display:flex; flex-wrap:wrap; gap:2px 14px; align-items:baseline; }
.check h4 code { font-size:13.5px; font-weight:650; }
.check h4 > span { font-size:12px; color:var(--soft); font-weight:400; }
td:first-child { min-width:96px; } .when { white-space:nowrap; font-size:12px; color:var(--soft); }
.check table { table-layout:fixed; min-width:820px; } .check th:first-child { width:13%; }
.check th:nth-child(2) { width:166px; } .check th:last-child { width:152px; }
.message { font-size:12.5px; } .message span { color:var(--error); }
.list > summary { cursor:pointer; } .list > summary h2 { display:inline; }
.more > summary { cursor:pointer; font-size:12px; color:var(--soft); }
.show { border-left:4px solid var(--manual); padding:5px 12px; background:#f1f6fc; margin:8px 0; }
footer { padding:4px 24px 40px; color:var(--soft); font-size:12px; overflow-wrap:anywhere; }
@media (max-width:800px) { .provision > summary { grid-template-columns:1fr max-content; }
  .provision > summary > span:nth-child(3), .count { grid-column:1 / -1; text-align:left; }
  .switch { float:none; width:max-content; margin-bottom:10px; } section { padding:14px; }
  main, header > div { padding:0 10px; } }
@media print {
  @page { margin:13mm; }
  body { background:#fff; font-size:10pt; } main, header > div, footer { max-width:none; padding:0; }
  header { background:#fff; color:#000; padding:0 0 8px; border-bottom:2px solid #000; }
  .order, .meta, .meta b { color:#000; } .switch { display:none; }
  section { margin:10px 0; padding:8px 10px; border-color:#888; }
  details::details-content { content-visibility:visible; display:block; }
  tr, h4, .provision > summary, pre { break-inside:avoid; } h2, h4, summary { break-after:avoid; }
  .mark { color:#000 !important; background:#fff !important; border:1px solid #000 !important; }
  .mark.fail, .mark.error { border-width:2.5px !important; font-weight:800; }
  td, th { font-size:9pt; } .scroll { overflow:visible; }
}
"""
