import type { SessionFile } from './transcript-file.ts';

/**
 * A transcript line, limited to what determines its order: entries (`uuid`) and Claude Code's note
 * of its position (`last-prompt`).
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
 * Finds the end of a session that Claude Code would not resume at. Every 64 kB it notes its current
 * entry, and resumes there unless the last entry descends from it. A killed process may leave the
 * note at an entry that a resume skips, such as a failed model request: everything said later then
 * branches off beside it, and the resume after that misses it. Returns the uuid of the last entry
 * in that case; undefined when the note is right or missing.
 */
export function findLostEnd(transcript: string): string | undefined {
  let [end, above, note]: (string | undefined)[] = [];
  const path = new Set<string>();
  for (let to = transcript.length; to > 0;) {
    const from = transcript.lastIndexOf('\n', to - 1) + 1;
    const line = parseLine(transcript.slice(from, to));
    to = from - 1;
    if (line.type === 'last-prompt' && note === undefined) {
      // Nothing was said after the note, so it is right. A note of null counts as no note.
      if (end === undefined && line.leafUuid !== undefined) return undefined;
      if (line.leafUuid === null) return undefined;
      if (typeof line.leafUuid === 'string') note = line.leafUuid;
    } else if (isOnMain(line)) {
      end ??= line.uuid;
      if (line.uuid === end || line.uuid === above) {
        path.add(line.uuid);
        above = typeof line.parentUuid === 'string' ? line.parentUuid : undefined;
      }
      // Entries before a summary no longer count, including a note among them.
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

/** Parses a line; one truncated by a kill counts as empty. */
function parseLine(line: string): Line {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'object' && entry !== null ? entry : {};
  } catch {
    return {};
  }
}

/**
 * Makes sure that a session is resumed at its end. No process may work in it meanwhile. Returns
 * whether the transcript had to be repaired. Throws when the repair fails, because Claude would
 * then answer an old message instead of the new one.
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
