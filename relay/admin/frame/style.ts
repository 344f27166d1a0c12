/**
 * The colours of all our admin pages, for light and dark; text has a contrast of at least 4.5 on
 * each background. One accent; red only for what needs a person.
 */
export const adminColours = `:root {
  color-scheme: light dark; font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; accent-color: #008069;
  --page: light-dark(#f0f2f5, #0c1317); --card: light-dark(#fff, #182229); --field: light-dark(#fff, #111b21); --text: light-dark(#111b21, #e9edef);
  --soft: light-dark(#5b6b75, #9aa8b1); --edge: light-dark(#c4cbd0, #3b4a54); --line: light-dark(#e6e9ec, #26343d); --brand: #008069;
  --accent: light-dark(#00795f, #2fd6a3); --bad: light-dark(#b3261e, #ffb4ab); --bar: light-dark(#0a8f77, #1fb58f); --tint: light-dark(#e7f5f1, #12302b); --alarm: light-dark(#fdecea, #3a1d1b);
}
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; } a:focus-visible { border-radius: 4px; }
@media (prefers-reduced-motion: reduce) { *, ::before, ::after { animation: none !important; transition: none !important; scroll-behavior: auto !important; } }`;

/** The style of the pages behind the sign-in: one column on a phone, two on a desktop. */
export const adminStyle = `${adminColours}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); -webkit-text-size-adjust: 100%; }
a { color: var(--accent); text-underline-offset: 2px; } h1, h2, h3, p, ul, ol, dl, dd { margin: 0; padding: 0; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem 1rem; z-index: 2; }
.top { background: var(--card); border-bottom: 1px solid var(--line); position: sticky; top: 0; z-index: 1; }
.top > div, main, .foot { max-width: 68rem; margin: auto; padding-inline: 1rem; }
.top > div { display: flex; align-items: center; gap: 1.25rem; min-height: 3.25rem; }
.top nav { display: flex; gap: .25rem; flex: 1; min-width: 0; overflow-x: auto; scrollbar-width: none; }
.top nav a { color: var(--soft); text-decoration: none; padding: .4rem .6rem; border-radius: 8px; white-space: nowrap; }
.top nav a:hover { color: var(--text); background: var(--line); }
.top nav a[aria-current] { color: var(--text); font-weight: 600; }
.brand { display: flex; align-items: center; gap: .55rem; font-weight: 650; color: var(--text); text-decoration: none; }
.brand svg { width: 1.6rem; height: 1.6rem; display: block; }
main { padding-block: 1.25rem 2rem; display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); }
.foot { display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between; align-items: center; padding-block: 0 2rem; color: var(--soft); font-size: .875rem; }
.head { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: .25rem 1rem; }
.head > div { min-width: 0; }
h1 { font-size: 1.375rem; line-height: 1.3; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1rem; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
.bad { color: var(--bad); }
.right { text-align: right; }
.nowrap { white-space: nowrap; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.card { background: var(--card); border-radius: 14px; padding: 1rem; min-width: 0; box-shadow: 0 1px 2px rgb(0 0 0 / .06); }
.card > header { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: .15rem 1rem; margin-bottom: .5rem; }
.pair, .stack { display: grid; gap: 1rem; align-items: start; min-width: 0; grid-template-columns: minmax(0, 1fr); }
.now { list-style: none; display: grid; }
.now > li { display: grid; grid-template-columns: 7.5rem minmax(0, 1fr); grid-template-rows: auto auto; gap: 0 .75rem; padding: .5rem 0; border-top: 1px solid var(--line); align-items: baseline; }
.now > li:first-child { border-top: 0; padding-top: 0; }
.now > li:last-child { padding-bottom: 0; }
.now .name { grid-row: span 2; align-self: start; }
.now .value { font-weight: 600; overflow-wrap: anywhere; }
.now .small { grid-column: 2; overflow-wrap: anywhere; }
.dot { display: inline-block; width: .6rem; height: .6rem; border-radius: 50%; margin-right: .45rem; vertical-align: .08em; background: var(--soft); }
.dot.awake { background: var(--accent); }
.dot.waking { background: none; border: 2px solid var(--accent); }
.dot.away { background: var(--bad); }
.rows { list-style: none; }
.rows > li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: .1rem 1rem; padding: .55rem 0; border-top: 1px solid var(--line); }
.rows > li:first-child { border-top: 0; padding-top: .1rem; }
.rows > li:last-child { padding-bottom: 0; }
.rows .text { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; min-width: 0; }
.rows a.text { color: inherit; text-decoration: none; font-weight: 500; padding: 2px; margin: -2px; }
.rows a.text:hover { text-decoration: underline; }
.rows .side { grid-row: span 2; align-self: center; }
.about { overflow-wrap: anywhere; }
.about .tag { margin-right: .3rem; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, monospace; font-size: .9em; }
.num { font-variant-numeric: tabular-nums; }
.whole { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 0; }
.wide { grid-column: 1 / -1; min-width: 0; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .35rem 1rem; }
dt { color: var(--soft); }
dd { text-align: right; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.plot svg { display: block; width: 100%; height: 8.5rem; overflow: visible; }
.plot .axis { display: flex; justify-content: space-between; color: var(--soft); font-size: .8125rem; margin-top: .35rem; }
.plot rect.bar { fill: var(--bar); }
.plot rect.none { fill: var(--line); }
.plot .hit { fill: transparent; }
.plot g:hover .bar, .plot g:focus .bar { fill: var(--text); }
.plot g:focus { outline: none; }
.plot line { stroke: var(--soft); stroke-dasharray: 4 4; vector-effect: non-scaling-stroke; }
.bars { list-style: none; display: grid; gap: .6rem; }
.bars li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: .15rem 1rem; }
.bars .track { grid-column: 1 / -1; height: .4rem; border-radius: 99px; background: var(--line); overflow: hidden; }
.bars .track svg { display: block; width: 100%; height: 100%; }
.bars rect { fill: var(--bar); }
.tag { display: inline-block; font-size: .8125rem; line-height: 1.35; padding: .05rem .5rem; border-radius: 99px; background: var(--line); color: var(--text); white-space: nowrap; }
.tag.busy { background: var(--tint); color: var(--accent); }
.tag.bad { background: var(--alarm); color: var(--bad); }
input, select, textarea { font: inherit; color: inherit; background: var(--field); border: 1px solid var(--edge); border-radius: 9px; padding: .45rem .7rem; min-width: 0; width: 100%; }
.filters { display: grid; gap: .6rem; grid-template-columns: 1fr 1fr; align-items: end; }
.filters label { display: grid; gap: .2rem; font-size: .875rem; color: var(--soft); min-width: 0; }
.filters label > * { color: var(--text); font-size: 1rem; }
.filters .search { grid-column: 1 / -1; }
.filters :is(input, select, button) { height: 2.6rem; }
button, .button { font: inherit; font-size: .9375rem; border: 1px solid var(--edge); background: transparent; color: inherit; padding: .4rem .8rem; border-radius: 9px; cursor: pointer; text-decoration: none; display: inline-block; }
button:hover, .button:hover { background: var(--line); }
button.main { border-color: var(--brand); background: var(--brand); color: #fff; }
button.main:hover { background: #006d59; }
button.plain { border: 0; padding: .25rem 0; color: var(--soft); text-decoration: underline; }
.actions { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end; }
.retry { display: flex; flex-wrap: wrap; gap: .5rem; width: 100%; }
.retry input { flex: 1 1 14rem; }
.retry button { flex: 1 0 auto; }
.rows .retry { order: 1; margin-top: .4rem; }
.said { background: var(--tint); color: var(--accent); border-radius: 12px; padding: .7rem 1rem; }
.thread { list-style: none; display: grid; gap: .5rem; }
.thread li { max-width: min(34rem, 88%); padding: .5rem .75rem; border-radius: 12px; background: var(--card); justify-self: start; min-width: 0; box-shadow: 0 1px 2px rgb(0 0 0 / .06); }
.thread li.me { justify-self: end; background: var(--tint); }
.thread li.day { justify-self: center; background: none; box-shadow: none; color: var(--soft); font-size: .875rem; padding: .25rem; }
.thread .meta { font-size: .8125rem; color: var(--soft); display: flex; flex-wrap: wrap; gap: 0 .5rem; margin-top: .15rem; }
.thread img, .shots img { max-width: 100%; max-height: 20rem; border-radius: 8px; display: block; background: var(--line); }
.shots { display: flex; flex-wrap: wrap; gap: .5rem; }
@media (min-width: 48rem) {
  .retry button { flex-grow: 0; }
  .pair { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
main { padding-block: 1.75rem 3rem; }
main, .pair, .stack { gap: 1.25rem; }
.top > div, main, .foot { padding-inline: 1.5rem; }
.card { padding: 1.3rem 1.4rem; }
  .now.tiles { grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 1.5rem; }
.now.tiles > li { display: block; border: 0; padding: 0; }
.now.tiles .value { font-size: 1.25rem; font-variant-numeric: tabular-nums; letter-spacing: -.01em; display: block; }
  .filters { grid-template-columns: minmax(12rem, 2fr) 1fr 1fr 1fr auto; } .filters .search { grid-column: auto; }
}
@media (max-width: 30rem) { .top > div { gap: .35rem; }
.top nav { gap: 0; }
.brand span { display: none; }
main { padding-block: .9rem 1.5rem; gap: .75rem; }
button, .button { min-height: 2.5rem; }
.top nav a { padding: .4rem .4rem; font-size: .9rem; letter-spacing: -.01em; }
.now > li { grid-template-columns: 6.5rem minmax(0, 1fr); gap: 0 .5rem; padding: .4rem 0; } }`;
