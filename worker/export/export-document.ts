/** A picture or file of a message; without bytes only its name stands there, and why. */
export type ExportFile = { name: string; type: string; bytes?: Buffer; missing?: string };

/** One message of either side, as it was said. `at` is ms since 1970. */
export type ExportEntry = {
  at: number;
  by: 'You' | 'Sidepocket' | 'Not written by you';
  text: string;
  /** The buttons or lines that it offered. */
  choices: string[];
  files: ExportFile[];
  /** The whole of an answer that was sent as a page (Markdown). */
  page?: string;
  /** It did not arrive. */
  isUndelivered: boolean;
};

/** A conversation and the time zone of its times (IANA name). */
export type ExportedConversation = { entries: readonly ExportEntry[]; timezone: string };

/** Whether a file of this type is shown as a picture; every other one is only named. */
export const isPicture = (type: string): boolean => /^image\/(?:png|jpeg|webp|gif)$/.test(type);

/** The conversation as Markdown, each text as it was said. */
export function exportMarkdown({ entries, timezone }: ExportedConversation): string {
  const clock = clockOf(timezone);
  const parts = entries.map((entry) => markdownOf(entry, clock));
  return `# Sidepocket: our conversation\n\n${parts.join('\n\n')}\n`;
}

/** The conversation as one page of HTML that loads nothing. */
export function exportHtml({ entries, timezone }: ExportedConversation): string {
  const clock = clockOf(timezone);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>Sidepocket: our conversation</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}article{border-inline-start:3px solid #008069;padding-inline-start:.75rem;margin:1rem 0}.you{border-color:#8886}h2{font-size:.85rem;font-weight:600;margin:0}p{white-space:pre-wrap;overflow-wrap:anywhere;margin:.25rem 0}img{max-width:100%}.soft{opacity:.7}</style></head>
<body><h1>Our conversation</h1>
${entries.map((entry) => htmlOf(entry, clock)).join('\n')}
</body></html>
`;
}

/** How much an entry takes in both files together, with the pictures whose bytes it has (bytes). */
export function createSizeOf(timezone: string): (entry: ExportEntry) => number {
  const clock = clockOf(timezone);
  return (entry) =>
    Buffer.byteLength(markdownOf(entry, clock)) + Buffer.byteLength(htmlOf(entry, clock)) + 3;
}

type Clock = (at: number) => string;

function markdownOf(entry: ExportEntry, clock: Clock): string {
  const { at, by, text, choices, files, page, isUndelivered } = entry;
  const lines = [`### ${by}, ${clock(at)}${isUndelivered ? ' (not delivered)' : ''}`];
  for (const { name, type, bytes, missing } of files)
    lines.push(
      bytes && isPicture(type)
        ? `![${plain(name)}](${dataAddress(type, bytes)})`
        : `[${plain(name)}]${missing === undefined ? '' : ` (${missing})`}`,
    );
  if (text !== '') lines.push(text);
  if (choices.length > 0) lines.push(choices.map((title) => `[${plain(title)}]`).join(' '));
  if (page !== undefined) lines.push(page);
  return lines.join('\n\n');
}

function htmlOf(entry: ExportEntry, clock: Clock): string {
  const { at, by, text, choices, files, page, isUndelivered } = entry;
  const shown = files.map(({ name, type, bytes, missing }) =>
    bytes && isPicture(type)
      ? `<img alt="${escape(name)}" src="${dataAddress(type, bytes)}">`
      : `<p class="soft">${escape(name)}${missing === undefined ? '' : ` (${escape(missing)})`}</p>`,
  );
  const told = choices.map((title) => `<span class="soft">[${escape(title)}]</span>`).join(' ');
  return `<article class="${by === 'Sidepocket' ? 'me' : 'you'}"><h2>${by}, <time datetime="${new Date(at).toISOString()}">${clock(at)}</time>${isUndelivered ? ' (not delivered)' : ''}</h2>${shown.join('')}${text === '' ? '' : `<p dir="auto">${escape(text)}</p>`}${told}${page === undefined ? '' : `<p dir="auto">${escape(page)}</p>`}</article>`;
}

function dataAddress(type: string, bytes: Buffer): string {
  return `data:${type};base64,${bytes.toString('base64')}`;
}

/** A name between brackets in Markdown. */
function plain(text: string): string {
  return text.replaceAll(/[[\]\\\r\n]/g, ' ');
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Moments in a zone, as “30 Nov 2026, 14:02 UTC”. */
function clockOf(timezone: string): (at: number) => string {
  const format = new Intl.DateTimeFormat('en-GB', {
    dateStyle: 'medium',
    timeStyle: 'short',
    timeZone: timezone,
  });
  return (at) => `${format.format(at)} ${timezone}`;
}
