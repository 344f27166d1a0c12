import { z } from 'zod';
import { parseJson } from '../../../../shared/runtime/json.ts';
import { runAsAgentOrOwn } from '../../sandbox/shell.ts';
import type { AgentUser } from '../../sandbox/user.ts';

/**
 * How much of a transcript's end is read (bytes): the agent may write anything into it, and only
 * the end matters.
 */
const mostRead = 32 * 2 ** 20;
const read = `for file in "$1"/projects/*/"$2".jsonl; do [ -f "$file" ] && exec tail -c ${mostRead} -- "$file"; done`;
/** Keeps a truncated last line separate from the appended one. */
const append = `for file in "$1"/projects/*/"$2".jsonl; do
  if [ -f "$file" ]; then
    [ -z "$(tail -c 1 -- "$file")" ] || echo >> "$file" || exit 1
    printf '%s\\n' "$3" >> "$file"
    exit
  fi
done`;

/**
 * A session's transcript in Claude Code's directory, accessed as the agent's user because only that
 * user may read it.
 */
export type SessionFile = {
  /**
   * The last 32 MB of it, '' if the file does not exist. Finds a session by its id in any project
   * directory. Throws when it cannot be read.
   */
  read(session: string): Promise<string>;
  /** Appends a line to an existing transcript. Throws when it could not be written. */
  append(session: string, line: string): Promise<void>;
};

const Dated = z.object({ timestamp: z.iso.datetime() });

/**
 * When the oldest entry of a transcript's text was written (ms since 1970); undefined when no entry
 * has a date.
 */
export function beganAt(text: string): number | undefined {
  for (const [line] of text.matchAll(/.+/g)) {
    const dated = Dated.safeParse(parseJson(line)).data;
    if (dated) return Date.parse(dated.timestamp);
  }
  return undefined;
}

export function createSessionFile(user: AgentUser | undefined, claudeDir: string): SessionFile {
  const run = async (script: string, session: string, ...more: string[]): Promise<Buffer> => {
    const { code, output, said } = await runAsAgentOrOwn(user, script, [
      claudeDir,
      session,
      ...more,
    ]);
    if (code !== 0 && said !== '')
      throw new Error(`the transcript of a session was not reached: ${said}`);
    return output;
  };
  return {
    read: async (session) => (await run(read, session)).toString('utf8'),
    append: async (session, line) => void (await run(append, session, line)),
  };
}
