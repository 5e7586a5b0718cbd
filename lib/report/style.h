#pragma once
// The style sheet of a report's page: light, dark, narrow and on paper. The charts' rules are
// kChartStyle (report/chart.h).

namespace gptkit {

inline constexpr const char* kReportStyle = R"css(
:root{color-scheme:light dark;--page:#fff;--ink:#1c2126;--soft:#5b6570;--rule:#dde2e7;
--card:#f5f7f9;--s0:#8fa9bf;--s1:#1f6fb2;--s2:#c8374c;--s3:#1f8a5f;--s4:#b7791f;--s5:#7a4fb5;
--s6:#00838f;
--good:#1f8a5f;--doubt:#b3541e}
@media (prefers-color-scheme:dark){:root{--page:#14181c;--ink:#e4e8ec;--soft:#9aa5b1;--rule:#333b44;
--card:#1d2329;--s0:#6c8194;--s1:#6db3f2;--s2:#ff7b8a;--s3:#5fd0a0;--s4:#e8b45a;--s5:#b998ee;
--s6:#58c7d3;--good:#5fd0a0;--doubt:#f0a36b}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:20px 16px 48px;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
overflow-wrap:anywhere}
h1{font-size:1.6em;line-height:1.25;margin:.2em 0 .5em}
h2{font-size:1.2em;margin:2.2em 0 .5em;padding-bottom:.2em;border-bottom:1px solid var(--rule)}
h3{font-size:1em;margin:1.4em 0 .4em}
p{margin:.5em 0;max-width:75ch}
.soft,.note{color:var(--soft)}.note{font-size:.88em}
ul.verdict{list-style:none;margin:0;padding:14px 16px;background:var(--card);border-radius:8px}
ul.verdict li{margin:.45em 0;padding-left:1.6rem;position:relative;max-width:100ch}
ul.verdict li::before{content:"\2022";position:absolute;left:.35rem;font-weight:bold}
ul.verdict .good::before{content:"\2713";color:var(--good)}
ul.verdict .doubt::before{content:"!";color:var(--doubt)}
ul.verdict li:first-child{font-size:1.1em;font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,155px),1fr));gap:10px;
margin:14px 0 0;padding:0}
.tiles div{background:var(--card);border-radius:8px;padding:10px 12px}
.tiles dt{font-size:.82em;color:var(--soft)}
.tiles dd{margin:0;font-size:1.35em;font-weight:600;line-height:1.3}
.tiles dd small{display:block;font-size:.58em;font-weight:400;color:var(--soft)}
/* Shadows at the edges that hide columns: Lea Verou and Roman Komarov's way, without a script. */
.scroll{overflow-x:auto;margin:.6em 0;
background:linear-gradient(to right,var(--page) 40%,transparent)
0 0/40px 100% no-repeat local,linear-gradient(to left,var(--page) 40%,transparent) 100% 0/40px 100%
no-repeat local,linear-gradient(to right,rgba(120,130,140,.4),transparent) 0 0/12px 100% no-repeat
scroll,linear-gradient(to left,rgba(120,130,140,.4),transparent) 100% 0/12px 100% no-repeat scroll}
table{border-collapse:collapse;font-size:.9em;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;border-bottom:1px solid var(--rule);text-align:right;vertical-align:top;
overflow-wrap:normal}
th:first-child{text-align:left;padding-left:0}
thead th{font-weight:600;color:var(--soft);vertical-align:bottom}
tbody th{font-weight:500;min-width:7em;max-width:22em;overflow-wrap:anywhere}
td{white-space:nowrap}
table.plain td{white-space:normal}
td small,th small{display:block;color:var(--soft);font-weight:400;white-space:nowrap}
tbody th small{white-space:normal}
table.plain th,table.plain td{text-align:left;overflow-wrap:anywhere;min-width:8em}
table.matrix th,table.matrix td{text-align:center;max-width:11em;min-width:4.2em;
overflow-wrap:anywhere}
table.matrix th:first-child{min-width:7.5em}
table.wide tbody th{min-width:12em}
table.matrix small{color:inherit;opacity:.75}
table.matrix th:first-child{text-align:left}
.side{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:0 28px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,360px),1fr));
gap:18px 28px;margin:.8em 0}
figure{margin:0;min-width:0;max-width:540px}
figcaption{font-weight:600;font-size:.92em;margin-bottom:4px}
figure>svg{display:block;width:100%;height:auto}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:.82em;color:var(--soft);margin-top:4px}
.key{display:inline-flex;align-items:baseline;gap:6px}.key svg{flex:none}
ol.mistakes{list-style:none;margin:0;padding:0}
ol.mistakes li{border:1px solid var(--rule);border-radius:8px;padding:8px 12px;margin:8px 0;
overflow:hidden;break-inside:avoid}
ol.mistakes p{margin:0;max-width:none}
ol.mistakes .text{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.86em;margin-top:4px;
white-space:pre-wrap;overflow:hidden}
dl.terms dt{font-weight:600;margin-top:.7em}dl.terms dd{margin:0;max-width:75ch;color:var(--soft)}
details{margin:.6em 0}summary{cursor:pointer;color:var(--soft)}
@media (max-width:520px){body{font-size:15px;padding:12px 12px 32px}th,td{padding:5px 7px}
tbody th{min-width:5.5em}}
@media print{:root{--page:#fff;--ink:#000;--soft:#444;--rule:#bbb;--card:#f5f7f9;--s0:#8fa9bf;
--s1:#1f6fb2;--s2:#c8374c;--s3:#1f8a5f;--s4:#b7791f;--s5:#7a4fb5;--s6:#00838f;--good:#1f8a5f;
--doubt:#b3541e}body{max-width:none;padding:0;font-size:11pt}h2,h3{break-after:avoid}
table{font-size:8.5pt}figure,tr{break-inside:avoid}.scroll{overflow:visible}}
)css";

}  // namespace gptkit
