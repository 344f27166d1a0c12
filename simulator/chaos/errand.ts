import type { Answer } from '../model/answer.ts';
import { callTool, text } from '../model/answer.ts';
import type { Story } from '../model/stories/story.ts';
import { wordsToSay } from '../model/stories/say.ts';

/** What Claude Code is told after an interruption; the person's own texts never match it. */
const resumed = /^\[Sidepocket\] You were interrupted.*$/gm;
/** A note on an earlier message quotes it. */
const quoted = /“([^”]*)”/;
const wanted = /\banswer to \S+.*$/gm;

/**
 * The chaos run's story: `say answer to LABEL`, `… with a note` (a message in between) and `… with a tool` (a command of about a second).
 * A model that is asked to go on remembers what it was asked, however often it was cut off; this one remembers it by working directory.
 * @param onTool called when a tool call goes out. @param onAnswer called when the last words go out.
 */
export function createErrand(onTool: () => void, onAnswer: () => void): Story {
  const open = new Map<string, string[]>();
  return {
    matches: (asked) => asked.search(resumed) >= 0 || wordsToSay(asked) !== null,
    next({ texts, results, cwd }): Answer {
      const all = texts.map((entry) => entry.text).join('\n');
      const notes = all.match(resumed) ?? [];
      const asked = [...notes.map((note) => quoted.exec(note)?.[1] ?? ''), all.replace(resumed, '')].join('\n').match(wanted) ?? [];
      const before = notes.some((note) => !quoted.test(note)) ? (open.get(cwd ?? '') ?? []) : [];
      const words = [...new Set([...before, ...asked])];
      open.set(cwd ?? '', words);
      const [noted, tooled] = [words.find((word) => word.endsWith(' with a note')), words.find((word) => word.endsWith(' with a tool'))];
      if (notes.length === 0 && noted && !results.some((result) => result.name === 'mcp__whatsapp__send_message')) {
        onTool();
        return callTool('mcp__whatsapp__send_message', { text: noted.replace('answer to', 'note on') });
      }
      if (notes.length === 0 && tooled && !results.some((result) => result.name === 'Bash')) {
        onTool();
        return callTool('Bash', { command: 'echo working; sleep 0.8', description: 'Work for a moment' });
      }
      onAnswer();
      return text(words.join('\n') || 'Done.');
    },
  };
}
