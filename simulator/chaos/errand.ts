import type { Answer } from '../model/answer.ts';
import { callTool, text } from '../model/answer.ts';
import type { Story } from '../model/stories/story.ts';
import { wordsToSay } from '../model/stories/say.ts';

/** The note to Claude Code after an interruption; the person's own texts never match it. */
const resumed = /^\[Sidepocket\] You were interrupted.*$/gm;
/** A note on an earlier message quotes it. */
const quoted = /“([^”]*)”/;
const everyQuoted = /“[^”]*”/g;
/** The messages that the note says to leave. */
const left = /^The person was told that there is no answer to these .*$/gm;
const wanted = /\banswer to \S+.*$/gm;

/**
 * The chaos run's story: `say answer to LABEL`, `… with a note` (a message in between) and `… with
 * a tool` (a command of about a second). When asked to continue, it answers every open request of
 * the conversation, except those that the note says to leave.
 * @param onTool called when a tool call goes out. @param onAnswer called when the last words go
 * out.
 */
export function createErrand(onTool: () => void, onAnswer: () => void): Story {
  return {
    matches: (asked) => asked.search(resumed) >= 0 || wordsToSay(asked) !== null,
    next({ texts, results, unfinished }): Answer {
      const whole = texts.map((entry) => entry.text).join('\n');
      const givenUp = new Set(
        (whole.match(left) ?? []).flatMap((note) => note.match(everyQuoted) ?? []),
      );
      const isGivenUp = (word: string): boolean => givenUp.has(`“say ${word}”`);
      const all = whole.replace(left, '');
      const notes = all.match(resumed) ?? [];
      const asked =
        [...notes.map((note) => quoted.exec(note)?.[1] ?? ''), all.replace(resumed, '')]
          .join('\n')
          .match(wanted) ?? [];
      const open = unfinished.join('\n').replace(resumed, '').replace(left, '').match(wanted) ?? [];
      const before = notes.some((note) => !quoted.test(note))
        ? open.filter((word) => !isGivenUp(word))
        : [];
      const words = [...new Set([...before, ...asked])];
      const [noted, tooled] = [
        words.find((word) => word.endsWith(' with a note')),
        words.find((word) => word.endsWith(' with a tool')),
      ];
      if (
        notes.length === 0 &&
        noted &&
        !results.some((result) => result.name === 'mcp__whatsapp__send_message')
      ) {
        onTool();
        return callTool('mcp__whatsapp__send_message', {
          text: noted.replace('answer to', 'note on'),
        });
      }
      if (notes.length === 0 && tooled && !results.some((result) => result.name === 'Bash')) {
        onTool();
        return callTool('Bash', {
          command: 'echo working; sleep 0.8',
          description: 'Work for a moment',
        });
      }
      onAnswer();
      return text(words.join('\n') || 'Done.');
    },
  };
}
