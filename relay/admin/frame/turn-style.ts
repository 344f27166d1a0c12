/** What a turn's page has besides the style of the dashboard's pages. */
export const turnStyle = `
.now-card { display: flex; flex-wrap: wrap; gap: .75rem 1rem; align-items: center; justify-content: space-between; } .now-card > div { min-width: 0; flex: 1 1 14rem; display: grid; gap: .35rem; }
.current { font-weight: 600; overflow-wrap: anywhere; } .asks { background: var(--tint); } .asks h2 { color: var(--accent); } .asks p + p { margin-top: .4rem; }
.card > h2 { margin-bottom: .5rem; } .said-list { list-style: none; display: grid; gap: .75rem; }
.steps { list-style: none; display: grid; gap: 0; } .step { padding: .15rem 0; min-width: 0; } .steps > .step + .step { border-top: 1px solid var(--line); }
.row { display: grid; grid-template-columns: 1.1rem minmax(0, 1fr) auto; gap: 0 .5rem; align-items: baseline; padding: .45rem 0; } .row .words { overflow-wrap: anywhere; min-width: 0; } .row .took { color: var(--soft); font-size: .875rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
summary.row { cursor: pointer; list-style: none; border-radius: 6px; min-height: 2.75rem; align-content: center; } summary.row::-webkit-details-marker { display: none; } summary.row .took::after { content: "▸"; display: inline-block; width: 1em; text-align: right; } details[open] > summary.row .took::after { content: "▾"; } summary.row:hover .words { text-decoration: underline; text-underline-offset: 2px; }
.row > .took:not(summary.row > .took) { padding-right: .875rem; }
.dot-mark { width: .6rem; height: .6rem; border-radius: 50%; background: var(--bar); align-self: start; justify-self: center; margin-top: .45rem; } .step.failed > .row .dot-mark, .step.failed > details > .row .dot-mark { background: var(--bad); border-radius: 2px; } .step.interrupted > .row .dot-mark, .step.interrupted > details > .row .dot-mark { background: none; border: 2px solid var(--soft); }
.step.running > .row .dot-mark, .step.running > details > .row .dot-mark { background: none; border: 2px solid var(--accent); animation: pulse 1.6s ease-in-out infinite; } .step.running > .row .words, .step.running > details > .row .words { font-weight: 600; } @keyframes pulse { 50% { opacity: .35; } }
.outcome { font-size: .8125rem; color: var(--soft); } .step.failed .outcome { color: var(--bad); }
.output { margin: .1rem 0 .6rem 1.6rem; padding: .6rem .75rem; border-radius: 9px; background: var(--page); font: .8125rem/1.45 ui-monospace, SFMono-Regular, Menlo, monospace; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 22rem; overflow: auto; unicode-bidi: plaintext; }
.step > details > p { margin: 0 0 .5rem 1.6rem; } .raw { overflow-wrap: anywhere; } .step > .shots { margin: .1rem 0 .6rem 1.6rem; } .step .shots img { max-height: 15rem; border: 1px solid var(--line); }
.lane { margin: 0 0 .4rem .5rem; padding-left: .75rem; border-left: 2px solid var(--edge); }
[hidden] { display: none !important; }
@media (max-width: 30rem) { .output { margin-left: 0; } .step > .shots { margin-left: 0; } }`;
