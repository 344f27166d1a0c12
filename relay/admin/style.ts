/**
 * The colours of all our admin pages, for light and dark; text has a contrast of at least 4.5 on
 * each background.
 */
export const adminColours = `:root {
  color-scheme: light dark; font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; accent-color: #008069;
  --page: light-dark(#f0f2f5, #0c1317); --card: light-dark(#fff, #182229); --field: light-dark(#fff, #111b21); --text: light-dark(#111b21, #e9edef);
  --soft: light-dark(#5b6b75, #9aa8b1); --edge: light-dark(#c4cbd0, #3b4a54); --line: light-dark(#e6e9ec, #26343d); --brand: #008069;
  --good: light-dark(#00795f, #2fd6a3); --bad: light-dark(#b3261e, #ffb4ab); --busy: light-dark(#8a5a00, #f5c26b); --bar: light-dark(#0a8f77, #1fb58f); --tint: light-dark(#e7f5f1, #12302b);
}
:focus-visible { outline: 3px solid #25d366; outline-offset: 2px; }`;

/** The style of the pages behind the sign-in: one column on a phone, two on a desktop. */
export const adminStyle = `${adminColours}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); -webkit-text-size-adjust: 100%; }
a { color: var(--good); text-underline-offset: 2px; } h1, h2, p, ul, dl, dd { margin: 0; padding: 0; }
.top { background: var(--card); border-bottom: 1px solid var(--line); }
.top > div { max-width: 68rem; margin: auto; padding: .75rem 1rem; display: flex; align-items: center; gap: 1.25rem; }
.top nav { display: flex; gap: 1.1rem; flex: 1; } .top a { color: var(--soft); text-decoration: none; } .top a:hover { color: var(--text); } .top a[aria-current] { color: var(--text); font-weight: 600; }
.brand { display: flex; align-items: center; gap: .55rem; font-weight: 650; } .brand i { width: .7rem; height: .7rem; border-radius: 4px; background: var(--brand); }
main { max-width: 68rem; margin: auto; padding: 1.25rem 1rem 3rem; display: grid; gap: 1rem; }
.head { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: .25rem 1rem; padding: 0 .25rem; } h1 { font-size: 1.375rem; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1rem; } .soft { color: var(--soft); } .small { font-size: .875rem; } .bad { color: var(--bad); } .good { color: var(--good); } .busy { color: var(--busy); } .right { text-align: right; } .nowrap { white-space: nowrap; }
.card { background: var(--card); border-radius: 14px; padding: 1.1rem 1.15rem; min-width: 0; box-shadow: 0 1px 2px rgb(0 0 0 / .06); }
.card > header { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: .15rem 1rem; margin-bottom: .6rem; }
.tiles { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); } .pair, .stack { display: grid; gap: 1rem; align-items: start; min-width: 0; }
.tile .value { font-size: 1.5rem; line-height: 1.3; font-weight: 650; letter-spacing: -.015em; font-variant-numeric: tabular-nums; }
.dot { display: inline-block; width: .6rem; height: .6rem; border-radius: 50%; margin-right: .45rem; vertical-align: .12em; background: var(--soft); } .dot.awake { background: #1fb874; } .dot.waking { background: #e0a030; } .dot.away { background: #d9483b; }
.rows { list-style: none; } .rows > li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: .1rem 1rem; padding: .6rem 0; border-top: 1px solid var(--line); } .rows > li:first-child { border-top: 0; padding-top: .1rem; } .rows > li:last-child { padding-bottom: 0; }
.rows .text { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } .rows a.text { color: inherit; text-decoration: none; font-weight: 500; } .rows a.text:hover { text-decoration: underline; }
.rows .side { grid-row: span 2; align-self: center; } .about { overflow-wrap: anywhere; } .about .tag { margin-right: .3rem; } dt.under { padding-left: .9rem; }
.num { font-variant-numeric: tabular-nums; } .whole { white-space: pre-wrap; overflow-wrap: anywhere; } .wide { grid-column: 1 / -1; }
dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .35rem 1rem; } dt { color: var(--soft); } dd { text-align: right; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.plot svg { display: block; width: 100%; height: 8.5rem; } .plot .axis { display: flex; justify-content: space-between; color: var(--soft); font-size: .8125rem; margin-top: .35rem; } .plot rect { fill: var(--bar); } .plot rect.none { fill: var(--line); } .plot line { stroke: var(--line); }
.tag { display: inline-block; font-size: .8125rem; line-height: 1.35; padding: .05rem .5rem; border-radius: 99px; background: var(--line); color: var(--text); } .tag.good { background: var(--tint); color: var(--good); } .tag.bad { background: light-dark(#fdecea, #3a1d1b); color: var(--bad); } .tag.busy { background: light-dark(#fdf3dd, #35290f); color: var(--busy); }
button { font: inherit; font-size: .9375rem; border: 1px solid var(--edge); background: transparent; color: inherit; padding: .4rem .8rem; border-radius: 9px; cursor: pointer; } button:hover { background: var(--line); }
button.main { border-color: var(--brand); background: var(--brand); color: #fff; } button.main:hover { background: #006d59; } button.plain { border: 0; padding: .25rem 0; color: var(--soft); } .actions { display: flex; flex-wrap: wrap; gap: .6rem; }
.said { background: var(--tint); color: var(--good); border-radius: 12px; padding: .7rem 1rem; }
@media (min-width: 48rem) { .pair { grid-template-columns: 1fr 1fr; } main { padding: 1.75rem 1.5rem 4rem; } main, .pair, .stack, .tiles { gap: 1.25rem; } .top > div { padding-inline: 1.5rem; } .card { padding: 1.3rem 1.4rem; } }
@media (max-width: 30rem) { .top > div { gap: .9rem; } .tiles { grid-template-columns: 1fr 1fr; gap: .75rem; } .tile .value { font-size: 1.1rem; } .brand span { display: none; } .card { padding: 1rem; } button { min-height: 2.5rem; } }`;
