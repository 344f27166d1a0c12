/** The longest text that one WhatsApp message takes at Twilio (twilio.com/docs/api/errors/21617). */
export const messageLimit = 1600;

/**
 * Cuts a text into parts of at most `limit` characters, at the best place that leaves a part at least half full: between paragraphs, then lines,
 * sentences, words. A code fence that is cut is closed at the end of the part and opened again in the next.
 */
export function chunk(text: string, limit: number = messageLimit): string[] {
  const parts: string[] = [];
  let rest = text.trim();
  while (rest.length > limit) {
    const cut = findCut(rest, limit - fenceReserve);
    const head = rest.slice(0, cut).trimEnd();
    const open = openFence(head);
    parts.push(open === undefined ? head : `${head}\n\`\`\``);
    const tail = rest.slice(cut).replace(/^\s*\n/, '');
    rest = open === undefined ? tail.trimStart() : `${open}\n${tail}`;
  }
  if (rest !== '') parts.push(rest);
  return parts;
}

/** Room for closing a fence at the end of a part. */
const fenceReserve = 4;

const boundaries = [/\n\s*\n/g, /\n/g, /[.!?…:;]\s/g, /\s/g];

function findCut(text: string, limit: number): number {
  const window = text.slice(0, limit);
  for (const boundary of boundaries) {
    const last = [...window.matchAll(boundary)].at(-1);
    const end = last ? last.index + last[0].length : 0;
    if (end >= limit / 2) return end;
  }
  // One endless word: between two characters, never inside one of two halves.
  const code = window.charCodeAt(limit - 1);
  return code >= 0xd800 && code <= 0xdbff ? limit - 1 : limit;
}

/** The opening line of the fence that is still open at the text's end. */
function openFence(text: string): string | undefined {
  let open: string | undefined;
  for (const line of text.split('\n')) {
    if (!line.trimStart().startsWith('```')) continue;
    open = open === undefined ? line.trim().slice(0, 24) : undefined;
  }
  return open;
}
