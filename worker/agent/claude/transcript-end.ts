import type { SessionFile } from './transcript-file.ts';

/**
 * A line of a transcript, as far as its order matters: what was said and done (`uuid`), and Claude
 * Code's note where it is (`last-prompt`).
 */
type Line = {
  type?: unknown;
  uuid?: unknown;
  parentUuid?: unknown;
  isSidechain?: unknown;
  teamName?: unknown;
  subtype?: unknown;
  attachment?: { type?: unknown } | null;
  leafUuid?: unknown;
};

const said = new Set<unknown>(['user', 'assistant', 'attachment', 'system']);

/**
 * Finds the end of a session that Claude Code would not go on at. Every 64 kB it notes which entry
 * it is at, and goes on there when the session is resumed, unless the last entry descends from it.
 * A process that is killed may leave the note at an entry that a resume passes over, such as a
 * failed request to the model: then all that is said later stands beside it, and the resume after
 * that knows nothing of it. Returns the uuid of the last entry when that is so; undefined when the
 * note is right, or there is none.
 */
export function findLostEnd(transcript: string): string | undefined {
  let [end, above, note]: (string | undefined)[] = [];
  const path = new Set<string>();
  for (let to = transcript.length; to > 0;) {
    const from = transcript.lastIndexOf('\n', to - 1) + 1;
    const line = parseLine(transcript.slice(from, to));
    to = from - 1;
    if (line.type === 'last-prompt' && note === undefined) {
      // Nothing was said after it, so it is as Claude Code wants it. A note of nothing is none.
      if (end === undefined && line.leafUuid !== undefined) return undefined;
      if (line.leafUuid === null) return undefined;
      if (typeof line.leafUuid === 'string') note = line.leafUuid;
    } else if (isOnMain(line)) {
      end ??= line.uuid;
      if (line.uuid === end || line.uuid === above) {
        path.add(line.uuid);
        above = typeof line.parentUuid === 'string' ? line.parentUuid : undefined;
      }
      // What was said before a summary counts no more, a note from then included.
      if (line.subtype === 'compact_boundary' && note === undefined) return undefined;
    }
    if (note !== undefined && (path.has(note) || above === note)) return undefined;
    if (note !== undefined && end !== undefined && above === undefined) return end;
  }
  return note === undefined ? undefined : end;
}

function isOnMain(line: Line): line is Line & { uuid: string } {
  if (!said.has(line.type) || typeof line.uuid !== 'string') return false;
  return line.isSidechain !== true && !line.teamName && line.attachment?.type !== 'fork_briefing';
}

/** A line that a kill has cut short was not said. */
function parseLine(line: string): Line {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'object' && entry !== null ? entry : {};
  } catch {
    return {};
  }
}

/**
 * Sees to it that a session is resumed at its end. No process may work in it. Returns whether
 * something had to be done. Throws when it could not be: Claude would answer what is long answered,
 * and not what was asked.
 */
export async function keepEnd(session: string, file: SessionFile): Promise<boolean> {
  const end = findLostEnd(await file.read(session));
  if (end === undefined) return false;
  await file.append(
    session,
    JSON.stringify({ type: 'last-prompt', leafUuid: end, sessionId: session }),
  );
  return true;
}
