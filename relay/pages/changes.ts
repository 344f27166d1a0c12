import { diffWordsWithSpace } from 'diff';
import { parseJson } from '../../shared/runtime/json.ts';
import { ChangedFiles, keptFor } from '../../shared/store/changed-files.ts';
import type { ChangedFile } from '../../shared/store/changed-files.ts';
import { counted } from '../admin/frame/format-measures.ts';
import { escapeHtml } from './document.ts';
import type { Rendered } from './markdown.ts';

/** A line of a hunk: context, taken out or put in, and its number on the later side. */
type Line = { kind: ' ' | '-' | '+'; text: string; number: number };

/** Up to this many lines together, every file is unfolded. */
const fewLines = 60;

/** Lines longer than this are not compared word by word (characters). */
const longestCompared = 1000;

/** A line is compared with another only if they share at least this part of their characters. */
const leastShared = 0.3;

/** Lines that are shown of all files together; a phone lays out some 10,000. */
const mostLines = 12_000;

/**
 * Renders what a piece of work has changed, from the JSON of ChangedFiles: file by file, folded,
 * with the changed words of each line marked. Throws when it is something else.
 */
export function renderChanges(json: string): Rendered {
  const changes = ChangedFiles.parse(parseJson(json));
  const { title, files, more, added, removed, left, unseen, beyond } = changes;
  const total = files.length + more;
  const heading = `${counted(total, 'file')} changed`;
  const lines = files.reduce((sum, { patch = '' }) => sum + patch.split('\n').length, 0);
  let room = mostLines;
  const sections = files.map((file) => {
    const hunks = readHunks(file.patch ?? '').map((hunk) => {
      const shown = hunk.slice(0, Math.max(room, 0));
      room -= hunk.length;
      return shown;
    });
    return writeFile(file, hunks, lines <= fewLines || files.length === 1, room < 0);
  });
  const asked = title === '' ? '' : `<p class="soft">${text(`“${title}”`)}</p>`;
  return {
    title: title === '' ? heading : `${heading}: ${title}`,
    body: [
      `<h1>${heading}</h1>`,
      `${asked}\n<p class="sums">${counts(added, removed)}</p>`,
      ...sections,
      more > 0 ? `<p class="soft">And ${counted(more, 'more file')}.</p>` : '',
      note('Not kept, so it does not go back with the others:', left),
      note('Done beside files, and not taken back by an undo:', beyond),
      note('Not looked into, so changes in them are not shown here and do not go back:', unseen),
      keptNote,
    ]
      .filter(Boolean)
      .join('\n'),
  };
}

const keptNote = `<p class="soft kept">“/undo” in the chat shows what would go back, and asks. Earlier versions are kept for up to ${keptFor.days} days: the last ${keptFor.checkpoints}, as long as they take less than ${keptFor.megabytes} MB.</p>`;

function note(words: string, items: string[]): string {
  if (items.length === 0) return '';
  return `<div class="note"><p>${words}</p><ul>${items.map((item) => `<li>${text(item)}</li>`).join('')}</ul></div>`;
}

function counts(added: number, removed: number): string {
  return `<span class="plus">+${added.toLocaleString('en')}</span> <span class="minus">−${removed.toLocaleString('en')}</span>`;
}

const kinds: Record<ChangedFile['kind'], string> = {
  added: 'new',
  removed: 'removed',
  changed: '',
  renamed: 'renamed',
};

/** What is said of a file that has neither lines nor anything else to show. */
const bare: Record<ChangedFile['kind'], string> = {
  added: 'It is empty.',
  removed: 'It was empty.',
  changed: '',
  renamed: 'Only its name has changed.',
};

const reasons: Record<NonNullable<ChangedFile['why']>, string> = {
  ignored: 'Git ignores this file, or its repository is gone, so only its name is shown.',
  binary: 'Not a text, so there is nothing to compare.',
  large: 'Too large to be kept: only its name is shown.',
  cut: 'The rest of this file is too long for the page.',
  room: 'There was no room left for this file on the page.',
};

function writeFile(file: ChangedFile, hunks: Line[][], isOpen: boolean, isCut: boolean): string {
  const { path, from, kind, added, removed, why, modes } = file;
  const name = from === undefined ? pathText(path) : `${pathText(from)} → ${pathText(path)}`;
  const tag = kinds[kind] === '' ? '' : ` <span class="tag ${kind}">${kinds[kind]}</span>`;
  const sums = added + removed === 0 ? '' : ` <span class="sums">${counts(added, removed)}</span>`;
  const said = [
    modes === undefined ? '' : `Permissions ${text(modes[0])} → ${text(modes[1])}`,
    why === undefined ? '' : reasons[why],
    isCut && why === undefined ? reasons.room : '',
  ].filter(Boolean);
  const body = [
    writePictures(file),
    hunks.some((hunk) => hunk.length > 0)
      ? `<div class="hunks" tabindex="0">${hunks.map(writeHunk).join('<hr>')}</div>`
      : '',
    ...said.map((words) => `<p class="soft">${words}</p>`),
  ];
  if (!body.some(Boolean) && bare[kind] !== '') body.push(`<p class="soft">${bare[kind]}</p>`);
  return `<details class="file"${isOpen ? ' open' : ''}><summary><span class="path" dir="ltr">${name}</span>${tag}${sums}</summary>\n${body.join('\n')}\n</details>`;
}

/**
 * Pictures side by side; only those that the worker has made itself. Each fits the screen, and is
 * unfolded to its own size by a tap, which needs no script.
 */
function writePictures({ before, after, path }: ChangedFile): string {
  const sides = [
    ['Before', before],
    ['After', after],
  ] as const;
  const shown = sides.flatMap(([label, url]) =>
    url !== undefined && /^data:image\/(?:png|jpeg|webp);base64,[\w+/=]+$/.test(url)
      ? `<figure><details class="picture"><summary><img src="${url}" alt="${label}: ${escapeHtml(path)}"></summary></details><figcaption>${label}</figcaption></figure>`
      : [],
  );
  return shown.length === 0 ? '' : `<div class="pictures">${shown.join('')}</div>`;
}

/** The hunks of a patch; what is not part of one is passed over. */
function readHunks(patch: string): Line[][] {
  const hunks: Line[][] = [];
  let [old, current] = [0, 0];
  const rows = patch.split('\n');
  // Where every line ends in the same two signs, the ends say nothing.
  const isSame = rows.every((row) => !/^[ +-]/.test(row) || row.endsWith('\r'));
  for (const line of rows) {
    const row = isSame ? line.replace(/\r$/, '') : line;
    const start = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(row);
    if (start) {
      [old, current] = [Number(start[1]), Number(start[2])];
      hunks.push([]);
      continue;
    }
    const [kind, words] = [row.charAt(0), row.slice(1)];
    if (kind === '+') hunks.at(-1)?.push({ kind, text: words, number: current++ });
    else if (kind === '-') hunks.at(-1)?.push({ kind, text: words, number: old++ });
    else if (kind === ' ') {
      hunks.at(-1)?.push({ kind, text: words, number: current++ });
      old += 1;
    }
  }
  return hunks;
}

/** Writes a hunk; lines that replace others are compared with them, one by one. */
function writeHunk(hunk: Line[]): string {
  const rows: string[] = [];
  for (let at = 0; at < hunk.length;) {
    const line = hunk[at];
    if (line?.kind !== '-') {
      if (line) rows.push(writeLine(line, text(line.text)));
      at += 1;
      continue;
    }
    const out = takeRun(hunk, at, '-');
    const into = takeRun(hunk, at + out.length, '+');
    const pairs = out.map((gone, index) => comparePair(gone, into[index]));
    out.forEach((gone, index) =>
      rows.push(writeLine(gone, pairs[index]?.before ?? text(gone.text))),
    );
    into.forEach((come, index) =>
      rows.push(writeLine(come, pairs[index]?.after ?? text(come.text))),
    );
    at += out.length + into.length;
  }
  return rows.join('');
}

function takeRun(hunk: Line[], from: number, kind: Line['kind']): Line[] {
  const end = hunk.findIndex((line, index) => index >= from && line.kind !== kind);
  return hunk.slice(from, end < 0 ? undefined : end);
}

/**
 * Both lines with the words marked that only one of them has; undefined when they differ too much.
 */
function comparePair(
  gone: Line,
  come: Line | undefined,
): { before: string; after: string } | undefined {
  if (!come || Math.max(gone.text.length, come.text.length) > longestCompared) return undefined;
  const parts = diffWordsWithSpace(gone.text, come.text);
  const shared = parts.reduce(
    (sum, part) => sum + (part.added || part.removed ? 0 : part.value.trim().length),
    0,
  );
  const longest = Math.max(gone.text.trim().length, come.text.trim().length, 1);
  if (shared / longest < leastShared) return undefined;
  const side = (left: 'added' | 'removed', mark: string): string =>
    parts
      .filter((part) => !part[left])
      .map(({ value, added, removed }) =>
        added || removed ? `<${mark}>${text(value)}</${mark}>` : text(value),
      )
      .join('');
  return { before: side('added', 'del'), after: side('removed', 'ins') };
}

const classes: Record<Line['kind'], string> = { ' ': 'same', '-': 'gone', '+': 'come' };
const signs: Record<Line['kind'], string> = { ' ': ' ', '-': '−', '+': '+' };

function writeLine({ kind, number }: Line, html: string): string {
  return `<div class="${classes[kind]}"><b>${number}</b><i>${signs[kind]}</i><code>${html || ' '}</code></div>`;
}

/** A path that breaks behind its slashes. */
function pathText(path: string): string {
  return path.split('/').map(text).join('/<wbr>');
}

/** Signs that are not seen, or that turn what is beside them around. */
const hidden = /(?!\t)[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** Text for the page, with what is hidden in it written out. */
function text(words: string): string {
  return escapeHtml(words).replaceAll(
    hidden,
    (sign) =>
      `<mark>⟨U+${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩</mark>`,
  );
}
